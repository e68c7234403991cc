"""Who is a member of an organization? Invited, listed, shown and removed.

Nobody has to accept an invitation: there is no mail to accept it from, and it takes nothing from whoever is invited.
"""

from flask import Response

from bot.errors import NotAllowed, NotFound, Refused
from bot.ids import OrganizationId, TeamId
from bot.needs import Needs
from bot.organization import check_email
from bot.permissions import of_member
from bot.team import Team
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import Resource, many, nothing, one, paged, resource, to_many, to_one
from handlers.api.operations import SEARCH, Query, empties, includes, lists, makes, pages, shows
from handlers.api.requests import asked, asked_includes, asked_list, asked_page, read_body, related_entries
from handlers.api.team_documents import team_resources
from handlers.api.users import user_resource
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
    included = [extra for membership in found for extra in _included(ask, membership, includes)]
    return paged([membership_resource(ask, each) for each in found], page, total, included=included)


@lists("organization-memberships", includes(INCLUDES | {"organization"}))
def own(ask: Ask) -> Response:
    """The asker's own memberships, in all organizations."""
    found, includes = ask.services.people.memberships_of(ask.asker.user.id), asked_includes(INCLUDES | {"organization"})
    included = [extra for membership in found for extra in _included(ask, membership, includes)]
    return many([membership_resource(ask, each) for each in found], included=included)


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
    return one(membership_resource(ask, membership), included=[user_resource(user, ask.asker)], status=201)


@shows("organization-memberships", includes(INCLUDES | {"organization"}))
def show(ask: Ask, membership_id: str) -> Response:
    includes, membership = asked_includes(INCLUDES | {"organization"}), _found(ask, membership_id)
    return one(membership_resource(ask, membership), included=_included(ask, membership, includes))


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


def _teams(ask: Ask, membership: Membership) -> list[Team]:
    """Those of the member's teams that the asker may know of."""
    asker, organization_id = ask.asker, membership.organization_id
    teams = ask.services.teams.of_user(organization_id, membership.user.id)
    if asker.standing(organization_id).sees_secret_teams:
        return list(teams)
    own = set(asker.team_ids(organization_id))
    return [team for team in teams if not team.is_secret or team.id in own]


def _included(ask: Ask, membership: Membership, includes: set[str]) -> list[Resource]:
    found = [user_resource(membership.user, ask.asker)] if "user" in includes else []
    if "teams" in includes:
        found += team_resources(ask.asker, _teams(ask, membership))
    return found


def membership_resource(ask: Ask, membership: Membership) -> Resource:
    organization = ask.services.people.organization_by_id(membership.organization_id)
    team_ids: list[TeamId] = [team.id for team in _teams(ask, membership)]
    attributes = {
        "status": "active",
        "email": membership.user.email,
        "created-at": to_text(membership.created_at),
        "username": membership.user.username,
    }
    relationships = {
        "teams": to_many("teams", team_ids),
        "user": to_one("users", membership.user.id, link=f"users/{membership.user.id}"),
        "organization": to_one("organizations", organization.name if organization else None),
    }
    link = f"organization-memberships/{membership.id}"
    return resource("organization-memberships", membership.id, attributes, relationships, link=link)


RULES: tuple[Rule, ...] = (
    ("GET", "/organizations/<organization>/organization-memberships", index, Needs.MEMBER),
    ("POST", "/organizations/<organization>/organization-memberships", create, Needs.MANAGE_MEMBERSHIP),
    ("GET", "/organization-memberships", own, Needs.USER),
    ("GET", "/organization-memberships/<membership_id>", show, Needs.MEMBER),
    ("DELETE", "/organization-memberships/<membership_id>", remove, Needs.MANAGE_MEMBERSHIP),
)
