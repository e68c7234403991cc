"""Lists of runs are found within indexes: no query reads the large rows to narrow, count or sort them."""

from pathlib import Path
from typing import Any

import pytest

from bot.ids import OrganizationId, WorkspaceId
from bot.run import AT_WORK, FINAL, RunStatus
from bot.run_words import Operation
from storage import migrations
from storage.database import Records
from storage.run_filter import IN_TURN, NEWEST_FIRST, OF_TAGS, OUTDATED, UNFINISHED, RunFilter
from storage.run_search import FEW, SEVERAL, Index, count, leading_to, page

ORGANIZATION: dict[str, Any] = {"organization_id": OrganizationId("org-1")}
WORKSPACE: dict[str, Any] = {"workspace_id": WorkspaceId("ws-1")}
SOME: dict[str, Any] = {**ORGANIZATION, "visible_in": [WorkspaceId("ws-1"), WorkspaceId("ws-2")]}
NON_FINAL = sorted(frozenset(RunStatus) - FINAL)


@pytest.fixture
def records(tmp_path: Path) -> Any:
    found = Records(tmp_path / "records.db", migrations.records)
    yield found
    found.close()


def plan(records: Records, sql: str, parameters: Any) -> str:
    return "\n".join(row["detail"] for row in records.rows(f"EXPLAIN QUERY PLAN {sql}", parameters))


def counted(records: Records, operation: str, number: int) -> None:
    """As if the organization had so many runs for that."""
    kind = {"operation": operation, "status": "planning", "source": "tfe-api"}
    records.insert("run_counts", {"place": "org-1", **kind, "number": number})


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (RunFilter(**ORGANIZATION), Index.OF_ORGANIZATION),
        (RunFilter(**SOME), Index.OF_ORGANIZATION),
        (RunFilter(**ORGANIZATION, statuses=[RunStatus.APPLIED]), Index.OF_ORGANIZATION),
        (RunFilter(**ORGANIZATION, user="ada"), Index.OF_ORGANIZATION),
        (RunFilter(**ORGANIZATION, commit="3f2a"), Index.OF_ORGANIZATION),
        (RunFilter(**ORGANIZATION, operations=[*Operation], sources=["tfe-api"]), Index.OF_ORGANIZATION),
        (RunFilter(**SOME, statuses=NON_FINAL), Index.UNFINISHED_OF_ORGANIZATION),
        (RunFilter(**WORKSPACE), Index.OF_WORKSPACES),
        (RunFilter(**WORKSPACE, operations=[Operation.DESTROY], sources=["tfe-api"]), Index.OF_WORKSPACES),
        (RunFilter(**WORKSPACE, statuses=[RunStatus.APPLIED], user="ada"), Index.OF_WORKSPACES),
    ],
)
def test_a_page_of_many_is_found_in_order_within_an_index(records: Records, wanted: RunFilter, index: Index) -> None:
    assert leading_to(records, wanted, FEW + 1) is index
    sql, parameters = page(records, wanted, FEW + 1, NEWEST_FIRST)
    found = plan(records, sql, [*parameters, 20, 0])
    assert f"COVERING INDEX {index}" in found
    assert "TEMP B-TREE" not in found


@pytest.mark.parametrize("facts", [ORGANIZATION, SOME])
@pytest.mark.parametrize(
    ("words", "index", "way"),
    [
        ({}, Index.KIND, "COVERING INDEX runs_by_kind (organization_id=?"),
        ({"statuses": [RunStatus.ERRORED]}, Index.KIND, "COVERING INDEX runs_by_kind (organization_id=?"),
        (
            {"statuses": NON_FINAL},
            Index.UNFINISHED_OF_ORGANIZATION,
            "COVERING INDEX runs_unfinished_by_organization (organization_id=?",
        ),
        ({"user": "ada"}, Index.NAME, "COVERING INDEX runs_by_name (created_by=?"),
        ({"commit": "3f2a"}, Index.COMMIT, "COVERING INDEX runs_by_sha (commit_sha>? AND commit_sha<?"),
        (
            {"user": "ada", "commit": "3f2a", "statuses": NON_FINAL},
            Index.COMMIT,
            "COVERING INDEX runs_by_sha (commit_sha>? AND commit_sha<?",
        ),
        ({"text": "message"}, Index.ID, "sqlite_autoindex_runs_1 (id=?)"),
    ],
)
def test_few_are_found_by_what_leaves_the_fewest(
    records: Records, facts: dict[str, Any], words: dict[str, Any], index: Index, way: str
) -> None:
    wanted = RunFilter(**facts, **words)
    assert leading_to(records, wanted, FEW) is index
    sql, parameters = page(records, wanted, FEW, NEWEST_FIRST)
    assert way in plan(records, sql, [*parameters, 20, 0])


def test_few_that_may_be_seen_among_many_are_found_in_their_workspaces(records: Records) -> None:
    counted(records, "destroy", SEVERAL)
    counted(records, "plan_only", SEVERAL + 1)
    assert leading_to(records, RunFilter(**SOME, operations=[Operation.DESTROY]), FEW) is Index.KIND
    wanted = RunFilter(**SOME, operations=[Operation.PLAN_ONLY])
    assert leading_to(records, wanted, FEW) is Index.OF_WORKSPACES
    sql, parameters = page(records, wanted, FEW, NEWEST_FIRST)
    assert "COVERING INDEX runs_by_workspace (workspace_id=?)" in plan(records, sql, [*parameters, 20, 0])


@pytest.mark.parametrize("total", [FEW, FEW + 1])
@pytest.mark.parametrize("facts", [ORGANIZATION, SOME])
def test_the_queue_of_the_workers_is_found_among_what_is_at_work(
    records: Records, facts: dict[str, Any], total: int
) -> None:
    wanted = RunFilter(**facts, statuses=sorted(AT_WORK))
    sql, parameters = page(records, wanted, total, IN_TURN)
    assert "COVERING INDEX runs_at_work (organization_id=?" in plan(records, sql, [*parameters, 20, 0])


@pytest.mark.parametrize("facts", [ORGANIZATION, SOME, WORKSPACE, {**ORGANIZATION, "workspace_names": ["network"]}])
@pytest.mark.parametrize("kind", [{}, {"statuses": NON_FINAL}, {"operations": [*Operation], "sources": ["tfe-api"]}])
def test_how_many_there_are_is_known_without_looking_at_them(
    records: Records, facts: dict[str, Any], kind: dict[str, Any]
) -> None:
    counted(records, "destroy", FEW + 1)
    asked: list[str] = []
    connection: Any = records.connection().conn
    connection.set_trace_callback(asked.append)
    assert count(records, RunFilter(**facts, **kind)) == (FEW + 1 if facts is ORGANIZATION else 0)
    connection.set_trace_callback(None)
    ways = [plan(records, sql, ()) for sql in asked]
    assert ways
    for way in ways:
        assert "SEARCH run_counts USING PRIMARY KEY (place=?)" in way
        assert "runs_" not in way


def test_few_in_all_are_counted_sooner_than_the_counts_of_each_workspace(records: Records) -> None:
    counted(records, "destroy", FEW)
    asked: list[str] = []
    connection: Any = records.connection().conn
    connection.set_trace_callback(asked.append)
    assert count(records, RunFilter(**SOME)) == 0
    connection.set_trace_callback(None)
    assert "COVERING INDEX runs_by_kind (organization_id=?" in plan(records, asked[-1], ())


def test_a_list_is_of_a_workspace_or_an_organization() -> None:
    with pytest.raises(ValueError, match="a workspace's or an organization's"):
        RunFilter(statuses=NON_FINAL)


def test_what_is_unfinished_is_found_among_the_few(records: Records) -> None:
    assert "INDEX runs_unfinished (" in plan(
        records, f"SELECT id FROM runs WHERE workspace_id = ? AND {UNFINISHED} ORDER BY queue_sequence", ("ws-1",)
    )


def test_what_is_out_of_date_is_found_among_the_saved_plans(records: Records) -> None:
    of_one = f"SELECT id, status FROM runs WHERE workspace_id = ? AND {OUTDATED} ORDER BY queue_sequence"
    assert "SEARCH runs USING INDEX runs_saved (" in plan(records, of_one, ("ws-1",))
    assert "SCAN runs USING INDEX runs_saved" in plan(
        records, f"SELECT DISTINCT workspace_id FROM runs WHERE {OUTDATED}", ()
    )


def test_the_runs_of_tags_are_found_among_themselves(records: Records) -> None:
    sql = f"SELECT id FROM runs WHERE {OF_TAGS} ORDER BY queue_sequence"
    assert "INDEX runs_of_tags (workspace_id=?)" in plan(records, sql, ("ws-1",))
