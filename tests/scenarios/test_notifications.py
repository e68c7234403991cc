"""Whoever wants to know of a workspace's runs is told each step, in order, once; whatever is down, doubled or lost."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest

from bot.ids import NotificationConfigurationId
from bot.notifications import MOST_TRIES, Destination, Notification, NotificationConfiguration, Trigger
from bot.run import Run, RunStatus
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.decisions import cancel, confirm, discard
from handlers.reactions.notifying import MOST_SENDERS, notify
from storage.notifications import Notifications
from tests.fakes.receiver import Receiver, receiver
from tests.scenarios.fates import Fate, decide_fates, minutes_pass
from tests.scenarios.talk import BROKEN, Team
from tests.scenarios.world import HELLO, World

TO_A_DECISION = ["run:created", "run:planning", "run:needs_attention"]
TO_THE_END = [*TO_A_DECISION, "run:applying", "run:completed"]
TOKEN = "a shared secret"


@pytest.fixture
def ops() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


class Told(Team):
    """The team, whose workspace tells the receiver of every step."""

    def __init__(self, world: World, ops: Receiver, **settings: Any) -> None:
        super().__init__(world, {"main.tf": HELLO}, **settings)
        self.ops = ops
        self.configuration = tell(world, self.prod, ops.url)

    def push(self, text: str = "") -> None:
        self.repo.push("main", {"main.tf": text or HELLO + "# more\n"}, by=self.alice)

    def newest(self) -> Run:
        return self.world.runs(self.prod)[-1]


def tell(world: World, workspace: Workspace, url: str, *triggers: Trigger) -> NotificationConfiguration:
    number = world.services.notification_configurations.page(workspace.id, limit=1)[1]
    now = world.now()
    return world.services.notification_configurations.add(
        NotificationConfiguration(
            id=NotificationConfigurationId(f"nc-{number}"),
            workspace_id=workspace.id,
            name=f"number {number}",
            destination=Destination.GENERIC,
            enabled=True,
            triggers=triggers or tuple(Trigger),
            created_at=now,
            updated_at=now,
            url=url,
            token=TOKEN,
        )
    )


def test_a_run_from_its_creation_to_its_apply(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    told.push()
    github_world.settle()
    run = told.newest()
    assert ops.triggers == TO_A_DECISION
    github_world.enqueue(confirm(github_world.services, run.id, "alice"))
    github_world.settle()
    assert ops.triggers == TO_THE_END

    statuses = [each.json["notifications"][0]["run_status"] for each in ops.received]
    assert statuses == ["pending", "planning", "planned", "applying", "applied"]
    for each in ops.received:
        signature = hmac.new(TOKEN.encode(), each.body, hashlib.sha512).hexdigest()
        assert each.headers["X-TFE-Notification-Signature"] == signature
        assert each.json["run_id"] == run.id
        assert each.json["run_url"] == f"{github_world.address}/app/acme/prod/runs/{run.id}"
        assert (each.json["workspace_name"], each.json["organization_name"]) == ("prod", "acme")
    ((_, newest), *_) = github_world.services.notifications.answers([told.configuration.id])[told.configuration.id]
    assert (newest.code, newest.body) == (200, "thank you")


def test_what_applies_itself_needs_nobodys_attention(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops, auto_apply=True)
    told.push()
    github_world.settle()
    assert ops.triggers == ["run:created", "run:planning", "run:applying", "run:completed"]


def test_other_ends(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    told.push()
    github_world.settle()
    github_world.enqueue(discard(github_world.services, told.newest().id, "bob"))
    github_world.settle()
    assert (ops.received[-1].trigger, ops.received[-1].json["notifications"][0]["run_updated_by"]) == (
        "run:completed",
        "bob",
    )
    told.push(BROKEN)
    github_world.settle()
    assert ops.triggers[-1] == "run:errored"
    told.push(HELLO + "# again\n")
    github_world.work_until(lambda: told.newest().status is RunStatus.PLAN_QUEUED)
    github_world.enqueue(cancel(github_world.services, told.newest().id, "bob"))
    github_world.settle()
    assert (ops.triggers[-1], ops.received[-1].json["notifications"][0]["message"]) == ("run:errored", "Run Canceled")


def test_speculative_plans_and_unwanted_steps_are_not_told(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    told.open(files={"more.tf": "# more\n"})
    assert [run.status for run in github_world.runs()] == [RunStatus.PLANNED_AND_FINISHED]
    assert ops.received == []
    with receiver() as other:
        tell(github_world, told.prod, other.url, Trigger.NEEDS_ATTENTION)
        told.push()
        github_world.settle()
        assert other.triggers == ["run:needs_attention"]


def test_a_receiver_that_is_down_for_two_tries_is_told_later_in_order(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    ops.statuses = [500, 503]
    told.push()
    github_world.settle()
    assert ops.triggers == ["run:created"]
    assert told.newest().status is RunStatus.PLANNED  # nobody waited for it
    github_world.wait(seconds=5)
    github_world.wait(seconds=5)
    assert ops.triggers == ["run:created"] * 2  # the second wait is longer
    github_world.wait(seconds=15)
    assert ops.triggers == ["run:created", "run:created", *TO_A_DECISION]
    answers = [
        answer.code
        for _, answer in github_world.services.notifications.answers([told.configuration.id])[told.configuration.id]
    ]
    assert answers == [200, 200, 200, 503, 500]


def test_a_dead_receiver_keeps_nobody_else_waiting_and_is_given_up(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    dead = tell(github_world, told.prod, "http://127.0.0.1:1/", Trigger.CREATED)
    told.push()
    github_world.settle()
    assert ops.triggers == TO_A_DECISION
    minutes_pass(github_world, 15)
    answers = github_world.services.notifications.answers([dead.id])[dead.id]
    assert [answer.trouble for _, answer in answers] == ["nothing listens there"] * MOST_TRIES
    assert github_world.services.notifications.seconds_until_due(dead.id) is None
    assert ops.triggers == TO_A_DECISION


def test_a_doubled_job_sends_once(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    decide_fates(github_world, lambda number, job: Fate.TWICE if job.verb is Verb.NOTIFY else Fate.DONE)
    told.push()
    github_world.settle()
    github_world.enqueue([Job(Verb.NOTIFY, told.configuration.id)] * 3)
    github_world.settle()
    assert ops.triggers == TO_A_DECISION


def test_two_workers_at_the_same_moment_send_once(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    services = github_world.services
    answered_meanwhile: list[Any] = []
    ops.before_answer = lambda: answered_meanwhile.append(notify(services, told.configuration.id))
    told.push()
    github_world.settle()
    assert ops.triggers == TO_A_DECISION
    assert answered_meanwhile == [[]] * 3


def test_two_workers_that_look_before_either_begins_send_once(
    github_world: World, ops: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(github_world, ops)
    really_begin, others = Notifications.begin, []

    def begin(notifications: Notifications, notification: Notification) -> int:
        if len(others) < 3:
            others.append(1)
            notify(github_world.services, told.configuration.id)
        return really_begin(notifications, notification)

    monkeypatch.setattr(Notifications, "begin", begin)
    told.push()
    github_world.settle()
    assert ops.triggers == TO_A_DECISION


@pytest.mark.parametrize("number", range(6))
def test_a_process_that_dies_between_save_and_send_loses_nothing(
    github_world: World, ops: Receiver, number: int
) -> None:
    told = Told(github_world, ops)
    died = []

    def fate(_: int, job: Job) -> Fate:
        if job.verb is Verb.NOTIFY and len(died) <= number:
            died.append(job)
            return Fate.KILLED if len(died) == number + 1 else Fate.DONE
        return Fate.DONE

    decide_fates(github_world, fate)
    told.push()
    github_world.settle()
    minutes_pass(github_world, 2)
    github_world.enqueue(confirm(github_world.services, told.newest().id, "alice"))
    github_world.settle()
    minutes_pass(github_world, 2)
    assert ops.triggers == TO_THE_END


def test_every_job_is_lost_and_the_sweep_finds_what_is_to_be_told(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    decide_fates(
        github_world, lambda number, job: Fate.LOST if job.verb is Verb.NOTIFY else Fate.DONE, spares_swept=True
    )
    told.push()
    github_world.settle()
    assert ops.triggers == []
    minutes_pass(github_world, 2)
    assert ops.triggers == TO_A_DECISION


def test_a_process_that_dies_before_it_notes_the_answer_tells_again(
    github_world: World, ops: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: nobody can know whether it arrived."""
    told = Told(github_world, ops)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Notifications, "told", die)
    told.push()
    with contextlib.suppress(KeyboardInterrupt):
        github_world.settle()
    assert ops.triggers == ["run:created"]
    monkeypatch.undo()
    github_world.restart()
    minutes_pass(github_world, 2)
    assert ops.triggers == ["run:created", *TO_A_DECISION]


def test_slow_receivers_take_only_their_places(github_world: World, ops: Receiver) -> None:
    """The other workers that talk to the outside are left to the code hosts."""
    told = Told(github_world, ops)
    lanes = github_world.services.notifications.lanes
    with contextlib.ExitStack() as others:
        for number in range(MOST_SENDERS):
            assert others.enter_context(lanes.turn(f"notify {number}"))
        told.push()
        github_world.settle()
        assert told.newest().status is RunStatus.PLANNED
        assert ops.triggers == []
    github_world.wait(seconds=2)
    assert ops.triggers == TO_A_DECISION


def test_what_waits_for_a_receiver_is_dropped_when_it_is_switched_off(github_world: World, ops: Receiver) -> None:
    told = Told(github_world, ops)
    ops.statuses = [500]
    told.push()
    github_world.settle()
    before = told.configuration
    off = NotificationConfiguration(**{**before.__dict__, "enabled": False})
    store = github_world.services.notification_configurations
    store.change(store.change(before, off), before)
    minutes_pass(github_world, 2)
    assert ops.triggers == ["run:created"]
