"""Which runs does somebody look for? A filter as SQL over the runs' table; lists are narrowed here, not in Python."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.ids import OrganizationId, WorkspaceId
from bot.run import AT_WORK, FINAL, RunStatus
from bot.run_words import Operation


def _quoted(statuses: frozenset[RunStatus]) -> str:
    return ", ".join(f"'{status}'" for status in sorted(statuses))


# Word for word the conditions of the indexes on what is unfinished and at work, or SQLite would not use them.
UNFINISHED = f"status NOT IN ({_quoted(FINAL)})"
_AT_WORK = f"status IN ({_quoted(AT_WORK)})"
NEWEST_FIRST = "queue_sequence DESC"
# The workers' queue: what runs, then applies, then plans of normal runs, then the others (tfe-contract 1.5).
IN_TURN = "status NOT IN ('applying', 'planning'), status != 'apply_queued', kind != 'normal', queue_sequence"
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
# A list as one parameter: SQLite takes only so many, and people give as many words as they like.
_GIVEN = "(SELECT value FROM json_each(?))"
_FOUND = "number IN (SELECT rowid FROM run_search WHERE run_search MATCH ?)"


@dataclass(frozen=True)
class RunFilter:
    """Each field that is set narrows; None means "any". An empty sequence matches nothing.

    One of `workspace_id` and `organization_id` must be set; the workspaces of all other fields are the organization's.
    `visible_in`: only runs of these workspaces may be seen.
    `sources` are TFE's words (`bot.run_words.source_of`).
    `commit` is the beginning of a SHA; `user` is part of a name; `text` is part of an id, a name, a message or a SHA.
    """

    workspace_id: WorkspaceId | None = None
    organization_id: OrganizationId | None = None
    visible_in: Sequence[WorkspaceId] | None = None
    workspace_names: Sequence[str] | None = None
    statuses: Sequence[RunStatus] | None = None
    operations: Sequence[Operation] | None = None
    sources: Sequence[str] | None = None
    commit: str = ""
    user: str = ""
    text: str = ""

    def __post_init__(self) -> None:
        if self.organization_id is None and (self.workspace_id is None or self.workspace_names is not None):
            raise ValueError("a list of runs is a workspace's or an organization's, and names are an organization's")

    @property
    def is_unfinished(self) -> bool:
        """Whether only runs match that aren't over."""
        return self.statuses is not None and not FINAL.intersection(self.statuses)

    @property
    def is_at_work(self) -> bool:
        """Whether only runs match that a runner has, or that wait for one."""
        return self.statuses is not None and AT_WORK.issuperset(self.statuses)

    @property
    def matches_nothing(self) -> bool:
        choices = (self.visible_in, self.workspace_names, self.statuses, self.operations, self.sources)
        return any(choice is not None and not choice for choice in choices)

    @property
    def hides_some(self) -> bool:
        """Whether only some workspaces of an organization count."""
        return self.workspace_id is None and (self.visible_in is not None or self.workspace_names is not None)

    @property
    def has_words(self) -> bool:
        """Whether a run must be looked at to know whether it matches: what it is and where it is doesn't tell."""
        return bool(self.commit or self.user or self.text)

    @property
    def phrase(self) -> str:
        """The text in the words of the index of texts: all of it, in a row."""
        return '"' + self.text.replace('"', '""') + '"'

    @property
    def has_findable_text(self) -> bool:
        return len(self.text) >= _SHORTEST_FOUND and "\0" not in self.text

    def as_sql(self, *, with_organization: bool = True) -> tuple[str, list[Any]]:
        """A condition for WHERE over `runs`, and its parameters.

        `with_organization`: say also whose the runs are where their workspaces tell it. An index of workspaces doesn't
        have it; the others begin with it.
        """
        where = _Where()
        if self.organization_id is not None and (with_organization or not self._says_workspaces):
            where.also("organization_id = ?", self.organization_id)
        self._placed(where, "workspace_id")
        self._listed(where, source="effective_source")
        if self.is_unfinished:
            where.also(UNFINISHED)  # says nothing new, but lets SQLite look among the few
        if self.is_at_work:
            where.also(_AT_WORK)
        self._searched(where)
        return where.as_sql()

    def as_sql_of_counts(self) -> tuple[str, list[Any]]:
        """The same over `run_counts`, for a filter without words: what is counted has a place and a kind."""
        where = _Where()
        self._placed(where, "place")
        if not self._says_workspaces:
            where.also("place = ?", self.organization_id)
        # A plus: reading all the counts of a place takes less than looking for each operation.
        self._listed(where, source="source", plus="+")
        return where.as_sql()

    @property
    def _says_workspaces(self) -> bool:
        return not (self.workspace_id is None and self.visible_in is None and self.workspace_names is None)

    def _placed(self, where: "_Where", column: str) -> None:
        if self.workspace_id is not None:
            where.also(f"{column} = ?", self.workspace_id)
        if self.visible_in is not None:
            where.also(f"{column} IN {_GIVEN}", json.dumps(self.visible_in))
        if self.workspace_names is not None:
            named = f"organization_id = ? AND name IN {_GIVEN}"
            names = json.dumps(list(self.workspace_names))
            where.also(f"{column} IN (SELECT id FROM workspaces WHERE {named})", self.organization_id, names)

    def _listed(self, where: "_Where", *, source: str, plus: str = "") -> None:
        for column, values in (("status", self.statuses), ("operation", self.operations)):
            if values is not None:
                where.also(f"{plus}{column} IN ({', '.join('?' * len(values))})", *values)
        if self.sources is not None:
            where.also(f"{plus}{source} IN {_GIVEN}", json.dumps(list(self.sources)))

    def _searched(self, where: "_Where") -> None:
        """LIKE looks at ASCII letters without their case, in half the time that `instr(lower(…))` takes."""
        if self.commit:
            where.also("commit_sha >= lower(?) AND commit_sha < lower(?) || '~'", self.commit, self.commit)
        if self.user:
            where.also(f"created_by IN ({_NAMES_LIKE})", f"%{_literally(self.user)}%")
        if self.has_findable_text:
            where.also(_FOUND, self.phrase)
        elif self.text:
            columns = ("message", "created_by", "commit_sha", "id")
            wanted = [f"%{_literally(self.text)}%"] * len(columns)
            where.also("(" + " OR ".join(rf"{column} LIKE ? ESCAPE '\'" for column in columns) + ")", *wanted)


class _Where:
    """Conditions that all hold, and their parameters."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self._parameters: list[Any] = []

    def also(self, condition: str, *values: Any) -> None:
        self._conditions.append(condition)
        self._parameters.extend(values)

    def as_sql(self) -> tuple[str, list[Any]]:
        return " AND ".join(self._conditions), self._parameters


def _literally(text: str) -> str:
    """LIKE's own marks, meant as they are."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
