"""How is a workspace written, and how are its attributes read? TFE's words on one side, our settings on the other."""

from collections.abc import Mapping
from typing import Any

from bot.connection import Connection, Repository
from bot.errors import Refused
from bot.run_queue import in_order
from bot.timestamps import maybe_text, to_text
from bot.workspace import Workspace
from bot.workspace_settings import LATEST
from handlers.api.documents import Resource, linked, resource, to_one
from handlers.reactions.joining import webhook_url
from handlers.services import Services

# attribute → setting. All but the last line are TFE's own.
SETTINGS = {
    "working-directory": "working_directory",
    "trigger-prefixes": "trigger_prefixes",
    "trigger-patterns": "trigger_patterns",
    "file-triggers-enabled": "file_triggers_enabled",
    "speculative-enabled": "speculative_enabled",
    "queue-all-runs": "queue_all_runs",
    "auto-apply": "auto_apply",
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
VCS_SETTINGS = {"branch": "branch", "ingress-submodules": "ingress_submodules", "tags-regex": "tags_regex"}

# What an owner may do: everything that is there.
PERMISSIONS = {
    **dict.fromkeys(("can-create-state-versions", "can-destroy", "can-force-unlock", "can-lock", "can-unlock"), True),
    **dict.fromkeys(("can-queue-apply", "can-queue-destroy", "can-queue-run", "can-read-run"), True),
    **dict.fromkeys(("can-read-settings", "can-update", "can-read-variable", "can-update-variable"), True),
    **dict.fromkeys(("can-read-state-outputs", "can-read-state-versions", "can-force-delete"), True),
    "can-manage-run-tasks": False,
}


def read_settings(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The settings among a request's attributes; unknown attributes are left alone.

    Raises Refused for what would change where runs happen: here they always happen remotely.
    """
    if attributes.get("execution-mode") not in (None, "remote") or attributes.get("operations") is False:
        raise Refused("execution-mode is remote: runs happen on the server's runners")
    settings = {setting: attributes[name] for name, setting in SETTINGS.items() if name in attributes}
    vcs = attributes.get("vcs-repo")
    if isinstance(vcs, Mapping):
        settings |= {setting: vcs[name] for name, setting in VCS_SETTINGS.items() if name in vcs}
    return settings


def workspace_resource(services: Services, workspace: Workspace, *, webhook_secret: str = "") -> Resource:
    """The document of a workspace; `webhook_secret` only in the answer that made it join a repository."""
    queue = in_order(services.runs.unfinished(workspace.id))
    head = queue[0] if queue else None
    holder = head if head is not None and head.holds_workspace else None
    attributes = {
        "name": workspace.name,
        "created-at": to_text(workspace.created_at),
        **{name: _shown(getattr(workspace, setting)) for name, setting in SETTINGS.items()},
        "terraform-version": workspace.engine_version or LATEST,
        "locked": workspace.is_locked or holder is not None,
        "locked-reason": workspace.lock_reason,
        "locked-at": maybe_text(workspace.locked_at),
        "allow-destroy-plan": True,
        "assessments-enabled": False,
        "auto-apply-run-trigger": False,
        "description": None,
        "environment": "default",
        "execution-mode": "remote",
        "global-remote-state": False,
        "operations": True,
        "source": "tfe-api",
        "structured-run-output-enabled": False,
        "tag-names": [],
        "actions": {"is-destroyable": head is None},
        "permissions": PERMISSIONS,
        "vcs-repo": vcs_repo(services, workspace, webhook_secret),
    }
    relationships = {
        "organization": to_one("organizations", workspace.organization_name),
        "current-run": to_one("runs", head.id if head else None),
        "locked-by": to_one("runs", holder.id if holder else None),
        "current-state-version": to_one(
            "state-versions",
            workspace.current_state_version_id,
            link=f"workspaces/{workspace.id}/current-state-version",
        ),
        "vars": linked(f"workspaces/{workspace.id}/vars"),
        "runs": linked(f"workspaces/{workspace.id}/runs"),
    }
    attributes["vcs-repo-identifier"] = attributes["vcs-repo"]["identifier"] if attributes["vcs-repo"] else None
    link = f"organizations/{workspace.organization_name}/workspaces/{workspace.name}"
    return resource("workspaces", workspace.id, attributes, relationships, link=link)


def vcs_repo(services: Services, workspace: Workspace, webhook_secret: str = "") -> dict[str, Any] | None:
    if workspace.repository_id is None:
        return None
    repository = services.repositories.get(workspace.repository_id)
    connection = services.connections.get(repository.connection_id)
    found = _vcs_facts(services, workspace, repository, connection)
    return {**found, "webhook-secret": webhook_secret} if webhook_secret else found


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
