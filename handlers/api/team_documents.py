"""How is a team written, with what its reader may do with it, and how are its flags read?"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import Refused
from bot.needs import Needs
from bot.permissions import Flag, Standing
from bot.team import Team
from handlers.access import Asker
from handlers.api.documents import Resource, linked, resource, to_many, to_one
from handlers.api.requests import BadRequest, Body

# TFE's, for what isn't here: always false, and asking for them is refused rather than forgotten.
NOT_HERE = (
    *("manage-modules", "manage-providers", "manage-run-tasks", "manage-agent-pools"),
    *("manage-public-modules", "manage-public-providers", "delegate-policy-overrides"),
)


def read_flags(body: Body, before: frozenset[Flag]) -> frozenset[Flag]:
    """A team's flags after a request; those that it doesn't name stay. Raises BadRequest and Refused."""
    given = body.attributes.get("organization-access")
    if given is None:
        return before
    if not isinstance(given, Mapping):
        raise BadRequest("organization-access is an object")
    named = Body(given)
    for name in NOT_HERE:
        if named.flag(name):
            raise Refused(f"there is nothing here that {name} would be for")
    wanted = {flag: named.flag(flag.value) for flag in Flag}
    return frozenset(flag for flag in Flag if (flag in before if wanted[flag] is None else wanted[flag]))


def team_resource(asker: Asker, team: Team) -> Resource:
    return team_resources(asker, [team])[0]


def team_resources(asker: Asker, teams: Sequence[Team]) -> list[Resource]:
    """The documents of several teams of one organization."""
    allowed = asker.allowed_with_each(teams)
    return [_resource(asker, team, allowed[team.id]) for team in teams]


def _resource(asker: Asker, team: Team, allowed: frozenset[Needs]) -> Resource:
    services = asker.services
    members = services.teams.members(team.id)
    memberships = [services.people.membership_of(team.organization_id, user_id) for user_id in members]
    organization = services.people.organization_by_id(team.organization_id)
    attributes = {
        "name": team.name,
        "users-count": len(members),
        "visibility": team.visibility.value,
        "allow-member-token-management": team.members_make_tokens,
        "sso-team-id": None,
        "is-unified": False,
        "organization-access": _flags(team),
        "permissions": _permissions(asker.standing(team.organization_id), team, allowed),
    }
    relationships = {
        "organization": to_one("organizations", organization.name if organization else None),
        "users": to_many("users", members),
        "organization-memberships": to_many("organization-memberships", [m.id for m in memberships if m]),
        "authentication-token": linked(f"teams/{team.id}/authentication-token"),
    }
    return resource("teams", team.id, attributes, relationships, link=f"teams/{team.id}")


def _permissions(standing: Standing, team: Team, allowed: frozenset[Needs]) -> dict[str, bool]:
    manages = Needs.MANAGE_TEAMS in allowed
    return {
        "can-destroy": manages and not team.is_owners,
        "can-update-api-token": Needs.MANAGE_TEAM_TOKENS in allowed,
        "can-update-membership": Needs.MANAGE_MEMBERSHIP in allowed,
        "can-update-name": manages and not team.is_owners,
        "can-update-organization-access": manages and not team.is_owners and _may_give_any(standing),
        "can-update-visibility": manages and not team.is_owners,
    }


def _may_give_any(standing: Standing) -> bool:
    return any(standing.may_give(frozenset({flag})) for flag in Flag)


def _flags(team: Team) -> dict[str, Any]:
    return {**{flag.value: flag in team.flags for flag in Flag}, **dict.fromkeys(NOT_HERE, False)}
