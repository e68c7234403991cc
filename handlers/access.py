"""Who is asking, and may they? Every look-up of a door goes through here, and asks what the door's rule needs.

What may not be seen is not there: `NotFound`, which every door answers with 404. What may be seen but not done is
`NotAllowed` (403), and says what it takes. What follows from what is decided in `bot/permissions.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import assert_never

from bot.connection import Connection, Repository
from bot.errors import NotAllowed, NotFound
from bot.ids import OrganizationId, TeamId, WorkspaceId
from bot.needs import ANYWHERE, IN_ORGANIZATION, IN_WORKSPACE, OF_SITE, Needs
from bot.permissions import Kind, Standing, anywhere, in_organization, in_workspace, is_within, of_team
from bot.run import Run, RunStatus
from bot.team import Team
from bot.workspace import Workspace
from handlers.run_names import organization_as_asked, workspace_as_asked
from handlers.services import Services
from handlers.token_holders import TokenHolder, access_of, kind_of, name_of
from storage.people import Organization, User


@dataclass(frozen=True)
class Asker:
    """A user, or what a token stands for. `needs` is what each look-up asks; pages show runs, so they need that."""

    who: TokenHolder
    services: Services = field(repr=False)
    needs: Needs = Needs.RUNS_READ

    @property
    def user(self) -> User:
        """Raises NotAllowed if it is no user."""
        if not isinstance(self.who, User):
            raise NotAllowed(f"this needs {Needs.USER}")
        return self.who

    @property
    def name(self) -> str:
        """How the asker is written down."""
        return name_of(self.who)

    @property
    def kind(self) -> Kind:
        return kind_of(self.who)

    @property
    def own_run(self) -> Run | None:
        """The run whose token asks."""
        return self.who if isinstance(self.who, Run) else None

    def needing(self, needs: Needs) -> "Asker":
        """The same asker, of whom something else is asked: for what a request names besides."""
        return replace(self, needs=needs)

    def check_token(self) -> None:
        """Raises NotAllowed if this kind of token is not what the rule takes, whatever is asked for.

        What is a site admin's raises NotFound for everybody else, as TFE answers.
        """
        is_site_admin = isinstance(self.who, User) and self.who.is_site_admin
        if self.needs in (ANYWHERE | OF_SITE) - anywhere(self.kind, is_site_admin=is_site_admin):
            raise NotFound("") if self.needs in OF_SITE else NotAllowed(f"this needs {self.needs}")

    # What the asker may.

    def standing(self, organization_id: OrganizationId) -> Standing:
        match self.who:
            case User():
                is_member = self.services.people.membership_of(organization_id, self.who.id) is not None
                teams = self.services.teams.of_user(organization_id, self.who.id) if is_member else ()
                return _standing_in(Kind.USER, teams, is_member=is_member)
            case Team():
                is_member = self.who.organization_id == organization_id
                return _standing_in(Kind.TEAM, (self.who,) if is_member else (), is_member=is_member)
            case Organization():
                return Standing(Kind.ORGANIZATION, is_member=self.who.id == organization_id)
            case Run():
                own = self.services.workspaces.get(self.who.workspace_id)
                is_applying = self.who.status is RunStatus.APPLYING
                return Standing(Kind.RUN, is_member=own.organization_id == organization_id, is_applying=is_applying)
            case _:
                assert_never(self.who)

    def standings(self, organization_ids: Collection[OrganizationId]) -> dict[OrganizationId, Standing]:
        """The same in several organizations, asked for at once."""
        if not isinstance(self.who, User) or len(organization_ids) == 1:
            return {ident: self.standing(ident) for ident in organization_ids}
        own, teams = (
            self.services.people.joined(self.who.id, organization_ids),
            self.services.teams.of_user_everywhere(self.who.id),
        )
        return {
            ident: _standing_in(Kind.USER, teams.get(ident, ()) if ident in own else (), is_member=ident in own)
            for ident in organization_ids
        }

    def allowed_in(self, workspace: Workspace) -> frozenset[Needs]:
        """All that the asker may do in a workspace; nothing if it may not be seen."""
        standing = self.standing(workspace.organization_id)
        if isinstance(self.who, Run):
            own = self.services.workspaces.get(self.who.workspace_id)
            is_shared = self.services.consumers.is_shared(workspace, own)
            return in_workspace(standing, (), is_own=own.id == workspace.id, is_shared=is_shared)
        return in_workspace(
            standing, self.services.team_access.given(workspace.id, self.team_ids(workspace.organization_id))
        )

    def allowed_in_each(self, workspaces: Sequence[Workspace]) -> dict[WorkspaceId, frozenset[Needs]]:
        """The same of a page of workspaces, asked for at once."""
        if isinstance(self.who, Run):
            return {workspace.id: self.allowed_in(workspace) for workspace in workspaces}
        found: dict[WorkspaceId, frozenset[Needs]] = {}
        for organization_id in {workspace.organization_id for workspace in workspaces}:
            standing, teams = self.standing(organization_id), self.team_ids(organization_id)
            there = [workspace.id for workspace in workspaces if workspace.organization_id == organization_id]
            given = self.services.team_access.given_in_each(there, teams)
            decided = cache(partial(in_workspace, standing))  # most workspaces of a page were given alike
            found |= {ident: decided(given.get(ident, ())) for ident in there}
        return found

    def may(self, needs: Needs, workspace: Workspace) -> bool:
        return needs in self.allowed_in(workspace)

    def allowed_in_organization(self, organization_id: OrganizationId) -> frozenset[Needs]:
        return in_organization(self.standing(organization_id))

    def allowed_with(self, team: Team) -> frozenset[Needs]:
        """All that the asker may do with a team; nothing if it may not be seen."""
        return self.allowed_with_each([team])[team.id]

    def allowed_with_each(self, teams: Sequence[Team]) -> dict[TeamId, frozenset[Needs]]:
        """The same of a page of teams."""
        organizations = {team.organization_id for team in teams}
        standings, own_ids = self.standings(organizations), self.teams_among(organizations)
        measured = {team.id for team in teams if standings[team.organization_id].is_measured}
        given = self.services.team_access.of_teams(measured.union(own_ids)) if measured else {}
        own = [given[ident] for ident in own_ids if ident in given]
        return {
            team.id: of_team(
                standings[team.organization_id],
                is_within=is_within(standings[team.organization_id], team.flags, given.get(team.id, {}), own),
                is_owners=team.is_owners,
                is_secret=team.is_secret,
                is_in_it=team.id in own_ids,
                members_may=team.members_make_tokens,
            )
            for team in teams
        }

    def team_ids(self, organization_id: OrganizationId) -> tuple[TeamId, ...]:
        """The asker's teams in an organization."""
        if isinstance(self.who, User):
            return tuple(team.id for team in self.services.teams.of_user(organization_id, self.who.id))
        is_own = isinstance(self.who, Team) and self.who.organization_id == organization_id
        return (self.who.id,) if isinstance(self.who, Team) and is_own else ()

    def teams_among(self, organization_ids: Collection[OrganizationId]) -> frozenset[TeamId]:
        """The asker's teams in several organizations, asked for at once."""
        if not isinstance(self.who, User) or len(organization_ids) == 1:
            return frozenset(team_id for ident in organization_ids for team_id in self.team_ids(ident))
        teams = self.services.teams.of_user_everywhere(self.who.id)
        return frozenset(team.id for ident in organization_ids for team in teams.get(ident, ()))

    def visible_workspaces(
        self, organization_id: OrganizationId, *, with_runs: bool = False
    ) -> Sequence[WorkspaceId] | None:
        """Which workspaces of an organization lists may show (and their runs): None for all of them."""
        if self.standing(organization_id).has_everywhere(Needs.RUNS_READ if with_runs else Needs.WORKSPACE_FIND):
            return None
        teams = self.team_ids(organization_id)
        return self.services.team_access.workspaces(organization_id, teams, with_runs=with_runs)

    def visible_teams(self, organization_id: OrganizationId) -> frozenset[TeamId] | None:
        """Which teams of an organization the asker may know of: None for all of them."""
        if self.standing(organization_id).sees_secret_teams:
            return None
        own = self.team_ids(organization_id)
        found, _ = self.services.teams.of_organization(organization_id, seen_by=own, limit=-1)
        return frozenset(team.id for team in found)

    # Look-ups: each raises NotFound, or NotAllowed.

    def organizations(self, *, search: str = "", limit: int, offset: int) -> tuple[list[Organization], int]:
        """A page of those that the asker belongs to, by name, and how many there are. `search`: in the name."""
        match self.who:
            case User():
                return self.services.people.organizations_of(self.who.id, search=search, limit=limit, offset=offset)
            case Organization():
                own: Organization | None = self.who
            case Team():
                own = self.services.people.organization_by_id(self.who.organization_id)
            case Run():
                own = None
            case _:
                assert_never(self.who)
        found = [own] if own and search.lower() in own.name.lower() else []
        return found[offset : offset + limit], len(found)

    def organization(self, name: str) -> Organization:
        found = organization_as_asked(self.services, self.own_run, name)
        missing = NotFound(f"there is no organization {name}")
        if found is None:
            raise missing
        # A run sees of its organization what it is offered, and workspaces; all else is for members.
        to_see = Needs.ENTITLEMENTS if self.needs in IN_WORKSPACE | {Needs.ENTITLEMENTS} else Needs.MEMBER
        self._check(self.allowed_in_organization(found.id), to_see, f"in {found.name}", missing)
        return found

    def organization_of(self, workspace: Workspace) -> Organization:
        return self.organization(workspace.organization_name)

    def workspace(self, workspace_id: str) -> Workspace:
        return self._checked(self.services.workspaces.get(workspace_id), workspace_id)

    def workspace_named(self, organization_name: str, name: str) -> Workspace:
        seen = self.needing(Needs.ENTITLEMENTS).organization(organization_name)
        workspace = workspace_as_asked(self.services, self.own_run, seen.id, name)
        if workspace is None:
            raise NotFound(f"there is no workspace {name} in {seen.name}")
        return self._checked(workspace, f"{name} in {seen.name}")

    def run(self, run_id: str) -> tuple[Run, Workspace]:
        run = self.services.runs.find(run_id)
        if run is None:
            raise NotFound(f"there is no run {run_id}")
        try:
            return run, self.workspace(run.workspace_id)
        except NotFound as error:
            raise NotFound(f"there is no run {run_id}") from error

    def connection(self, connection_id: str) -> Connection:
        """Any member may name a connection; looking into it is what a rule needs `MANAGE_VCS` for."""
        connection = self.services.connections.get(connection_id)
        missing = NotFound(f"there is no connection {connection_id}")
        allowed = self.allowed_in_organization(connection.organization_id)
        self._check(allowed, Needs.MEMBER, f"for the connection {connection.name}", missing)
        return connection

    def team(self, team_id: str) -> Team:
        team = self.services.teams.get(team_id)
        missing = NotFound(f"there is no team {team_id}")
        self._check(self.allowed_with(team), Needs.MEMBER, f"for the team {team.name}", missing)
        return team

    def repository_of(self, workspace: Workspace) -> Repository | None:
        """The repository that the workspace listens to."""
        return self.services.repositories.get(workspace.repository_id) if workspace.repository_id else None

    def _checked(self, workspace: Workspace, words: str) -> Workspace:
        missing = NotFound(f"there is no workspace {words}")
        allowed = self.allowed_in(workspace)
        if self.needs in IN_ORGANIZATION:
            allowed |= self.allowed_in_organization(workspace.organization_id)
        self._check(allowed, Needs.WORKSPACE_FIND, f"in {workspace.name}", missing)
        return workspace

    def _check(self, allowed: frozenset[Needs], to_see: Needs, place: str, missing: NotFound) -> None:
        """What a rule needs elsewhere (a workspace's, where an organization is looked up) is asked there."""
        if to_see not in allowed:
            raise missing
        elsewhere = ANYWHERE if to_see is Needs.WORKSPACE_FIND else ANYWHERE | IN_WORKSPACE
        if self.needs not in elsewhere and self.needs not in allowed:
            raise NotAllowed(f"this needs {self.needs} {place}, which {access_of(self.who)} doesn't reach")


def _standing_in(kind: Kind, teams: Sequence[Team], *, is_member: bool) -> Standing:
    flags = frozenset(flag for team in teams for flag in team.flags)
    return Standing(kind, is_member=is_member, is_owner=any(team.is_owners for team in teams), flags=flags)
