"""Which workspaces are there? Settings, the manual lock, and a pull request's hold."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from bot.errors import NotFound, Refused
from bot.ids import OrganizationId, ProjectId, RepositoryId, WorkspaceId
from bot.timestamps import from_text, maybe_from_text, to_text
from bot.workspace import ApplyPermission, EngineName, ExecutionMode, Requirement, Workflow, Workspace
from storage.database import Records, Row
from storage.ids import new_id
from storage.workspace_filter import WorkspaceFilter

_ROW_FIELDS = frozenset(
    {"id", "organization_id", "organization_name", "project_id", "name", "created_at", "repository_id", "locked_by"}
    | {"lock_holder_id", "lock_id", "lock_info"}
    | {"lock_reason", "locked_at", "current_state_version_id", "latest_run_id"}
)
SETTINGS = frozenset(field.name for field in fields(Workspace)) - _ROW_FIELDS
_SELECT = """SELECT workspaces.*, organizations.name AS organization_name
             FROM workspaces JOIN organizations ON organizations.id = workspaces.organization_id"""


_ENUMS = {
    "engine": EngineName,
    "execution_mode": ExecutionMode,
    "vcs_workflow": Workflow,
    "apply_permission": ApplyPermission,
}


@dataclass(frozen=True)
class Hold:
    """A pull request's claim on a workspace (apply-before-merge)."""

    workspace_id: WorkspaceId
    repository_id: RepositoryId
    pull_number: int
    since: datetime


class Workspaces:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(
        self,
        organization_id: OrganizationId,
        name: str,
        repository_id: RepositoryId | None = None,
        settings: Mapping[str, Any] | None = None,
        project_id: ProjectId | None = None,
    ) -> Workspace:
        """Raises Refused if the name is taken. `settings` are fields of Workspace; no project means the default one."""
        if self.by_name(organization_id, name):
            raise Refused(f"there is a workspace named {name} already")
        workspace_id = WorkspaceId(new_id("ws"))
        self._records.insert(
            "workspaces",
            {
                "id": workspace_id,
                "organization_id": organization_id,
                "name": name,
                "project_id": project_id or self._default_project(organization_id),
                "repository_id": repository_id,
                "settings": json.dumps(dict(_checked(settings or {}))),
                "created_at": to_text(self._now()),
            },
        )
        return self.get(workspace_id)

    def change(self, workspace_id: WorkspaceId, settings: Mapping[str, Any]) -> Workspace:
        """Change some settings; the others stay."""
        with self._records.write():
            stored = self._records.value("SELECT settings FROM workspaces WHERE id = ?", (workspace_id,))
            merged = {**json.loads(stored), **_checked(settings)}
            self._records.change("UPDATE workspaces SET settings = ? WHERE id = ?", (json.dumps(merged), workspace_id))
        return self.get(workspace_id)

    def rename(self, workspace_id: WorkspaceId, name: str) -> None:
        self._records.change("UPDATE workspaces SET name = ? WHERE id = ?", (name, workspace_id))

    def listen_to(self, workspace_id: WorkspaceId, repository_id: RepositoryId | None) -> None:
        self._records.change("UPDATE workspaces SET repository_id = ? WHERE id = ?", (repository_id, workspace_id))

    def move_to(self, workspace_id: WorkspaceId, project_id: ProjectId) -> None:
        """Put it into another project of its organization."""
        self._records.change("UPDATE workspaces SET project_id = ? WHERE id = ?", (project_id, workspace_id))

    def remove(self, workspace_id: WorkspaceId) -> None:
        self._records.change("DELETE FROM workspaces WHERE id = ?", (workspace_id,))

    def get(self, workspace_id: str) -> Workspace:
        """Raises NotFound."""
        found = self._select("workspaces.id = ?", (workspace_id,))
        if not found:
            raise NotFound(f"there is no workspace {workspace_id}")
        return found[0]

    def by_name(self, organization_id: OrganizationId, name: str) -> Workspace | None:
        found = self._select("organization_id = ? AND workspaces.name = ?", (organization_id, name))
        return found[0] if found else None

    def of_organization(self, organization_id: OrganizationId) -> list[Workspace]:
        return self._select("organization_id = ? ORDER BY workspaces.name", (organization_id,))

    def are_in(self, organization_id: OrganizationId) -> bool:
        """Whether an organization has any."""
        sql = "SELECT 1 FROM workspaces WHERE organization_id = ? LIMIT 1"
        return self._records.row(sql, (organization_id,)) is not None

    def search(self, wanted: WorkspaceFilter, *, limit: int, offset: int = 0) -> tuple[list[Workspace], int]:
        """A page of the workspaces that the filter lets through, in its order, and how many there are in all."""
        condition, parameters = wanted.as_sql()
        total = int(self._records.value(f"SELECT count(*) FROM workspaces WHERE {condition}", parameters))
        order = wanted.order_by()
        # Which rows, from an index alone where there is one; then only those.
        page = f"SELECT workspaces.rowid FROM workspaces WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"
        return self._select(f"workspaces.rowid IN ({page}) ORDER BY {order}", (*parameters, limit, offset)), total

    def with_ids(self, workspace_ids: Collection[str]) -> list[Workspace]:
        """Those of them that there are."""
        marks = ", ".join("?" * len(workspace_ids))
        return self._select(f"workspaces.id IN ({marks}) ORDER BY workspaces.name", tuple(workspace_ids))

    def of_repository(self, repository_id: RepositoryId, *, also_local: bool = False) -> list[Workspace]:
        """Those that listen to it; one whose runs happen on its users' machines only counts as joined to it."""
        found = self._select("repository_id = ? ORDER BY workspaces.name", (repository_id,))
        return [each for each in found if also_local or each.execution_mode is ExecutionMode.REMOTE]

    def lock(
        self, workspace_id: WorkspaceId, who: str, reason: str, holder_id: str = "", lock_id: str = "", info: str = ""
    ) -> None:
        """Keep runs pending. Raises Refused if somebody holds the lock already."""
        touched = self._records.change(
            """UPDATE workspaces SET locked_by = ?, lock_reason = ?, locked_at = ?, lock_holder_id = ?, lock_id = ?,
                 lock_info = ? WHERE id = ? AND locked_at IS NULL""",
            (who, reason, to_text(self._now()), holder_id, lock_id, info, workspace_id),
        )
        if not touched:
            workspace = self.get(workspace_id)
            raise Refused(f"{workspace.name} is locked already, by {workspace.locked_by or 'somebody'}")

    def unlock(self, workspace_id: WorkspaceId) -> None:
        """Raises Refused if it isn't locked. A state that was announced under the lock comes too late now."""
        with self._records.write():
            touched = self._records.change(
                """UPDATE workspaces SET locked_by = '', lock_reason = '', locked_at = NULL, unlocked_at = ?,
                     lock_holder_id = '', lock_id = '', lock_info = ''
                   WHERE id = ? AND locked_at IS NOT NULL""",
                (to_text(self._now()), workspace_id),
            )
            self._records.change(
                "UPDATE state_versions SET status = 'discarded' WHERE workspace_id = ? AND status = 'pending'",
                (workspace_id,),
            )
        if not touched:
            raise Refused(f"{self.get(workspace_id).name} is not locked")

    def unlocked_since(self, workspace_id: WorkspaceId, moment: datetime) -> bool:
        """Whether somebody took the lock off after `moment`."""
        text = self._records.value("SELECT unlocked_at FROM workspaces WHERE id = ?", (workspace_id,))
        return bool(text and from_text(text) >= moment)

    def hold(self, workspace_id: WorkspaceId) -> Hold | None:
        row = self._records.row("SELECT * FROM holds WHERE workspace_id = ?", (workspace_id,))
        return Hold(**{**row, "since": from_text(row["since"])}) if row else None

    def held_by(self, repository_id: RepositoryId, pull_number: int) -> list[Workspace]:
        """The workspaces that a pull request holds."""
        return self._select(
            "workspaces.id IN (SELECT workspace_id FROM holds WHERE repository_id = ? AND pull_number = ?)",
            (repository_id, pull_number),
        )

    def take_hold(self, workspace_id: WorkspaceId, repository_id: RepositoryId, pull_number: int) -> None:
        """Hold the workspace for a pull request, unless it is held: the caller asked `hold` first."""
        self._records.change(
            """INSERT INTO holds (workspace_id, repository_id, pull_number, since)
               VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING""",
            (workspace_id, repository_id, pull_number, to_text(self._now())),
        )

    def free_hold(self, workspace_id: WorkspaceId) -> None:
        """Give up whatever holds the workspace."""
        self._records.change("DELETE FROM holds WHERE workspace_id = ?", (workspace_id,))

    def free_holds(self, repository_id: RepositoryId, pull_number: int) -> list[WorkspaceId]:
        """Give up what a pull request holds; the workspaces that became free."""
        with self._records.write():
            rows = self._records.rows(
                "SELECT workspace_id FROM holds WHERE repository_id = ? AND pull_number = ?",
                (repository_id, pull_number),
            )
            self._records.change(
                "DELETE FROM holds WHERE repository_id = ? AND pull_number = ?", (repository_id, pull_number)
            )
        return [WorkspaceId(row["workspace_id"]) for row in rows]

    def _default_project(self, organization_id: OrganizationId) -> str:
        sql = "SELECT id FROM projects WHERE organization_id = ? AND is_default"
        return str(self._records.value(sql, (organization_id,)))

    def _select(self, condition: str, parameters: tuple[Any, ...]) -> list[Workspace]:
        return [_workspace(row) for row in self._records.rows(f"{_SELECT} WHERE {condition}", parameters)]


def _checked(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = set(settings) - SETTINGS
    if unknown:
        raise Refused(f"a workspace has no setting named {', '.join(sorted(unknown))}")
    return settings


def _workspace(row: Row) -> Workspace:
    settings = json.loads(row["settings"])
    known = {name: row[name] for name in _ROW_FIELDS}
    known["created_at"] = from_text(row["created_at"])
    known["locked_at"] = maybe_from_text(row["locked_at"])
    for name in ("trigger_prefixes", "trigger_patterns"):
        if name in settings:
            settings[name] = tuple(settings[name])
    for name, kind in _ENUMS.items():
        if name in settings:
            settings[name] = kind(settings[name])
    if "apply_requirements" in settings:
        settings["apply_requirements"] = tuple(Requirement(name) for name in settings["apply_requirements"])
    return Workspace(**known, **settings)
