"""Which runs does somebody look for? A filter as SQL over the runs' table; lists are narrowed here, not in Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.ids import OrganizationId, WorkspaceId
from bot.run import RunKind, RunStatus, TriggerReason


@dataclass(frozen=True)
class RunFilter:
    """Each field that is set narrows; None means "any". An empty sequence matches nothing.

    `commit` is the beginning of a SHA; `user` is part of a name; `text` is part of an id, a name, a message or a SHA.
    """

    workspace_id: WorkspaceId | None = None
    organization_id: OrganizationId | None = None
    workspace_names: Sequence[str] | None = None
    statuses: Sequence[RunStatus] | None = None
    kinds: Sequence[RunKind] | None = None
    is_destroy: bool | None = None
    triggers: Sequence[TriggerReason] | None = None
    commit: str = ""
    user: str = ""
    text: str = ""

    def as_sql(self) -> tuple[str, list[Any]]:
        """A condition for WHERE, and its parameters."""
        conditions, parameters = ["1"], list[Any]()

        def also(condition: str, *values: Any) -> None:
            conditions.append(condition)
            parameters.extend(values)

        if self.workspace_id is not None:
            also("workspace_id = ?", self.workspace_id)
        if self.organization_id is not None:
            also("workspace_id IN (SELECT id FROM workspaces WHERE organization_id = ?)", self.organization_id)
        if self.workspace_names is not None:
            names = _marks(self.workspace_names)
            also(f"workspace_id IN (SELECT id FROM workspaces WHERE name IN {names})", *self.workspace_names)
        for column, values in (("status", self.statuses), ("kind", self.kinds), ("trigger_reason", self.triggers)):
            if values is not None:
                also(f"{column} IN {_marks(values)}", *values)
        if self.is_destroy is not None:
            also("is_destroy = ?", int(self.is_destroy))
        if self.commit:
            also("substr(commit_sha, 1, length(?)) = lower(?)", self.commit, self.commit)
        if self.user:
            also("instr(lower(created_by), lower(?))", self.user)
        if self.text:
            searched = "id || char(10) || commit_sha || char(10) || created_by || char(10) || message"
            also(f"instr(lower({searched}), lower(?))", self.text)
        return " AND ".join(conditions), parameters


def _marks(values: Sequence[object]) -> str:
    return f"({', '.join('?' * len(values))})"
