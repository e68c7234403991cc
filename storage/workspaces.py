"""Which workspaces are there? Settings, the manual lock, and a pull request's hold."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from bot.errors import NotFound, Refused
from bot.ids import OrganizationId, RepositoryId, WorkspaceId
from bot.timestamps import from_text, maybe_from_text, to_text
from bot.workspace import ApplyPermission, EngineName, Requirement, Workflow, Workspace
from storage.database import Records, Row
from storage.ids import new_id

_ROW_FIELDS = frozenset(
    {"id", "organization_id", "organization_name", "name", "created_at", "repository_id", "locked_by"}
    | {"lock_reason", "locked_at", "current_state_version_id", "latest_run_id"}
)
SETTINGS = frozenset(field.name for field in fields(Workspace)) - _ROW_FIELDS
_SELECT = """SELECT workspaces.*, organizations.name AS organization_name
             FROM workspaces JOIN organizations ON organizations.id = workspaces.organization_id"""


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
    ) -> Workspace:
        """Raises Refused if the name is taken. `settings` are fields of Workspace."""
        if self.by_name(organization_id, name):
            raise Refused(f"there is a workspace named {name} already")
        workspace_id = WorkspaceId(new_id("ws"))
        self._records.insert(
            "workspaces",
            {
                "id": workspace_id,
                "organization_id": organization_id,
                "name": name,
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

    def of_organization(self, organization_id: OrganizationId, search: str = "") -> list[Workspace]:
        return self._select(
            "organization_id = ? AND instr(lower(workspaces.name), lower(?)) ORDER BY workspaces.name",
            (organization_id, search),
        )

    def of_repository(self, repository_id: RepositoryId) -> list[Workspace]:
        return self._select("repository_id = ? ORDER BY workspaces.name", (repository_id,))

    def lock(self, workspace_id: WorkspaceId, who: str, reason: str) -> None:
        """Keep runs pending. Raises Refused if somebody holds the lock already."""
        touched = self._records.change(
            "UPDATE workspaces SET locked_by = ?, lock_reason = ?, locked_at = ? WHERE id = ? AND locked_at IS NULL",
            (who, reason, to_text(self._now()), workspace_id),
        )
        if not touched:
            workspace = self.get(workspace_id)
            raise Refused(f"{workspace.name} is locked already, by {workspace.locked_by or 'somebody'}")

    def unlock(self, workspace_id: WorkspaceId) -> None:
        """Raises Refused if it isn't locked."""
        touched = self._records.change(
            """UPDATE workspaces SET locked_by = '', lock_reason = '', locked_at = NULL, unlocked_at = ?
               WHERE id = ? AND locked_at IS NOT NULL""",
            (to_text(self._now()), workspace_id),
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
    for name, kind in (("engine", EngineName), ("vcs_workflow", Workflow), ("apply_permission", ApplyPermission)):
        if name in settings:
            settings[name] = kind(settings[name])
    if "apply_requirements" in settings:
        settings["apply_requirements"] = tuple(Requirement(name) for name in settings["apply_requirements"])
    return Workspace(**known, **settings)
