"""What may a request say? A table for each thing that can be made or changed; what it leaves out stays, or is usual.

Unknown attributes are left alone, and null counts as absent, so that any client is understood (tfe-contract 0.12).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.connection import Provider
from bot.manifest import Category
from bot.notifications import Destination, Trigger
from bot.permissions import Flag, Level, RunsAccess, StateAccess, VariablesAccess
from bot.team import Visibility
from bot.terraform_version import FACTS
from bot.workspace import ApplyPermission, EngineName, ExecutionMode, Requirement, Workflow
from handlers.api.schemas.words import FLAG, TEXT, TIME, Schema, group, listed, maybe, one_of
from handlers.api.team_access import MocksAccess

COUNT: Schema = {"type": "integer"}


@dataclass(frozen=True)
class Taken:
    """`kind`: the `type` that clients write. `relations`: to one resource each; `lists`: to several each."""

    kind: str
    attributes: Mapping[str, Schema] = field(default_factory=dict)
    relations: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()


_VCS_REPO: dict[str, Schema] = {
    **dict.fromkeys(("identifier", "oauth-token-id", "branch", "tags-regex"), TEXT),
    "ingress-submodules": FLAG,
}
_WORKSPACE: dict[str, Schema] = {
    "name": TEXT,
    "description": TEXT,
    "working-directory": TEXT,
    "execution-mode": one_of(ExecutionMode),
    "operations": {**FLAG, "deprecated": True, "description": "What `execution-mode` was called before."},
    "agent-pool-id": {**maybe(TEXT), "description": "Refused: there are no agents here."},
    "engine": one_of(EngineName),
    "terraform-version": TEXT,
    **dict.fromkeys(("auto-apply", "auto-apply-run-trigger", "queue-all-runs", "speculative-enabled"), FLAG),
    **dict.fromkeys(("allow-destroy-plan", "file-triggers-enabled", "global-remote-state"), FLAG),
    "structured-run-output-enabled": FLAG,
    "trigger-prefixes": listed(TEXT),
    "trigger-patterns": listed(TEXT),
    "vcs-workflow": one_of(Workflow),
    "apply-requirements": listed(one_of(Requirement)),
    "apply-permission": one_of(ApplyPermission),
    "author-may-apply": FLAG,
    "auto-merge": FLAG,
    "plan-timeout-seconds": COUNT,
    "apply-timeout-seconds": COUNT,
    "vcs-repo": {
        **maybe(group(_VCS_REPO, optional=_VCS_REPO)),
        "description": "Null leaves the repository.",
    },
}
_VARIABLE: dict[str, Schema] = {
    "key": TEXT,
    "value": TEXT,
    "category": one_of(Category),
    "hcl": FLAG,
    "sensitive": FLAG,
    "description": TEXT,
}
_PARTS: dict[str, Schema] = {
    "access": one_of(Level),
    "runs": one_of(RunsAccess),
    "variables": one_of(VariablesAccess),
    "state-versions": one_of(StateAccess),
    "sentinel-mocks": one_of(MocksAccess),
    "workspace-locking": FLAG,
    "run-tasks": FLAG,
}
_SET: dict[str, Schema] = {"name": TEXT, "description": TEXT, "global": FLAG, "priority": FLAG}
_RUN: dict[str, Schema] = {
    "message": TEXT,
    **dict.fromkeys(("plan-only", "save-plan", "auto-apply", "is-destroy", "refresh", "refresh-only"), FLAG),
    **dict.fromkeys(("allow-config-generation", "allow-empty-apply"), FLAG),
    "target-addrs": listed(TEXT),
    "replace-addrs": listed(TEXT),
    "variables": listed(group({"key": TEXT, "value": {**TEXT, "description": "As HCL."}})),
    "terraform-version": {**TEXT, "description": "None but the workspace's own."},
}
_STATE: dict[str, Schema] = {
    "serial": COUNT,
    "md5": TEXT,
    "lineage": TEXT,
    "force": FLAG,
    "state": {**TEXT, "description": "In base64. Without it, the answer says where to upload it."},
    "json-state": {**TEXT, "description": "In base64."},
}
_NOTIFICATION: dict[str, Schema] = {
    "name": TEXT,
    "url": TEXT,
    "token": TEXT,
    "enabled": FLAG,
    "destination-type": one_of(Destination),
    "triggers": listed(one_of(Trigger)),
}
_TERRAFORM_VERSION: dict[str, Schema] = {
    "version": TEXT,
    "url": TEXT,
    "sha": TEXT,
    "deprecated-reason": TEXT,
    **dict.fromkeys(("official", "enabled", "beta", "deprecated"), FLAG),
    "archs": listed(group(dict.fromkeys(FACTS, TEXT))),
}
_OAUTH_CLIENT: dict[str, Schema] = {
    "service-provider": one_of(Provider),
    **dict.fromkeys(("name", "http-url", "api-url", "oauth-token-string", "app-id", "private-key"), TEXT),
    "webhook-secret": TEXT,
}

BODIES: dict[str, Taken] = {
    "account": Taken("users", {"username": TEXT, "email": TEXT}),
    "organization": Taken("organizations", {"name": TEXT, "email": TEXT}),
    "membership": Taken("organization-memberships", {"email": TEXT}, lists=("teams",)),
    "team": Taken(
        "teams",
        {
            "name": TEXT,
            "visibility": one_of(Visibility),
            "allow-member-token-management": FLAG,
            "organization-access": group(dict.fromkeys(Flag, FLAG), optional=Flag),
        },
    ),
    "new team access": Taken("team-workspaces", _PARTS, ("team", "workspace")),
    "team access": Taken("team-workspaces", _PARTS),
    "token": Taken("authentication-tokens", {"description": TEXT, "expired-at": TIME}),
    "only token": Taken("authentication-tokens", {"expired-at": TIME}),
    "project": Taken("projects", {"name": TEXT, "description": TEXT}, lists=("tag-bindings",)),
    "workspace": Taken("workspaces", _WORKSPACE, ("project",), ("tag-bindings", "tags")),
    "lock": Taken("workspaces", {"reason": TEXT}),
    "variable": Taken("vars", _VARIABLE),
    "variable by name": Taken("vars", _VARIABLE, ("workspace",)),
    "variable set": Taken("varsets", _SET, lists=("vars", "workspaces", "projects")),
    "changed variable set": Taken("varsets", _SET, lists=("workspaces", "projects")),
    "run trigger": Taken("run-triggers", relations=("sourceable",)),
    "notification configuration": Taken("notification-configurations", _NOTIFICATION),
    "configuration version": Taken(
        "configuration-versions", dict.fromkeys(("speculative", "provisional", "auto-queue-runs"), FLAG)
    ),
    "run": Taken("runs", _RUN, ("workspace", "configuration-version")),
    "comment": Taken("comments", {"body": TEXT}),
    "comment on an action": Taken("comments", {"comment": TEXT}),
    "state version": Taken("state-versions", _STATE, ("run",)),
    "rollback": Taken("state-versions", relations=("rollback-state-version",)),
    "oauth client": Taken("oauth-clients", _OAUTH_CLIENT),
    "changed oauth client": Taken("oauth-clients", {"name": TEXT, "oauth-token-string": TEXT}),
    "oauth token": Taken("oauth-tokens", {"oauth-token-string": TEXT}),
    "terraform version": Taken("terraform-versions", _TERRAFORM_VERSION),
}
