"""What do workspaces do to each other? Whose apply makes runs where, and who may read whose state."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.errors import NotFound, Refused
from bot.ids import RunTriggerId, WorkspaceId
from bot.timestamps import from_text, to_text
from bot.workspace import Workspace
from storage.database import Records, Row
from storage.ids import new_id

MOST_SOURCES = 20  # as in TFE: https://developer.hashicorp.com/terraform/cloud-docs/workspaces/settings/run-triggers


class Direction(StrEnum):
    INBOUND = "inbound"  # triggers that make runs in the workspace
    OUTBOUND = "outbound"  # triggers that its own applies set off


@dataclass(frozen=True)
class RunTrigger:
    """A successful apply in `source` makes a run in `workspace`."""

    id: RunTriggerId
    workspace_id: WorkspaceId
    workspace_name: str
    source_id: WorkspaceId
    source_name: str
    created_at: datetime


_SELECT = """SELECT run_triggers.*, target.name AS workspace_name, source.name AS source_name FROM run_triggers
             JOIN workspaces AS target ON target.id = workspace_id
             JOIN workspaces AS source ON source.id = source_id"""


class RunTriggers:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(self, workspace: Workspace, source: Workspace) -> RunTrigger:
        """Raises Refused for itself, for what is there already, and for more than 20 sources."""
        if workspace.id == source.id:
            raise Refused("a workspace can't trigger itself")
        trigger_id = RunTriggerId(new_id("rt"))
        with self._records.write():
            sources = {trigger.source_id for trigger in self.into(workspace.id)}
            if source.id in sources:
                raise Refused(f"{source.name} triggers {workspace.name} already")
            if len(sources) >= MOST_SOURCES:
                raise Refused(f"{workspace.name} has {MOST_SOURCES} sources, the most there can be")
            self._records.insert(
                "run_triggers",
                {
                    "id": trigger_id,
                    "workspace_id": workspace.id,
                    "source_id": source.id,
                    "created_at": to_text(self._now()),
                },
            )
        return self.get(trigger_id)

    def get(self, trigger_id: str) -> RunTrigger:
        """Raises NotFound."""
        row = self._records.row(f"{_SELECT} WHERE run_triggers.id = ?", (trigger_id,))
        if row is None:
            raise NotFound(f"there is no run trigger {trigger_id}")
        return _trigger(row)

    def into(self, workspace_id: WorkspaceId) -> list[RunTrigger]:
        """Which workspaces make runs in this one."""
        return self._where("workspace_id", workspace_id)

    def out_of(self, workspace_id: WorkspaceId) -> list[RunTrigger]:
        """In which workspaces an apply of this one makes runs."""
        return self._where("source_id", workspace_id)

    def _where(self, column: str, workspace_id: WorkspaceId) -> list[RunTrigger]:
        ordered = f"{_SELECT} WHERE {column} = ? ORDER BY run_triggers.created_at, run_triggers.id"
        return [_trigger(row) for row in self._records.rows(ordered, (workspace_id,))]

    def remove(self, trigger_id: RunTriggerId) -> None:
        self._records.change("DELETE FROM run_triggers WHERE id = ?", (trigger_id,))


class RemoteStateConsumers:
    """Which workspaces are named as readers of a workspace's state; asked only where not every workspace is."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def page(
        self, workspace_id: WorkspaceId, visible: Sequence[WorkspaceId] | None, *, limit: int, offset: int
    ) -> tuple[list[WorkspaceId], int]:
        """A page of them by name, and how many there are. `visible`: only those; None for all."""
        found = "FROM remote_state_consumers JOIN workspaces ON workspaces.id = consumer_id WHERE workspace_id = ?"
        parameters: list[str | int] = [workspace_id]
        if visible is not None:
            found += " AND consumer_id IN (SELECT value FROM json_each(?))"
            parameters.append(json.dumps(visible))
        page = f"SELECT consumer_id {found} ORDER BY name LIMIT ? OFFSET ?"
        rows = self._records.rows(page, [*parameters, limit, offset])
        total = int(self._records.value(f"SELECT count(*) {found}", parameters))
        return [WorkspaceId(row["consumer_id"]) for row in rows], total

    def add(self, workspace_id: WorkspaceId, consumer_ids: Sequence[WorkspaceId]) -> None:
        with self._records.write():
            for consumer_id in consumer_ids:
                self._records.change(
                    """INSERT INTO remote_state_consumers (workspace_id, consumer_id) VALUES (?, ?)
                       ON CONFLICT DO NOTHING""",
                    (workspace_id, consumer_id),
                )

    def remove(self, workspace_id: WorkspaceId, consumer_ids: Sequence[str]) -> None:
        with self._records.write():
            for consumer_id in consumer_ids:
                self._records.change(
                    "DELETE FROM remote_state_consumers WHERE workspace_id = ? AND consumer_id = ?",
                    (workspace_id, consumer_id),
                )

    def replace(self, workspace_id: WorkspaceId, consumer_ids: Sequence[WorkspaceId]) -> None:
        """Have exactly these."""
        with self._records.write():
            self._records.change("DELETE FROM remote_state_consumers WHERE workspace_id = ?", (workspace_id,))
            self.add(workspace_id, consumer_ids)

    def is_shared(self, target: Workspace, reader: Workspace) -> bool:
        """Whether `target` shares its state with `reader`: with its whole organization, or with those that it names."""
        if target.global_remote_state:
            return target.organization_id == reader.organization_id
        found = self._records.row(
            "SELECT 1 FROM remote_state_consumers WHERE workspace_id = ? AND consumer_id = ?", (target.id, reader.id)
        )
        return found is not None


def _trigger(row: Row) -> RunTrigger:
    return RunTrigger(**{**row, "created_at": from_text(row["created_at"])})
