"""How are runs found among 100,000? By the index that leads to a list's page soonest, and counted without looking.

Left to itself, SQLite chooses by the shape of a condition: it can't know how few are at work, or what a name leaves.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Any

from bot.run import RunStatus
from bot.run_words import Operation
from storage.database import Records
from storage.run_filter import NEWEST_FIRST, RunFilter

FEW = 5_000  # sorted in some milliseconds; finding them among an organization's newest could take all its runs
SEVERAL = 20_000  # looked at in some milliseconds, for the few among them that may be seen
FEW_PLACES = 100  # workspaces whose runs are counted in no time


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
    TEXT = ""  # no index of the runs': that of the texts leads to their numbers

    @property
    def is_of_workspaces(self) -> bool:
        return self in (Index.OF_WORKSPACES, Index.UNFINISHED_OF_WORKSPACES)


def count(records: Records, wanted: RunFilter) -> int:
    """How many runs match."""
    if wanted.matches_nothing:
        return 0  # also because SQLite takes no index for `IN ()`
    if wanted.has_words:
        return _looked_at(records, wanted, narrowest(records, wanted))
    if wanted.hides_some and not _has_few_places(wanted):
        of_kind = _of_its_kind(records, wanted)
        if of_kind <= FEW:  # sooner than the counts of each workspace
            return _looked_at(records, wanted, Index.KIND) if of_kind else 0
    return _counted(records, wanted)


def page(
    records: Records, wanted: RunFilter, total: int, *, order: str, limit: int, offset: int
) -> tuple[str, list[Any]]:
    """SQL for the numbers of a page's runs, in whatever order, and its parameters.

    `total`: how many match, of which `offset` comes before the page.
    """
    source, condition, parameters = _from(records, wanted, leading_to(records, wanted, total))
    if order == NEWEST_FIRST and offset > total // 2:  # the end is nearer
        limit = min(limit, total - offset)
        order, offset = "queue_sequence", total - offset - limit
    sql = f"SELECT number {source} WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"
    return sql, [*parameters, limit, offset]


def leading_to(records: Records, wanted: RunFilter, total: int) -> Index:
    """What leads soonest to a page of a list of `total`."""
    if total > FEW and not wanted.is_at_work:
        return newest_first(wanted)
    return narrowest(records, wanted)


def newest_first(wanted: RunFilter) -> Index:
    """What has the runs in the order of a list: a page is full after the first matches."""
    if wanted.workspace_id is not None:
        return Index.UNFINISHED_OF_WORKSPACES if wanted.is_unfinished else Index.OF_WORKSPACES
    return Index.UNFINISHED_OF_ORGANIZATION if wanted.is_unfinished else Index.OF_ORGANIZATION


def narrowest(records: Records, wanted: RunFilter) -> Index:
    """What leaves the fewest runs to look at, in whatever order."""
    if wanted.has_findable_text and _has_rare_text(records, wanted):
        return Index.TEXT
    if wanted.workspace_id is not None:
        return newest_first(wanted)  # in one workspace, a name or a commit narrows little
    if wanted.is_unfinished:
        return Index.AT_WORK if wanted.is_at_work else Index.UNFINISHED_OF_ORGANIZATION
    if _has_few_places(wanted) and _counted(records, _all_of_its_places(wanted)) <= FEW:
        return Index.OF_WORKSPACES
    if wanted.commit or wanted.user:
        return Index.COMMIT if wanted.commit else Index.NAME
    if wanted.text:
        return Index.OF_ORGANIZATION
    # Of a member who sees some workspaces: all of a kind are looked at, or all of those workspaces' runs.
    return Index.KIND if _of_its_kind(records, wanted) <= SEVERAL or not wanted.hides_some else Index.OF_WORKSPACES


def _from(records: Records, wanted: RunFilter, index: Index) -> tuple[str, str, list[Any]]:
    """What stands behind FROM and WHERE, and its parameters."""
    if index is Index.KIND:
        wanted = _of_every_kind(records, wanted)
    condition, parameters = wanted.as_sql(with_organization=not index.is_of_workspaces)
    return f"FROM runs {f'INDEXED BY {index}' if index else 'NOT INDEXED'}", condition, parameters


def _looked_at(records: Records, wanted: RunFilter, index: Index) -> int:
    source, condition, parameters = _from(records, wanted, index)
    return int(records.value(f"SELECT count(*) {source} WHERE {condition}", parameters))


def _counted(records: Records, wanted: RunFilter) -> int:
    condition, parameters = wanted.as_sql_of_counts()
    return int(records.value(f"SELECT coalesce(sum(number), 0) FROM run_counts WHERE {condition}", parameters))


def _of_its_kind(records: Records, wanted: RunFilter) -> int:
    """How many of an organization match, whether they may be seen or not."""
    return _counted(records, replace(wanted, visible_in=None, workspace_names=None))


def _all_of_its_places(wanted: RunFilter) -> RunFilter:
    anything = RunFilter(organization_id=wanted.organization_id)
    return replace(anything, visible_in=wanted.visible_in, workspace_names=wanted.workspace_names)


def _has_few_places(wanted: RunFilter) -> bool:
    places = (wanted.visible_in, wanted.workspace_names)
    return any(each is not None and len(each) <= FEW_PLACES for each in places)


def _has_rare_text(records: Records, wanted: RunFilter) -> bool:
    sql = "SELECT count(*) FROM (SELECT 1 FROM run_search WHERE run_search MATCH ? LIMIT ?)"
    return bool(records.value(sql, (wanted.phrase, FEW + 1)) <= FEW)


def _of_every_kind(records: Records, wanted: RunFilter) -> RunFilter:
    """The same, with what "any" stands for: SQLite leaps within an index only from one value to another."""
    operations = [*Operation] if wanted.operations is None else wanted.operations
    statuses = [*RunStatus] if wanted.statuses is None else wanted.statuses
    return replace(wanted, operations=operations, statuses=statuses, sources=_known(records, wanted))


def _known(records: Records, wanted: RunFilter) -> list[str] | None:
    """Those of the sources that are there: each that isn't would be looked for with every status."""
    if wanted.sources is None:
        return None
    rows = records.rows("SELECT DISTINCT source FROM run_counts WHERE place = ?", (wanted.organization_id,))
    return [row["source"] for row in rows if row["source"] in set(wanted.sources)]
