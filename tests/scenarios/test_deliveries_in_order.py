"""Deliveries of one repository are handled one at a time, in the order received, and those of others meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import OutsideTrouble
from handlers.jobs import Job, Verb
from handlers.reactions import pushes
from storage.inbox import DeliveryStatus
from tests.scenarios.pushes import Pushes
from tests.scenarios.talk import MORE
from tests.scenarios.world import HELLO, World


def test_an_older_push_that_comes_late_makes_no_run(world: World) -> None:
    """Invariant 3: its commit is in what has run already."""
    told = Pushes(world)
    old = told.push("# one\n")
    new = told.push("# two\n")
    told.host.pending.reverse()

    world.settle()

    assert [run.commit_sha for run in world.runs()] == [new]
    older = world.services.inbox.recent()[0]
    assert older.status is not DeliveryStatus.FAILED
    assert old != new
    assert "older" in older.outcome or "already" in older.outcome


def test_a_forced_push_back_makes_a_run(world: World) -> None:
    """Invariant 3: an older commit that somebody wants back is news."""
    told = Pushes(world)
    old = told.push("# one\n")
    world.settle()
    told.push("# two\n")
    world.settle()

    told.repo.move_branch("main", old, by=told.alice)
    world.settle()

    assert [run.commit_sha for run in world.runs()][0::2] == [old, old]
    assert len(world.runs()) == 3


def test_a_repository_in_trouble_keeps_its_order_and_stops_nobody(
    github_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 3: its second push waits behind the first one; the other repository's goes on."""
    told = Pushes(github_world)
    other = told.host.create_repository("acme/other", files={"main.tf": HELLO})
    github_world.workspace("other", other)
    really_create, trouble = pushes.create_run, [True]

    def create_run(services: Any, workspace: Any, *rest: Any) -> Any:
        if workspace.name == "prod" and trouble[0]:
            raise OutsideTrouble("fetching acme/infra: no route to host")
        return really_create(services, workspace, *rest)

    monkeypatch.setattr(pushes, "create_run", create_run)
    first = told.push("# one\n")
    second = told.push("# two\n")
    other.push("main", {"more.tf": MORE}, by=told.alice)
    github_world.settle()
    assert [github_world.services.workspaces.get(run.workspace_id).name for run in github_world.runs()] == ["other"]

    trouble[0] = False
    github_world.wait(seconds=10)

    assert [run.commit_sha for run in github_world.runs(told.workspaces[0])] == [first, second]


def test_two_workers_never_handle_one_repository_at_once(github_world: World) -> None:
    """Invariant 3: who comes second leaves at once; who has the lane comes back for what it left."""
    told = Pushes(github_world)
    told.push()
    told.host.deliver()
    (lane,) = github_world.services.inbox.waiting_lanes()

    with github_world.services.inbox.lanes.turn(lane) as is_ours:
        assert is_ours
        github_world.do(Job(Verb.HANDLE_DELIVERIES, lane))
        assert github_world.runs() == []

    github_world.do(Job(Verb.HANDLE_DELIVERIES, lane))
    assert len(github_world.runs()) == 1
