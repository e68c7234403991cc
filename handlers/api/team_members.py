"""Who is in a team? Users named by their id (or username), or by their membership of the organization."""

from collections.abc import Callable

from flask import Response

from bot.errors import NotFound, Refused
from bot.ids import UserId
from bot.needs import Needs
from bot.team import Team
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import nothing, paged
from handlers.api.membership_documents import MembershipDocuments
from handlers.api.memberships import refuse_without_owner
from handlers.api.operations import ENTRIES, empties, pages
from handlers.api.requests import asked_page, read_entries
from storage.people import User

Find = Callable[[Ask, Team, str], User]


@pages("organization-memberships")
def index(ask: Ask, team_id: str) -> Response:
    """The organization memberships of the team's members."""
    team, page = ask.asker.team(team_id), asked_page()
    found, total = ask.services.people.memberships_in(
        team.organization_id, team.id, limit=page.size, offset=page.offset
    )
    documents = MembershipDocuments(ask.asker, found)
    return paged([documents.resource(membership) for membership in found], page, total)


def _adding(find: Find) -> Callable[..., Response]:
    @empties(takes=ENTRIES)
    def add(ask: Ask, team_id: str) -> Response:
        """All of them or, if one can't be found, nobody."""
        team = ask.asker.team(team_id)
        users = [find(ask, team, entry.ident) for entry in read_entries()]
        ask.services.teams.join(team.id, [user.id for user in users])
        return nothing()

    return add


def _removing(find: Find) -> Callable[..., Response]:
    @empties(takes=ENTRIES)
    def remove(ask: Ask, team_id: str) -> Response:
        """They stay members of the organization. The team of owners keeps somebody."""
        team = ask.asker.team(team_id)
        users = [find(ask, team, entry.ident) for entry in read_entries()]
        with conflicts(), ask.services.records.write():
            if team.is_owners:
                refuse_without_owner(ask, team.organization_id, users)
            ask.services.teams.leave(team.id, [user.id for user in users])
        return nothing()

    return remove


def _by_user(ask: Ask, team: Team, ident: str) -> User:
    """Raises Refused for whoever is no member of the organization: they are invited first."""
    user = ask.services.people.user(UserId(ident)) or ask.services.people.user_named(ident)
    if user is None or ask.services.people.membership_of(team.organization_id, user.id) is None:
        raise Refused(f"there is no user {ident} in this organization")
    return user


def _by_membership(ask: Ask, team: Team, ident: str) -> User:
    try:
        membership = ask.services.people.membership(ident)
    except NotFound as error:
        raise Refused(error.reason) from error
    if membership.organization_id != team.organization_id:
        raise Refused(f"there is no organization membership {ident}")
    return membership.user


_MEMBERSHIPS = "/teams/<team_id>/relationships/organization-memberships"
RULES: tuple[Rule, ...] = (
    ("POST", "/teams/<team_id>/relationships/users", _adding(_by_user), Needs.MANAGE_MEMBERSHIP),
    ("DELETE", "/teams/<team_id>/relationships/users", _removing(_by_user), Needs.MANAGE_MEMBERSHIP),
    ("GET", _MEMBERSHIPS, index, Needs.MEMBER),
    ("POST", _MEMBERSHIPS, _adding(_by_membership), Needs.MANAGE_MEMBERSHIP),
    ("DELETE", _MEMBERSHIPS, _removing(_by_membership), Needs.MANAGE_MEMBERSHIP),
)
