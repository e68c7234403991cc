"""Builders for what messages are about; a test names only what it cares for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.ids import ConfigurationVersionId, RunId, WorkspaceId
from bot.messages.facts import RunLine
from bot.plan_summary import PlanSummary
from bot.run import Run, RunKind, RunStatus, TriggerReason

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HEAD = "1a2b3c4d5e6f" + "0" * 28
MARK = "<!-- runlock:living:mark -->"
URL = "https://runlock.example/app/acme"
LIMIT = 65_536

GROWS = PlanSummary(additions=2, changes=0, destructions=1, destroyed=("aws_db.main",), added=("a.x", "a.y"))
SAME = PlanSummary()

_PATHS = {
    RunStatus.PENDING: (),
    RunStatus.PLAN_QUEUED: ("plan_queued",),
    RunStatus.PLANNING: ("plan_queued", "planning"),
    RunStatus.PLANNED: ("plan_queued", "planning", "planned"),
    RunStatus.PLANNED_AND_SAVED: ("plan_queued", "planning", "planned_and_saved"),
    RunStatus.PLANNED_AND_FINISHED: ("plan_queued", "planning", "planned_and_finished"),
    RunStatus.CONFIRMED: ("plan_queued", "planning", "planned", "confirmed"),
    RunStatus.APPLY_QUEUED: ("plan_queued", "planning", "planned", "confirmed", "apply_queued"),
    RunStatus.APPLYING: ("plan_queued", "planning", "planned", "confirmed", "apply_queued", "applying"),
    RunStatus.APPLIED: ("plan_queued", "planning", "planned", "confirmed", "apply_queued", "applying", "applied"),
}


def a_run(
    name: str = "prod",
    status: RunStatus = RunStatus.PENDING,
    kind: RunKind = RunKind.NORMAL,
    *,
    after: RunStatus | None = None,
    **facts: Any,
) -> Run:
    """A run in `status`; `after` is the status from which it errored, was discarded or cancelled."""
    steps = _PATHS[after if after is not None else status]
    times = {step: NOON + timedelta(minutes=number) for number, step in enumerate(steps, start=1)}
    if after is not None:
        times[status.value] = NOON + timedelta(minutes=len(steps) + 1)
    planned = any(step.startswith("planned") for step in steps)
    known: dict[str, Any] = {
        "workspace_id": WorkspaceId(f"ws-{name}"),
        "commit_sha": HEAD,
        "manifest_digest": "aabbccddeeff" + "0" * 52,
        "plan_digest": "3f2a9c112233" + "0" * 52 if planned else "",
        "summary": GROWS if planned else None,
        "queue_sequence": 1,
        "created_at": NOON,
    }
    run = Run(
        id=RunId(f"run-{name}"),
        kind=kind,
        configuration_version_id=ConfigurationVersionId("cv-1"),
        trigger_reason=TriggerReason.PUSH,
        **{**known, **facts},
    )
    return replace(run, status=status, times=times)


def a_line(
    name: str = "prod",
    status: RunStatus = RunStatus.PENDING,
    kind: RunKind = RunKind.NORMAL,
    *,
    after: RunStatus | None = None,
    run: dict[str, Any] | None = None,
    **facts: Any,
) -> RunLine:
    known: dict[str, Any] = {"organization_name": "acme", "url": f"{URL}/{name}/runs/run-{name}"}
    return RunLine(run=a_run(name, status, kind, after=after, **(run or {})), workspace_name=name, **{**known, **facts})
