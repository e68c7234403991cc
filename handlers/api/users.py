"""Who am I, and who are the others?"""

from collections.abc import Iterable
from typing import Any

from flask import Response

from bot.errors import NotFound, Refused
from bot.ids import UserId
from bot.needs import Needs
from handlers.access import Asker
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, linked, one, resource
from handlers.api.operations import refuses, shows
from handlers.api.requests import Body, read_body
from storage.people import User


@shows("users")
def details(ask: Ask) -> Response:
    """The asker's own account. A team and an organization have one that is only a service's."""
    who = ask.asker.who
    if isinstance(who, User):
        own = user_resource(who, ask.asker)
        own["attributes"]["is-site-admin"] = who.is_site_admin  # TFE's: to be seen in one's own account only
        return one(own)
    username = ask.asker.name.replace(" ", ":")
    return one(resource("users", who.id, _attributes(username, "", is_self=True, is_service=True)))


@shows("users", takes="account")
def update(ask: Ask) -> Response:
    """Answers the account if nothing is to change; a changed name or address is refused (422), with the reason.

    Runs and locks note who did what by name, and invitations find people by address: neither is one's own to change.
    """
    user, body = ask.asker.user, read_body()
    for name, current in (("username", user.username), ("email", user.email)):
        if name in body.attributes and _text(body, name) != current:
            raise Refused(f"the {name} of an account here can't be changed by its user")
    return one(user_resource(user, ask.asker))


@refuses(422)
def password(ask: Ask) -> Response:
    raise Refused(f"{ask.asker.user.username} has no password: here a session is opened by a login link")


@shows("users")
def show(ask: Ask, user_id: str) -> Response:
    """Oneself, or a member of an organization that both are in."""
    user = ask.services.people.user(UserId(user_id))
    if user is None or not known_users(ask.asker, [user]):
        raise NotFound(f"there is no user {user_id}")
    return one(user_resource(user, ask.asker))


def known_users(asker: Asker, users: Iterable[User]) -> list[User]:
    """Those of several users, each once, that the asker may know of: as if each were asked for by their id."""
    by_id, people = {user.id: user for user in users}, asker.services.people
    if isinstance(asker.who, User):
        known = people.sharing_an_organization(asker.who.id, by_id) | {asker.who.id}
    else:
        own, _ = asker.organizations(limit=1, offset=0)
        known = people.members_among([organization.id for organization in own], by_id)
    return [user for user in by_id.values() if user.id in known]


def user_resource(user: User, asker: Asker) -> Resource:
    is_self = asker.who == user
    attributes = _attributes(user.username, user.email, is_self=is_self, is_service=False)
    relationships = {"authentication-tokens": linked(f"users/{user.id}/authentication-tokens")}
    return resource("users", user.id, attributes, relationships, link=f"users/{user.id}")


def _attributes(username: str, email: str, *, is_self: bool, is_service: bool) -> dict[str, Any]:
    return {
        "username": username,
        "email": email or None,
        "avatar-url": None,
        "is-service-account": is_service,
        "auth-method": "tfc",
        "unconfirmed-email": None,
        "v2-only": True,
        "two-factor": {"enabled": False, "verified": False},
        "permissions": {
            "can-create-organizations": is_self and not is_service,
            "can-change-email": False,
            "can-change-username": False,
        },
    }


def _text(body: Body, name: str) -> str:
    return body.text(name, most=254).strip()


RULES: tuple[Rule, ...] = (
    ("GET", "/account/details", details, Needs.TOKEN),
    ("PATCH", "/account/update", update, Needs.USER),
    ("PATCH", "/account/password", password, Needs.USER),
    ("GET", "/users/<user_id>", show, Needs.TOKEN),
)
