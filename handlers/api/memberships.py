"""Who is a member of an organization? Invited, listed, shown and removed.

Nobody has to accept an invitation: there is no mail to accept it from, and it takes nothing from whoever is invited.
"""

from flask import Response

from bot.errors import NotAllowed, NotFound, Refused
from bot.ids import OrganizationId
from bot.needs import Needs
from bot.organization import check_email
from bot.permissions import of_member
from bot.team import Team
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import nothing, one, paged
from handlers.api.membership_documents import MembershipDocuments
from handlers.api.operations import SEARCH, Query, empties, includes, large_pages, makes, pages, shows
from handlers.api.requests import (
    asked,
    asked_includes,
    asked_large_page,
    asked_list,
    asked_page,
    read_body,
    related_entries,
)
from storage.people import Membership, User

INCLUDES = frozenset({"user", "teams"})
FILTERS = (
    Query("filter[email]", "Exactly these addresses, with commas between.", is_list=True),
    Query("filter[status]", "Whoever is invited is active at once.", ("active", "invited")),
)


@pages("organization-memberships", SEARCH, *FILTERS, includes(INCLUDES))
def index(ask: Ask, organization: str) -> Response:
    owner, page, includes = ask.asker.organization(organization), asked_page(), asked_includes(INCLUDES)
    found, total = ask.services.people.memberships(
        owner.id,
        search=asked("q"),
        emails=asked_list("filter[email]"),
        limit=0 if asked("filter[status]") == "invited" else page.size,
        offset=page.offset,
    )
    if asked("filter[status]") == "invited":
        total = 0  # whoever is invited is active at once
    documents = MembershipDocuments(ask.asker, found)
    included = documents.included(found, includes)
    return paged([documents.resource(each) for each in found], page, total, included=included)


@large_pages("organization-memberships", includes(INCLUDES | {"organization"}))
def own(ask: Ask) -> Response:
    """The asker's own memberships, in all organizations; the oldest first."""
    includes, page = asked_includes(INCLUDES | {"organization"}), asked_large_page()
    found, total = ask.services.people.memberships_of(ask.asker.user.id, limit=page.size, offset=page.offset)
    documents = MembershipDocuments(ask.asker, found)
    included = documents.included(found, includes)
    return paged([documents.resource(each) for each in found], page, total, included=included)


@makes("organization-memberships", takes="membership")
def create(ask: Ask, organization: str) -> Response:
    """Make the person with that address a member, of the named teams too; an account is made if there is none."""
    owner, body = ask.asker.organization(organization), read_body()
    email = check_email(body.text("email", most=254).strip())
    entries = related_entries(body, "teams") or []
    teams = [joinable(ask, owner.id, entry.ident) for entry in entries]
    with ask.services.records.write():
        user = _user_with(ask, email)
        if ask.services.people.membership_of(owner.id, user.id) is not None:
            raise Refused(f"{email} is a member of {owner.name} already")
        membership = ask.services.people.join(owner.id, user.id)
        for team in teams:
            ask.services.teams.join(team.id, [user.id])
    documents = MembershipDocuments(ask.asker, [membership])
    return one(documents.resource(membership), included=documents.included([membership], {"user"}), status=201)


@shows("organization-memberships", includes(INCLUDES | {"organization"}))
def show(ask: Ask, membership_id: str) -> Response:
    includes, membership = asked_includes(INCLUDES | {"organization"}), _found(ask, membership_id)
    documents = MembershipDocuments(ask.asker, [membership])
    return one(documents.resource(membership), included=documents.included([membership], includes))


@empties()
def remove(ask: Ask, membership_id: str) -> Response:
    """Take somebody out of the organization and its teams. Only an owner removes an owner, and never the last one."""
    membership = _found(ask, membership_id)
    organization_id, user = membership.organization_id, membership.user
    with conflicts(), ask.services.records.write():
        is_owner = ask.services.people.is_owner(organization_id, user.id)
        if Needs.MANAGE_MEMBERSHIP not in of_member(ask.asker.standing(organization_id), is_owner=is_owner):
            raise NotAllowed(f"this needs {Needs.OWNER}: {user.username} is an owner")
        if is_owner:
            refuse_without_owner(ask, organization_id, [user])
        ask.services.people.leave(membership)
    return nothing()


def refuse_without_owner(ask: Ask, organization_id: OrganizationId, leaving: list[User]) -> None:
    """An organization that nobody owns could not be managed by anybody. Raises Refused."""
    if not {owner.id for owner in ask.services.people.owners(organization_id)} - {user.id for user in leaving}:
        raise Refused("an organization keeps at least one owner")


def joinable(ask: Ask, organization_id: OrganizationId, team_id: str) -> Team:
    """A team of the organization that the asker may put somebody into. Raises Refused or NotAllowed."""
    try:
        team = ask.asker.team(team_id)
    except NotFound as error:
        raise Refused(error.reason) from error
    if team.organization_id != organization_id:
        raise Refused(f"there is no team {team_id}")
    return team


def _found(ask: Ask, membership_id: str) -> Membership:
    membership = ask.services.people.membership(membership_id)
    organization = ask.services.people.organization_by_id(membership.organization_id)
    try:
        ask.asker.organization(organization.name if organization else "")
    except NotFound as error:
        raise NotFound(f"there is no organization membership {membership_id}") from error
    return membership


def _user_with(ask: Ask, email: str) -> User:
    """The user with that address, made if there is none; the name is the address's, with a number if that is taken."""
    people = ask.services.people
    found = people.user_with_email(email)
    if found is not None:
        return found
    name, number = email.partition("@")[0], 1
    while people.user_named(name if number == 1 else f"{name}{number}"):
        number += 1
    return people.add_user(name if number == 1 else f"{name}{number}", email)


RULES: tuple[Rule, ...] = (
    ("GET", "/organizations/<organization>/organization-memberships", index, Needs.MEMBER),
    ("POST", "/organizations/<organization>/organization-memberships", create, Needs.MANAGE_MEMBERSHIP),
    ("GET", "/organization-memberships", own, Needs.USER),
    ("GET", "/organization-memberships/<membership_id>", show, Needs.MEMBER),
    ("DELETE", "/organization-memberships/<membership_id>", remove, Needs.MANAGE_MEMBERSHIP),
)
