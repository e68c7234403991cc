"""One workspace, one run at a time, in order (invariant 6)."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from bot.errors import Refused
from bot.run import Run, RunKind, RunStatus, Stage
from bot.run_queue import position
from bot.stage_words import Outcome
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.decisions import cancel, confirm, discard, lock, unlock
from tests.fakes.states import a_state
from tests.scenarios.runners import HandRunner
from tests.scenarios.world import HELLO, World

BEFORE_MERGE = {"vcs_workflow": "apply-before-merge"}


class Queue:
    """A workspace to which commits are pushed; a test leads its runners by the hand."""

    def __init__(self, world: World, **settings: Any) -> None:
        self.world = world
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.alice = self.host.person("alice", role="write", repo=self.repo)
        self.prod = world.workspace("prod", self.repo, **settings)
        world.is_runner_there = False
        world.settle()

    def push(self, number: int) -> Run:
        self.repo.push("main", {"more.tf": f"# {number}\n"}, by=self.alice)
        self.world.settle()
        return self.world.runs()[-1]

    def open(self, branch: str) -> Run:
        self.repo.push(branch, {f"{branch}.tf": "# more\n"}, by=self.alice)
        self.repo.open_pull(branch, by=self.alice)
        self.world.settle()
        return self.world.runs()[-1]

    def plan(self, run: Run, *, nothing: bool = False) -> None:
        with HandRunner(self.world, run, Stage.PLAN) as runner:
            runner.says(Outcome.SUCCEEDED) if nothing else runner.plans_something()
        self.world.settle()

    def do(self, deed: Callable[..., list[Job]], *arguments: Any) -> None:
        self.world.enqueue(deed(self.world.services, *arguments))
        self.world.settle()

    def apply(self, run: Run) -> None:
        self.do(confirm, run.id, "alice")
        with HandRunner(self.world, run, Stage.APPLY) as runner:
            runner.says(Outcome.SUCCEEDED)
        self.world.settle()

    def statuses(self) -> list[RunStatus]:
        return self.world.statuses_of_runs(self.prod)

    def workspace(self) -> Workspace:
        return self.world.services.workspaces.get(self.prod.id)


def test_two_pushes_are_run_one_after_the_other(github_world: World) -> None:
    """Invariant 6: a plan that waits for its confirmation holds the queue, for days if need be."""
    queue = Queue(github_world)
    first, second, third = queue.push(1), queue.push(2), queue.push(3)
    assert queue.statuses() == [RunStatus.PLAN_QUEUED, RunStatus.PENDING, RunStatus.PENDING]

    queue.plan(first)
    github_world.wait(days=3)
    github_world.enqueue([Job(Verb.WORK_QUEUE, queue.prod.id)] * 3)
    github_world.settle()
    assert queue.statuses() == [RunStatus.PLANNED, RunStatus.PENDING, RunStatus.PENDING]
    assert position(github_world.runs(), third.id) == 3

    queue.apply(first)
    assert queue.statuses() == [RunStatus.APPLIED, RunStatus.PLAN_QUEUED, RunStatus.PENDING]
    queue.plan(second)
    queue.do(discard, second.id, "alice")
    assert queue.statuses() == [RunStatus.APPLIED, RunStatus.DISCARDED, RunStatus.PLAN_QUEUED]


def test_a_run_that_is_cancelled_or_finds_nothing_lets_the_next_one_go(github_world: World) -> None:
    """Invariant 6"""
    queue = Queue(github_world)
    first, second, third = queue.push(1), queue.push(2), queue.push(3)

    queue.do(cancel, first.id, "alice")
    assert queue.statuses() == [RunStatus.CANCELED, RunStatus.PLAN_QUEUED, RunStatus.PENDING]
    queue.plan(second, nothing=True)
    assert queue.statuses()[1:] == [RunStatus.PLANNED_AND_FINISHED, RunStatus.PLAN_QUEUED]
    queue.plan(third)
    queue.apply(third)
    assert queue.statuses()[2] is RunStatus.APPLIED


def test_plan_only_runs_pass_by_the_queue(github_world: World) -> None:
    """Invariant 6: a speculative plan waits for nobody, and nobody waits for it."""
    queue = Queue(github_world)
    first = queue.push(1)
    queue.plan(first)

    speculative = queue.open("feature")

    assert speculative.kind is RunKind.PLAN_ONLY
    assert speculative.status is RunStatus.PLAN_QUEUED
    queue.plan(speculative)
    assert github_world.run(speculative).status is RunStatus.PLANNED_AND_FINISHED
    assert github_world.run(first).status is RunStatus.PLANNED
    with pytest.raises(Refused, match="only plans"):
        confirm(github_world.services, speculative.id, "alice")


def test_a_locked_workspace_keeps_its_runs_pending(github_world: World) -> None:
    """Invariant 6: until it is unlocked; a speculative plan still plans."""
    queue = Queue(github_world)
    queue.do(lock, queue.prod.id, "alice", "moving house")

    first, speculative = queue.push(1), queue.open("feature")

    assert github_world.run(first).status is RunStatus.PENDING
    assert speculative.status is RunStatus.PLAN_QUEUED
    queue.do(unlock, queue.prod.id)
    assert github_world.run(first).status is RunStatus.PLAN_QUEUED


def test_a_saved_plan_joins_the_queue_when_it_is_confirmed(github_world: World) -> None:
    """Invariant 6: behind whoever came before its confirmation, and in front of whoever comes after."""
    queue = Queue(github_world, **BEFORE_MERGE)
    saved = queue.open("feature")
    assert saved.kind is RunKind.SAVED_PLAN
    queue.plan(saved)
    assert github_world.run(saved).status is RunStatus.PLANNED_AND_SAVED
    by_hand = queue.push(1)
    assert github_world.run(by_hand).status is RunStatus.PLAN_QUEUED  # nobody waits for a saved plan

    github_world.services.pulls.base_moved(github_world.repository().id, "main", saved.base_sha)
    queue.do(confirm, saved.id, "alice")
    later = queue.push(2)
    assert github_world.run(saved).status is RunStatus.CONFIRMED
    assert github_world.run(later).status is RunStatus.PENDING

    github_world.services.pulls.base_moved(github_world.repository().id, "main", saved.base_sha)
    queue.plan(by_hand, nothing=True)
    assert github_world.run(saved).status is RunStatus.APPLY_QUEUED
    with HandRunner(github_world, saved, Stage.APPLY) as runner:
        assert github_world.run(later).status is RunStatus.PENDING
        runner.says(Outcome.SUCCEEDED)
    github_world.settle()
    assert github_world.run(later).status is RunStatus.PLAN_QUEUED


def test_a_saved_plan_does_not_jump_the_queue(github_world: World) -> None:
    """Invariant 6: its place is that of its confirmation, not that of its creation."""
    queue = Queue(github_world, **BEFORE_MERGE)
    github_world.services.workspaces.change(queue.prod.id, {"apply_requirements": []})
    first, saved = queue.push(1), queue.open("feature")
    second = queue.push(2)
    queue.plan(first)
    queue.plan(saved)

    queue.do(confirm, saved.id, "alice")
    assert [position(github_world.runs(), run.id) for run in (first, second, saved)] == [1, 2, 3]
    queue.do(discard, first.id, "alice")

    assert github_world.run(second).status is RunStatus.PLAN_QUEUED
    assert github_world.run(saved).status is RunStatus.CONFIRMED


def test_a_saved_plan_whose_state_moved_leaves_the_queue_before_its_turn(github_world: World) -> None:
    """Whoever waits for it is told at once: those before it may wait for people, and it can't be applied any more."""
    queue = Queue(github_world, vcs_workflow="apply-before-merge", apply_requirements=[])
    services = github_world.services
    first, saved, second = queue.push(1), queue.open("feature"), queue.push(2)
    queue.plan(first)
    queue.plan(saved)
    queue.do(confirm, first.id, "alice")
    queue.do(confirm, saved.id, "alice")
    assert [position(github_world.runs(), run.id) for run in (first, second, saved)] == [1, 2, 3]

    with HandRunner(github_world, first, Stage.APPLY) as runner:
        assert services.states.store(queue.prod.id, a_state(1), run_id=first.id) is not None
        runner.says(Outcome.SUCCEEDED)
    github_world.settle()

    assert github_world.run(second).status is RunStatus.PLAN_QUEUED
    refused = github_world.run(saved)
    assert refused.status is RunStatus.ERRORED
    assert f"the state of prod has changed since {saved.id} was planned" in refused.error
    assert f"not applied: {refused.error}" in github_world.timeline(saved)
    assert services.jobs.of_run(saved.id, Stage.APPLY) is None


def test_one_whose_state_stayed_keeps_its_place(github_world: World) -> None:
    queue = Queue(github_world, vcs_workflow="apply-before-merge", apply_requirements=[])
    first, saved, second = queue.push(1), queue.open("feature"), queue.push(2)
    queue.plan(first)
    queue.plan(saved)
    queue.do(confirm, saved.id, "alice")
    queue.apply(first)

    assert github_world.run(second).status is RunStatus.PLAN_QUEUED
    assert github_world.run(saved).status is RunStatus.CONFIRMED


def test_a_confirmed_saved_plan_waits_for_the_lock(github_world: World) -> None:
    """Invariant 6"""
    queue = Queue(github_world, **BEFORE_MERGE)
    saved = queue.open("feature")
    queue.plan(saved)
    queue.do(lock, queue.prod.id, "bob", "moving house")

    queue.do(confirm, saved.id, "alice")
    assert github_world.run(saved).status is RunStatus.CONFIRMED

    queue.do(unlock, queue.prod.id)
    assert github_world.run(saved).status is RunStatus.APPLY_QUEUED


@pytest.mark.parametrize("seed", range(3))
def test_never_two_at_once_whatever_happens(github_world: World, seed: int) -> None:
    """Invariant 6: pushes, decisions, locks and ends at random; at each commit one run at most holds the workspace."""
    queue = Queue(github_world)
    chance, services = random.Random(seed), github_world.services
    most: list[int] = []

    def look(_seconds: float) -> None:
        runs = services.runs.unfinished(queue.prod.id)
        most.append(sum(run.holds_workspace for run in runs))

    services.records.on_write = look
    started: list[int] = []
    for number in range(60):
        deed = chance.choice(["push", "push", "plan", "plan", "apply", "apply", "discard", "cancel", "lock"])
        runs = {run.status: run for run in github_world.runs() if not run.is_final and run.status.value != "pending"}
        if deed == "push":
            queue.push(number)
        elif deed == "plan" and RunStatus.PLAN_QUEUED in runs:
            started.append(runs[RunStatus.PLAN_QUEUED].queue_sequence)
            queue.plan(runs[RunStatus.PLAN_QUEUED], nothing=chance.random() < 0.3)
        elif deed == "apply" and RunStatus.PLANNED in runs:
            queue.apply(runs[RunStatus.PLANNED])
        elif deed == "discard" and RunStatus.PLANNED in runs:
            queue.do(discard, runs[RunStatus.PLANNED].id, "alice")
        elif deed == "cancel" and RunStatus.PLAN_QUEUED in runs:
            queue.do(cancel, runs[RunStatus.PLAN_QUEUED].id, "alice")
        elif deed == "lock":
            if queue.workspace().is_locked:
                queue.do(unlock, queue.prod.id)
            elif not any(run.holds_workspace for run in github_world.runs()):
                queue.do(lock, queue.prod.id, "alice", "")
        github_world.enqueue([Job(Verb.WORK_QUEUE, queue.prod.id), Job(Verb.SWEEP)])
        github_world.settle()

    services.records.on_write = None
    assert max(most) == 1
    assert started == sorted(started)
    assert len(started) >= 2


def test_fifty_pushes_in_a_minute(github_world: World) -> None:
    """Invariant 6: each has its place, none is lost."""
    queue = Queue(github_world)
    for number in range(50):
        queue.repo.push("main", {"more.tf": f"# {number}\n"}, by=queue.alice)
    github_world.settle()

    runs = github_world.runs(queue.prod)
    assert len(runs) == 50
    assert [run.queue_sequence for run in runs] == sorted(run.queue_sequence for run in runs)
    assert queue.statuses() == [RunStatus.PLAN_QUEUED] + [RunStatus.PENDING] * 49
