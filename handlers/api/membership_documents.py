"""How is a membership of an organization written, and what comes with it?"""

from collections.abc import Sequence
from typing import Any

from bot.team import Team
from bot.timestamps import to_text
from handlers.access import Asker
from handlers.api.documents import Resource, identifier, resource, to_one
from handlers.api.organization_documents import organizations_seen
from handlers.api.team_documents import TeamDocuments
from handlers.api.users import user_resource
from storage.people import Membership


class MembershipDocuments:
    """Writes the memberships of one answer; what they need from other tables is read at once for all of them."""

    def __init__(self, asker: Asker, memberships: Sequence[Membership]) -> None:
        self._asker = asker
        services, organizations = asker.services, {each.organization_id for each in memberships}
        self._organizations = {each.id: each for each in services.people.organizations_with_ids(organizations)}
        self._teams = services.teams.of_each_user({each.user.id for each in memberships})
        teams = {team.id for there in self._teams.values() for found in there.values() for team in found}
        self._named = {team_id: identifier("teams", team_id) for team_id in teams}
        standings = asker.standings(organizations)
        self._sees_all = {ident for ident in organizations if standings[ident].sees_secret_teams}
        self._own = asker.teams_among(organizations)

    def resource(self, membership: Membership) -> Resource:
        organization = self._organizations.get(membership.organization_id)
        attributes: dict[str, Any] = {
            "status": "active",
            "email": membership.user.email,
            "created-at": to_text(membership.created_at),
            "username": membership.user.username,
        }
        relationships = {
            "teams": {"data": [self._named[team.id] for team in self._teams_of(membership)]},
            "user": to_one("users", membership.user.id, link=f"users/{membership.user.id}"),
            "organization": to_one("organizations", organization.name if organization else None),
        }
        link = f"organization-memberships/{membership.id}"
        return resource("organization-memberships", membership.id, attributes, relationships, link=link)

    def included(self, memberships: Sequence[Membership], includes: set[str]) -> list[Resource]:
        """The memberships are those that this was made with. Who or what several have in common is written once."""
        found: list[Resource] = []
        if "user" in includes:
            users = {each.user.id: each.user for each in memberships}
            found += [user_resource(user, self._asker) for user in users.values()]
        if "teams" in includes:
            teams = {team.id: team for each in memberships for team in self._teams_of(each)}
            documents = TeamDocuments(self._asker, list(teams.values()))
            found += [documents.resource(team) for team in teams.values()]
        if "organization" in includes:
            found += organizations_seen(self._asker, self._organizations)
        return found

    def _teams_of(self, membership: Membership) -> list[Team]:
        """Those of the member's teams that the asker may know of."""
        organization_id = membership.organization_id
        teams = self._teams[organization_id][membership.user.id]
        if organization_id in self._sees_all:
            return teams
        return [team for team in teams if not team.is_secret or team.id in self._own]
