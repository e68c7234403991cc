"""What are workspaces, and what is set around them, in the API's documents?"""

from bot.manifest import Category
from bot.notifications import Destination, Trigger
from bot.workspace import ApplyPermission, EngineName, ExecutionMode, Requirement, Workflow
from handlers.api.permissions import WORKSPACE_PERMISSIONS
from handlers.api.schemas.words import (
    COUNT,
    FLAG,
    MAYBE_TEXT,
    MAYBE_TIME,
    TEXT,
    TIME,
    UNSET,
    Kind,
    by_name,
    elsewhere,
    flags,
    group,
    listed,
    maybe,
    one_of,
    to_many,
    to_none_or_one,
    to_one,
)

_VCS_REPO = group(
    {
        "identifier": TEXT,
        "display-identifier": TEXT,
        "branch": TEXT,
        "ingress-submodules": FLAG,
        "oauth-token-id": TEXT,
        "repository-http-url": TEXT,
        "service-provider": TEXT,
        "tags-regex": MAYBE_TEXT,
        "webhook-url": MAYBE_TEXT,
        "webhook-registered": FLAG,
        "webhook-secret": {**TEXT, "description": "Only in the answer that made the workspace join the repository."},
    },
    optional=["webhook-secret"],
)

WORKSPACES = Kind(
    "workspaces",
    {
        "name": TEXT,
        "description": TEXT,
        "working-directory": TEXT,
        "execution-mode": one_of(ExecutionMode),
        "operations": FLAG,
        "engine": one_of(EngineName),
        "terraform-version": TEXT,
        "auto-apply": FLAG,
        "auto-apply-run-trigger": FLAG,
        "queue-all-runs": FLAG,
        "speculative-enabled": FLAG,
        "allow-destroy-plan": FLAG,
        "file-triggers-enabled": FLAG,
        "trigger-prefixes": listed(TEXT),
        "trigger-patterns": listed(TEXT),
        "global-remote-state": FLAG,
        "structured-run-output-enabled": FLAG,
        "vcs-workflow": one_of(Workflow),
        "apply-requirements": listed(one_of(Requirement)),
        "apply-permission": one_of(ApplyPermission),
        "author-may-apply": FLAG,
        "auto-merge": FLAG,
        "plan-timeout-seconds": COUNT,
        "apply-timeout-seconds": COUNT,
        "vcs-repo": maybe(_VCS_REPO),
        "vcs-repo-identifier": MAYBE_TEXT,
        "locked": FLAG,
        "locked-reason": TEXT,
        "locked-at": MAYBE_TIME,
        "tag-names": listed(TEXT),
        "source": TEXT,
        "environment": TEXT,
        "assessments-enabled": FLAG,
        "setting-overwrites": flags(["execution-mode", "agent-pool"]),
        "actions": flags(["is-destroyable"]),
        "permissions": flags(WORKSPACE_PERMISSIONS),
        "created-at": TIME,
    },
    {
        "organization": to_one("organizations"),
        "project": to_one("projects"),
        "current-run": to_none_or_one("runs"),
        "latest-run": to_none_or_one("runs"),
        "locked-by": to_none_or_one("users", "teams", "runs"),
        "current-configuration-version": to_none_or_one("configuration-versions"),
        "current-state-version": to_none_or_one("state-versions"),
        "outputs": elsewhere("workspace-outputs"),
        "vars": elsewhere(),
        "runs": elsewhere(),
        "tag-bindings": elsewhere(),
        "effective-tag-bindings": elsewhere("effective-tag-bindings"),
        "remote-state-consumers": elsewhere(),
    },
)

PROJECTS = Kind(
    "projects",
    {
        "name": TEXT,
        "description": TEXT,
        "created-at": TIME,
        "is-default": FLAG,
        "is-unified": FLAG,
        "workspace-count": COUNT,
        "team-count": COUNT,
        "stack-count": COUNT,
        "default-execution-mode": one_of(ExecutionMode),
        "auto-destroy-activity-duration": UNSET,
        "setting-overwrites": flags(["default-execution-mode", "default-agent-pool"]),
        "permissions": flags(["can-read", "can-update", "can-destroy", "can-create-workspace", "can-move-workspace"]),
    },
    {"organization": to_one("organizations"), "tag-bindings": elsewhere(), "effective-tag-bindings": elsewhere()},
)

TAG_BINDINGS = Kind("tag-bindings", {"key": TEXT, "value": TEXT, "created-at": TIME})
EFFECTIVE_TAG_BINDINGS = Kind("effective-tag-bindings", {"key": TEXT, "value": TEXT})
TAGS = Kind("tags", {"name": TEXT, "created-at": TIME, "instance-count": COUNT})

VARS = Kind(
    "vars",
    {
        "key": TEXT,
        "value": {**MAYBE_TEXT, "description": "Null if it is sensitive."},
        "category": one_of(Category),
        "hcl": FLAG,
        "sensitive": FLAG,
        "description": TEXT,
    },
    {"configurable": to_one("workspaces"), "varset": to_one("varsets")},
    optional=frozenset({"configurable", "varset"}),  # whichever it belongs to
)

VARSETS = Kind(
    "varsets",
    {
        "name": TEXT,
        "description": TEXT,
        "global": FLAG,
        "priority": FLAG,
        "var-count": COUNT,
        "workspace-count": COUNT,
        "project-count": COUNT,
        "permissions": flags(["can-update"]),
        "created-at": TIME,
        "updated-at": TIME,
    },
    {
        "organization": to_one("organizations"),
        "parent": to_one("organizations"),
        "vars": elsewhere(),
        "workspaces": to_many("workspaces"),
        "projects": to_many("projects"),
    },
)

RUN_TRIGGERS = Kind(
    "run-triggers",
    {"workspace-name": TEXT, "sourceable-name": TEXT, "created-at": TIME},
    {"workspace": to_one("workspaces"), "sourceable": to_one("workspaces")},
)

_DELIVERY = {
    "url": TEXT,
    "body": TEXT,
    "code": TEXT,
    "headers": by_name(listed(TEXT)),
    "sent-at": TIME,
    "successful": one_of(["true", "false"]),
}
NOTIFICATION_CONFIGURATIONS = Kind(
    "notification-configurations",
    {
        "name": TEXT,
        "enabled": FLAG,
        "destination-type": one_of(Destination),
        "url": TEXT,
        "token": {**UNSET, "description": "Goes in and never comes out."},
        "triggers": listed(one_of(Trigger)),
        "delivery-responses": listed(group(_DELIVERY)),
        "created-at": TIME,
        "updated-at": TIME,
    },
    {"subscribable": to_one("workspaces")},
)

KINDS = (
    *(WORKSPACES, PROJECTS, TAG_BINDINGS, EFFECTIVE_TAG_BINDINGS, TAGS),
    *(VARS, VARSETS, RUN_TRIGGERS, NOTIFICATION_CONFIGURATIONS),
)
