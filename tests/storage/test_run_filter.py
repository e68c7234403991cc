"""Lists of runs are found within indexes: no query reads the large rows to narrow, count or sort them."""

from pathlib import Path
from typing import Any

import pytest

from bot.ids import WorkspaceId
from bot.run import FINAL, RunStatus
from bot.run_words import Operation
from storage import migrations
from storage.database import Records
from storage.run_filter import IN_TURN, NEWEST_FIRST, OF_TAGS, OUTDATED, UNFINISHED, RunFilter

ORGANIZATION: dict[str, Any] = {"organization_id": "org-1"}
WORKSPACE: dict[str, Any] = {"workspace_id": "ws-1"}
NON_FINAL = sorted(frozenset(RunStatus) - FINAL)


@pytest.fixture
def records(tmp_path: Path) -> Any:
    found = Records(tmp_path / "records.db", migrations.records)
    yield found
    found.close()


def plan(records: Records, sql: str, parameters: Any) -> str:
    return "\n".join(row["detail"] for row in records.rows(f"EXPLAIN QUERY PLAN {sql}", parameters))


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (RunFilter(**ORGANIZATION), "runs_by_organization"),
        (RunFilter(**ORGANIZATION, statuses=[RunStatus.APPLIED]), "runs_by_organization"),
        (RunFilter(**ORGANIZATION, user="ada"), "runs_by_organization"),
        (RunFilter(**ORGANIZATION, commit="3f2a"), "runs_by_organization"),
        (RunFilter(**ORGANIZATION, operations=[*Operation], sources=["tfe-api"]), "runs_by_organization"),
        (RunFilter(**WORKSPACE), "runs_by_workspace"),
        (RunFilter(**WORKSPACE, operations=[Operation.DESTROY], sources=["tfe-api"]), "runs_by_workspace"),
        (RunFilter(**WORKSPACE, statuses=[RunStatus.APPLIED], user="ada"), "runs_by_workspace"),
    ],
)
def test_a_page_is_found_in_order_within_an_index(records: Records, wanted: RunFilter, index: str) -> None:
    condition, parameters = wanted.as_sql()
    found = plan(records, f"SELECT rowid FROM runs WHERE {condition} ORDER BY {NEWEST_FIRST} LIMIT 20", parameters)
    assert f"COVERING INDEX {index}" in found
    assert "TEMP B-TREE" not in found


@pytest.mark.parametrize("facts", [ORGANIZATION, WORKSPACE])
def test_they_are_counted_within_an_index(records: Records, facts: dict[str, Any]) -> None:
    for more in (
        {},
        {"statuses": [RunStatus.APPLIED]},
        {"operations": [Operation.DESTROY]},
        {"sources": ["tfe-api"]},
        {"user": "ada"},
    ):
        condition, parameters = RunFilter(**facts, **more).as_sql()
        assert "COVERING INDEX" in plan(records, f"SELECT count(*) FROM runs WHERE {condition}", parameters)


@pytest.mark.parametrize("visible", [None, ["ws-1", "ws-2"]])
@pytest.mark.parametrize(
    ("words", "index"),
    [
        ({"user": "ada"}, "runs_by_name (created_by=?"),
        ({"commit": "3f2a"}, "runs_by_sha (commit_sha>? AND commit_sha<?"),
        ({"user": "ada", "commit": "3f2a", "statuses": NON_FINAL}, "runs_by_sha (commit_sha>? AND commit_sha<?"),
    ],
)
def test_few_are_found_by_what_leaves_the_fewest(
    records: Records, words: dict[str, Any], index: str, visible: list[WorkspaceId] | None
) -> None:
    condition, parameters = RunFilter(**ORGANIZATION, **words, visible_in=visible).as_sql(narrowest=True)
    assert f"COVERING INDEX {index}" in plan(records, f"SELECT count(*) FROM runs WHERE {condition}", parameters)


def test_the_unfinished_of_some_workspaces_are_counted_within_an_index(records: Records) -> None:
    wanted = RunFilter(**ORGANIZATION, statuses=NON_FINAL, operations=[*Operation], visible_in=[WorkspaceId("ws-1")])
    condition, parameters = wanted.as_sql(narrowest=True)
    found = plan(records, f"SELECT count(*) FROM runs WHERE {condition}", parameters)
    assert "COVERING INDEX runs_unfinished (workspace_id=?)" in found


def test_what_is_out_of_date_is_found_among_the_saved_plans(records: Records) -> None:
    of_one = f"SELECT id, status FROM runs WHERE workspace_id = ? AND {OUTDATED} ORDER BY queue_sequence"
    assert "SEARCH runs USING INDEX runs_saved (" in plan(records, of_one, ("ws-1",))
    assert "SCAN runs USING INDEX runs_saved" in plan(
        records, f"SELECT DISTINCT workspace_id FROM runs WHERE {OUTDATED}", ()
    )


def test_what_is_unfinished_or_at_work_is_found_among_the_few(records: Records) -> None:
    assert "INDEX runs_unfinished (" in plan(
        records, f"SELECT id FROM runs WHERE workspace_id = ? AND {UNFINISHED} ORDER BY queue_sequence", ("ws-1",)
    )
    condition, parameters = RunFilter(**ORGANIZATION, statuses=NON_FINAL).as_sql()
    found = plan(records, f"SELECT rowid FROM runs WHERE {condition} ORDER BY {NEWEST_FIRST} LIMIT 20", parameters)
    assert "INDEX runs_unfinished_by_organization" in found
    condition, parameters = RunFilter(**ORGANIZATION, at_work=True).as_sql()
    found = plan(records, f"SELECT rowid FROM runs WHERE {condition} ORDER BY {IN_TURN} LIMIT 20", parameters)
    assert "INDEX runs_at_work" in found


def test_the_runs_of_tags_are_found_among_themselves(records: Records) -> None:
    sql = f"SELECT id FROM runs WHERE {OF_TAGS} ORDER BY queue_sequence"
    assert "INDEX runs_of_tags (workspace_id=?)" in plan(records, sql, ("ws-1",))


def test_a_text_is_found_by_its_trigrams(records: Records) -> None:
    for facts in (ORGANIZATION, WORKSPACE):
        condition, parameters = RunFilter(**facts, text="message").as_sql()
        found = plan(records, f"SELECT count(*) FROM runs WHERE {condition}", parameters)
        assert "VIRTUAL TABLE INDEX" in found
        assert "(id=?)" in found
