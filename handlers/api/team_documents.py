"""How is a team written, with what its reader may do with it, and how are its flags read?"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import Refused
from bot.ids import OrganizationId, UserId
from bot.needs import Needs
from bot.permissions import Flag, Standing
from bot.team import Team
from handlers.access import Asker
from handlers.api.documents import Resource, identifier, linked, resource, to_one
from handlers.api.requests import Body

# TFE's, for what isn't here: always false, and asking for them is refused rather than forgotten.
NOT_HERE = (
    *("manage-modules", "manage-providers", "manage-run-tasks", "manage-agent-pools"),
    *("manage-public-modules", "manage-public-providers", "delegate-policy-overrides"),
)


def read_flags(body: Body, before: frozenset[Flag]) -> frozenset[Flag]:
    """A team's flags after a request; those that it doesn't name stay. Raises Refused."""
    given = body.attributes.get("organization-access")
    if given is None:
        return before
    if not isinstance(given, Mapping):
        raise Refused("organization-access is an object")
    named = Body(given)
    for name in NOT_HERE:
        if named.flag(name):
            raise Refused(f"there is nothing here that {name} would be for")
    wanted = {flag: named.flag(flag.value) for flag in Flag}
    return frozenset(flag for flag in Flag if (flag in before if wanted[flag] is None else wanted[flag]))


class TeamDocuments:
    """Writes the teams of one answer; what they need from other tables is read at once for all of them.

    A team names all of its members, in a list too: clients read them there. Who is in many teams is written down once.
    """

    def __init__(self, asker: Asker, teams: Sequence[Team]) -> None:
        services = asker.services
        self._allowed = asker.allowed_with_each(teams)
        self._standings = asker.standings({team.organization_id for team in teams})
        self._organizations = {each.id: each for each in services.people.organizations_with_ids(self._standings)}
        self._members = services.teams.members_of_each([team.id for team in teams])
        users = set[UserId]().union(*self._members.values())
        self.memberships = services.people.memberships_among(self._standings, users)  # of all members
        self._users = {ident: identifier("users", ident) for ident in users}
        self._memberships: dict[OrganizationId, dict[UserId, dict[str, str]]] = defaultdict(dict)
        for each in self.memberships:
            named = identifier("organization-memberships", each.id)
            self._memberships[each.organization_id][each.user.id] = named

    def resource(self, team: Team) -> Resource:
        members = self._members.get(team.id, [])
        attributes = {
            "name": team.name,
            "users-count": len(members),
            "visibility": team.visibility.value,
            "allow-member-token-management": team.members_make_tokens,
            "sso-team-id": None,
            "is-unified": False,
            "organization-access": _flags(team),
            "permissions": self._permissions(team),
        }
        organization = self._organizations.get(team.organization_id)
        memberships = self._memberships[team.organization_id]
        relationships = {
            "organization": to_one("organizations", organization.name if organization else None),
            "users": {"data": [self._users[user_id] for user_id in members]},
            "organization-memberships": {"data": [memberships[each] for each in members if each in memberships]},
            "authentication-token": linked(f"teams/{team.id}/authentication-token"),
        }
        return resource("teams", team.id, attributes, relationships, link=f"teams/{team.id}")

    def _permissions(self, team: Team) -> dict[str, bool]:
        standing, allowed = self._standings[team.organization_id], self._allowed[team.id]
        manages = Needs.MANAGE_TEAMS in allowed
        return {
            "can-destroy": manages and not team.is_owners,
            "can-update-api-token": Needs.MANAGE_TEAM_TOKENS in allowed,
            "can-update-membership": Needs.MANAGE_MEMBERSHIP in allowed,
            "can-update-name": manages and not team.is_owners,
            "can-update-organization-access": manages and not team.is_owners and _may_give_any(standing),
            "can-update-visibility": manages and not team.is_owners,
        }


def team_resource(asker: Asker, team: Team) -> Resource:
    """The document of one team, as `TeamDocuments` writes it."""
    return TeamDocuments(asker, [team]).resource(team)


def _may_give_any(standing: Standing) -> bool:
    return any(standing.may_give(frozenset({flag})) for flag in Flag)


def _flags(team: Team) -> dict[str, Any]:
    return {**{flag.value: flag in team.flags for flag in Flag}, **dict.fromkeys(NOT_HERE, False)}
