"""An apply that was interrupted is never repeated by itself, and never called a success (invariant 9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot.errors import Refused
from bot.run import Run, RunStatus, Stage
from bot.runner.client import StaleLease
from bot.stage_words import Outcome, Signal
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.decisions import cancel, confirm, force_cancel, unlock
from tests.fakes.states import a_state
from tests.scenarios.fates import minutes_pass
from tests.scenarios.runners import HandRunner
from tests.scenarios.world import HELLO, World


class Applying:
    """A run that a runner is applying; another run waits behind it."""

    def __init__(self, world: World) -> None:
        self.world = world
        host: Any = world.host
        self.repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.alice = host.person("alice", role="write", repo=self.repo)
        self.prod = world.workspace("prod", self.repo)
        world.is_runner_there = False
        sha = self.repo.push("main", {"more.tf": "# one\n"}, by=self.alice)
        world.settle()
        (self.run,) = world.runs()
        assert self.run.commit_sha == sha
        with HandRunner(world, self.run, Stage.PLAN) as planner:
            planner.plans_something()
        world.settle()
        world.enqueue(confirm(world.services, self.run.id, "alice"))
        world.settle()
        self.runner = HandRunner(world, self.run, Stage.APPLY)
        assert self.now().status is RunStatus.APPLYING
        self.repo.push("main", {"more.tf": "# two\n"}, by=self.alice)
        world.settle()

    def now(self) -> Run:
        return self.world.run(self.run)

    def workspace(self) -> Workspace:
        return self.world.services.workspaces.get(self.prod.id)

    def vanishes(self) -> None:
        """The runner is silent for longer than its lease."""
        minutes_pass(self.world, 2)

    def unlock(self) -> None:
        self.world.enqueue(unlock(self.world.services, self.prod.id))
        self.world.settle()

    def next_status(self) -> RunStatus:
        return self.world.runs()[-1].status


@pytest.fixture
def applying(github_world: World) -> Iterator[Applying]:
    told = Applying(github_world)
    yield told
    told.runner.client.__exit__()


def test_a_runner_vanishes_in_the_middle_of_an_apply(applying: Applying) -> None:
    """Invariant 9: errored, outcome unknown, the workspace locked, nothing repeated, nobody told of a success."""
    applying.vanishes()

    run = applying.now()
    assert run.status is RunStatus.ERRORED
    assert "vanished" in run.error
    assert applying.workspace().lock_reason == f"outcome of {run.id} unknown"
    assert applying.next_status() is RunStatus.PENDING
    minutes_pass(applying.world, 5)
    assert applying.world.services.jobs.count(run.id, Stage.APPLY) == 1
    assert applying.repo.statuses(run.commit_sha)["runlock/apply"].state == "error"
    assert "unknown" in applying.repo.statuses(run.commit_sha)["runlock/apply"].description

    applying.unlock()

    assert applying.next_status() is RunStatus.PLAN_QUEUED
    assert applying.now().status is RunStatus.ERRORED


def test_a_living_runner_is_not_given_up(applying: Applying) -> None:
    """Invariant 9: each heartbeat renews the lease."""
    for _ in range(4):
        applying.world.wait(seconds=20)
        assert applying.runner.client.heartbeat() is Signal.NONE
        applying.world.enqueue([Job(Verb.SWEEP)])
        applying.world.settle()

    assert applying.now().status is RunStatus.APPLYING


def test_it_comes_back_late_with_the_state_that_it_could_not_save(applying: Applying) -> None:
    """Invariant 9: the state fits, nobody has unlocked, its engine left by itself: it is current, and all goes on."""
    applying.vanishes()

    assert applying.runner.client.heartbeat() is Signal.INTERRUPT
    applying.runner.hand_in("errored-state", a_state(1, greeting="hello"))
    applying.runner.says(Outcome.FAILED, 1, error="the state could not be saved")
    applying.world.settle()

    assert b"hello" in applying.world.state(applying.prod)
    assert applying.now().status is RunStatus.ERRORED  # nobody rewrites history
    assert not applying.workspace().is_locked
    assert "came back late" in applying.world.timeline(applying.run)
    assert applying.next_status() is RunStatus.PLAN_QUEUED


def test_a_late_state_after_somebody_unlocked_is_only_kept(applying: Applying) -> None:
    """Invariant 9: whoever unlocked has looked at the world as it was then."""
    applying.vanishes()
    applying.unlock()

    applying.runner.hand_in("errored-state", a_state(1))
    applying.runner.says(Outcome.FAILED, 1)
    applying.world.settle()

    states = applying.world.services.states
    assert states.current(applying.prod.id) is None
    (kept,) = states.of_workspace(applying.prod.id)
    assert kept.is_late
    assert states.read(kept) == a_state(1)
    assert "kept, but not used" in applying.world.timeline(applying.run)


@pytest.mark.parametrize(
    ("late", "why"),
    [
        (a_state(5, lineage="lineage-2"), "another lineage"),
        (a_state(3), "older"),
        (a_state(4, greeting="other"), "another state with serial 4"),
        (b"not a state", "is none"),
    ],
)
def test_a_late_state_that_does_not_follow_is_only_kept(applying: Applying, late: bytes, why: str) -> None:
    """Invariant 9: serial and lineage decide; the workspace stays locked for a person."""
    applying.world.services.states.store(applying.prod.id, a_state(4), run_id=None)
    applying.vanishes()

    applying.runner.hand_in("errored-state", late)
    applying.runner.says(Outcome.SUCCEEDED)
    applying.world.settle()

    assert applying.world.state(applying.prod) == a_state(4)
    assert applying.workspace().is_locked
    assert why in applying.world.timeline(applying.run)
    assert applying.next_status() is RunStatus.PENDING


def test_a_killed_engine_that_comes_back_settles_nothing(applying: Applying) -> None:
    """Invariant 9: an engine that was killed may have done things that no state knows of."""
    applying.vanishes()

    applying.runner.says(Outcome.CANCELED, -9)
    applying.world.settle()

    assert applying.workspace().is_locked


def test_an_engine_that_is_killed_leaves_the_outcome_unknown(applying: Applying) -> None:
    """Invariant 9: the runner lives and says itself that its engine was shot."""
    applying.runner.says(Outcome.FAILED, -9, error="killed by the system: out of memory")
    applying.world.settle()

    assert applying.now().status is RunStatus.ERRORED
    assert applying.workspace().lock_reason == f"outcome of {applying.run.id} unknown"
    assert applying.next_status() is RunStatus.PENDING


def test_an_apply_cancelled_by_force_locks(applying: Applying) -> None:
    """Invariant 9: not before it had ten seconds to stop by itself; then it is killed, and the workspace locked."""
    services = applying.world.services
    with pytest.raises(Refused):
        force_cancel(services, applying.run.id, "alice")
    applying.world.enqueue(cancel(services, applying.run.id, "alice"))
    assert applying.runner.client.heartbeat() is Signal.INTERRUPT
    with pytest.raises(Refused, match="10 s"):
        force_cancel(services, applying.run.id, "alice")
    applying.world.wait(seconds=11)

    applying.world.enqueue(force_cancel(services, applying.run.id, "alice"))
    applying.world.settle()

    assert applying.runner.client.heartbeat() is Signal.KILL
    assert applying.now().status is RunStatus.CANCELED
    assert applying.workspace().lock_reason == f"outcome of {applying.run.id} unknown"
    applying.runner.says(Outcome.CANCELED, -9)
    applying.world.settle()
    assert applying.workspace().is_locked


def test_the_same_result_twice_counts_once(applying: Applying) -> None:
    """Invariant 1: the answer to a result was lost, and the runner says it again."""
    applying.runner.says(Outcome.SUCCEEDED)
    with pytest.raises(StaleLease):
        applying.runner.says(Outcome.FAILED, 1)
    applying.world.settle()

    assert applying.now().status is RunStatus.APPLIED
    assert applying.world.timeline(applying.run).count("applied") == 1


def test_nobody_else_can_claim_a_vanished_apply(applying: Applying) -> None:
    """Invariant 9: a nudge that comes late finds nothing to do."""
    applying.vanishes()
    job = applying.world.services.jobs.of_run(applying.run.id, Stage.APPLY)
    assert job is not None

    applying.world.is_runner_there = True
    applying.world.do(Job(Verb.NUDGE_RUNNER, job.id))

    assert applying.world.services.jobs.get(job.id).runner == "runner-7"
    assert applying.now().status is RunStatus.ERRORED


def test_a_vanished_plan_is_planned_again_three_times_in_all(github_world: World) -> None:
    """Invariant 9: a plan is safe to repeat, but not for ever; who comes back late is turned away."""
    host: Any = github_world.host
    repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
    prod = github_world.workspace("prod", repo)
    github_world.is_runner_there = False
    sha = repo.push("main", {"more.tf": "# one\n"})
    github_world.settle()
    (run,) = github_world.runs()

    for number in (1, 2, 3):
        assert github_world.run(run).status is RunStatus.PLAN_QUEUED
        with HandRunner(github_world, run, Stage.PLAN, f"runner-{number}") as gone:
            minutes_pass(github_world, 2)
            with pytest.raises(StaleLease):
                gone.plans_something()

    assert github_world.run(run).status is RunStatus.ERRORED
    assert "3 runners" in github_world.run(run).error
    assert github_world.services.jobs.count(run.id, Stage.PLAN) == 3
    assert not github_world.services.workspaces.get(prod.id).is_locked
    assert repo.statuses(sha)["runlock/plan"].state == "error"
