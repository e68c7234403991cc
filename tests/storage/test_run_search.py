"""Lists of runs are found within indexes: hardly a query reads the large rows to narrow, count or sort them."""

from pathlib import Path
from typing import Any

import pytest

from bot.ids import OrganizationId, WorkspaceId
from bot.run import AT_WORK, FINAL, RunStatus
from bot.run_words import Operation
from storage import migrations
from storage.database import Records
from storage.run_filter import IN_TURN, NEWEST_FIRST, OF_TAGS, OUTDATED, UNFINISHED, RunFilter
from storage.run_search import FEW, FEW_PLACES, SEVERAL, Index, count, leading_to, page

ORGANIZATION: dict[str, Any] = {"organization_id": OrganizationId("org-1")}
WORKSPACE: dict[str, Any] = {"workspace_id": WorkspaceId("ws-1")}
SOME: dict[str, Any] = {**ORGANIZATION, "visible_in": [WorkspaceId(f"ws-{n}") for n in range(FEW_PLACES + 1)]}
A_FEW: dict[str, Any] = {**ORGANIZATION, "visible_in": [WorkspaceId("ws-1"), WorkspaceId("ws-2")]}
NAMED: dict[str, Any] = {**ORGANIZATION, "workspace_names": ["network"]}
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
    sql, parameters = page(records, wanted, FEW + 1, order=NEWEST_FIRST, limit=20, offset=0)
    late, late_parameters = page(records, wanted, FEW + 1, order=NEWEST_FIRST, limit=20, offset=FEW - 10)
    assert late_parameters[-2:] == [11, 0]  # from the end, which is nearer
    for found in (plan(records, sql, parameters), plan(records, late, late_parameters)):
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
            {"user": "ada", "commit": "3f2a"},
            Index.COMMIT,
            "COVERING INDEX runs_by_sha (commit_sha>? AND commit_sha<?",
        ),
        (
            {"user": "ada", "statuses": NON_FINAL},
            Index.UNFINISHED_OF_ORGANIZATION,
            "COVERING INDEX runs_unfinished_by_organization (organization_id=?",
        ),
        ({"text": "message"}, Index.TEXT, "USING INTEGER PRIMARY KEY (rowid=?)"),
        ({"text": "me"}, Index.OF_ORGANIZATION, "INDEX runs_by_organization (organization_id=?"),
    ],
)
def test_few_are_found_by_what_leaves_the_fewest(
    records: Records, facts: dict[str, Any], words: dict[str, Any], index: Index, way: str
) -> None:
    wanted = RunFilter(**facts, **words)
    assert leading_to(records, wanted, FEW) is index
    sql, parameters = page(records, wanted, FEW, order=NEWEST_FIRST, limit=20, offset=0)
    assert way in plan(records, sql, parameters)


@pytest.mark.parametrize("facts", [A_FEW, NAMED, {**SOME, **NAMED}])
@pytest.mark.parametrize("words", [{}, {"sources": ["tfe-api"]}, {"user": "ada"}, {"commit": "3f2a"}, {"text": "me"}])
def test_the_few_runs_of_a_few_workspaces_are_looked_at(
    records: Records, facts: dict[str, Any], words: dict[str, Any]
) -> None:
    wanted = RunFilter(**facts, **words)
    assert leading_to(records, wanted, FEW) is Index.OF_WORKSPACES
    sql, parameters = page(records, wanted, FEW, order=NEWEST_FIRST, limit=20, offset=0)
    assert "INDEX runs_by_workspace (workspace_id=?)" in plan(records, sql, parameters)


@pytest.mark.parametrize("facts", [WORKSPACE, A_FEW])
def test_a_text_that_many_runs_have_is_looked_for_where_it_is_wanted(
    records: Records, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.run_search.FEW", 0)
    records.connection().conn.execute("PRAGMA foreign_keys = OFF")  # a text of a run that isn't there
    records.insert("run_texts", {"number": 1, "text": "the message"})
    wanted = RunFilter(**facts, text="message")
    assert leading_to(records, wanted, 0) is Index.OF_WORKSPACES
    sql, parameters = page(records, wanted, 0, order=NEWEST_FIRST, limit=20, offset=0)
    found = plan(records, sql, parameters)
    assert "COVERING INDEX runs_by_workspace (workspace_id=?)" in found
    assert "VIRTUAL TABLE INDEX" in found


def test_few_that_may_be_seen_among_many_are_found_in_their_workspaces(records: Records) -> None:
    counted(records, "destroy", SEVERAL)
    counted(records, "plan_only", SEVERAL + 1)
    assert leading_to(records, RunFilter(**SOME, operations=[Operation.DESTROY]), FEW) is Index.KIND
    wanted = RunFilter(**SOME, operations=[Operation.PLAN_ONLY])
    assert leading_to(records, wanted, FEW) is Index.OF_WORKSPACES
    sql, parameters = page(records, wanted, FEW, order=NEWEST_FIRST, limit=20, offset=0)
    assert "COVERING INDEX runs_by_workspace (workspace_id=?)" in plan(records, sql, parameters)


@pytest.mark.parametrize("total", [FEW, FEW + 1])
@pytest.mark.parametrize("facts", [ORGANIZATION, SOME])
def test_the_queue_of_the_workers_is_found_among_what_is_at_work(
    records: Records, facts: dict[str, Any], total: int
) -> None:
    wanted = RunFilter(**facts, statuses=sorted(AT_WORK))
    sql, parameters = page(records, wanted, total, order=IN_TURN, limit=20, offset=0)
    assert "COVERING INDEX runs_at_work (organization_id=?" in plan(records, sql, parameters)


@pytest.mark.parametrize("facts", [ORGANIZATION, SOME, A_FEW, WORKSPACE, NAMED])
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
    for places in ({}, {"workspace_id": WorkspaceId("ws-1"), "workspace_names": ["network"]}):
        with pytest.raises(ValueError, match="a workspace's or an organization's"):
            RunFilter(statuses=NON_FINAL, **places)


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
