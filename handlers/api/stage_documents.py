"""How are a run's plan and apply written? Both are there from the run's creation, whatever becomes of it.

Their statuses follow from the run's (tfe-contract 1.4). Log readers stop on finished, errored, canceled, unreachable.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never

from bot.plan_summary import PlanSummary
from bot.run import Run, RunStatus, Stage
from bot.timestamps import to_text
from handlers.addresses import reached_at
from handlers.api.documents import Resource, resource
from handlers.run_logs import log_path, stage_id
from handlers.services import Services

_PLAN_ENDED = (RunStatus.PLANNED, RunStatus.PLANNED_AND_SAVED, RunStatus.PLANNED_AND_FINISHED)


class StageStatus(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    ERRORED = "errored"
    CANCELED = "canceled"
    UNREACHABLE = "unreachable"  # it will never run


def plan_status(run: Run) -> StageStatus:
    if any(status.value in run.times for status in _PLAN_ENDED):
        return StageStatus.FINISHED
    match run.status:
        case RunStatus.PENDING:
            return StageStatus.PENDING
        case RunStatus.PLAN_QUEUED:
            return StageStatus.QUEUED
        case RunStatus.PLANNING:
            return StageStatus.RUNNING
        case RunStatus.ERRORED:
            return StageStatus.ERRORED
        case RunStatus.CANCELED if RunStatus.PLAN_QUEUED.value in run.times:
            return StageStatus.CANCELED
        case RunStatus.CANCELED | RunStatus.DISCARDED:
            return StageStatus.UNREACHABLE
        case _:
            return StageStatus.FINISHED


def apply_status(run: Run) -> StageStatus:
    was_confirmed = RunStatus.CONFIRMED.value in run.times
    match run.status:
        case RunStatus.APPLY_QUEUED:
            return StageStatus.QUEUED
        case RunStatus.APPLYING:
            return StageStatus.RUNNING
        case RunStatus.APPLIED:
            return StageStatus.FINISHED
        case RunStatus.ERRORED if was_confirmed:
            return StageStatus.ERRORED
        case RunStatus.CANCELED if was_confirmed:
            return StageStatus.CANCELED
        case _ if run.is_final:
            return StageStatus.UNREACHABLE
        case _:
            return StageStatus.PENDING


def stage_resource(services: Services, run: Run, stage: Stage) -> Resource:
    status = plan_status(run) if stage is Stage.PLAN else apply_status(run)
    # Of an apply that failed nobody has counted what it did.
    summary = run.summary if status is StageStatus.FINISHED else None
    attributes: dict[str, Any] = {
        "status": status.value,
        "status-timestamps": {name: to_text(at) for name, at in _times(run, stage).items()},
        "log-read-url": reached_at(services.settings) + log_path(services, run, stage),
        "execution-details": {"mode": "remote"},
        **_counts(summary or PlanSummary()),
    }
    if stage is Stage.PLAN:
        generated = summary is not None and summary.generated_configuration
        attributes |= {"has-changes": run.has_changes, "generated-configuration": generated}
    ident = stage_id(run, stage)
    found = resource(_kind(stage), ident, attributes, link=f"{_kind(stage)}/{ident}")
    if stage is Stage.PLAN:
        found["links"]["json-output"] = f"{found['links']['self']}/json-output"
    return found


def _kind(stage: Stage) -> str:
    match stage:
        case Stage.PLAN:
            return "plans"
        case Stage.APPLY:
            return "applies"
        case _:
            assert_never(stage)


def _counts(summary: PlanSummary) -> dict[str, int]:
    return {
        "resource-additions": summary.additions,
        "resource-changes": summary.changes,
        "resource-destructions": summary.destructions,
        "resource-imports": summary.imports,
    }


def _times(run: Run, stage: Stage) -> dict[str, datetime]:
    """When the stage entered each of its own statuses, as far as it did."""
    if stage is Stage.PLAN:
        wanted = {
            "queued-at": (RunStatus.PLAN_QUEUED,),
            "started-at": (RunStatus.PLANNING,),
            "finished-at": _PLAN_ENDED,
        }
        status = plan_status(run)
    else:
        wanted = {
            "queued-at": (RunStatus.APPLY_QUEUED,),
            "started-at": (RunStatus.APPLYING,),
            "finished-at": (RunStatus.APPLIED,),
        }
        status = apply_status(run)
    if status is StageStatus.ERRORED:
        wanted["errored-at"] = (RunStatus.ERRORED,)
    if status is StageStatus.CANCELED:
        wanted["force-canceled-at" if run.forced else "canceled-at"] = (RunStatus.CANCELED,)
    found = {name: _first(run, statuses) for name, statuses in wanted.items()}
    return {name: at for name, at in found.items() if at is not None}


def _first(run: Run, statuses: tuple[RunStatus, ...]) -> datetime | None:
    return next((run.times[status.value] for status in statuses if status.value in run.times), None)
