"""What a body names is asked like its own door: in the same organization and in another one, seen and hidden."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from werkzeug.test import TestResponse

from bot.connection import Provider
from bot.permissions import Flag, Level, StateAccess, WorkspaceAccess, access_of
from bot.run import RunStatus
from bot.team import Visibility
from bot.workspace import Workspace
from storage.configuration_versions import Upload
from storage.people import Organization
from storage.tags import Tagged
from tests.fakes.door_world import World, open_world
from tests.handlers.api.bodies_table import TABLE, Row
from tests.handlers.api.state_world import a_state

ACCESS = {
    "mine": access_of(Level.ADMIN),
    "read": access_of(Level.READ),
    "keeper": WorkspaceAccess(Level.CUSTOM, state=StateAccess.WRITE, locking=True),
    "found": WorkspaceAccess(Level.CUSTOM),
}
NOT_THERE = "nothing-0000000000000000"


class _Undone(Exception):
    pass


class BodiesWorld:
    """`known`: what the table speaks of → its id. `tokens`: whose team has which flag."""

    def __init__(self, world: World) -> None:
        self.world, self.services = world, world.services
        acme, umbrella = world.organization, self.services.people.add_organization("umbrella", "ops@umbrella.test")
        self.known: dict[str, str] = {}
        for name in (*ACCESS, "hidden"):
            self._workspace(name, world.workspace(name))
        self._workspace("umbrella's", self.services.workspaces.add(umbrella.id, "theirs"))
        self._belongings(acme, "", self.known["mine"])
        self._belongings(umbrella, "umbrella's ", self.known["umbrella's"])
        self.tokens = {flag: self._asker(flag) for flag in {row.flag for row in TABLE}}

    def _workspace(self, name: str, workspace: Workspace) -> None:
        services, whose = self.services, name if name.endswith("'s") else f"{name}'s"
        upload = services.configurations.expect(workspace.id, Upload("tfe-api", "ada", self.world.owner.id))
        services.configurations.uploaded(upload.id, services.blobs.put(b"an archive"))
        version_id = upload.id
        if workspace.repository_id:
            commit = services.configurations.add(
                workspace.repository_id,
                name.encode().hex().ljust(40, "0"),
                submodules=False,
                blob_id=services.blobs.put(b"a tree"),
                message="",
                author="",
            )
            self.known[f"{whose} commit"] = version_id = commit.id
        run = self.world.run(workspace, RunStatus.APPLIED, configuration_version_id=version_id)
        states = [services.states.store(workspace.id, a_state(serial), run_id=None) for serial in (1, 2)]
        assert states[0] is not None
        assert states[1] is not None
        self.known |= {name: workspace.id, f"{whose} upload": upload.id, f"{whose} run": run.id}
        self.known |= {f"{whose} old state": states[0].id, f"{whose} state": states[1].id}

    def _belongings(self, organization: Organization, whose: str, workspace_id: str) -> None:
        services, workspace = self.services, self.services.workspaces.get(workspace_id)
        user = services.people.add_user(f"in-{organization.name}", f"in@{organization.name}.test")
        services.workspace_tags.bind(Tagged.WORKSPACE, workspace.id, organization.id, {"tier": ""})
        found = {
            "own project": workspace.project_id,
            "project": services.projects.add(organization.id, "platform").id,
            "set": services.variable_sets.add(organization.id, "shared").id,
            "user": user.id,
            "membership": services.people.join(organization.id, user.id).id,
            "open team": services.teams.add(organization.id, "open", visibility=Visibility.ORGANIZATION).id,
            "secret team": services.teams.add(organization.id, "secret").id,
            "tag": services.workspace_tags.of(Tagged.WORKSPACE, workspace.id)[0].tag_id,
            "connection": services.connections.add(
                organization.id, Provider.GITHUB, name="hub", http_url="https://x.test", api_url="https://x.test"
            ).id.replace("oc-", "ot-"),
        }
        self.known |= {f"{whose}{word}": ident for word, ident in found.items()}

    def _asker(self, flag: Flag | None) -> str:
        services, acme = self.services, self.world.organization
        user = services.people.add_user(f"with-{flag}", f"with-{flag}@acme.test")
        services.people.join(acme.id, user.id)
        team = services.teams.add(acme.id, f"with-{flag}", flags=[flag] if flag else [])
        services.teams.join(team.id, [user.id])
        for name, access in ACCESS.items():
            services.team_access.give(team.id, services.workspaces.get(self.known[name]).id, access)
        return self.world.token_of(user)

    def ask(self, row: Row, ident: str) -> TestResponse:
        """Ask, and take back whatever the answer has done."""
        found: list[TestResponse] = []
        path, token = row.path.format_map(self.known), self.tokens[row.flag]
        with suppress(_Undone), self.services.records.write():
            if row.holds:
                locked = self.world.ask("POST", f"workspaces/{self.known[row.holds]}/actions/lock", {}, token=token)
                assert locked.status_code == 200, locked.text
            found.append(self.world.ask(row.method, path, row.body(self.known, ident), token=token))
            raise _Undone
        return found[0]


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BodiesWorld]:
    with open_world(tmp_path_factory.mktemp("bodies")) as world:
        yield BodiesWorld(world)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_what_a_body_names_is_asked_like_its_own_door(bodies: BodiesWorld, row: Row) -> None:
    answers = {word: bodies.ask(row, bodies.known[word]) for word in row.answers}
    found = {word: answer.status_code for word, answer in answers.items()}
    assert found == row.answers, {word: answer.text[:200] for word, answer in answers.items()}


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_what_may_not_be_seen_is_answered_like_what_is_not_there(bodies: BodiesWorld, row: Row) -> None:
    nothing = bodies.ask(row, NOT_THERE)
    unseen = [word for word, status in row.answers.items() if word.startswith(("hidden", "umbrella")) and status >= 404]
    for word in unseen:
        answer, ident = bodies.ask(row, bodies.known[word]), bodies.known[word]
        said = answer.text.replace(ident, NOT_THERE)
        assert (answer.status_code, said) == (nothing.status_code, nothing.text), word
