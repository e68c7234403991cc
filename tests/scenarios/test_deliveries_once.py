"""Nothing received is lost or done twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import OutsideTrouble
from bot.run import RunStatus, Stage
from handlers.jobs import Job, Verb
from handlers.reactions import pushes
from storage.inbox import DeliveryStatus
from tests.scenarios.fates import minutes_pass
from tests.scenarios.pushes import Pushes
from tests.scenarios.talk import MORE
from tests.scenarios.world import HELLO, World


def deliveries(world: World) -> list[DeliveryStatus]:
    """What became of the pushes, in the order received."""
    received = world.services.inbox.recent()[::-1]
    return [delivery.status for delivery in received if "push" in delivery.event.lower()]


def test_a_delivery_that_comes_twice_acts_once(world: World) -> None:
    """Invariant 2: the same id is answered 202 and does nothing."""
    told = Pushes(world)
    told.push()
    (delivery,) = told.host.pending
    world.settle()

    assert told.host.send(delivery) == 202
    assert world.jobs == type(world.jobs)()  # nothing was enqueued, either
    world.settle()

    assert deliveries(world) == [DeliveryStatus.HANDLED]
    assert len(world.runs()) == 1


def test_a_delivery_is_remembered_before_it_is_answered(github_world: World) -> None:
    """Invariant 2: 202 is a promise; the job that follows may be lost, and the process with it."""
    told = Pushes(github_world)
    told.push()
    (delivery,) = told.host.deliver()
    assert delivery.status == 202
    # At a start every host is asked what was missed, which would bring the push as well: not this time.
    later = github_world.now() + timedelta(days=1)
    github_world.services.repositories.mark_reconciled(github_world.repository().id, later)

    github_world.restart()  # nothing but the rows is left
    github_world.settle()

    assert github_world.only_run().status is RunStatus.PLANNED
    assert deliveries(github_world) == [DeliveryStatus.HANDLED]


def test_a_delivery_that_failed_is_handled_when_it_comes_again(world: World) -> None:
    """Invariant 2: the host's button “redeliver” helps after our trouble, and only then."""
    told = Pushes(world)
    token = world.connection().token
    world.services.connections.replace_token(world.connection().id, "not-a-token")
    world.services.hosts.clear()
    sha = told.push()
    (delivery,) = told.host.pending
    world.settle()
    assert deliveries(world) == [DeliveryStatus.FAILED]
    assert world.runs() == []

    world.services.connections.replace_token(world.connection().id, token)
    world.services.hosts.clear()
    assert told.host.send(delivery) == 202
    world.settle()

    assert deliveries(world) == [DeliveryStatus.HANDLED]
    assert world.only_run().commit_sha == sha


def test_an_ignored_delivery_is_looked_at_again(github_world: World) -> None:
    """Invariant 2: it was for nobody; now a workspace listens."""
    told = Pushes(github_world)
    repo = told.host.create_repository("acme/other", files={"main.tf": HELLO})
    github_world.workspace("other", repo, branch="release")
    repo.push("main", {"more.tf": MORE}, by=told.alice)
    repo.push("release", {"more.tf": MORE}, by=told.alice)
    kept = list(told.host.pending)
    github_world.settle()
    first = len(github_world.runs())
    github_world.workspace("main", repo)

    for delivery in kept:
        assert told.host.send(delivery) == 202
    github_world.settle()

    assert first == 1
    assert [run.branch for run in github_world.runs()] == ["release"]  # handled, so its repeat does nothing


def test_a_half_handled_delivery_is_resumed(github_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 2: the second workspace's run fails once; afterwards each workspace has exactly one."""
    told = Pushes(github_world, ("first", "second"))
    really_create, calls = pushes.create_run, list[str]()

    def create_run(services: Any, workspace: Any, *rest: Any) -> Any:
        calls.append(workspace.name)
        if calls == ["first", "second"]:
            raise OutsideTrouble("the disk is full")
        return really_create(services, workspace, *rest)

    monkeypatch.setattr(pushes, "create_run", create_run)
    told.push()
    github_world.settle()
    assert [run.workspace_id for run in github_world.runs()] == [told.workspaces[0].id]

    github_world.wait(seconds=10)
    minutes_pass(github_world, 1)

    assert calls == ["first", "second", "second"]
    assert [run.workspace_id for run in github_world.runs()] == [w.id for w in told.workspaces]
    assert github_world.statuses_of_runs() == [RunStatus.PLANNED] * 2


def test_one_delivery_makes_one_run_in_a_workspace(github_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 2: handled twice at once, by two that know nothing of each other."""
    told = Pushes(github_world)
    really_decide = pushes.decide
    monkeypatch.setattr(
        pushes,
        "decide",
        lambda push, tracking, facts: really_decide(push, tracking, replace(facts, newest_push_sha={})),
    )
    told.push()
    github_world.settle()
    (delivery,) = [d for d in github_world.services.inbox.recent() if "push" in d.event.lower()]

    github_world.services.inbox.take_up(delivery.seq)
    github_world.enqueue([Job(Verb.HANDLE_DELIVERIES, delivery.lane)])
    github_world.settle()

    assert len(github_world.runs()) == 1


def test_a_delivery_that_ends_every_process_does_not_stop_its_repository(
    github_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 2 and 3: the attempt is counted before it is made; in the end it is given up, and says so."""
    told = Pushes(github_world)
    told.push()
    github_world.settle()
    really_push = pushes.make_runs

    def dies(*arguments: Any) -> Any:
        if arguments[3].message == "Poison":
            raise MemoryError
        return really_push(*arguments)

    monkeypatch.setattr(pushes, "make_runs", dies)
    told.push("# poison\n", message="Poison")
    told.push("# after\n", message="After")
    for _ in range(80):
        try:
            minutes_pass(github_world, 1)
        except MemoryError:
            github_world.restart()

    assert deliveries(github_world) == [DeliveryStatus.HANDLED, DeliveryStatus.FAILED, DeliveryStatus.HANDLED]
    assert any("given up" in delivery.outcome for delivery in github_world.services.inbox.recent())
    assert github_world.runs()[-1].message == "After"


def test_gitlab_without_a_key_is_known_by_its_body_for_ten_minutes(gitlab_world: World) -> None:
    """Invariant 2: GitLab before 17.4 sends no Idempotency-Key."""
    told = Pushes(gitlab_world)
    told.push()
    (delivery,) = told.host.pending
    del delivery.headers["Idempotency-Key"]
    gitlab_world.settle()

    gitlab_world.wait(minutes=9)
    told.host.send(delivery)
    assert len(gitlab_world.services.inbox.recent()) == 1

    gitlab_world.wait(minutes=2)
    told.host.send(delivery)
    gitlab_world.settle()
    assert len(gitlab_world.services.inbox.recent()) == 2
    assert len(gitlab_world.runs()) == 1  # the same commit is no news, however it is told


def test_a_comment_acts_once(world: World) -> None:
    """Invariant 2: the same comment told under another id, and found by the reconcile as well."""
    told = Pushes(world)
    told.repo.push("feature", {"more.tf": MORE}, by=told.alice)
    pull = told.repo.open_pull("feature", by=told.alice)
    pull.merge(by=told.alice)
    world.settle()
    minutes_pass(world, 1)
    pull.comment("apply", told.alice)
    (delivery,) = told.host.pending
    world.settle()
    applied = world.runs()[-1]
    assert world.run(applied).status is RunStatus.APPLIED
    answers = [comment.body for comment in pull.comments]

    delivery.headers.update({"X-GitHub-Delivery": "another", "Idempotency-Key": "another"})
    assert told.host.send(delivery) == 202
    world.settle()
    minutes_pass(world, 12)

    assert world.services.jobs.count(applied.id, Stage.APPLY) == 1
    assert [comment.body for comment in pull.comments] == answers
