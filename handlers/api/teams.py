"""Which teams does an organization have? Made, listed, shown, changed and removed.

The team of owners is there from the beginning. It keeps its name and its rights, and only owners put people into it.
"""

from dataclasses import replace

from flask import Response

from bot.errors import NotAllowed, Refused
from bot.ids import OrganizationId
from bot.needs import Needs
from bot.permissions import Flag
from bot.team import Visibility, check_team_name
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, nothing, one, paged
from handlers.api.membership_documents import MembershipDocuments
from handlers.api.operations import NAMES, SEARCH, empties, includes, makes, pages, shows
from handlers.api.requests import Body, asked, asked_includes, asked_list, asked_page, read_body
from handlers.api.team_documents import TeamDocuments, read_flags, team_resource
from handlers.api.users import user_resource

INCLUDES = frozenset({"users", "organization_memberships"})


@pages("teams", SEARCH, NAMES, includes(INCLUDES))
def index(ask: Ask, organization: str) -> Response:
    """The teams that the asker may know of: all but others' secret ones."""
    owner, page, includes = ask.asker.organization(organization), asked_page(), asked_includes(INCLUDES)
    sees_all = ask.asker.standing(owner.id).sees_secret_teams
    found, total = ask.services.teams.of_organization(
        owner.id,
        seen_by=None if sees_all else ask.asker.team_ids(owner.id),
        names=asked_list("filter[names]"),
        search=asked("q"),
        limit=page.size,
        offset=page.offset,
    )
    documents = TeamDocuments(ask.asker, found)
    included = _included(ask, documents, includes)
    return paged([documents.resource(team) for team in found], page, total, included=included)


@makes("teams", takes="team")
def create(ask: Ask, organization: str) -> Response:
    owner, body = ask.asker.organization(organization), read_body()
    name, visibility = check_team_name(body.text("name").strip()), _visibility(body) or Visibility.SECRET
    flags = read_flags(body, frozenset())
    _refuse_above_oneself(ask, owner.id, flags, frozenset())
    makes_tokens = body.flag("allow-member-token-management")
    with ask.services.records.write():
        team = ask.services.teams.add(
            owner.id, name, visibility=visibility, flags=flags, members_make_tokens=makes_tokens is not False
        )
    return one(team_resource(ask.asker, team), status=201)


@shows("teams", includes(INCLUDES))
def show(ask: Ask, team_id: str) -> Response:
    includes, team = asked_includes(INCLUDES), ask.asker.team(team_id)
    documents = TeamDocuments(ask.asker, [team])
    return one(documents.resource(team), included=_included(ask, documents, includes))


@shows("teams", takes="team")
def change(ask: Ask, team_id: str) -> Response:
    """What isn't given stays. Of the team of owners only who makes its tokens can be changed."""
    team, body = ask.asker.team(team_id), read_body()
    name, makes_tokens = body.text("name").strip(), body.flag("allow-member-token-management")
    changed = replace(
        team,
        name=name or team.name,
        visibility=_visibility(body) or team.visibility,
        flags=read_flags(body, team.flags),
        members_make_tokens=team.members_make_tokens if makes_tokens is None else makes_tokens,
    )
    if team.is_owners and replace(changed, members_make_tokens=team.members_make_tokens) != team:
        raise Refused("the team of owners keeps its name, its visibility and all of its access")
    if changed.name != team.name:
        check_team_name(changed.name)
    _refuse_above_oneself(ask, team.organization_id, changed.flags, team.flags)
    with ask.services.records.write():
        ask.services.teams.change(changed)
    return one(team_resource(ask.asker, changed))


@empties()
def remove(ask: Ask, team_id: str) -> Response:
    """With its access and its tokens; its members stay in the organization."""
    team = ask.asker.team(team_id)
    if team.is_owners:
        raise Refused("an organization keeps its team of owners")
    ask.services.teams.remove(team.id)
    return nothing()


def _refuse_above_oneself(
    ask: Ask, organization_id: OrganizationId, flags: frozenset[Flag], before: frozenset[Flag]
) -> None:
    """Nobody gives a team more than they have: they could make themselves a member of it."""
    if not ask.asker.standing(organization_id).may_give(flags, before):
        names = ", ".join(sorted(flags ^ before))
        raise NotAllowed(f"this needs {Needs.OWNER}, or {Flag.MANAGE_ORGANIZATION_ACCESS} together with {names}")


def _visibility(body: Body) -> Visibility | None:
    text = body.text("visibility")
    if not text:
        return None
    if text not in set(Visibility):
        raise Refused(f"visibility is one of {', '.join(Visibility)}")
    return Visibility(text)


def _included(ask: Ask, documents: TeamDocuments, includes: set[str]) -> list[Resource]:
    """The members of all the teams (which are of one organization), each once."""
    found: list[Resource] = []
    if "users" in includes:
        found += [user_resource(each.user, ask.asker) for each in documents.memberships]
    if "organization_memberships" in includes:
        memberships = MembershipDocuments(ask.asker, documents.memberships)
        found += [memberships.resource(each) for each in documents.memberships]
    return found


RULES: tuple[Rule, ...] = (
    ("GET", "/organizations/<organization>/teams", index, Needs.MEMBER),
    ("POST", "/organizations/<organization>/teams", create, Needs.MANAGE_TEAMS),
    ("GET", "/teams/<team_id>", show, Needs.MEMBER),
    ("PATCH", "/teams/<team_id>", change, Needs.MANAGE_TEAMS),
    ("DELETE", "/teams/<team_id>", remove, Needs.MANAGE_TEAMS),
)
