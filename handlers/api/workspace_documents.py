"""How is a workspace written, and how are its attributes read? TFE's words on one side, our settings on the other."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.connection import Connection, Repository
from bot.errors import Refused
from bot.ids import WorkspaceId
from bot.needs import Needs
from bot.run import Run
from bot.run_queue import in_order
from bot.timestamps import maybe_text, to_text
from bot.workspace import ExecutionMode, Workspace
from bot.workspace_settings import LATEST
from handlers.access import Asker
from handlers.api.documents import Resource, linked, resource, to_one
from handlers.api.permissions import workspace_permissions
from handlers.reactions.joining import webhook_url
from handlers.services import Services
from storage.tags import Tagged

# attribute → setting. All but the last line are TFE's own.
SETTINGS = {
    "working-directory": "working_directory",
    "trigger-prefixes": "trigger_prefixes",
    "trigger-patterns": "trigger_patterns",
    "file-triggers-enabled": "file_triggers_enabled",
    "speculative-enabled": "speculative_enabled",
    "queue-all-runs": "queue_all_runs",
    "auto-apply": "auto_apply",
    "allow-destroy-plan": "allow_destroy_plan",
    "auto-apply-run-trigger": "auto_apply_run_trigger",
    "description": "description",
    "execution-mode": "execution_mode",
    "global-remote-state": "global_remote_state",
    "structured-run-output-enabled": "structured_run_output",
    "terraform-version": "engine_version",
    "engine": "engine",
    "vcs-workflow": "vcs_workflow",
    "apply-requirements": "apply_requirements",
    "apply-permission": "apply_permission",
    "author-may-apply": "author_may_apply",
    "auto-merge": "auto_merge",
    "plan-timeout-seconds": "plan_timeout_seconds",
    "apply-timeout-seconds": "apply_timeout_seconds",
}
_HOLDERS = {"user": "users", "team": "teams", "run": "runs"}  # what an id begins with → the kind of resource
VCS_SETTINGS = {"branch": "branch", "ingress-submodules": "ingress_submodules", "tags-regex": "tags_regex"}


def read_settings(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among a request's attributes; unknown attributes are left alone. Raises Refused for agents."""
    if attributes.get("execution-mode") == "agent" or attributes.get("agent-pool-id"):
        raise Refused("execution-mode is remote or local: there are no agents here, a runner may stand anywhere")
    settings = {setting: attributes[name] for name, setting in SETTINGS.items() if name in attributes}
    if "operations" in attributes and "execution_mode" not in settings:  # what the attribute was called before
        settings["execution_mode"] = "local" if attributes["operations"] is False else "remote"
    vcs = attributes.get("vcs-repo")
    if isinstance(vcs, Mapping):
        settings |= {setting: vcs[name] for name, setting in VCS_SETTINGS.items() if name in vcs}
    return settings


class WorkspaceDocuments:
    """Writes the workspaces of one answer; what each needs from other tables is read once for all of them."""

    def __init__(
        self,
        asker: Asker,
        workspaces: Sequence[Workspace],
        *,
        allowed: Mapping[WorkspaceId, frozenset[Needs]] | None = None,
    ) -> None:
        """`allowed`: what the asker may do in each, if that is known already."""
        services, ids = asker.services, [workspace.id for workspace in workspaces]
        self._services = services
        self._unfinished = services.runs.unfinished_of_each(ids)
        self.configurations = services.configurations.current_of_each(ids)
        self._tags = services.workspace_tags.of_each(Tagged.WORKSPACE, ids)
        self.allowed = asker.allowed_in_each(workspaces) if allowed is None else allowed
        listened_to = {workspace.repository_id for workspace in workspaces if workspace.repository_id}
        self._repositories = {found.id: found for found in services.repositories.with_ids(listened_to)}
        through = {repository.connection_id for repository in self._repositories.values()}
        self._connections = services.connections.with_ids(through)

    def queue(self, workspace: Workspace) -> list[Run]:
        """Head first."""
        return in_order(self._unfinished.get(workspace.id, []))

    def holder(self, workspace: Workspace) -> tuple[str, str] | None:
        """(kind, id) of the run, user or team that holds it; None also if that is Runlock, or nobody of ours."""
        head = next(iter(self.queue(workspace)), None)
        if head is not None and head.holds_workspace:
            return "runs", head.id
        kind = _HOLDERS.get(workspace.lock_holder_id.partition("-")[0])
        return (kind, workspace.lock_holder_id) if kind else None

    def resource(self, workspace: Workspace, *, webhook_secret: str = "") -> Resource:
        """`webhook_secret` only in the answer that made it join a repository."""
        head = next(iter(self.queue(workspace)), None)
        vcs = self._vcs_repo(workspace, webhook_secret)
        attributes = {
            "name": workspace.name,
            "created-at": to_text(workspace.created_at),
            **{name: _shown(getattr(workspace, setting)) for name, setting in SETTINGS.items()},
            "terraform-version": workspace.engine_version or LATEST,
            "locked": workspace.is_locked or (head is not None and head.holds_workspace),
            "locked-reason": workspace.lock_reason,
            "locked-at": maybe_text(workspace.locked_at),
            "assessments-enabled": False,
            "environment": "default",
            "operations": workspace.execution_mode is ExecutionMode.REMOTE,
            "setting-overwrites": {"execution-mode": True, "agent-pool": False},
            "source": "tfe-api",
            "tag-names": [tag.key for tag in self._tags.get(workspace.id, []) if not tag.value],
            "actions": {"is-destroyable": head is None},
            "permissions": workspace_permissions(self.allowed[workspace.id]),
            "vcs-repo": vcs,
            "vcs-repo-identifier": vcs["identifier"] if vcs else None,
        }
        link = f"organizations/{workspace.organization_name}/workspaces/{workspace.name}"
        relationships = {
            **_relationships(workspace),
            "current-run": to_one("runs", head.id if head else None),
            "locked-by": to_one(*(self.holder(workspace) or ("users", None))),
            "current-configuration-version": to_one("configuration-versions", self.configurations.get(workspace.id)),
        }
        return resource("workspaces", workspace.id, attributes, relationships, link=link)

    def _vcs_repo(self, workspace: Workspace, webhook_secret: str) -> dict[str, Any] | None:
        if workspace.repository_id is None:
            return None
        repository = self._repositories[workspace.repository_id]
        found = _vcs_facts(self._services, workspace, repository, self._connections[repository.connection_id])
        return {**found, "webhook-secret": webhook_secret} if webhook_secret else found


def workspace_resource(asker: Asker, workspace: Workspace, *, webhook_secret: str = "") -> Resource:
    """The document of one workspace, as `WorkspaceDocuments` writes it."""
    return WorkspaceDocuments(asker, [workspace]).resource(workspace, webhook_secret=webhook_secret)


def _relationships(workspace: Workspace) -> dict[str, Any]:
    path = f"workspaces/{workspace.id}"
    return {
        "organization": to_one("organizations", workspace.organization_name),
        "project": to_one("projects", workspace.project_id, link=f"projects/{workspace.project_id}"),
        "latest-run": to_one("runs", workspace.latest_run_id),
        "current-state-version": to_one(
            "state-versions", workspace.current_state_version_id, link=f"{path}/current-state-version"
        ),
        **{name: linked(f"{path}/{name}") for name in ("vars", "runs", "tag-bindings", "effective-tag-bindings")},
        "outputs": linked(f"{path}/current-state-version-outputs"),
        "remote-state-consumers": linked(f"{path}/relationships/remote-state-consumers"),
    }


def _vcs_facts(
    services: Services, workspace: Workspace, repository: Repository, connection: Connection
) -> dict[str, Any]:
    return {
        "identifier": repository.path,
        "display-identifier": repository.path,
        "branch": workspace.branch,
        "ingress-submodules": workspace.ingress_submodules,
        "oauth-token-id": token_id(connection.id),
        "repository-http-url": repository.html_url,
        "service-provider": connection.provider.value,
        "tags-regex": workspace.tags_regex or None,
        "webhook-url": webhook_url(services, connection),
        "webhook-registered": repository.webhook_registered,
    }


def token_id(connection_id: str) -> str:
    """A connection has one token, whose id follows from its own."""
    return "ot-" + connection_id.removeprefix("oc-")


def connection_id(token: str) -> str:
    return "oc-" + token.removeprefix("ot-")


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
