"""Who goes next in a workspace? First in, first out; the queue is the lock (tfe-contract 1.5)."""

from collections.abc import Sequence

from bot.ids import RunId
from bot.run import Run, RunKind, RunStatus


def is_queued(run: Run) -> bool:
    """Whether the run has a place in the queue: waiting in it, or at its head and holding the workspace."""
    match run.kind:
        case RunKind.PLAN_ONLY:
            return False
        case RunKind.SAVED_PLAN:
            return run.status in (RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, RunStatus.APPLYING)
        case RunKind.NORMAL:
            return not run.is_final


def in_order(runs: Sequence[Run]) -> list[Run]:
    """The queue, head first. What holds the workspace is the head, whatever its number."""
    return sorted(filter(is_queued, runs), key=lambda run: (not run.holds_workspace, run.queue_sequence))


def next_to_start(runs: Sequence[Run], *, locked: bool) -> Run | None:
    """The run that may leave its wait now, or None if the head is busy or the workspace is locked."""
    queue = in_order(runs)
    if not queue or locked or queue[0].holds_workspace:
        return None
    return queue[0]


def plans_outside_queue(runs: Sequence[Run]) -> list[Run]:
    """Plan-only and saved-plan runs that wait for nothing but a runner."""
    return [run for run in runs if run.kind is not RunKind.NORMAL and run.status is RunStatus.PENDING]


def places(runs: Sequence[Run]) -> dict[RunId, int]:
    """1 for the head, 2 for the run behind it; a run that isn't in the queue is left out."""
    return {run.id: number for number, run in enumerate(in_order(runs), start=1)}


def position(runs: Sequence[Run], run_id: RunId) -> int:
    """1 for the head, 2 for the run behind it, 0 for a run that isn't in the queue."""
    return places(runs).get(run_id, 0)
