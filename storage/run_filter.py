"""Which runs does somebody look for? A filter as SQL over the runs' table; lists are narrowed here, not in Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.ids import OrganizationId, WorkspaceId
from bot.run import RunKind, RunStatus, TriggerReason

NEWEST_FIRST = "queue_sequence DESC"
# The workers' queue: what runs, then applies, then plans of normal runs, then the others (tfe-contract 1.5).
IN_TURN = "status NOT IN ('applying', 'planning'), status != 'apply_queued', kind != 'normal', queue_sequence"
# Word for word the condition of the index `runs_at_work`, or SQLite would not use it.
_AT_WORK = "status IN ('apply_queued', 'applying', 'plan_queued', 'planning')"


@dataclass(frozen=True)
class RunFilter:
    """Each field that is set narrows; None means "any". An empty sequence matches nothing.

    `visible_in`: only runs of these workspaces may be seen.
    `commit` is the beginning of a SHA; `user` is part of a name; `text` is part of an id, a name, a message or a SHA.
    """

    workspace_id: WorkspaceId | None = None
    organization_id: OrganizationId | None = None
    visible_in: Sequence[WorkspaceId] | None = None
    workspace_names: Sequence[str] | None = None
    statuses: Sequence[RunStatus] | None = None
    kinds: Sequence[RunKind] | None = None
    is_destroy: bool | None = None
    at_work: bool = False  # True: only those that a runner has, or that wait for one
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
            # The plus keeps SQLite on the index of those few that are at work.
            also("+organization_id = ?" if self.at_work else "organization_id = ?", self.organization_id)
        if self.visible_in is not None:
            also(f"workspace_id IN {_marks(self.visible_in)}", *self.visible_in)
        if self.workspace_names is not None:
            names = _marks(self.workspace_names)
            also(f"workspace_id IN (SELECT id FROM workspaces WHERE name IN {names})", *self.workspace_names)
        for column, values in (("status", self.statuses), ("kind", self.kinds), ("trigger_reason", self.triggers)):
            if values is not None:
                also(f"{column} IN {_marks(values)}", *values)
        if self.is_destroy is not None:
            also("is_destroy = ?", int(self.is_destroy))
        if self.at_work:
            also(_AT_WORK)
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
