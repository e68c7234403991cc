"""Twelve of everything that a list can show, no two with the same things around them."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from bot.events import HostRepository
from bot.ids import NotificationConfigurationId, RunId
from bot.manifest import Manifest
from bot.notifications import Destination, NotificationConfiguration
from bot.permissions import Level, access_of
from bot.run import Run, RunKind, RunStatus, TriggerReason
from bot.terraform_version import TerraformVersion
from bot.workspace import Workspace
from storage.configuration_versions import ConfigurationVersion
from storage.ids import new_id
from storage.people import User
from storage.tags import Tagged
from storage.tokens import TokenKind
from storage.variable_sets import GivenTo
from tests.fakes.door_world import SHA, World
from tests.handlers.api.state_world import a_state

MANY = 12
# What a list can't be asked without.
NEEDED = {
    "/workspaces/<workspace_id>/run-triggers": {"filter[run-trigger][type]": "inbound"},
    "/team-workspaces": {"filter[workspace][id]": "{workspace_id}"},
    "/state-versions": {"filter[organization][name]": "acme", "filter[workspace][name]": "{name}"},
}
_ARGUMENT = re.compile(r"<(\w+)>")


class ListWorld:
    """`names`: what a path's parameters are to be, for the one that has twelve of each kind around it."""

    def __init__(self, world: World) -> None:
        self.world, self.services = world, world.services
        self.acme = world.organization
        with self.services.records.write():  # one for all of it is quicker
            self._fill()

    def _fill(self) -> None:
        self.services.people.make_site_admin(self.world.owner.id, is_one=True)
        self.people = [self._person(n) for n in range(MANY - 1)]
        self.workspaces = [self._workspace(n) for n in range(MANY + 1)]
        self.busiest = self.workspaces[0]
        self.mia = self._member()
        self.names = {
            "organization": "acme",
            "workspace_id": self.busiest.id,
            "name": self.busiest.name,
            "project_id": self.busiest.project_id,
            "user_id": self.world.owner.id,
            "client_id": self.services.connections.all(self.acme.id)[0].id,
        }
        self._runs()
        self._states()
        self._surroundings()
        self._teams()
        self._tokens()

    def asked(self, rule: str) -> tuple[str, dict[str, str]]:
        """(path, query) of a rule of the routing table."""
        name = "name" if "/workspaces/" in rule else "organization"
        found = _ARGUMENT.sub(lambda m: self.names[name if m[1] == "name" else m[1]], rule)
        return found.removeprefix("/"), {key: text.format(**self.names) for key, text in NEEDED.get(rule, {}).items()}

    def _person(self, n: int) -> User:
        user = self.services.people.add_user(f"user-{n:02}", f"user-{n:02}@acme.test")
        self.services.people.join(self.acme.id, user.id)
        return user

    def _member(self) -> User:
        """Somebody whose team was given each of the workspaces, one by one, and who is in every organization."""
        people = self.services.people
        mia = self.people[0]
        for n in range(MANY - 1):
            other = people.add_organization(f"other-{n:02}", "ops@other.test")
            everybody = self.services.teams.add(other.id, "everybody")
            for user in (mia, self.world.owner):
                people.join(other.id, user.id)
                self.services.teams.join(everybody.id, [user.id])
        return mia

    def _workspace(self, n: int) -> Workspace:
        """Each with a project and a connection of its own."""
        services = self.services
        connection = self.world.github_connection()
        host = HostRepository(str(n), f"acme/infra-{n}", f"https://github.test/acme/infra-{n}.git", "main", "")
        repository = services.repositories.know(connection.id, host)
        project = services.projects.add(self.acme.id, f"project-{n:02}")
        made = services.workspaces.add(self.acme.id, f"w-{n:02}", repository.id, {}, project.id)
        bound = range(MANY) if n == 0 else range(n, n + 1)
        services.workspace_tags.bind(Tagged.WORKSPACE, made.id, self.acme.id, {f"tag-{tag:02}": "" for tag in bound})
        services.workspace_tags.bind(Tagged.PROJECT, project.id, self.acme.id, {f"own-{t:02}": "x" for t in bound})
        return made

    def _configuration(self, workspace: Workspace, n: int) -> ConfigurationVersion:
        services = self.services
        assert workspace.repository_id is not None
        return services.configurations.add(
            workspace.repository_id,
            f"{n:08x}{SHA[8:]}",
            submodules=False,
            blob_id=services.blobs.put(b"an archive"),
            message="Change the network",
            author="octocat",
        )

    def _run(self, workspace: Workspace, n: int) -> Run:
        """Of a pull request, asked for by somebody of ours and confirmed by another."""
        version = self._configuration(workspace, n)
        manifest = Manifest(workspace.id, version.id, version.commit_sha, "terraform", "1.11.4", "")
        creator, confirmer = self.people[n % len(self.people)], self.people[(n + 1) % len(self.people)]
        run = Run(
            id=RunId(new_id("run")),
            workspace_id=workspace.id,
            kind=RunKind.NORMAL,
            configuration_version_id=version.id,
            commit_sha=version.commit_sha,
            manifest_digest="0" * 64,
            trigger_reason=TriggerReason.MANUAL,
            created_at=self.world.clock(),
            queue_sequence=self.services.runs.next_sequence(),
            repository_id=workspace.repository_id,
            branch="main",
            pull_number=n + 1,
            source="tfe-api",
            created_by=creator.username,
            created_by_id=creator.id,
            confirmed_by=confirmer.username,
            confirmed_by_id=confirmer.id,
        )
        self.services.runs.add(run, manifest)
        after = replace(run, status=RunStatus.APPLYING, times={"applying": self.world.clock()})
        self.services.runs.move(run, after)
        return after

    def _runs(self) -> None:
        """One in every workspace, and as many in the busiest; all of them under way."""
        of_others = [self._run(workspace, n) for n, workspace in enumerate(self.workspaces[1:], start=MANY)]
        self.runs = [self._run(self.busiest, n) for n in range(MANY)]
        run = self.runs[0]
        for each in (*of_others, *self.runs):
            self.services.timeline.add(each.id, "planned", "ada")
            self.services.comments.add(each.id, "ada", "looks good")
        for n in range(MANY - 1):
            self.services.timeline.add(run.id, f"happened {n}", self.people[n].username)
            self.services.comments.add(run.id, self.people[n].username, f"comment {n}")
        self.names["run_id"] = run.id

    def _states(self) -> None:
        """In every workspace one, and in the busiest as many, by a run and a person of their own."""
        outputs = {f"output_{n:02}": {"value": n, "type": "number"} for n in range(MANY)}
        for workspace in self.workspaces[1:]:
            self.services.states.store(workspace.id, a_state(1, outputs=outputs), run_id=None)
        for serial, (run, user) in enumerate(zip(self.runs, [*self.people, self.world.owner], strict=True), start=1):
            state = self.services.states.intake.receive(io.BytesIO(a_state(serial, outputs=outputs)))
            by = (user.username, user.id)
            version = self.services.states.take(self.busiest.id, state, run_id=run.id, created_by=by)
        assert version is not None
        self.names["version_id"] = version.id

    def _surroundings(self) -> None:
        services, busiest = self.services, self.busiest
        for n, workspace in enumerate(self.workspaces[1:]):
            made = services.variable_sets.add(self.acme.id, f"set-{n:02}")
            variables = range(MANY) if n == 0 else range(1)
            for number in variables:
                services.set_variables.set(made.id, f"shared_{number}", "value")
            services.variable_sets.give(made, GivenTo.WORKSPACES, [busiest.id, workspace.id])
            services.variable_sets.give(made, GivenTo.PROJECTS, [busiest.project_id, workspace.project_id])
            self.names.setdefault("set_id", made.id)
            services.triggers.add(busiest, workspace)
            services.consumers.add(busiest.id, [workspace.id])
            services.engine_versions.add(TerraformVersion("", f"1.9.{n}", services.now()))
            self._told_of(n)

    def _told_of(self, n: int) -> None:
        now = self.services.now()
        self.services.notification_configurations.add(
            NotificationConfiguration(
                NotificationConfigurationId(new_id("nc")),
                self.busiest.id,
                f"hook-{n:02}",
                Destination.GENERIC,
                enabled=False,
                triggers=(),
                created_at=now,
                updated_at=now,
                url="http://127.0.0.1:1/",
            )
        )

    def _teams(self) -> None:
        """Everybody is in every team, and every workspace is given to all of them."""
        services = self.services
        members = [self.world.owner, *self.people]
        for n in range(MANY):
            team = services.teams.add(self.acme.id, f"team-{n:02}")
            services.teams.join(team.id, [user.id for user in members])
            self.names["team_id"] = team.id
            for workspace in self.workspaces:
                services.team_access.give(team.id, workspace.id, access_of(Level.READ))
            services.tokens.issue(TokenKind.TEAM, team.id, "another", None)

    def _tokens(self) -> None:
        for n in range(MANY):
            self.services.tokens.issue(TokenKind.USER, self.world.owner.id, f"token {n}", None)
            self.services.tokens.issue(TokenKind.TEAM, self.names["team_id"], f"token {n}", None)
