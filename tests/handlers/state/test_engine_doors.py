"""Who gets through the engines' doors: per-run, user, team and organization tokens, by both old protocols."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from bot.run import Run, RunStatus, Stage
from bot.workspace import Workspace
from storage.state_versions import StateVersion
from tests.fakes.door_world import SHA, World
from tests.fakes.states import a_state


class Door:
    """One protocol, spoken with one token."""

    def __init__(self, world: World, protocol: str) -> None:
        self.world = world
        self.protocol = protocol

    def ask(self, method: str, workspace: Workspace, token: str, raw: bytes = b"", **query: str) -> TestResponse:
        base = "/api/v1/terraform/state" if self.protocol == "atlas" else "/api/http-state"
        basic = base64.b64encode(f"any:{token}".encode()).decode()
        headers = {"X-Atlas-Token": token} if self.protocol == "atlas" else {"Authorization": f"Basic {basic}"}
        if raw:
            headers["Content-MD5"] = base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()
        url = f"{base}/{workspace.slug}"
        return self.world.app.test_client().open(url, method=method, data=raw, headers=headers, query_string=query)

    def read(self, workspace: Workspace, token: str) -> int:
        return self.ask("GET", workspace, token).status_code

    def write(self, workspace: Workspace, token: str, raw: bytes, **query: str) -> int:
        method = "PUT" if self.protocol == "atlas" else "POST"
        return self.ask(method, workspace, token, raw, **query).status_code


@pytest.fixture(params=["http", "atlas"])
def door(request: pytest.FixtureRequest, world: World) -> Door:
    return Door(world, request.param)


@pytest.fixture
def prod(world: World) -> Workspace:
    workspace = world.workspace()
    world.services.states.store(workspace.id, a_state(1), run_id=None)
    return workspace


@pytest.fixture
def other(world: World) -> Workspace:
    workspace = world.services.workspaces.add(world.organization.id, "other")
    world.services.states.store(workspace.id, a_state(1), run_id=None)
    return workspace


def token_of(world: World, run: Run, stage: Stage) -> str:
    return world.services.tokens.for_run(run.id, stage)


def test_a_run_that_is_applied_writes_its_own_workspace(
    door: Door, world: World, prod: Workspace, other: Workspace
) -> None:
    run = world.run(prod, RunStatus.APPLYING)
    token = token_of(world, run, Stage.APPLY)
    assert door.read(other, token) == 200
    assert door.write(other, token, a_state(2)) == 403
    assert door.write(prod, token, a_state(2)) == 200
    version = world.services.states.current(prod.id)
    assert version is not None
    assert (version.run_id, version.commit_sha, version.created_by) == (run.id, SHA, "")


def test_a_run_that_is_planned_reads(door: Door, world: World, prod: Workspace) -> None:
    token = token_of(world, world.run(prod, RunStatus.PLANNING), Stage.PLAN)
    assert door.read(prod, token) == 200
    assert door.write(prod, token, a_state(2)) == 403


def test_a_run_that_is_over_does_nothing(door: Door, world: World, prod: Workspace) -> None:
    token = token_of(world, world.run(prod, RunStatus.APPLIED), Stage.APPLY)
    assert door.read(prod, token) == 401
    assert door.write(prod, token, a_state(2)) == 401


def test_no_run_of_another_organization(door: Door, world: World, prod: Workspace) -> None:
    rivals = world.services.people.add_organization("rivals", "o@rivals.test")
    theirs = world.services.workspaces.add(rivals.id, "prod")
    token = token_of(world, world.run(theirs, RunStatus.APPLYING), Stage.APPLY)
    assert door.read(prod, token) == 404
    assert door.write(prod, token, a_state(2)) == 404


def test_a_run_finds_its_own_by_its_id_whatever_is_renamed(door: Door, world: World, prod: Workspace) -> None:
    """To an engine of the `http` backend, a state that isn't found is an empty one: everything would be made again."""
    token = token_of(world, world.run(prod, RunStatus.APPLYING), Stage.APPLY)
    services, address = world.services, replace(prod, name=prod.id)
    services.people.change_organization(world.organization, "globex", world.organization.email)
    services.workspaces.rename(prod.id, "production")
    services.people.add_organization("acme", "o@acme2.test")
    assert door.read(address, token) == 200
    assert door.write(address, token, a_state(2)) == 200
    assert world.services.states.read(version_of(world, prod)) == a_state(2)


def test_no_workspace_that_has_its_id_for_a_name(door: Door, world: World, prod: Workspace) -> None:
    token = token_of(world, world.run(prod, RunStatus.APPLYING), Stage.APPLY)
    false = world.services.workspaces.add(world.organization.id, prod.id)
    world.services.states.store(false.id, a_state(7), run_id=None)
    assert door.ask("GET", replace(prod, name=prod.id), token).data == a_state(1)


def version_of(world: World, workspace: Workspace) -> StateVersion:
    version = world.services.states.current(workspace.id)
    assert version is not None
    return version


def test_a_person_reads_and_writes(door: Door, world: World, prod: Workspace) -> None:
    assert door.read(prod, world.token) == 200
    assert door.write(prod, world.token, a_state(2)) == 200
    version = world.services.states.current(prod.id)
    assert version is not None
    assert (version.created_by, version.created_by_id) == ("ada", world.owner.id)
    for token in (world.stranger(),):
        assert door.read(prod, token) == 404
        assert door.write(prod, token, a_state(3)) == 404
    assert door.read(prod, "") == door.read(prod, "nobody's") == 401


def test_a_person_does_not_write_what_a_run_holds(door: Door, world: World, prod: Workspace) -> None:
    run = world.run(prod, RunStatus.PLANNED)
    assert door.write(prod, world.token, a_state(2)) == 423
    assert door.ask("DELETE", prod, world.token).status_code == 423
    assert world.services.states.current(prod.id) is not None
    assert run.holds_workspace


def test_atlas_ties_a_state_to_its_run(world: World, prod: Workspace, other: Workspace) -> None:
    door, run = Door(world, "atlas"), world.run(prod, RunStatus.APPLIED)
    foreign = world.run(other, RunStatus.APPLIED)
    assert door.write(prod, world.token, a_state(2), atlas_run_id=foreign.id) == 400
    assert door.write(prod, world.token, a_state(2), atlas_run_id=run.id) == 200
    version = world.services.states.current(prod.id)
    assert version is not None
    assert (version.run_id, version.commit_sha) == (run.id, SHA)


def test_a_run_waits_for_the_lock_of_an_engine(world: World, prod: Workspace) -> None:
    """What a person's engine has locked is locked for the queue too."""
    door, lock = Door(world, "http"), json.dumps({"ID": "1", "Operation": "apply", "Who": "ada@desk"}).encode()
    assert door.ask("LOCK", prod, world.token, lock).status_code == 200
    fresh = world.services.workspaces.get(prod.id)
    assert (fresh.locked_by, fresh.lock_holder_id) == ("ada", world.owner.id)
    assert fresh.lock_reason == "apply by ada@desk"
    refused = world.ask("POST", f"workspaces/{prod.id}/actions/lock")
    assert refused.status_code == 409
    assert "is locked by User ada" in refused.json["errors"][0]["detail"]
    assert door.ask("UNLOCK", prod, world.token, lock).status_code == 200
    assert [job.ident for job in world.enqueued] == [prod.id]


def test_no_engine_locks_what_a_run_holds(world: World, prod: Workspace) -> None:
    run = world.run(prod, RunStatus.APPLYING)
    held = Door(world, "http").ask("LOCK", prod, world.token, b'{"ID": "1"}')
    assert held.status_code == 423
    assert run.id in json.loads(held.data)["ID"]


def test_a_runs_token_takes_no_lock(world: World, prod: Workspace) -> None:
    token = token_of(world, world.run(prod, RunStatus.APPLYING), Stage.APPLY)
    for method in ("LOCK", "UNLOCK"):
        assert Door(world, "http").ask(method, prod, token, b'{"ID": "1"}').status_code == 405
