"""Which runs has a delivery made? Asked with each breath of a hook that follows its push: an index must answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.ids import WorkspaceId
from storage.runs import RunStore
from tests.fakes.door_world import World, open_world

QUESTIONS: list[Callable[[RunStore], object]] = [
    lambda runs: runs.of_delivery("12"),
    lambda runs: runs.of_delivery_in("12", WorkspaceId("ws-1")),
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as found:
        yield found


def test_its_own_and_those_of_its_parts(world: World) -> None:
    names = ("12", "12.0", "12.10", "1", "12-1", "120", "2", "112.0", "")
    workspace = world.workspace()
    made = {name: world.run(workspace, delivery=name).id for name in names}
    assert [run.id for run in world.services.runs.of_delivery("12")] == [made["12"], made["12.0"], made["12.10"]]
    found = world.services.runs.of_delivery_in("12", workspace.id)
    assert found is not None
    assert found.id == made["12"]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_an_index_answers(world: World, ask: Callable[[RunStore], object]) -> None:
    asked: list[str] = []
    connection: Any = world.services.records.connection().conn
    connection.set_trace_callback(asked.append)
    try:
        ask(world.services.runs)
    finally:
        connection.set_trace_callback(None)
    (sql,) = asked
    (way, *_) = (row["detail"] for row in world.services.records.rows(f"EXPLAIN QUERY PLAN {sql}"))
    assert way.startswith("SEARCH runs USING INDEX runs_once_per_delivery (delivery")
