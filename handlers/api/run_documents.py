"""How is a run written? TFE's attributes and ours (tfe-contract 1.3): what its state allows, what the caller may do."""

from typing import Any

from bot.ids import WorkspaceId
from bot.run import AT_A_RUNNER, AWAITING_DECISION, Run, RunKind, Stage, TriggerReason
from bot.run_machine import RunEvent, can
from bot.run_queue import position
from bot.timestamps import maybe_text, to_text
from bot.workspace import Workspace
from bot.workspace_settings import LATEST
from handlers.api.documents import Resource, linked, resource, to_one
from handlers.api.stage_documents import stage_resource
from handlers.api.workspace_documents import workspace_resource
from handlers.reactions.decisions import COOL_OFF
from handlers.run_logs import stage_id
from handlers.services import Services

# TFE's names; those that nothing stands behind here include nothing.
INCLUDES = frozenset(
    {"apply", "configuration_version", "configuration_version.ingress_attributes", "plan", "workspace"}
    | {"comments", "confirmed_by", "cost_estimate", "created_by", "policy_checks", "run_events", "task_stages"}
    | {"workspace.organization"}
)

# What an owner may do: everything that is there.
PERMISSIONS = {
    **dict.fromkeys(("can-apply", "can-cancel", "can-comment", "can-discard", "can-force-cancel"), True),
    "can-force-execute": False,
    "can-override-policy-check": False,
}
SOURCES = {
    TriggerReason.PUSH: "tfe-configuration-version",
    TriggerReason.TAG: "tfe-configuration-version",
    TriggerReason.PULL_REQUEST: "tfe-configuration-version",
    TriggerReason.MANUAL: "tfe-api",
}


class RunDocuments:
    """Writes the runs of one answer; a workspace's queue is read once for all of its runs."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._queues: dict[WorkspaceId, list[Run]] = {}

    def resource(self, run: Run, *, position: int | None = None) -> Resource:
        """`position`: in the workers' queue; None: its place in the queue of its workspace, 0 if it has none."""
        manifest = self._services.runs.manifest(run.id)
        attributes = {
            **_facts(run),
            "terraform-version": manifest.engine_version or LATEST,
            "position-in-queue": self._place(run) if position is None else position,
            "actions": self._actions(run),
            "permissions": PERMISSIONS,
            "status-timestamps": _times(run),
            "force-cancel-available-at": maybe_text(run.cancel_requested_at and run.cancel_requested_at + COOL_OFF),
        }
        relationships = {
            "workspace": to_one("workspaces", run.workspace_id),
            "configuration-version": to_one("configuration-versions", run.configuration_version_id),
            "plan": to_one("plans", stage_id(run, Stage.PLAN), link=f"plans/{stage_id(run, Stage.PLAN)}"),
            "apply": to_one("applies", stage_id(run, Stage.APPLY), link=f"applies/{stage_id(run, Stage.APPLY)}"),
            "run-events": linked(f"runs/{run.id}/run-events"),
            "comments": linked(f"runs/{run.id}/comments"),
        }
        return resource("runs", run.id, attributes, relationships, link=f"runs/{run.id}")

    def included(self, run: Run, workspace: Workspace, includes: set[str]) -> list[Resource]:
        found: list[Resource] = []
        if includes & {"workspace", "workspace.organization"}:
            found.append(workspace_resource(self._services, workspace))
        for stage in Stage:
            if stage.value in includes:
                found.append(stage_resource(self._services, run, stage))
        if includes & {"configuration_version", "configuration_version.ingress_attributes"}:
            found += self._configuration(run, with_ingress="configuration_version.ingress_attributes" in includes)
        return found

    def _place(self, run: Run) -> int:
        if run.is_final:
            return 0
        if run.workspace_id not in self._queues:
            self._queues[run.workspace_id] = self._services.runs.unfinished(run.workspace_id)
        return position(self._queues[run.workspace_id], run.id)

    def _actions(self, run: Run) -> dict[str, bool]:
        at_runner = run.status in AT_A_RUNNER
        asked_to_stop = at_runner and run.cancel_requested_at is not None
        cool_off_over = run.cancel_requested_at and self._services.now() >= run.cancel_requested_at + COOL_OFF
        return {
            "is-cancelable": not run.is_final and run.status not in AWAITING_DECISION and not asked_to_stop,
            "is-confirmable": can(run, RunEvent.CONFIRMED) and run.has_changes,
            "is-discardable": can(run, RunEvent.DISCARDED),
            "is-force-cancelable": asked_to_stop and bool(cool_off_over),
        }

    def _configuration(self, run: Run, *, with_ingress: bool) -> list[Resource]:
        version = self._services.configurations.find(run.configuration_version_id)
        if version is None:
            return []
        attributes = {
            "status": "uploaded",
            "source": "tfe-api",
            "speculative": run.kind is RunKind.PLAN_ONLY,
            "provisional": run.kind is RunKind.SAVED_PLAN,
            "auto-queue-runs": True,
            "error": None,
            "error-message": None,
            "upload-url": None,
        }
        ingress_id = "ia-" + run.id.removeprefix("run-")
        relationships = {"ingress-attributes": to_one("ingress-attributes", ingress_id)}
        found = [resource("configuration-versions", version.id, attributes, relationships)]
        if with_ingress:
            found.append(resource("ingress-attributes", ingress_id, _ingress(run, version.message)))
        return found


def _facts(run: Run) -> dict[str, Any]:
    return {
        "status": run.status.value,
        "created-at": to_text(run.created_at),
        "canceled-at": maybe_text(run.times.get("canceled")),
        "message": run.message,
        "source": SOURCES[run.trigger_reason],
        "trigger-reason": run.trigger_reason.value,
        "has-changes": run.has_changes,
        "is-destroy": run.is_destroy,
        "auto-apply": run.auto_apply,
        "plan-only": run.kind is RunKind.PLAN_ONLY,
        "save-plan": run.kind is RunKind.SAVED_PLAN,
        "refresh": True,
        "refresh-only": False,
        "allow-empty-apply": False,
        "allow-config-generation": False,
        "target-addrs": None,
        "replace-addrs": None,
        "variables": [],
        "commit-sha": run.commit_sha,
        "manifest-digest": run.manifest_digest,
        "plan-digest": run.plan_digest or None,
        "error": run.error or None,
    }


def _times(run: Run) -> dict[str, str]:
    """When each status was entered; what hasn't been is left out, never null (tfe-contract 0.3)."""
    found = {"plan-queueable-at": to_text(run.created_at)}
    for status, at in run.times.items():
        if status != "pending":
            found[f"{status.replace('_', '-')}-at"] = to_text(at)
    if run.forced and "canceled" in run.times:
        found["force-canceled-at"] = to_text(run.times["canceled"])
    return found


def _ingress(run: Run, message: str) -> dict[str, Any]:
    return {
        "branch": run.branch,
        "tag": run.tag or None,
        "commit-sha": run.commit_sha,
        "commit-message": message,
        "is-pull-request": run.pull_number is not None,
        "pull-request-number": run.pull_number,
        "sender-username": run.created_by,
    }
