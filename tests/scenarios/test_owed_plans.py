"""A state was written by hand, and something went wrong: what is to be planned again is not forgotten (invariant 1)."""

from __future__ import annotations

import pytest

from bot.errors import OutsideTrouble
from bot.run import RunStatus
from handlers.jobs import Verb
from handlers.reactions import stage_ended
from tests.scenarios.by_hand import QUIET, Hand, through_the_api
from tests.scenarios.fates import Fate, decide_fates
from tests.scenarios.world import World


def no_answer(*_: object) -> None:
    raise OutsideTrouble("fetching the submodules: no answer")


def test_a_lost_nudge_is_found_within_a_minute(world: World) -> None:
    """Invariant 1: what is to be planned again stands in the rows."""
    hand = Hand(world)
    pull = hand.open()
    lost = decide_fates(
        world, lambda n, job: Fate.LOST if job.verb is Verb.PLAN_AGAIN else Fate.DONE, spares_swept=True
    )
    through_the_api(hand)
    world.wait(seconds=QUIET)
    assert [job.verb for job in lost].count(Verb.PLAN_AGAIN) == 1
    assert hand.statuses(pull) == [RunStatus.PLANNED_AND_SAVED]

    hand.sweep()

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]


def test_a_doubled_nudge_makes_one_plan(world: World) -> None:
    """Invariant 1."""
    hand = Hand(world)
    pull = hand.open()
    decide_fates(world, lambda n, job: Fate.TWICE)

    through_the_api(hand)
    world.wait(seconds=QUIET)

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]


def test_the_process_dies_between_the_old_plan_and_the_new_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 1: a plan that was ended as out of date is owed another one."""
    hand = Hand(world)
    pull = hand.open()
    (stale,) = hand.of(pull)

    monkeypatch.setattr(stage_ended, "plan_pull", no_answer)
    through_the_api(hand)
    world.wait(seconds=QUIET)
    assert hand.statuses(pull) == [RunStatus.DISCARDED]
    monkeypatch.undo()
    world.services.close()
    world.open()  # and nobody asks the hosts what was missed
    for _ in range(2):
        hand.sweep()

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]
    hand.say(pull, "apply")
    assert hand.of(pull)[-1].status is RunStatus.APPLIED
    assert hand.how_often_applied(stale) == 0


def test_what_somebody_had_planned_meanwhile_is_not_planned_once_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Invariant 1: another plan was owed, and there is one."""
    hand = Hand(world)
    pull = hand.open()
    monkeypatch.setattr(stage_ended, "plan_pull", no_answer)
    through_the_api(hand)
    world.wait(seconds=QUIET)
    monkeypatch.undo()
    hand.say(pull, "plan", hand.bob)
    for _ in range(2):
        hand.sweep()

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]
    assert hand.of(pull)[-1].created_by == "bob"
    assert world.services.runs.follow_ups() == []


def test_a_host_that_is_away_is_asked_again(world: World) -> None:
    """Invariant 1: without the host nothing is ended."""
    hand = Hand(world)
    pull = hand.open()
    hand.host.fail_next("(git/ref/heads|repository/branches)/", 502, times=20)
    through_the_api(hand)
    world.wait(seconds=QUIET)
    assert hand.statuses(pull) == [RunStatus.PLANNED_AND_SAVED]
    hand.host.trouble.failures.clear()

    hand.sweep()

    assert hand.statuses(pull) == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]
