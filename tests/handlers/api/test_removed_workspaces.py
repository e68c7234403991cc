"""A workspace with a long past is removed in portions; nothing starts in it meanwhile, and one may be killed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from bot.errors import NotFound
from bot.run import RunKind, RunStatus, Stage
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.sweep import sweep
from handlers.tasks import perform
from tests.fakes.door_world import World
from tests.fakes.uploads import MAIN, archive, expected, upload
from tests.handlers.api.state_world import a_state

RUNS, STATES = 5, 4


class Killed(BaseException):
    """What ends a process."""


@pytest.fixture
def workspace(world: World, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """With more of a past than goes at once."""
    monkeypatch.setattr("storage.leaving.PORTION", 2)
    found = world.workspace()
    for number in range(RUNS):
        world.stage(world.run(found, RunStatus.DISCARDED), Stage.PLAN, b"log %d" % number, finished=True)
    for serial in range(1, STATES + 1):
        states = world.services.states
        states.take(found.id, states.intake.receive(io.BytesIO(a_state(serial))), run_id=None)
    return found


def a_run(workspace: Workspace, version: dict[str, Any]) -> dict[str, Any]:
    related = {
        "workspace": {"data": {"type": "workspaces", "id": workspace.id}},
        "configuration-version": {"data": {"type": "configuration-versions", "id": version["id"]}},
    }
    return {"data": {"type": "runs", "relationships": related}}


def writes(world: World, monkeypatch: pytest.MonkeyPatch, then: Callable[[int], None]) -> list[int]:
    """How many rows of its past were left after each portion; `then` is called with how many portions there were."""
    left: list[int] = []
    remove_some = world.services.leaving.remove_some

    def removed(*arguments: Any) -> bool:
        found = remove_some(*arguments)
        tables = ("runs", "state_versions")
        left.append(sum(world.services.records.value(f"SELECT count(*) FROM {table}") for table in tables))
        then(len(left))
        return found

    monkeypatch.setattr(world.services.leaving, "remove_some", removed)
    return left


@pytest.mark.parametrize("how", ["DELETE", "POST"])
def test_its_past_goes_in_portions(
    world: World, workspace: Workspace, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = writes(world, monkeypatch, lambda _: None)
    path = f"workspaces/{workspace.id}" + ("/actions/safe-delete" if how == "POST" else "")
    assert world.ask(how, path, {}).status_code == 204
    assert left == [7, 5, 4, 2, 1, 1]  # all but the state that it has now, which goes with the workspace
    assert world.ask("GET", f"workspaces/{workspace.id}").status_code == 404
    for table in ("runs", "run_counts", "run_texts", "stage_jobs", "state_versions", "leaving"):
        assert world.services.records.value(f"SELECT count(*) FROM {table}") == 0
    perform(world.services, Job(Verb.REMOVE_BLOBS))
    assert not list((world.services.settings.server_folder / "blobs").rglob("blob-*"))


def test_whoever_is_killed_in_the_middle_is_replaced(
    world: World, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(portions: int) -> None:
        if portions == 2:
            raise Killed

    with monkeypatch.context() as patch:
        writes(world, patch, killed)
        with pytest.raises(Killed):
            world.ask("DELETE", f"workspaces/{workspace.id}")
    assert world.ask("GET", f"workspaces/{workspace.id}").status_code == 200
    job = Job(Verb.REMOVE_WORKSPACE, workspace.id)
    assert job in sweep(world.services)
    perform(world.services, job)
    assert world.ask("GET", f"workspaces/{workspace.id}").status_code == 404
    assert perform(world.services, job) == []
    assert job not in sweep(world.services)
    perform(world.services, Job(Verb.REMOVE_BLOBS))
    assert not list((world.services.settings.server_folder / "blobs").rglob("blob-*"))


def test_two_remove_it_at_once(world: World, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_finishes(portions: int) -> None:
        if portions == 2:
            perform(world.services, Job(Verb.REMOVE_WORKSPACE, workspace.id))

    writes(world, monkeypatch, other_finishes)
    assert world.ask("DELETE", f"workspaces/{workspace.id}").status_code == 204
    with pytest.raises(NotFound):
        world.services.workspaces.get(workspace.id)


def test_nothing_starts_in_it_meanwhile(world: World, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = world.run(workspace, RunStatus.PLANNED_AND_SAVED, kind=RunKind.SAVED_PLAN)
    version = expected(world, workspace, auto_queue_runs=False)
    upload(world, version, archive(("main.tf", MAIN)))
    answers = []

    def somebody_tries(portions: int) -> None:
        if portions == 1:
            answers.append(world.ask("POST", f"runs/{kept.id}/actions/apply"))
            answers.append(world.ask("POST", "runs", a_run(workspace, version)))

    writes(world, monkeypatch, somebody_tries)
    assert world.ask("DELETE", f"workspaces/{workspace.id}").status_code == 204
    said = [(answer.status_code, answer.json["errors"][0]["detail"]) for answer in answers]
    assert said == [(409, "prod is being removed"), (422, "prod is being removed")]
