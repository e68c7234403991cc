"""How is a run written? TFE's attributes and ours (tfe-contract 1.3): what its state allows, what the caller may do."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from bot.ids import RunId, UserId
from bot.manifest import ManifestHead
from bot.run import AT_A_RUNNER, AWAITING_DECISION, Run, RunKind, Stage
from bot.run_machine import RunEvent, can
from bot.run_queue import places
from bot.run_words import source_of
from bot.timestamps import maybe_text, to_text
from bot.workspace_settings import LATEST
from handlers.access import Asker
from handlers.api.configuration_documents import configuration_resource, ingress_resources
from handlers.api.documents import Resource, linked, resource, to_one
from handlers.api.organization_documents import organizations_seen
from handlers.api.permissions import run_permissions
from handlers.api.stage_documents import stage_resource
from handlers.api.users import known_users, user_resource
from handlers.api.workspace_documents import WorkspaceDocuments
from handlers.reactions.decisions import COOL_OFF
from handlers.run_logs import stage_id
from storage.people import User

# TFE's names; those that nothing stands behind here include nothing.
INCLUDES = frozenset(
    {"apply", "configuration_version", "configuration_version.ingress_attributes", "plan", "workspace"}
    | {"comments", "confirmed_by", "cost_estimate", "created_by", "policy_checks", "run_events", "task_stages"}
    | {"workspace.organization"}
)

_WITH_WORKSPACE = {"workspace", "workspace.organization"}
_WITH_CONFIGURATION = {"configuration_version", "configuration_version.ingress_attributes"}


class RunDocuments:
    """Writes the runs of one answer; what they need from other tables is read at once for all of them."""

    def __init__(self, asker: Asker, runs: Sequence[Run]) -> None:
        self._asker, self._runs = asker, runs
        self._services = services = asker.services
        workspaces = services.workspaces.with_ids({run.workspace_id for run in runs})
        self._manifests = services.runs.manifest_heads([run.id for run in runs])
        self._workspaces = {workspace.id: workspace for workspace in workspaces}
        self._allowed = asker.allowed_in_each(workspaces)
        # Only who asked by hand is written down by a name of ours; an event's sender has that name at a code host.
        self._users = services.people.users_named({run.created_by for run in runs if run.source})
        self._permissions = {workspace_id: run_permissions(may) for workspace_id, may in self._allowed.items()}

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
            "created-by": to_one("users", user.id if (user := self._creator(run)) else None),
            "confirmed-by": to_one("users", run.confirmed_by_id or None),
            "input-state-version": to_one("state-versions", run.planned_on),
            "run-events": linked(f"runs/{run.id}/run-events"),
            "comments": linked(f"runs/{run.id}/comments"),
        }
        return resource("runs", run.id, attributes, relationships, link=f"runs/{run.id}")

    @cached_property
    def _places(self) -> dict[RunId, int]:
        """Of those that are in the queue of their workspace."""
        waiting = {run.workspace_id for run in self._runs if not run.is_final}
        queues = self._services.runs.unfinished_of_each(waiting)
        return {run_id: place for queue in queues.values() for run_id, place in places(queue).items()}

    def included_of(self, runs: Sequence[Run], includes: set[str]) -> list[Resource]:
        """What the runs include; they are those that this was made with."""
        found: list[Resource] = []
        if includes & _WITH_WORKSPACE:
            workspaces = list(self._workspaces.values())
            documents = WorkspaceDocuments(self._asker, workspaces, allowed=self._allowed)
            found += [documents.resource(workspace) for workspace in workspaces]
        if "workspace.organization" in includes:
            found += organizations_seen(self._asker, {each.organization_id for each in self._workspaces.values()})
        return found + self._included_of(runs, includes)

    def _included_of(self, runs: Sequence[Run], includes: set[str]) -> list[Resource]:
        """All but the workspaces; what several runs have in common is read once."""
        stages = [stage for stage in Stage if stage.value in includes]
        found = [stage_resource(self._services, run, stage) for run in runs for stage in stages]
        if includes & _WITH_CONFIGURATION:
            versions = self._services.configurations.with_ids({run.configuration_version_id for run in runs})
            found += [configuration_resource(version) for version in versions]
            if "configuration_version.ingress_attributes" in includes:
                found += ingress_resources(self._services, versions)
        return found + self._people(runs, includes)

    def _people(self, runs: Sequence[Run], includes: set[str]) -> list[Resource]:
        """Who asked for the runs and who approved them, as far as the asker may know them."""
        found = [self._creator(run) for run in runs] if "created_by" in includes else []
        if "confirmed_by" in includes:
            found += self._services.people.users_with_ids({UserId(run.confirmed_by_id) for run in runs})
        known = known_users(self._asker, [user for user in found if user is not None])
        return [user_resource(user, self._asker) for user in known]

    def _creator(self, run: Run) -> User | None:
        return self._users.get(run.created_by) if run.source else None

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


def _facts(run: Run) -> dict[str, Any]:
    return {
        "status": run.status.value,
        "created-at": to_text(run.created_at),
        "canceled-at": maybe_text(run.times.get("canceled")),
        "message": run.message,
        "source": source_of(run),
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


def _options(manifest: ManifestHead) -> dict[str, Any]:
    options = manifest.options
    return {
        "refresh": options.refresh,
        "refresh-only": options.refresh_only,
        "allow-empty-apply": options.allows_empty_apply,
        "allow-config-generation": options.generates_configuration,
        "target-addrs": list(options.targets) or None,
        "replace-addrs": list(options.replaces) or None,
        "variables": [
            {"key": each.key, "value": "" if each.sensitive else each.value} for each in manifest.own_variables
        ],
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
