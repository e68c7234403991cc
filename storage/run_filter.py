"""Which runs does somebody look for? A filter as SQL over the runs' table; lists are narrowed here, not in Python."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.ids import OrganizationId, WorkspaceId
from bot.run import FINAL, RunStatus
from bot.run_words import Operation

# Word for word the condition of the indexes on what is unfinished, or SQLite would not use them.
_FINAL_MARKS = ", ".join(f"'{status}'" for status in sorted(FINAL))
UNFINISHED = f"status NOT IN ({_FINAL_MARKS})"
NEWEST_FIRST = "queue_sequence DESC"
# The workers' queue: what runs, then applies, then plans of normal runs, then the others (tfe-contract 1.5).
IN_TURN = "status NOT IN ('applying', 'planning'), status != 'apply_queued', kind != 'normal', queue_sequence"
# Word for word the condition of the index `runs_at_work`, or SQLite would not use it.
_AT_WORK = "status IN ('apply_queued', 'applying', 'plan_queued', 'planning')"
# Plans that are kept, or about to be, made on another state than their workspace has now. Word for word the condition
# of the index `runs_saved`, and what it can't say.
SAVED = "kind = 'saved_plan' AND status IN ('planned_and_saved', 'planning')"
OUTDATED = f"""{SAVED}
    AND planned_on IS NOT (SELECT current_state_version_id FROM workspaces WHERE workspaces.id = runs.workspace_id)"""
# Word for word the condition of the index `runs_of_tags`.
OF_TAGS = "workspace_id = ? AND trigger_reason = 'tag'"
_SHORTEST_FOUND = 3  # characters: an index of trigrams knows nothing shorter
# Each name once, from one place in the index to the next: a name is compared once, and not with each of its runs.
_NAMES_LIKE = r"""WITH RECURSIVE names (name) AS (
        SELECT min(created_by) FROM runs
        UNION ALL SELECT (SELECT min(created_by) FROM runs WHERE created_by > name) FROM names WHERE name IS NOT NULL
    ) SELECT name FROM names WHERE name LIKE ? ESCAPE '\'"""
_FOUND = """id IN (SELECT run_id FROM run_texts
    WHERE number IN (SELECT rowid FROM run_search WHERE run_search MATCH ?))"""


@dataclass(frozen=True)
class RunFilter:
    """Each field that is set narrows; None means "any". An empty sequence matches nothing.

    `visible_in`: only runs of these workspaces may be seen; they are of `organization_id`.
    `sources` are TFE's words (`bot.run_words.source_of`).
    `commit` is the beginning of a SHA; `user` is part of a name; `text` is part of an id, a name, a message or a SHA.
    """

    workspace_id: WorkspaceId | None = None
    organization_id: OrganizationId | None = None
    visible_in: Sequence[WorkspaceId] | None = None
    workspace_names: Sequence[str] | None = None
    statuses: Sequence[RunStatus] | None = None
    operations: Sequence[Operation] | None = None
    at_work: bool = False  # True: only those that a runner has, or that wait for one
    sources: Sequence[str] | None = None
    commit: str = ""
    user: str = ""
    text: str = ""

    def as_sql(self, *, narrowest: bool = False) -> tuple[str, list[Any]]:
        """A condition for WHERE, and its parameters.

        `narrowest`: take the index that leaves the fewest rows, in whatever order they come. Otherwise the one that
        has them newest first: the best for a page of many.
        """
        conditions, parameters = ["1"], list[Any]()

        def also(condition: str, *values: Any) -> None:
            conditions.append(condition)
            parameters.extend(values)

        # A plus keeps SQLite off that column's index. It would choose by the shape of a condition: it can't know how
        # few are at work, or were found by their text, or what a name or a commit leaves.
        by_place = "+" if self.at_work or self.text or (narrowest and self._has_rare_word) else ""
        by_word = "" if narrowest and not (self.at_work or self.text) else "+"
        if self.workspace_id is not None:
            also(f"{by_place}workspace_id = ?", self.workspace_id)
        if self.organization_id is not None and (by_place or not narrowest or self.visible_in is None):
            also(f"{by_place}organization_id = ?", self.organization_id)
        if self.visible_in is not None:
            also(f"{by_place}workspace_id IN (SELECT value FROM json_each(?))", json.dumps(self.visible_in))
        if self.workspace_names is not None:
            names = _marks(self.workspace_names)
            also(f"workspace_id IN (SELECT id FROM workspaces WHERE name IN {names})", *self.workspace_names)
        listed = (("status", self.statuses), ("operation", self.operations), ("effective_source", self.sources))
        for column, values in listed:
            if values is not None:
                also(f"{column} IN {_marks(values)}", *values)
        if self.at_work:
            also(_AT_WORK)
        if self.statuses is not None and not FINAL.intersection(self.statuses):
            also(UNFINISHED)  # says nothing new, but lets SQLite look among the few
        self._searched(also, by_word)
        return " AND ".join(conditions), parameters

    @property
    def _has_rare_word(self) -> bool:
        """Whether a name or a commit is looked for in all of an organization: in one workspace they narrow little."""
        return self.workspace_id is None and bool(self.commit or self.user)

    def _searched(self, also: Callable[..., None], plus: str) -> None:
        """LIKE looks at ASCII letters without their case, in half the time that `instr(lower(…))` takes."""
        if self.commit:
            also(f"{plus}commit_sha >= lower(?) AND {plus}commit_sha < lower(?) || '~'", self.commit, self.commit)
        if self.user:
            also(f"{'+' if self.commit else plus}created_by IN ({_NAMES_LIKE})", f"%{_literally(self.user)}%")
        if len(self.text) >= _SHORTEST_FOUND and "\0" not in self.text:
            also(_FOUND, '"' + self.text.replace('"', '""') + '"')
        elif self.text:
            columns = ("message", "created_by", "commit_sha", "id")
            wanted = [f"%{_literally(self.text)}%"] * len(columns)
            also("(" + " OR ".join(rf"{column} LIKE ? ESCAPE '\'" for column in columns) + ")", *wanted)


def _literally(text: str) -> str:
    """LIKE's own marks, meant as they are."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _marks(values: Sequence[object]) -> str:
    return f"({', '.join('?' * len(values))})"
