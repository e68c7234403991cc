"""A person writes a workspace's state: what pull requests keep was planned on another one, and is planned again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.run import RunKind, RunStatus, Stage, TriggerReason
from bot.stage_words import Outcome
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import create_run
from tests.fakes.states import a_state
from tests.scenarios.by_hand import QUIET, WAYS, Hand, through_the_api
from tests.scenarios.runners import HandRunner
from tests.scenarios.talk import MORE
from tests.scenarios.world import HELLO, World


@pytest.mark.parametrize("way", WAYS)
def test_the_pull_request_is_planned_again(github_world: World, way: Callable[[Hand], None]) -> None:
    """Invariant 5: whichever door the state came in by."""
    hand = Hand(github_world)
    pull = hand.open()
    (stale,) = hand.of(pull)

    way(hand)
    assert not hand.is_current(stale)
    github_world.wait(seconds=QUIET)

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]
    assert hand.is_current(hand.of(pull)[-1])
    assert len(hand.jobs()) == 1


def test_what_was_planned_again_is_what_apply_means(world: World) -> None:
    hand = Hand(world)
    pull = hand.open()
    (stale,) = hand.of(pull)
    through_the_api(hand)
    assert "has changed since" in hand.say(pull, "apply")
    world.wait(seconds=QUIET)

    assert "the state of prod has changed; it is planned again" in world.timeline(stale)
    hand.say(pull, "apply", hand.bob)

    fresh = hand.of(pull)[-1]
    assert (fresh.status, fresh.confirmed_by) == (RunStatus.APPLIED, "bob")
    assert b'"hello"' in world.state(hand.prod)
    assert hand.how_often_applied(stale) == 0
    assert hand.status(pull.head_sha, "runlock/apply") == "success: applied: 1 added, 0 changed, 0 destroyed"


def test_the_queue_goes_on_afterwards(world: World) -> None:
    """Invariant 6: the new plan is outside the queue as the old one was, and a push gets its turn."""
    hand = Hand(world)
    pull = hand.open()
    hand.lock()
    pushed = hand.repo.push("main", {"more.tf": MORE}, by=hand.bob)
    hand.the_host_is_asked_for_two_minutes()
    (normal,) = (run for run in world.runs() if run.kind is RunKind.NORMAL)
    assert normal.status is RunStatus.PENDING
    hand.create(hand.next_state())
    hand.unlock()
    world.wait(seconds=QUIET)

    assert world.run(normal).status is RunStatus.PLANNED
    assert hand.statuses(pull)[-1] is RunStatus.PLANNED_AND_SAVED
    hand.say(pushed, "apply", hand.bob)
    assert world.run(normal).status is RunStatus.APPLIED
    hand.say(pull, "apply")
    assert hand.of(pull)[-1].status is RunStatus.APPLIED


def test_two_writes_make_one_plan(world: World) -> None:
    hand = Hand(world)
    pull = hand.open()

    for _ in range(3):
        hand.over_http(hand.next_state())
        world.wait(seconds=3)
    assert hand.statuses(pull) == [RunStatus.PLANNED_AND_SAVED], "the writing had not ended"
    world.wait(seconds=QUIET)

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]
    assert hand.is_current(hand.of(pull)[-1])
    hand.sweep()
    world.wait(minutes=1)
    assert len(hand.of(pull)) == 2


def test_an_apply_by_command_that_writes_many_states_makes_one_plan(world: World) -> None:
    """While somebody holds the lock, more is coming; nothing could be applied meanwhile either."""
    hand = Hand(world)
    pull = hand.open()

    hand.lock()
    for _ in range(4):
        hand.upload(hand.next_state())
        world.wait(seconds=20)
        hand.sweep()
    assert hand.statuses(pull) == [RunStatus.PLANNED_AND_SAVED]
    hand.unlock()
    world.wait(seconds=QUIET)

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]
    hand.say(pull, "apply")
    assert hand.of(pull)[-1].status is RunStatus.APPLIED


def test_a_plan_that_was_being_made_meanwhile_is_made_again_when_it_is_there(world: World) -> None:
    hand = Hand(world)
    world.is_runner_there = False
    pull = hand.open()
    (slow,) = hand.of(pull)
    with HandRunner(world, slow, Stage.PLAN) as runner:
        world.is_runner_there = True
        hand.over_http(hand.next_state())
        world.wait(seconds=QUIET)
        assert world.run(slow).status is RunStatus.PLANNING
        runner.plans_something()
    world.settle()

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]
    assert hand.is_current(hand.of(pull)[-1])


def test_a_plan_that_is_there_before_the_writing_has_ended_waits_for_that(world: World) -> None:
    """The write's own nudge comes for it, though it was no plan yet."""
    hand = Hand(world)
    world.is_runner_there = False
    pull = hand.open()
    (quick,) = hand.of(pull)
    with HandRunner(world, quick, Stage.PLAN) as runner:
        world.is_runner_there = True
        hand.over_http(hand.next_state())
        runner.plans_something()
    world.settle()
    assert hand.statuses(pull) == [RunStatus.PLANNED_AND_SAVED]
    world.wait(seconds=QUIET)

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]


def test_every_pull_request_that_waits_is_planned_again(github_world: World) -> None:
    hand = Hand(github_world)
    one, other = hand.open("one", {"main.tf": HELLO}), hand.open("other", {"other.tf": MORE})

    through_the_api(hand)
    github_world.wait(seconds=QUIET)

    for pull in (one, other):
        assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]


def test_what_a_run_writes_is_seen_to_when_its_apply_ends(world: World) -> None:
    """A run's own states in between plan nothing: the next one would make it again."""
    hand = Hand(world)
    waiting = hand.open("waiting", {"other.tf": MORE})
    pull = hand.open("feature", {"main.tf": HELLO})
    world.is_runner_there = False
    hand.say(pull, "apply")
    (applied,) = hand.of(pull)
    with HandRunner(world, applied, Stage.APPLY) as runner:
        for _ in range(3):
            hand.over_http(hand.next_state(), token=world.services.tokens.for_run(applied.id, Stage.APPLY))
            world.wait(seconds=QUIET)
        assert hand.jobs() == []
        hand.sweep()
        assert hand.statuses(waiting) == [RunStatus.PLANNED_AND_SAVED]
        runner.says(Outcome.SUCCEEDED)
    world.is_runner_there = True
    world.settle()

    assert world.run(applied).status is RunStatus.APPLIED
    assert hand.statuses(waiting) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]


def test_where_nothing_is_kept_nothing_is_nudged(github_world: World) -> None:
    """Neither without a plan, nor for plans of the state as it is, nor when the same state is sent once more."""
    hand = Hand(github_world)
    through_the_api(hand)
    pull = hand.open()
    hand.lock()
    hand.unlock()
    hand.over_http(a_state(hand.serial))
    github_world.wait(seconds=QUIET)
    hand.sweep()

    assert hand.jobs() == []
    assert hand.statuses(pull) == [RunStatus.PLANNED_AND_SAVED]


def test_a_plan_that_no_pull_request_keeps_is_given_up(github_world: World) -> None:
    """`terraform plan -out`: it can't be applied any more, and only its maker knows whether another one is wanted."""
    hand = Hand(github_world)
    sha = hand.repo.push("main", {"main.tf": HELLO}, by=hand.alice)
    github_world.settle()
    (pushed,) = github_world.runs()
    request = RunRequest(github_world.repository(), sha, TriggerReason.MANUAL, delivery="")
    kept, jobs = create_run(github_world.services, hand.prod, RunKind.SAVED_PLAN, request)
    assert kept is not None
    github_world.enqueue(jobs)
    github_world.settle()
    hand.say(sha, f"discard {pushed.id}")
    assert github_world.run(kept).status is RunStatus.PLANNED_AND_SAVED

    through_the_api(hand)
    github_world.wait(seconds=QUIET)
    github_world.settle()

    assert len(github_world.runs()) == 2
    assert github_world.run(kept).status is RunStatus.DISCARDED
    assert "make another plan" in github_world.services.timeline.of(kept.id)[-1].text
