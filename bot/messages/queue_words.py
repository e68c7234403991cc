"""Where does a run stand in its workspace's queue, in words? `3rd in queue, behind run-… (planning for 2 minutes)`."""

from collections.abc import Sequence
from datetime import datetime

from bot.ids import RunId
from bot.messages.words import duration, ordinal
from bot.run import Run, RunStatus
from bot.run_queue import in_order

_DOING = {
    RunStatus.PENDING: "waiting",
    RunStatus.PLAN_QUEUED: "waiting for a runner",
    RunStatus.PLANNING: "planning",
    RunStatus.PLANNED: "waiting for approval",
    RunStatus.CONFIRMED: "approved, waiting for its turn",
    RunStatus.APPLY_QUEUED: "waiting for a runner to apply it",
    RunStatus.APPLYING: "applying",
}


def place(runs: Sequence[Run], run_id: RunId, now: datetime, *, locked: bool) -> str:
    """The place of a run that waits for its turn among its workspace's runs, or "" for one that doesn't.

    Plain text; only ids, numbers and our own words are in it.
    """
    queue = in_order(runs)
    index = next((index for index, run in enumerate(queue) if run.id == run_id), None)
    if index is None or not _waits(queue[index]):
        return ""
    if index:
        head = queue[0]
        return f"{ordinal(index + 1)} in queue, behind {head.id} ({doing(head, now, locked=locked)})"
    return "next in queue; the workspace is locked" if locked else "next in queue"


def doing(run: Run, now: datetime, *, locked: bool = False) -> str:
    """What a run in the queue is doing, and since when."""
    since = run.times.get(run.status.value, run.created_at)
    if run.status is RunStatus.PENDING and locked:
        return f"waiting for {duration(now - since)}, because the workspace is locked"
    words = _DOING.get(run.status, run.status.value.replace("_", " "))
    return f"{words} for {duration(now - since)}"


def _waits(run: Run) -> bool:
    """Only a run that hasn't had its turn: a normal one until it plans, a saved-plan one until it applies."""
    return not run.holds_workspace
