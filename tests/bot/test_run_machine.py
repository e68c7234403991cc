"""Does the table of transitions say what TFE says, for every kind, status and event, and nothing else?"""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.run import AT_A_RUNNER, AWAITING_DECISION, FINAL, Run, RunKind, RunStatus
from bot.run_machine import KIND_TRANSITIONS, TRANSITIONS, IllegalMove, RunEvent, advance, can
from tests.bot.messages.lines import NOON, a_run

S, E, K = RunStatus, RunEvent, RunKind
NOW = NOON + timedelta(hours=1)

# Written out a second time, by hand, from tfe-contract 1.2 and invariants 5 and 9: (event, from) → to.
LEGAL = {
    E.TURN_REACHED: {S.PENDING: S.PLAN_QUEUED},
    E.PLAN_STARTED: {S.PLAN_QUEUED: S.PLANNING},
    E.PLAN_LOST: {S.PLANNING: S.PLAN_QUEUED},
    E.PLAN_FAILED: {S.PLAN_QUEUED: S.ERRORED, S.PLANNING: S.ERRORED},
    E.PLANNED_NOTHING: {S.PLANNING: S.PLANNED_AND_FINISHED},
    E.PLANNED_CHANGES: {S.PLANNING: S.PLANNED},
    E.CONFIRMED: {S.PLANNED: S.CONFIRMED, S.PLANNED_AND_SAVED: S.CONFIRMED},
    E.APPLY_TURN_REACHED: {S.CONFIRMED: S.APPLY_QUEUED},
    E.APPLY_STARTED: {S.APPLY_QUEUED: S.APPLYING},
    E.APPLY_REFUSED: {S.CONFIRMED: S.ERRORED, S.APPLY_QUEUED: S.ERRORED},
    E.APPLY_SUCCEEDED: {S.APPLYING: S.APPLIED},
    E.APPLY_FAILED: {S.APPLYING: S.ERRORED},
    E.APPLY_LOST: {S.APPLYING: S.ERRORED},
    E.DISCARDED: {
        S.PENDING: S.DISCARDED,
        S.PLANNED: S.DISCARDED,
        S.PLANNED_AND_SAVED: S.DISCARDED,
    },
    E.CANCELED: {
        S.PENDING: S.CANCELED,
        S.PLAN_QUEUED: S.CANCELED,
        S.PLANNING: S.CANCELED,
        S.CONFIRMED: S.CANCELED,
        S.APPLY_QUEUED: S.CANCELED,
        S.APPLYING: S.CANCELED,
    },
}
PLANNED_CHANGES_OF_KIND = {
    K.NORMAL: S.PLANNED,
    K.PLAN_ONLY: S.PLANNED_AND_FINISHED,
    K.SAVED_PLAN: S.PLANNED_AND_SAVED,
}
EVERYTHING = list(product(RunKind, RunStatus, RunEvent))


def in_status(kind: RunKind, status: RunStatus) -> Run:
    return replace(a_run("a", kind=kind), status=status)


@pytest.mark.parametrize("event", list(RunEvent))
@pytest.mark.parametrize("status", list(RunStatus))
@pytest.mark.parametrize("kind", list(RunKind))
def test_every_kind_status_and_event_is_answered(kind: RunKind, status: RunStatus, event: RunEvent) -> None:
    run = in_status(kind, status)
    expected = LEGAL[event].get(status)
    if event is E.PLANNED_CHANGES and expected:
        expected = PLANNED_CHANGES_OF_KIND[kind]
    after = advance(run, event, NOW)
    assert can(run, event) is (expected is not None)
    if expected is None:
        assert after == IllegalMove(
            f"run-a is {status.value.replace('_', ' ')}; it can't become “{event.value}” from there"
        )
    else:
        assert after == replace(run, status=expected, times={expected.value: NOW})


def test_the_tables_hold_nothing_that_was_not_walked() -> None:
    assert set(TRANSITIONS) == {(status, event) for event, moves in LEGAL.items() for status in moves}
    assert set(KIND_TRANSITIONS) == {
        (K.PLAN_ONLY, S.PLANNING, E.PLANNED_CHANGES),
        (K.SAVED_PLAN, S.PLANNING, E.PLANNED_CHANGES),
    }


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_final_run_never_moves_again(status: RunStatus) -> None:
    for kind, event in product(RunKind, RunEvent):
        assert isinstance(advance(in_status(kind, status), event, NOW), IllegalMove)


def test_every_other_status_can_be_left_and_every_status_be_reached() -> None:
    froms = {status for status, _ in TRANSITIONS}
    reached = {*TRANSITIONS.values(), *KIND_TRANSITIONS.values(), S.PENDING}
    assert froms == set(RunStatus) - FINAL
    assert reached == set(RunStatus)


def test_a_plan_only_run_never_reaches_an_apply() -> None:
    reached, new = {S.PENDING}, {S.PENDING}
    while new:
        moves = (advance(in_status(K.PLAN_ONLY, status), event, NOW) for status in new for event in RunEvent)
        new = {after.status for after in moves if isinstance(after, Run)} - reached
        reached |= new
    assert reached == {
        S.PENDING,
        S.PLAN_QUEUED,
        S.PLANNING,
        S.PLANNED_AND_FINISHED,
        S.ERRORED,
        S.CANCELED,
        S.DISCARDED,
    }


@given(st.sampled_from(RunKind), st.lists(st.sampled_from(RunEvent), max_size=30))
def test_applying_is_reached_only_through_a_confirmation(kind: RunKind, events: list[RunEvent]) -> None:
    run = a_run("a", kind=kind)
    confirmed = False
    for event in events:
        after = advance(run, event, NOW)
        if isinstance(after, Run):
            confirmed = confirmed or event is E.CONFIRMED
            run = after
        assert confirmed or run.status not in (S.CONFIRMED, S.APPLY_QUEUED, S.APPLYING, S.APPLIED)


def test_times_are_kept_and_the_run_before_is_untouched() -> None:
    before = a_run("a", S.PLANNING)
    after = advance(before, E.PLANNED_CHANGES, NOW)
    assert isinstance(after, Run)
    assert after.times == {**before.times, "planned": NOW}
    assert before.status is S.PLANNING
    assert "planned" not in before.times


# What a run says about itself


@pytest.mark.parametrize(("kind", "status"), list(product(RunKind, RunStatus)))
def test_who_holds_the_workspace(kind: RunKind, status: RunStatus) -> None:
    holds = {
        K.NORMAL: set(RunStatus) - FINAL - {S.PENDING},
        K.SAVED_PLAN: {S.APPLY_QUEUED, S.APPLYING},
        K.PLAN_ONLY: set(),
    }
    assert in_status(kind, status).holds_workspace is (status in holds[kind])


def test_the_sets_of_statuses() -> None:
    assert {S.APPLIED, S.DISCARDED, S.ERRORED, S.CANCELED, S.PLANNED_AND_FINISHED} == FINAL
    assert {S.PLANNED, S.PLANNED_AND_SAVED} == AWAITING_DECISION


def test_every_unfinished_run_can_be_ended_by_a_person_in_one_way() -> None:
    """What waits for a decision is discarded, everything else cancelled; a pending one either way."""
    for kind, status in product(RunKind, set(RunStatus) - FINAL):
        run = in_status(kind, status)
        assert can(run, E.DISCARDED) is (status in AWAITING_DECISION | {S.PENDING})
        assert can(run, E.CANCELED) is (status not in AWAITING_DECISION)
    assert {S.PLANNING, S.APPLYING} == AT_A_RUNNER
    assert all(in_status(K.NORMAL, status).is_final is (status in FINAL) for status in RunStatus)


def test_a_decision_is_needed_only_where_something_would_change() -> None:
    assert a_run("a", S.PLANNED).needs_decision
    assert not a_run("a", S.PLANNED, summary=None).needs_decision
    assert not a_run("a", S.APPLIED).needs_decision


def test_people_see_short_digests() -> None:
    run = a_run("a", S.PLANNED)
    assert (run.short_digest, run.short_plan_digest) == ("aabbccddeeff", "3f2a9c112233")
