"""When does a run change its status? One table; everything else asks it.

The chart in README.md ("The states of a run") is drawn from TRANSITIONS, and a test holds the two together.
Source of the statuses and of the rules: Terraform Enterprise's run states (tfe-contract 1.1 and 1.2).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.run import Run, RunKind, RunStatus


class RunEvent(StrEnum):
    TURN_REACHED = "turn reached"
    PLAN_STARTED = "plan started"
    PLAN_LOST = "plan lost"  # its runner vanished; a plan is safe to repeat
    PLAN_FAILED = "plan failed"
    PLANNED_CHANGES = "planned with changes"
    PLANNED_NOTHING = "planned without changes"
    CONFIRMED = "confirmed"
    APPLY_TURN_REACHED = "apply turn reached"
    APPLY_STARTED = "apply started"
    APPLY_REFUSED = "apply refused"  # what was reviewed is not what would be applied
    APPLY_SUCCEEDED = "apply succeeded"
    APPLY_FAILED = "apply failed"
    APPLY_LOST = "apply lost"  # nobody knows its outcome; never repeated, never called a success
    DISCARDED = "discarded"
    CANCELED = "canceled"


S, E, K = RunStatus, RunEvent, RunKind

# (from, event) → to, for every kind of run unless KIND_TRANSITIONS says otherwise.
TRANSITIONS: dict[tuple[RunStatus, RunEvent], RunStatus] = {
    (S.PENDING, E.TURN_REACHED): S.PLAN_QUEUED,
    (S.PENDING, E.DISCARDED): S.DISCARDED,
    (S.PENDING, E.CANCELED): S.CANCELED,
    (S.PLAN_QUEUED, E.PLAN_STARTED): S.PLANNING,
    (S.PLAN_QUEUED, E.PLAN_FAILED): S.ERRORED,
    (S.PLAN_QUEUED, E.CANCELED): S.CANCELED,
    (S.PLANNING, E.PLAN_LOST): S.PLAN_QUEUED,
    (S.PLANNING, E.PLAN_FAILED): S.ERRORED,
    (S.PLANNING, E.PLANNED_NOTHING): S.PLANNED_AND_FINISHED,
    (S.PLANNING, E.PLANNED_CHANGES): S.PLANNED,
    (S.PLANNING, E.CANCELED): S.CANCELED,
    (S.PLANNED, E.CONFIRMED): S.CONFIRMED,
    (S.PLANNED, E.DISCARDED): S.DISCARDED,
    (S.PLANNED_AND_SAVED, E.CONFIRMED): S.CONFIRMED,
    (S.PLANNED_AND_SAVED, E.DISCARDED): S.DISCARDED,
    (S.CONFIRMED, E.APPLY_TURN_REACHED): S.APPLY_QUEUED,
    (S.CONFIRMED, E.APPLY_REFUSED): S.ERRORED,
    (S.CONFIRMED, E.CANCELED): S.CANCELED,
    (S.APPLY_QUEUED, E.APPLY_STARTED): S.APPLYING,
    (S.APPLY_QUEUED, E.APPLY_REFUSED): S.ERRORED,
    (S.APPLY_QUEUED, E.CANCELED): S.CANCELED,
    (S.APPLYING, E.APPLY_SUCCEEDED): S.APPLIED,
    (S.APPLYING, E.APPLY_FAILED): S.ERRORED,
    (S.APPLYING, E.APPLY_LOST): S.ERRORED,
    (S.APPLYING, E.CANCELED): S.CANCELED,
}

KIND_TRANSITIONS: dict[tuple[RunKind, RunStatus, RunEvent], RunStatus] = {
    (K.PLAN_ONLY, S.PLANNING, E.PLANNED_CHANGES): S.PLANNED_AND_FINISHED,
    (K.SAVED_PLAN, S.PLANNING, E.PLANNED_CHANGES): S.PLANNED_AND_SAVED,
}


@dataclass(frozen=True)
class IllegalMove:
    """The run cannot do that now; `reason` is a sentence for whoever asked."""

    reason: str


def advance(run: Run, event: RunEvent, now: datetime) -> Run | IllegalMove:
    """The run after `event`, or why it can't be. Total: every (status, event) has an answer."""
    target = KIND_TRANSITIONS.get((run.kind, run.status, event)) or TRANSITIONS.get((run.status, event))
    if target is None:
        return IllegalMove(f"{run.id} is {_spoken(run.status)}; it can't become “{event.value}” from there")
    return replace(run, status=target, times={**run.times, target.value: now})


def can(run: Run, event: RunEvent) -> bool:
    """Whether the table has a way for `event` from the run's status."""
    return (run.kind, run.status, event) in KIND_TRANSITIONS or (run.status, event) in TRANSITIONS


def _spoken(status: RunStatus) -> str:
    return status.value.replace("_", " ")
