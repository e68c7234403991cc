"""How is a run written? TFE's attributes and ours (tfe-contract 1.3): what its state allows, what the caller may do."""

from collections.abc import Sequence
from typing import Any

from bot.manifest import Manifest
from bot.run import AT_A_RUNNER, AWAITING_DECISION, Run, RunKind, Stage, TriggerReason
from bot.run_machine import RunEvent, can
from bot.run_queue import places
from bot.timestamps import maybe_text, to_text
from bot.workspace import Workspace
from bot.workspace_settings import LATEST
from handlers.access import Asker
from handlers.api.configuration_documents import configuration_resource, ingress_resource
from handlers.api.documents import Resource, linked, resource, to_one
from handlers.api.permissions import run_permissions
from handlers.api.stage_documents import stage_resource
from handlers.api.workspace_documents import WorkspaceDocuments, workspace_resource
from handlers.reactions.decisions import COOL_OFF
from handlers.run_logs import stage_id

# TFE's names; those that nothing stands behind here include nothing.
INCLUDES = frozenset(
    {"apply", "configuration_version", "configuration_version.ingress_attributes", "plan", "workspace"}
    | {"comments", "confirmed_by", "cost_estimate", "created_by", "policy_checks", "run_events", "task_stages"}
    | {"workspace.organization"}
)

_WITH_WORKSPACE = {"workspace", "workspace.organization"}
SOURCES = {
    TriggerReason.PUSH: "tfe-configuration-version",
    TriggerReason.TAG: "tfe-configuration-version",
    TriggerReason.PULL_REQUEST: "tfe-configuration-version",
    TriggerReason.MANUAL: "tfe-api",
    TriggerReason.RUN_TRIGGER: "tfe-run-trigger",
}


class RunDocuments:
    """Writes the runs of one answer; what they need from other tables is read at once for all of them."""

    def __init__(self, asker: Asker, runs: Sequence[Run]) -> None:
        self._asker = asker
        self._services = services = asker.services
        workspaces = services.workspaces.with_ids({run.workspace_id for run in runs})
        waiting = {run.workspace_id for run in runs if not run.is_final}
        self._manifests = services.runs.manifests([run.id for run in runs])
        self._workspaces = {workspace.id: workspace for workspace in workspaces}
        queues = services.runs.unfinished_of_each(waiting)
        self._places = {run_id: place for queue in queues.values() for run_id, place in places(queue).items()}
        allowed = asker.allowed_in_each(workspaces)
        self._permissions = {workspace_id: run_permissions(may) for workspace_id, may in allowed.items()}

    def resource(self, run: Run, *, position: int | None = None) -> Resource:
        """`position`: in the workers' queue; None: its place in the queue of its workspace, 0 if it has none."""
        manifest = self._manifests[run.id]
        attributes = {
            **_facts(run),
            **_options(manifest),
            "terraform-version": manifest.engine_version or LATEST,
            "position-in-queue": self._places.get(run.id, 0) if position is None else position,
            "actions": self._actions(run),
            "permissions": self._permissions[run.workspace_id],
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

    def included_of(self, runs: Sequence[Run], includes: set[str]) -> list[Resource]:
        """What a list includes; the runs are those that this was made with."""
        found: list[Resource] = []
        if includes & _WITH_WORKSPACE:
            workspaces = list(self._workspaces.values())
            documents = WorkspaceDocuments(self._asker, workspaces)
            found += [documents.resource(workspace) for workspace in workspaces]
        for run in runs if includes - _WITH_WORKSPACE else ():
            found += self.included(run, self._workspaces[run.workspace_id], includes - _WITH_WORKSPACE)
        return found

    def included(self, run: Run, workspace: Workspace, includes: set[str]) -> list[Resource]:
        found: list[Resource] = []
        if includes & _WITH_WORKSPACE:
            found.append(workspace_resource(self._asker, workspace))
        for stage in Stage:
            if stage.value in includes:
                found.append(stage_resource(self._services, run, stage))
        if includes & {"configuration_version", "configuration_version.ingress_attributes"}:
            found += self._configuration(run, with_ingress="configuration_version.ingress_attributes" in includes)
        return found

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
        found = [configuration_resource(version)]
        if with_ingress and version.repository_id is not None:
            found.append(ingress_resource(version, run))
        return found


def _facts(run: Run) -> dict[str, Any]:
    return {
        "status": run.status.value,
        "created-at": to_text(run.created_at),
        "canceled-at": maybe_text(run.times.get("canceled")),
        "message": run.message,
        "source": run.source or SOURCES[run.trigger_reason],
        "trigger-reason": run.trigger_reason.value,
        "has-changes": run.has_changes,
        "is-destroy": run.is_destroy,
        "auto-apply": run.auto_apply,
        "plan-only": run.kind is RunKind.PLAN_ONLY,
        "save-plan": run.kind is RunKind.SAVED_PLAN,
        "commit-sha": run.commit_sha,
        "manifest-digest": run.manifest_digest,
        "plan-digest": run.plan_digest or None,
        "error": run.error or None,
    }


def _options(manifest: Manifest) -> dict[str, Any]:
    options = manifest.options
    return {
        "refresh": options.refresh,
        "refresh-only": options.refresh_only,
        "allow-empty-apply": options.allows_empty_apply,
        "allow-config-generation": options.generates_configuration,
        "target-addrs": list(options.targets) or None,
        "replace-addrs": list(options.replaces) or None,
        "variables": [],
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
