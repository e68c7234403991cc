"""One organization with everything in it that a route can name, and everybody who could ask for it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from werkzeug.test import TestResponse

from bot.ids import OrganizationId
from bot.permissions import Flag, Level, RunsAccess, StateAccess, WorkspaceAccess, access_of
from bot.run import RunStatus, Stage
from bot.team import Team, Visibility
from bot.terraform_version import TerraformVersion
from bot.workspace import Workspace
from handlers.api.state_documents import output_id
from storage.configuration_versions import Upload
from storage.tokens import TokenKind
from storage.variable_sets import GivenTo
from tests.fakes.door_world import SHA, World

STATE = {
    "version": 4,
    "terraform_version": "1.11.4",
    "serial": 1,
    "lineage": "here",
    "resources": [],
    "outputs": {"region": {"value": "north", "type": "string"}},
}
GRANTS = {
    "read": access_of(Level.READ),
    "plan": access_of(Level.PLAN),
    "write": access_of(Level.WRITE),
    "admin": access_of(Level.ADMIN),
    "custom: nothing": WorkspaceAccess(Level.CUSTOM),
    "custom: apply, outputs, lock": WorkspaceAccess(
        Level.CUSTOM, RunsAccess.APPLY, state=StateAccess.READ_OUTPUTS, locking=True
    ),
}


class _Undone(Exception):
    pass


class PermissionWorld:
    """`tokens`: role → who asks. `names`: (the part of a path before a parameter, the parameter) → what it is here."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.services = world.services
        self.acme = world.organization
        self.umbrella = self.services.people.add_organization("umbrella", "ops@umbrella.test")
        self.prod, self.neighbour = world.workspace("prod"), world.workspace("neighbour")
        self.names: dict[tuple[str, str], str] = {("organizations", "organization"): "acme"}
        self.tokens: dict[str, str] = {}
        self._people()
        self._runs()
        self._states()
        self._shared()
        self._askers()

    def send(self, method: str, path: str, body: Any, query: dict[str, str], token: str | None) -> TestResponse:
        """Ask, and take back whatever the answer has done."""
        found: list[TestResponse] = []
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with suppress(_Undone), self.services.records.write():
            client = self.world.app.test_client()
            found.append(client.open(path, method=method, json=body, query_string=query, headers=headers))
            raise _Undone
        return found[0]

    # What is there.

    def _people(self) -> None:
        services = self.services
        self.mia = services.people.add_user("mia", "mia@acme.test")
        membership = services.people.join(self.acme.id, self.mia.id)
        self.ops = services.teams.add(self.acme.id, "ops", visibility=Visibility.ORGANIZATION)
        guests = services.teams.add(self.acme.id, "guests", visibility=Visibility.ORGANIZATION)
        grant = services.team_access.give(guests.id, self.prod.id, access_of(Level.READ))
        services.tokens.issue(TokenKind.TEAM, self.ops.id, "", None)
        services.tokens.issue(TokenKind.ORGANIZATION, self.acme.id, "", None)
        mias_token, _ = services.tokens.issue(TokenKind.USER, self.mia.id, "mia's", None)
        connection = services.connections.all()[0]
        self.names |= {
            ("organizations", "name"): "acme",
            ("workspaces", "name"): "prod",
            ("workspaces", "workspace_id"): self.prod.id,
            ("users", "user_id"): self.mia.id,
            ("organization-memberships", "membership_id"): membership.id,
            ("teams", "team_id"): self.ops.id,
            ("team-workspaces", "grant_id"): grant.id,
            ("authentication-tokens", "token_id"): mias_token.id,
            ("oauth-clients", "client_id"): connection.id,
            ("oauth-tokens", "oauth_token_id"): f"ot-{connection.id.removeprefix('oc-')}",
        }

    def _runs(self) -> None:
        services = self.services
        assert self.prod.repository_id
        blob_id = services.blobs.put(b"an archive")
        version = services.configurations.add(
            self.prod.repository_id, SHA, submodules=False, blob_id=blob_id, message="", author="ada"
        )
        run = self.world.run(self.prod, RunStatus.PLANNED, configuration_version_id=version.id)
        services.timeline.add(run.id, "planned", "")
        self.world.stage(run, Stage.PLAN, b"log", finished=True)
        job_id = self.world.stage(run, Stage.APPLY, b"log")
        services.jobs.keep_blob(services.jobs.get(job_id), "errored_state", services.blobs.put(b"{}"))
        comment = services.comments.add(run.id, "ada", "hello")
        suffix = run.id.removeprefix("run-")
        self.configuration_id = version.id
        self.upload_id = services.configurations.expect(self.prod.id, Upload("tfe-api", "ada", "")).id
        self.names |= {
            ("configuration-versions", "version_id"): version.id,
            ("runs", "run_id"): run.id,
            ("run-events", "event_id"): f"re-{suffix}-1",
            ("plans", "plan_id"): f"plan-{suffix}",
            ("applies", "apply_id"): f"apply-{suffix}",
            ("comments", "comment_id"): comment.id,
        }

    def _states(self) -> None:
        services = self.services
        version = services.states.store(self.prod.id, json.dumps(STATE).encode(), run_id=None)
        assert version is not None
        services.states.keep_json(version.id, services.blobs.put(b"{}"))
        self.names |= {
            ("state-versions", "version_id"): version.id,
            ("state-version-outputs", "output_id"): output_id(version, 0),
        }

    def _shared(self) -> None:
        """Made by the owner over the API, whose own tests say that this works."""
        project = self._made("organizations/acme/projects", {"name": "platform"})
        varset = self._made("organizations/acme/varsets", {"name": "shared"})
        self.services.variable_sets.give(self.services.variable_sets.get(varset), GivenTo.WORKSPACES, [self.prod.id])
        of_set = self._made(f"varsets/{varset}/relationships/vars", {"key": "a", "value": "b"})
        variable = self._made(f"workspaces/{self.prod.id}/vars", {"key": "a", "value": "b"})
        trigger = self._made(f"workspaces/{self.prod.id}/run-triggers", related(sourceable=self.neighbour.id))
        told = {"name": "hook", "destination-type": "generic", "url": "http://127.0.0.1:1/"}
        told_of = self._made(f"workspaces/{self.prod.id}/notification-configurations", told)
        self.names |= {
            ("notification-configurations", "configuration_id"): told_of,
            ("projects", "project_id"): project,
            ("varsets", "set_id"): varset,
            ("relationships/vars", "variable_id"): of_set,
            ("vars", "variable_id"): variable,
            ("run-triggers", "trigger_id"): trigger,
        }
        registered = self.services.engine_versions.add(TerraformVersion("", "1.9.8", self.services.now()))
        self.names["terraform-versions", "version_id"] = registered.id

    def _made(self, path: str, body: dict[str, Any]) -> str:
        answer = self.world.ask("POST", path, body)
        assert answer.status_code == 201, (path, answer.text)
        return str(answer.json["data"]["id"])

    # Who asks.

    def _askers(self) -> None:
        services = self.services
        self.tokens["owner"] = self.world.token
        self.tokens["member"] = self.world.token_of(self.mia)
        for role, access in GRANTS.items():
            self.tokens[role] = self._member_of(self._team(role, grant=access))
        for flag in Flag:
            self.tokens[flag.value] = self._member_of(self._team(flag.value, flags=[flag]))
        self.tokens["team token"] = self._of_team(self._team("writers", grant=GRANTS["write"]))
        self.tokens["owners' team token"] = self._of_team(services.teams.owners(self.acme.id))
        self.tokens["organization token"] = self._of_organization(self.acme.id)
        self.tokens["planning run"] = self._of_run(self.world.workspace("planning"), RunStatus.PLANNING)
        self.tokens["neighbour's applying run"] = self._of_run(self.neighbour, RunStatus.APPLYING)
        self.tokens["own planning run"] = self._of_run(self.prod, RunStatus.PLANNING)
        self.tokens["own applying run"] = self._of_run(self.prod, RunStatus.APPLYING)
        self._askers_from_elsewhere()

    def _askers_from_elsewhere(self) -> None:
        services = self.services
        eve = services.people.add_user("eve", "eve@umbrella.test")
        services.people.make_owner(self.umbrella.id, eve.id)
        self.tokens["site admin"] = self._site_admin("sam")
        self.tokens["site admin in an organization"] = self._site_admin("sue", self.acme.id)
        self.tokens["nobody's member"] = self.world.token_of(services.people.add_user("zoe", "zoe@home.test"))
        self.tokens["owner elsewhere"] = self.world.token_of(eve)
        self.tokens["organization token elsewhere"] = self._of_organization(self.umbrella.id)
        self.tokens["owners' team token elsewhere"] = self._of_team(services.teams.owners(self.umbrella.id))
        lair = services.workspaces.add(self.umbrella.id, "prod")
        self.tokens["applying run elsewhere"] = self._of_run(lair, RunStatus.APPLYING)

    def _site_admin(self, name: str, organization_id: OrganizationId | None = None) -> str:
        user = self.services.people.add_user(name, f"{name}@site.test")
        self.services.people.make_site_admin(user.id, is_one=True)
        if organization_id is not None:
            self.services.people.join(organization_id, user.id)
        return self.world.token_of(user)

    def _team(self, role: str, *, grant: WorkspaceAccess | None = None, flags: Any = ()) -> Team:
        name = "".join(letter if letter.isalnum() else "-" for letter in role)
        team = self.services.teams.add(self.acme.id, f"team-{name}", flags=flags)
        if grant is not None:
            self.services.team_access.give(team.id, self.prod.id, grant)
            # The other end of prod's run trigger, without which they see no trigger.
            self.services.team_access.give(team.id, self.neighbour.id, WorkspaceAccess(Level.CUSTOM))
        return team

    def _member_of(self, team: Team) -> str:
        user = self.services.people.add_user(f"in-{team.name}", f"{team.name}@acme.test")
        self.services.people.join(self.acme.id, user.id)
        self.services.teams.join(team.id, [user.id])
        return self.world.token_of(user)

    def _of_team(self, team: Team) -> str:
        return self.services.tokens.give(TokenKind.TEAM, team.id, "for a test")

    def _of_organization(self, organization_id: OrganizationId) -> str:
        return self.services.tokens.give(TokenKind.ORGANIZATION, organization_id, "for a test")

    def _of_run(self, workspace: Workspace, status: RunStatus) -> str:
        stage = Stage.PLAN if status is RunStatus.PLANNING else Stage.APPLY
        return self.services.tokens.for_run(self.world.run(workspace, status).id, stage)


def related(**idents: str) -> dict[str, Any]:
    """A body that names things as relationships."""
    return {"data": {"relationships": {name: {"data": {"id": ident}} for name, ident in idents.items()}}}
