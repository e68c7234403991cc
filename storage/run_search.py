"""How are runs found among 100,000? By the index that leads to a list's page soonest, and counted without looking.

Left to itself, SQLite chooses by the shape of a condition: it can't know how few are at work, or what a name leaves.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Any

from bot.run import RunStatus
from bot.run_words import Operation
from storage.database import Records
from storage.run_filter import RunFilter

FEW = 5_000  # sorted in some milliseconds; finding them among an organization's newest could take all its runs
SEVERAL = 20_000  # looked at in some milliseconds, for the few among them that may be seen


class Index(StrEnum):
    """What leads to the runs: an index of `storage/migrations/runs.py`, by its name."""

    OF_ORGANIZATION = "runs_by_organization"  # newest first
    UNFINISHED_OF_ORGANIZATION = "runs_unfinished_by_organization"  # newest first
    OF_WORKSPACES = "runs_by_workspace"  # newest first in each
    UNFINISHED_OF_WORKSPACES = "runs_unfinished"  # in the order of its queue in each
    AT_WORK = "runs_at_work"
    KIND = "runs_by_kind"
    COMMIT = "runs_by_sha"
    NAME = "runs_by_name"
    ID = "sqlite_autoindex_runs_1"  # what SQLite calls the one of the primary key

    @property
    def is_of_workspaces(self) -> bool:
        return self in (Index.OF_WORKSPACES, Index.UNFINISHED_OF_WORKSPACES)


def count(records: Records, wanted: RunFilter) -> int:
    """How many runs match."""
    if wanted.matches_nothing:
        return 0  # also because SQLite takes no index for `IN ()`
    if wanted.has_words:
        return _looked_at(records, wanted, narrowest(wanted))
    if wanted.hides_some and _of_its_kind(records, wanted) <= FEW:
        return _looked_at(records, wanted, Index.KIND)  # sooner than the counts of each workspace
    condition, parameters = wanted.as_sql_of_counts()
    sql = f"SELECT coalesce(sum(number), 0) FROM run_counts WHERE {condition}"
    return int(records.value(sql, parameters))


def _looked_at(records: Records, wanted: RunFilter, index: Index) -> int:
    wanted = _of_every_kind(wanted) if index is Index.KIND else wanted
    condition, parameters = wanted.as_sql(with_organization=not index.is_of_workspaces)
    return int(records.value(f"SELECT count(*) FROM runs INDEXED BY {index} WHERE {condition}", parameters))


def _of_its_kind(records: Records, wanted: RunFilter) -> int:
    """How many of an organization match, whether they may be seen or not."""
    return count(records, replace(wanted, visible_in=None, workspace_names=None))


def page(records: Records, wanted: RunFilter, total: int, order: str) -> tuple[str, list[Any]]:
    """SQL for the rowids of a page, and its parameters; two more belong behind them: a limit and an offset.

    `total`: how many match.
    """
    index = leading_to(records, wanted, total)
    if index is Index.KIND:
        wanted = _of_every_kind(wanted)
    condition, parameters = wanted.as_sql(with_organization=not index.is_of_workspaces)
    sql = f"SELECT rowid FROM runs INDEXED BY {index} WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"
    return sql, parameters


def leading_to(records: Records, wanted: RunFilter, total: int) -> Index:
    """What leads soonest to a page of a list of `total`."""
    if total > FEW and not wanted.has_findable_text and not wanted.is_at_work:
        return newest_first(wanted)
    is_narrow = wanted.has_words or wanted.workspace_id is not None or wanted.is_unfinished
    if is_narrow or not wanted.hides_some:
        return narrowest(wanted)
    # Few, of a member who sees some workspaces: all of their kind are looked at, or all of those workspaces' runs.
    return Index.KIND if _of_its_kind(records, wanted) <= SEVERAL else Index.OF_WORKSPACES


def newest_first(wanted: RunFilter) -> Index:
    """What has the runs in the order of a list: a page is full after the first matches."""
    if wanted.workspace_id is not None:
        return Index.UNFINISHED_OF_WORKSPACES if wanted.is_unfinished else Index.OF_WORKSPACES
    return Index.UNFINISHED_OF_ORGANIZATION if wanted.is_unfinished else Index.OF_ORGANIZATION


def narrowest(wanted: RunFilter) -> Index:
    """What leaves the fewest to look at, in whatever order. In one workspace, a name or a commit narrows little."""
    if wanted.has_findable_text:
        return Index.ID
    if wanted.workspace_id is not None:
        return newest_first(wanted)
    if wanted.is_at_work:
        return Index.AT_WORK
    if wanted.commit or wanted.user:
        return Index.COMMIT if wanted.commit else Index.NAME
    return newest_first(wanted) if wanted.is_unfinished or wanted.text else Index.KIND


def _of_every_kind(wanted: RunFilter) -> RunFilter:
    """The same, with what "any" stands for: SQLite leaps within an index only from one value to another."""
    operations = [*Operation] if wanted.operations is None else wanted.operations
    return replace(wanted, operations=operations, statuses=wanted.statuses or [*RunStatus])
