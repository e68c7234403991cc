"""Does a workspace run one thing at a time, first in, first out, with only its own exceptions?"""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ids import RunId
from bot.run import Run, RunKind, RunStatus
from bot.run_queue import in_order, is_queued, next_to_start, plans_outside_queue, position
from tests.bot.messages.lines import a_run

S, K = RunStatus, RunKind


def queued(name: str, sequence: int, status: RunStatus = S.PENDING, kind: RunKind = K.NORMAL) -> Run:
    return replace(a_run(name, kind=kind, queue_sequence=sequence), status=status)


def test_first_in_first_out_whatever_order_they_are_given_in() -> None:
    first, second, third = (queued(name, number) for number, name in enumerate("abc", start=1))
    assert in_order([third, first, second]) == [first, second, third]
    assert next_to_start([third, first, second], locked=False) == first


@pytest.mark.parametrize("status", [S.PLAN_QUEUED, S.PLANNING, S.PLANNED, S.CONFIRMED, S.APPLY_QUEUED, S.APPLYING])
def test_nothing_starts_behind_a_run_that_holds_the_workspace(status: RunStatus) -> None:
    runs = [queued("busy", 1, status), queued("next", 2)]
    assert next_to_start(runs, locked=False) is None
    assert position(runs, RunId("run-next")) == 2


@pytest.mark.parametrize("status", [S.APPLIED, S.DISCARDED, S.ERRORED, S.CANCELED, S.PLANNED_AND_FINISHED])
def test_the_next_starts_once_the_head_is_final(status: RunStatus) -> None:
    runs = [queued("done", 1, status), queued("next", 2)]
    assert next_to_start(runs, locked=False) == runs[1]
    assert position(runs, RunId("run-done")) == 0
    assert position(runs, RunId("run-next")) == 1


def test_a_lock_keeps_runs_pending() -> None:
    assert next_to_start([queued("a", 1)], locked=True) is None
    assert next_to_start([], locked=False) is None


def test_what_holds_the_workspace_is_the_head_whatever_its_number() -> None:
    runs = [queued("early", 1), queued("busy", 2, S.APPLYING)]
    assert [run.id for run in in_order(runs)] == ["run-busy", "run-early"]
    assert next_to_start(runs, locked=False) is None


@pytest.mark.parametrize("status", list(RunStatus))
def test_a_plan_only_run_is_never_in_the_queue(status: RunStatus) -> None:
    run = queued("look", 1, status, K.PLAN_ONLY)
    assert not is_queued(run)
    assert next_to_start([run, queued("next", 2)], locked=False) == queued("next", 2)


def test_a_saved_plan_joins_the_queue_when_it_is_confirmed() -> None:
    joined = {S.CONFIRMED, S.APPLY_QUEUED, S.APPLYING}
    assert {status for status in RunStatus if is_queued(queued("s", 1, status, K.SAVED_PLAN))} == joined
    confirmed = queued("saved", 5, S.CONFIRMED, K.SAVED_PLAN)
    assert next_to_start([confirmed, queued("later", 6)], locked=False) == confirmed
    assert next_to_start([confirmed, queued("earlier", 4)], locked=False) == queued("earlier", 4)
    assert next_to_start([confirmed, queued("busy", 1, S.PLANNED)], locked=False) is None


def test_only_speculative_and_saved_plans_plan_outside_the_queue() -> None:
    outside = [queued("look", 1, kind=K.PLAN_ONLY), queued("saved", 2, kind=K.SAVED_PLAN)]
    inside = [queued("normal", 3), queued("running", 4, S.PLANNING, K.PLAN_ONLY)]
    assert plans_outside_queue([*inside, *outside]) == outside


runs = st.lists(
    st.builds(
        lambda sequence, status, kind: queued(f"r{sequence}", sequence, status, kind),
        st.integers(1, 50),
        st.sampled_from(RunStatus),
        st.sampled_from(RunKind),
    ),
    unique_by=lambda run: run.queue_sequence,
    max_size=12,
)


@given(runs, st.booleans())
def test_whoever_starts_was_waiting_in_the_queue_and_nobody_holds_the_workspace(found: list[Run], locked: bool) -> None:
    starts = next_to_start(found, locked=locked)
    if starts is None:
        return
    assert not locked
    assert not any(run.holds_workspace for run in found)
    assert starts.queue_sequence == min(run.queue_sequence for run in found if is_queued(run))
    assert starts.status in (S.PENDING, S.CONFIRMED)


@given(runs)
def test_positions_count_up_without_gaps(found: list[Run]) -> None:
    assert sorted(position(found, run.id) for run in found if is_queued(run)) == list(
        range(1, sum(map(is_queued, found)) + 1)
    )
    assert all(position(found, run.id) == 0 for run in found if not is_queued(run))
