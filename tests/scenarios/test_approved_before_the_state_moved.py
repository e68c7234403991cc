"""A plan was approved, and the state moved before its turn came: it is never applied, and planned again by itself."""

from __future__ import annotations

from typing import Any

from bot.run import RunStatus, Stage
from bot.stage_words import Outcome
from handlers.jobs import Verb
from tests.scenarios.by_hand import QUIET, Hand
from tests.scenarios.fates import Fate, decide_fates
from tests.scenarios.runners import HandRunner
from tests.scenarios.talk import OTHER
from tests.scenarios.world import World

AGAIN = [RunStatus.ERRORED, RunStatus.PLANNED_AND_SAVED]


def approved_before_the_write(hand: Hand) -> Any:
    """The lock keeps the approved plan from its turn; when it comes off, the apply is refused."""
    pull = hand.open()
    hand.lock()
    hand.say(pull, "apply")
    assert hand.statuses(pull) == [RunStatus.CONFIRMED]
    hand.create(hand.next_state())
    hand.unlock()
    hand.world.settle()
    assert hand.statuses(pull) == [RunStatus.ERRORED]
    return pull


def test_it_is_planned_again_and_waits_for_another_approval(world: World) -> None:
    """Invariant 5: what was reviewed on another state is not applied, nor is its successor before it was reviewed."""
    hand = Hand(world)
    pull = approved_before_the_write(hand)
    (refused,) = hand.of(pull)
    said = f"the state of prod has changed since {refused.id} was planned; it is planned again"
    assert refused.error == said
    assert f"not applied: {said}" in world.timeline(refused)
    assert any("it is planned again" in comment.body for comment in pull.comments)
    assert world.services.runs.follow_ups() == [refused.id]

    world.wait(seconds=QUIET)

    assert hand.statuses(pull) == AGAIN
    fresh = hand.of(pull)[-1]
    assert hand.is_current(fresh)
    assert fresh.created_by == "Runlock"
    assert world.services.runs.follow_ups() == []
    hand.say(pull, "apply", hand.bob)
    assert hand.statuses(pull) == [RunStatus.ERRORED, RunStatus.APPLIED]
    assert b'"hello"' in world.state(hand.prod)
    assert RunStatus.APPLYING.value not in world.run(refused).times


def test_it_is_planned_again_once(world: World) -> None:
    """Invariant 1: however often somebody looks, and whatever comes twice."""
    hand = Hand(world)
    decide_fates(world, lambda n, job: Fate.TWICE)
    pull = approved_before_the_write(hand)

    for _ in range(3):
        hand.sweep()
        world.wait(seconds=QUIET)

    assert hand.statuses(pull) == AGAIN


def test_the_process_dies_before_the_new_plan(world: World) -> None:
    """Invariant 1: what is owed stands in the rows."""
    hand = Hand(world)
    decide_fates(world, lambda n, job: Fate.LOST if job.verb is Verb.STAGE_ENDED else Fate.DONE, spares_swept=True)
    pull = approved_before_the_write(hand)
    world.services.close()
    world.open()  # and nobody asks the hosts what was missed
    world.wait(seconds=QUIET)
    assert hand.statuses(pull) == [RunStatus.ERRORED]

    hand.sweep()

    assert hand.statuses(pull) == AGAIN


def test_while_somebody_holds_the_lock_more_is_coming(world: World) -> None:
    hand = Hand(world)
    pull = approved_before_the_write(hand)
    hand.lock()
    world.wait(seconds=QUIET)
    hand.sweep()
    assert hand.statuses(pull) == [RunStatus.ERRORED]
    hand.create(hand.next_state())
    hand.unlock()
    world.wait(seconds=QUIET)

    hand.sweep()

    assert hand.statuses(pull) == AGAIN
    assert hand.is_current(hand.of(pull)[-1])


def test_a_host_that_is_away_is_asked_again(world: World) -> None:
    hand = Hand(world)
    pull = approved_before_the_write(hand)
    hand.host.fail_next("(git/ref/heads|repository/branches)/", 502, times=20)
    world.wait(seconds=QUIET)
    assert hand.statuses(pull) == [RunStatus.ERRORED]
    hand.host.trouble.failures.clear()

    hand.sweep()

    assert hand.statuses(pull) == AGAIN


def test_what_somebody_had_planned_meanwhile_is_not_planned_once_more(world: World) -> None:
    hand = Hand(world)
    pull = approved_before_the_write(hand)
    hand.say(pull, "plan", hand.bob)
    assert hand.statuses(pull) == AGAIN
    world.wait(seconds=QUIET)
    hand.sweep()

    assert hand.statuses(pull) == AGAIN
    assert hand.of(pull)[-1].created_by == "bob"
    assert world.services.runs.follow_ups() == []


def test_a_newer_head_has_its_own_plan(world: World) -> None:
    hand = Hand(world)
    pull = approved_before_the_write(hand)
    pull.push({"main.tf": OTHER}, by=hand.alice)
    world.settle()
    world.wait(seconds=QUIET)
    hand.sweep()

    assert hand.statuses(pull) == AGAIN
    assert hand.of(pull)[-1].commit_sha == pull.head_sha


def test_a_pull_request_that_was_closed_meanwhile_gets_none(world: World) -> None:
    hand = Hand(world)
    pull = approved_before_the_write(hand)
    pull.close(by=hand.alice)
    world.settle()
    world.wait(seconds=QUIET)
    hand.sweep()

    assert hand.statuses(pull) == [RunStatus.ERRORED]
    assert world.services.runs.follow_ups() == []


def test_a_state_that_was_put_back_is_no_reason(world: World) -> None:
    """It was planned without a state, and there is none again: another plan would say what this one said."""
    hand = Hand(world)
    hand.ask("DELETE", hand.http)
    pull = approved_before_the_write(hand)
    hand.ask("DELETE", hand.http)
    world.wait(seconds=QUIET)
    hand.sweep()

    assert hand.statuses(pull) == [RunStatus.ERRORED]
    assert world.services.runs.follow_ups() == []


def test_what_began_to_apply_is_not_planned_again(world: World) -> None:
    """Invariant 9: people look first at what it did."""
    hand = Hand(world)
    pull = hand.open()
    world.is_runner_there = False
    hand.say(pull, "apply")
    (applying,) = hand.of(pull)
    with HandRunner(world, applying, Stage.APPLY) as runner:
        hand.over_http(hand.next_state(), token=world.services.tokens.for_run(applying.id, Stage.APPLY))
        runner.says(Outcome.FAILED)
    world.is_runner_there = True
    world.wait(seconds=QUIET)
    hand.sweep()

    assert not hand.is_current(world.run(applying))
    assert hand.statuses(pull) == [RunStatus.ERRORED]
