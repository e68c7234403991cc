"""Is a run's place in its queue, and its life, told as a person would tell it?"""

from datetime import UTC, datetime, timedelta

import pytest

from bot.ids import RunId
from bot.messages.queue_words import doing, place
from bot.messages.timeline import Moment, timeline
from bot.messages.words import applied_words, count, duration, listing, ordinal
from bot.plan_summary import PlanSummary
from bot.run import RunKind, RunStatus
from tests.bot.messages.lines import NOON, a_run

S, K = RunStatus, RunKind
LATER = NOON + timedelta(minutes=4)


def test_the_place_in_the_queue() -> None:
    planning = a_run("a", S.PLANNING)  # since 12:02
    second = a_run("b", queue_sequence=2)
    third = a_run("c", queue_sequence=3)
    runs = [third, planning, second]
    assert place(runs, third.id, LATER, locked=False) == "3rd in queue, behind run-a (planning for 2 minutes)"
    assert place(runs, second.id, LATER, locked=False) == "2nd in queue, behind run-a (planning for 2 minutes)"
    assert place(runs, planning.id, LATER, locked=False) == ""


def test_a_queue_that_waits_for_a_person() -> None:
    planned, pending = a_run("a", S.PLANNED), a_run("b", queue_sequence=2)
    now = NOON + timedelta(hours=5)
    assert place([planned, pending], pending.id, now, locked=False) == (
        "2nd in queue, behind run-a (waiting for approval for 4 hours)"
    )


def test_a_locked_workspace_says_so() -> None:
    first, second = a_run("a"), a_run("b", queue_sequence=2)
    assert place([first, second], first.id, LATER, locked=True) == "next in queue; the workspace is locked"
    assert place([first, second], first.id, LATER, locked=False) == "next in queue"
    assert place([first, second], second.id, LATER, locked=True) == (
        "2nd in queue, behind run-a (waiting for 4 minutes, because the workspace is locked)"
    )


def test_runs_that_do_not_wait_have_no_place() -> None:
    speculative = a_run("a", kind=K.PLAN_ONLY)
    done = a_run("b", S.APPLIED)
    assert place([speculative, done], speculative.id, LATER, locked=False) == ""
    assert place([speculative, done], done.id, LATER, locked=False) == ""
    assert place([], RunId("run-none"), LATER, locked=False) == ""


def test_a_saved_plan_waits_only_once_it_is_confirmed() -> None:
    applying = a_run("a", S.APPLYING)
    saved = a_run("b", S.PLANNED_AND_SAVED, K.SAVED_PLAN, queue_sequence=2)
    confirmed = a_run("c", S.CONFIRMED, K.SAVED_PLAN, queue_sequence=3)
    runs = [applying, saved, confirmed]
    assert place(runs, saved.id, LATER, locked=False) == ""
    assert place(runs, confirmed.id, LATER, locked=False) == (
        "2nd in queue, behind run-a (applying for less than a minute)"
    )


@pytest.mark.parametrize("status", [S.PENDING, S.PLAN_QUEUED, S.PLANNED, S.CONFIRMED, S.APPLY_QUEUED, S.APPLYING])
def test_every_status_in_the_queue_has_words(status: RunStatus) -> None:
    assert "_" not in doing(a_run("a", status), LATER)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "less than a minute"),
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (125, "2 minutes"),
        (3_599, "59 minutes"),
        (3_600, "1 hour"),
        (86_399, "23 hours"),
        (86_400, "1 day"),
        (10 * 86_400, "10 days"),
    ],
)
def test_durations(seconds: int, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_numbers_and_lists() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111, 1_002)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th", "1,002nd"]
    )
    assert [count(n, "run") for n in (0, 1, 2, 1_000)] == ["0 runs", "1 run", "2 runs", "1,000 runs"]
    assert [listing(list("abcd"[:n]), 3) for n in range(5)] == ["", "a", "a and b", "a, b and c", "a, b, c and 1 more"]


def test_what_an_apply_did() -> None:
    assert applied_words(PlanSummary(1, 2, 3, 4)) == "4 imported, 1 added, 2 changed, 3 destroyed"
    assert applied_words(PlanSummary(outputs_changed=True)) == "outputs updated"
    assert applied_words(None) == "applied"


def at(hour: int, minute: int) -> datetime:
    return datetime(2026, 3, 1, hour, minute, tzinfo=UTC)


def test_the_life_of_an_applied_run() -> None:
    run = a_run("a", S.APPLIED, created_by="ada", confirmed_by="grace")
    assert timeline(run) == [
        Moment(at(12, 0), "created by ada"),
        Moment(at(12, 1), "waiting for a runner to plan it"),
        Moment(at(12, 2), "planning"),
        Moment(at(12, 3), "planned: 2 to add, 0 to change, 1 to destroy"),
        Moment(at(12, 4), "approved by grace"),
        Moment(at(12, 5), "waiting for a runner to apply it"),
        Moment(at(12, 6), "applying"),
        Moment(at(12, 7), "applied"),
    ]


def test_the_life_of_a_run_that_was_killed() -> None:
    run = a_run("a", S.CANCELED, after=S.PLANNING, forced=True, cancel_requested_at=NOON + timedelta(seconds=150))
    assert [moment.words for moment in timeline(run)][-3:] == ["planning", "asked to stop", "cancelled by force"]


def test_the_life_of_a_run_that_errored() -> None:
    run = a_run("a", S.ERRORED, after=S.PLANNING, error="no bucket")
    assert timeline(run)[-1].words == "errored: no bucket"
