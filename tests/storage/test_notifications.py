"""What a step of a run costs where nobody wants to be told, and what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.ids import NotificationConfigurationId
from bot.notifications import MOST_TRIES, STALE, Answer, Destination, NotificationConfiguration, Trigger
from bot.run import Run, RunStatus
from bot.run_machine import RunEvent
from handlers.jobs import Job, Verb
from handlers.reactions.moves import move
from tests.fakes.door_world import World, open_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as found:
        yield found


def tell(world: World, run: Run, ident: str = "nc-1", *triggers: Trigger) -> NotificationConfigurationId:
    moment = world.clock()
    return world.services.notification_configurations.add(
        NotificationConfiguration(
            id=NotificationConfigurationId(ident),
            workspace_id=run.workspace_id,
            name=ident,
            destination=Destination.GENERIC,
            enabled=True,
            triggers=triggers or tuple(Trigger),
            created_at=moment,
            updated_at=moment,
            url="http://127.0.0.1:1/",
        )
    ).id


def waiting(world: World, ident: str) -> int:
    sql = "SELECT count(*) FROM notifications WHERE configuration_id = ? AND outcome = 'waiting'"
    return int(world.services.records.value(sql, (ident,)))


def test_a_workspace_that_tells_nobody_costs_one_look_into_an_index(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLAN_QUEUED)
    statements: list[str] = []
    connection = world.services.records.connection().conn
    connection.set_trace_callback(statements.append)
    move(world.services, run, RunEvent.PLAN_STARTED, "planning")
    connection.set_trace_callback(None)
    (only,) = [statement for statement in statements if "notification" in statement]
    plan = world.services.records.rows(f"EXPLAIN QUERY PLAN {only}")
    assert "USING INDEX notification_configurations_of" in plan[0]["detail"]
    assert len(plan) == 1


def test_only_who_wants_it_and_is_enabled_is_told_and_once(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNING)
    tell(world, run, "nc-all")
    tell(world, run, "nc-other", Trigger.CREATED)
    store = world.services.notification_configurations
    off = store.get(tell(world, run, "nc-off"))
    store.change(off, replace(off, enabled=False))
    for _ in range(2):
        assert world.services.notifications.note(run, Trigger.PLANNING, "") == ["nc-all"]
    assert [waiting(world, ident) for ident in ("nc-all", "nc-other", "nc-off")] == [1, 0, 0]


def test_a_step_that_is_not_saved_is_not_told(world: World) -> None:
    """Noted in the transaction of the step: they stand or fall together."""
    run = world.run(world.workspace(), RunStatus.PLAN_QUEUED)
    ident = tell(world, run)
    with suppress(ZeroDivisionError), world.services.records.write():
        _, jobs = move(world.services, run, RunEvent.PLAN_STARTED, "planning")
        assert Job(Verb.NOTIFY, ident) in jobs
        assert waiting(world, ident) == 1
        raise ZeroDivisionError
    assert world.services.runs.get(run.id).status is RunStatus.PLAN_QUEUED
    assert waiting(world, ident) == 0


def test_the_sweep_asks_only_for_those_whose_oldest_is_due(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNING)
    ident = tell(world, run)
    notifications = world.services.notifications
    for trigger in (Trigger.CREATED, Trigger.PLANNING):
        notifications.note(run, trigger, "")
    assert notifications.due_configurations() == [ident]
    first = notifications.due(ident)
    assert first is not None
    notifications.begin(first)
    assert (notifications.due(ident), notifications.due_configurations()) == (None, [])
    assert notifications.seconds_until_due(ident) == 5
    world.clock.advance(seconds=5)
    assert notifications.due_configurations() == [ident]
    again = notifications.due(ident)
    assert again is not None
    assert (again.id, again.tries) == (first.id, 1)


def test_with_a_receiver_what_has_waited_too_long_is_given_up(world: World) -> None:
    """A queue behind a receiver that was away for a day is not told to it hour by hour."""
    run = world.run(world.workspace(), RunStatus.PLANNING)
    ident = tell(world, run)
    notifications = world.services.notifications
    for trigger in (Trigger.CREATED, Trigger.PLANNING):
        notifications.note(run, trigger, "")
    world.clock.advance(seconds=STALE.total_seconds() + 1)
    notifications.note(run, Trigger.APPLYING, "")
    first = notifications.due(ident)
    assert first is not None
    assert not notifications.failed(first, Answer(500), MOST_TRIES - 1)
    assert waiting(world, ident) == 3
    assert notifications.failed(first, Answer(500), MOST_TRIES)
    left = notifications.due(ident)
    assert left is not None
    assert (left.trigger, waiting(world, ident)) == (Trigger.APPLYING, 1)


def test_what_is_over_is_forgotten_and_what_waits_is_not(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNING)
    ident = tell(world, run)
    notifications = world.services.notifications
    for trigger in (Trigger.CREATED, Trigger.PLANNING):
        notifications.note(run, trigger, "")
    first = notifications.due(ident)
    assert first is not None
    notifications.told(first, Answer(200))
    assert notifications.forget_over(world.clock()) == 0
    assert notifications.forget_over(world.clock() + timedelta(seconds=1)) == 1
    assert waiting(world, ident) == 1
