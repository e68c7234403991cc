"""What happened to a run, and when? The moments of its life, oldest first, for pages and for `explain`."""

from dataclasses import dataclass
from datetime import datetime

from bot.messages.words import by
from bot.run import Run, RunStatus

_SAID = {
    RunStatus.PENDING: "waiting",
    RunStatus.PLAN_QUEUED: "waiting for a runner to plan it",
    RunStatus.PLANNING: "planning",
    RunStatus.PLANNED: "planned",
    RunStatus.PLANNED_AND_FINISHED: "planned and finished",
    RunStatus.PLANNED_AND_SAVED: "planned and saved",
    RunStatus.CONFIRMED: "approved",
    RunStatus.APPLY_QUEUED: "waiting for a runner to apply it",
    RunStatus.APPLYING: "applying",
    RunStatus.APPLIED: "applied",
    RunStatus.DISCARDED: "discarded",
    RunStatus.ERRORED: "errored",
    RunStatus.CANCELED: "cancelled",
}


@dataclass(frozen=True)
class Moment:
    """One thing that happened. `words` may hold a person's name or an error: escape it where it is shown."""

    at: datetime
    words: str


def timeline(run: Run) -> list[Moment]:
    """The run's moments. A status that was entered twice shows the last time, as the run remembers it."""
    moments = [Moment(run.created_at, f"created{by(run.created_by)}")]
    for status in RunStatus:
        at = run.times.get(status.value)
        if at is not None:
            moments.append(Moment(at, _words(run, status)))
    if run.cancel_requested_at is not None:
        moments.append(Moment(run.cancel_requested_at, "asked to stop"))
    return sorted(moments, key=lambda moment: moment.at)


def _words(run: Run, status: RunStatus) -> str:
    said = _SAID[status]
    match status:
        case RunStatus.PLANNED | RunStatus.PLANNED_AND_FINISHED | RunStatus.PLANNED_AND_SAVED if (
            run.summary is not None
        ):
            return f"{said}: {run.summary.sentence}"
        case RunStatus.CONFIRMED:
            return f"{said}{by(run.confirmed_by)}"
        case RunStatus.ERRORED if run.error:
            return f"{said}: {run.error}"
        case RunStatus.CANCELED if run.forced:
            return f"{said} by force"
        case _:
            return said
