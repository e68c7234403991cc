"""What does a document say that its reader may do? TFE's words for what `bot/permissions.py` decides."""

from bot.needs import Needs

_IN_WORKSPACE = {
    "can-create-state-versions": Needs.STATE_WRITE,
    "can-destroy": Needs.WORKSPACE_ADMIN,
    "can-force-delete": Needs.WORKSPACE_ADMIN,
    "can-force-unlock": Needs.WORKSPACE_ADMIN,
    "can-lock": Needs.LOCK,
    "can-queue-apply": Needs.RUNS_APPLY,
    "can-queue-destroy": Needs.RUNS_APPLY,
    "can-queue-run": Needs.RUNS_PLAN,
    "can-read-run": Needs.RUNS_READ,
    "can-read-settings": Needs.WORKSPACE_READ,
    "can-read-state-outputs": Needs.OUTPUTS_READ,
    "can-read-state-versions": Needs.STATE_READ,
    "can-read-variable": Needs.VARIABLES_READ,
    "can-unlock": Needs.LOCK,
    "can-update": Needs.WORKSPACE_ADMIN,
    "can-update-variable": Needs.VARIABLES_WRITE,
}
_ON_RUN = {
    "can-apply": Needs.RUNS_APPLY,
    "can-cancel": Needs.RUNS_APPLY,
    "can-comment": Needs.RUNS_PLAN,
    "can-discard": Needs.RUNS_APPLY,
    "can-force-cancel": Needs.FORCE_CANCEL,
    "can-force-execute": Needs.RUNS_APPLY,
}
_IN_ORGANIZATION = {
    "can-create-project": Needs.MANAGE_PROJECTS,
    "can-create-team": Needs.MANAGE_TEAMS,
    "can-create-workspace": Needs.MANAGE_WORKSPACES,
    "can-destroy": Needs.OWNER,
    "can-manage-memberships": Needs.MANAGE_MEMBERSHIP,
    "can-manage-users": Needs.MANAGE_MEMBERSHIP,
    "can-manage-vcs-settings": Needs.MANAGE_VCS,
    "can-read-settings": Needs.MEMBER,
    "can-update": Needs.OWNER,
    "can-update-api-token": Needs.OWNER,
}
WORKSPACE_PERMISSIONS = (*_IN_WORKSPACE, "can-manage-run-tasks")
RUN_PERMISSIONS = (*_ON_RUN, "can-override-policy-check")
ORGANIZATION_PERMISSIONS = (*_IN_ORGANIZATION, "can-manage-run-tasks")


def workspace_permissions(allowed: frozenset[Needs]) -> dict[str, bool]:
    return {**_told(_IN_WORKSPACE, allowed), "can-manage-run-tasks": False}


def run_permissions(allowed: frozenset[Needs]) -> dict[str, bool]:
    """What the reader may do to a workspace's runs; what each run's state allows are its `actions`."""
    return {**_told(_ON_RUN, allowed), "can-override-policy-check": False}


def organization_permissions(allowed: frozenset[Needs]) -> dict[str, bool]:
    return {**_told(_IN_ORGANIZATION, allowed), "can-manage-run-tasks": False}


def _told(table: dict[str, Needs], allowed: frozenset[Needs]) -> dict[str, bool]:
    return {name: needs in allowed for name, needs in table.items()}
