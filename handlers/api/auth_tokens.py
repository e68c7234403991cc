"""Which API tokens are there? Made (and shown this once), listed and removed: a user's, a team's, an organization's."""

from datetime import datetime

from flask import Response

from bot.errors import NotAllowed, NotFound, Refused
from bot.ids import OrganizationId
from bot.needs import Needs
from bot.timestamps import from_text, maybe_text, to_text
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, nothing, one, paged, resource, to_one
from handlers.api.operations import empties, makes, pages, shows
from handlers.api.requests import Body, asked_page, read_body
from storage.people import User
from storage.tokens import Token, TokenKind

LONGEST_DESCRIPTION = 512  # characters


# A user's tokens: nobody else sees or makes them.


@pages("authentication-tokens")
def of_user(ask: Ask, user_id: str) -> Response:
    return _list(ask, TokenKind.USER, _oneself(ask, user_id).id)


@makes("authentication-tokens", takes="token")
def create_for_user(ask: Ask, user_id: str) -> Response:
    user, body = _oneself(ask, user_id), read_body()
    return _issue(ask, TokenKind.USER, user.id, body.text("description", most=LONGEST_DESCRIPTION).strip(), body)


def _oneself(ask: Ask, user_id: str) -> User:
    if ask.asker.user.id != user_id:
        raise NotFound(f"there is no user {user_id}")
    return ask.asker.user


# A team's: one without a description, made anew by another POST, and many with one.


@pages("authentication-tokens")
def of_team(ask: Ask, team_id: str) -> Response:
    return _list(ask, TokenKind.TEAM, ask.asker.team(team_id).id)


@makes("authentication-tokens", takes="token")
def create_for_team(ask: Ask, team_id: str) -> Response:
    team, body = ask.asker.team(team_id), read_body()
    description = body.text("description", most=LONGEST_DESCRIPTION).strip()
    if not description:
        return _renew(ask, TokenKind.TEAM, team.id, body)
    return _issue(ask, TokenKind.TEAM, team.id, description, body)


@makes("authentication-tokens", takes="only token")
def renew_of_team(ask: Ask, team_id: str) -> Response:
    return _renew(ask, TokenKind.TEAM, ask.asker.team(team_id).id, read_body())


@shows("authentication-tokens")
def show_of_team(ask: Ask, team_id: str) -> Response:
    return one(token_resource(_only(ask, TokenKind.TEAM, ask.asker.team(team_id).id)))


@empties()
def remove_of_team(ask: Ask, team_id: str) -> Response:
    ask.services.tokens.remove(_only(ask, TokenKind.TEAM, ask.asker.team(team_id).id).id)
    return nothing()


@pages("authentication-tokens")
def of_teams(ask: Ask, organization: str) -> Response:
    """The tokens of all teams, for those who may make them."""
    owner, page = ask.asker.organization(organization), asked_page()
    found, total = ask.services.tokens.of_teams(owner.id, limit=page.size, offset=page.offset)
    return paged([token_resource(token) for token in found], page, total)


# An organization's: one.


@makes("authentication-tokens", takes="only token")
def renew_of_organization(ask: Ask, organization: str) -> Response:
    return _renew(ask, TokenKind.ORGANIZATION, ask.asker.organization(organization).id, read_body())


@shows("authentication-tokens")
def show_of_organization(ask: Ask, organization: str) -> Response:
    return one(token_resource(_only(ask, TokenKind.ORGANIZATION, ask.asker.organization(organization).id)))


@empties()
def remove_of_organization(ask: Ask, organization: str) -> Response:
    ask.services.tokens.remove(_only(ask, TokenKind.ORGANIZATION, ask.asker.organization(organization).id).id)
    return nothing()


# Any of them, by its own id.


@shows("authentication-tokens")
def show(ask: Ask, token_id: str) -> Response:
    return one(token_resource(_manageable(ask, token_id)))


@empties()
def remove(ask: Ask, token_id: str) -> Response:
    """It is worth nothing from this moment on."""
    ask.services.tokens.remove(_manageable(ask, token_id).id)
    return nothing()


def _manageable(ask: Ask, token_id: str) -> Token:
    """The token, for those who could have made it. To all others it isn't there."""
    token = ask.services.tokens.get(token_id)
    try:
        if _may_manage(ask, token):
            return token
    except (NotAllowed, NotFound) as error:
        raise NotFound(f"there is no authentication token {token_id}") from error
    raise NotFound(f"there is no authentication token {token_id}")


def _may_manage(ask: Ask, token: Token) -> bool:
    match token.kind:
        case TokenKind.USER:
            return ask.asker.who == ask.services.people.user(token.user_id)  # one's own affair, as everywhere above
        case TokenKind.TEAM:
            ask.asker.needing(Needs.MANAGE_TEAM_TOKENS).team(token.holder_id)
            return True
        case TokenKind.ORGANIZATION:
            owner = ask.services.people.organization_by_id(OrganizationId(token.holder_id))
            return owner is not None and bool(ask.asker.needing(Needs.OWNER).organization(owner.name))
        case _:
            return False  # a login link is no API token


def _list(ask: Ask, kind: TokenKind, holder_id: str) -> Response:
    page = asked_page()
    found, total = ask.services.tokens.of(kind, holder_id, limit=page.size, offset=page.offset)
    return paged([token_resource(token) for token in found], page, total)


def _issue(ask: Ask, kind: TokenKind, holder_id: str, description: str, body: Body) -> Response:
    created_by = ask.asker.who.id if isinstance(ask.asker.who, User) else ""
    expires_at = _expiry(ask, body)
    token, plain = ask.services.tokens.issue(kind, holder_id, description, expires_at, created_by)
    return one(token_resource(token, plain), status=201)


def _renew(ask: Ask, kind: TokenKind, holder_id: str, body: Body) -> Response:
    """Make the one token without a description; the one before is worth nothing any more."""
    with ask.services.records.write():
        before = ask.services.tokens.only(kind, holder_id)
        if before is not None:
            ask.services.tokens.remove(before.id)
        return _issue(ask, kind, holder_id, "", body)


def _only(ask: Ask, kind: TokenKind, holder_id: str) -> Token:
    found = ask.services.tokens.only(kind, holder_id)
    if found is None:
        raise NotFound("there is no such token: make one first")
    return found


def _expiry(ask: Ask, body: Body) -> datetime | None:
    """When the token ends by itself (TFE's `expired-at`); None: never. Raises Refused."""
    text = body.text("expired-at", most=64).strip()
    if not text:
        return None
    try:
        moment = from_text(text)
    except (ValueError, OverflowError) as error:
        raise Refused("expired-at is a time with its zone, like 2030-01-31T12:00:00Z") from error
    if moment <= ask.services.now():
        raise Refused("expired-at is a time to come")
    return moment


def token_resource(token: Token, plain: str | None = None) -> Resource:
    """`plain` only in the answer that made the token."""
    attributes = {
        "created-at": to_text(token.created_at),
        "last-used-at": maybe_text(token.last_used_at),
        "expired-at": maybe_text(token.expires_at),
        "description": token.description or None,
        "token": plain,
    }
    relationships = {"created-by": to_one("users", token.created_by or None)}
    if token.kind is TokenKind.TEAM:
        relationships["team"] = to_one("teams", token.holder_id, link=f"teams/{token.holder_id}")
    link = f"authentication-tokens/{token.id}"
    return resource("authentication-tokens", token.id, attributes, relationships, link=link)


RULES: tuple[Rule, ...] = (
    ("GET", "/users/<user_id>/authentication-tokens", of_user, Needs.USER),
    ("POST", "/users/<user_id>/authentication-tokens", create_for_user, Needs.USER),
    ("GET", "/teams/<team_id>/authentication-tokens", of_team, Needs.MANAGE_TEAM_TOKENS),
    ("POST", "/teams/<team_id>/authentication-tokens", create_for_team, Needs.MANAGE_TEAM_TOKENS),
    ("GET", "/teams/<team_id>/authentication-token", show_of_team, Needs.MANAGE_TEAM_TOKENS),
    ("POST", "/teams/<team_id>/authentication-token", renew_of_team, Needs.MANAGE_TEAM_TOKENS),
    ("DELETE", "/teams/<team_id>/authentication-token", remove_of_team, Needs.MANAGE_TEAM_TOKENS),
    ("GET", "/organizations/<organization>/team-tokens", of_teams, Needs.MANAGE_TEAMS),
    ("GET", "/organizations/<organization>/authentication-token", show_of_organization, Needs.OWNER),
    ("POST", "/organizations/<organization>/authentication-token", renew_of_organization, Needs.OWNER),
    ("DELETE", "/organizations/<organization>/authentication-token", remove_of_organization, Needs.OWNER),
    ("GET", "/authentication-tokens/<token_id>", show, Needs.TOKEN),
    ("DELETE", "/authentication-tokens/<token_id>", remove, Needs.TOKEN),
)
