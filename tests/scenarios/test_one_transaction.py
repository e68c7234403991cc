"""Status changes in one place and whole (invariant 7); a write transaction holds only SQL (DESIGN section 3)."""

from __future__ import annotations

import os
import socket
import sqlite3
import statistics
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from bot.run import RunStatus
from handlers.services import Services
from storage.database import Records
from storage.runs import RunMoved
from tests.scenarios.fates import PushToApply
from tests.scenarios.world import HELLO, World

# What somebody who looks between any two transactions must never see.
HALF_DONE = {
    "a stage ended, and its run did not move": """
        SELECT 1 FROM stage_jobs JOIN runs ON runs.id = run_id
        WHERE stage_jobs.status = 'finished'
        AND runs.status = CASE stage WHEN 'plan' THEN 'planning' ELSE 'applying' END
        AND stage_jobs.rowid = (SELECT max(rowid) FROM stage_jobs AS newest
                                WHERE newest.run_id = runs.id AND newest.stage = stage_jobs.stage)""",
    "a run moved on, and its stage did not end": """
        SELECT 1 FROM stage_jobs JOIN runs ON runs.id = run_id
        WHERE stage_jobs.status = 'claimed' AND runs.status NOT IN ('planning', 'applying')""",
    "a stage ended without its log": "SELECT 1 FROM stage_jobs WHERE status = 'finished' AND log_blob_id IS NULL",
    "a run at a runner, and no runner has it": """
        SELECT 1 FROM runs WHERE status IN ('planning', 'applying') AND NOT EXISTS (
          SELECT 1 FROM stage_jobs WHERE run_id = runs.id AND stage_jobs.status = 'claimed')""",
    "a run that waits for a runner, and no job for one": """
        SELECT 1 FROM runs WHERE status IN ('plan_queued', 'apply_queued') AND NOT EXISTS (
          SELECT 1 FROM stage_jobs WHERE run_id = runs.id AND stage_jobs.status = 'queued')""",
    "a plan without its digest": """
        SELECT 1 FROM runs WHERE status IN ('planned', 'confirmed', 'applying', 'applied') AND plan_digest = ''""",
    "a run that moved, and nobody will be told": """
        SELECT 1 FROM runs WHERE repository_id IS NOT NULL AND NOT EXISTS (
          SELECT 1 FROM outbox WHERE channel = 'refresh' AND outbox.repository_id = runs.repository_id
          AND lane LIKE '%' || runs.commit_sha)""",
    "a run that moved, and its timeline is silent": """
        SELECT 1 FROM runs WHERE (SELECT count(*) FROM timeline WHERE run_id = runs.id) <
          (SELECT count(*) FROM json_each(runs.times))""",
}


def half_done(connection: sqlite3.Connection) -> list[str]:
    return [what for what, sql in HALF_DONE.items() if connection.execute(sql).fetchone()]


def test_nobody_ever_sees_anything_half_done(github_world: World) -> None:
    """Invariant 7: another process looks after each single commit; and one more looks all the time."""
    story = PushToApply(github_world)
    path = github_world.settings.server_folder / "records.db"
    seen: list[str] = []
    looks = [0]

    def look(_seconds: float) -> None:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            seen.extend(half_done(connection))
        connection.close()
        looks[0] += 1

    stop = threading.Event()
    reader = threading.Thread(target=_keep_looking, args=(str(path), seen, stop))
    reader.start()
    github_world.services.records.on_write = look
    try:
        story.tell()
    finally:
        stop.set()
        reader.join()
        github_world.services.records.on_write = None

    story.check_its_end()
    assert looks[0] > 50
    assert seen == []


def _keep_looking(path: str, seen: list[str], stop: threading.Event) -> None:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    while not stop.wait(0.002):
        seen.extend(half_done(connection))
    connection.close()


def test_who_comes_second_moves_nothing(github_world: World) -> None:
    """Invariant 7: compare and set; the row says who was first."""
    host: Any = github_world.host
    repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
    github_world.workspace("prod", repo)
    repo.push("main", {"more.tf": "# more\n"})
    github_world.settle()
    services, run = github_world.services, github_world.only_run()
    assert run.status is RunStatus.PLANNED

    services.runs.move(run, replace(run, status=RunStatus.DISCARDED))
    with pytest.raises(RunMoved):
        services.runs.move(run, replace(run, status=RunStatus.CONFIRMED))

    assert github_world.run(run).status is RunStatus.DISCARDED


def test_a_write_transaction_holds_only_sql(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short, and without network, processes or blobs inside."""
    story = PushToApply(world)
    spans: list[float] = []
    inside: list[str] = []
    _watch(world.services, monkeypatch, inside)
    world.services.records.on_write = spans.append

    story.tell()

    story.check_its_end()
    assert len(spans) > 50
    assert statistics.median(spans) < 0.05
    assert inside == []


def _watch(services: Services, monkeypatch: pytest.MonkeyPatch, inside: list[str]) -> None:
    """Note what is done by a thread that is in a write transaction and is no SQL."""
    local = threading.local()
    really_write = Records.write

    @contextmanager
    def write(records: Records) -> Iterator[Any]:
        with really_write(records) as database:
            local.depth = getattr(local, "depth", 0) + 1
            try:
                yield database
            finally:
                local.depth -= 1

    def noting(name: str, really: Any) -> Any:
        def noted(*arguments: Any, **more: Any) -> Any:
            if getattr(local, "depth", 0):
                inside.append(name)
            return really(*arguments, **more)

        return noted

    monkeypatch.setattr(Records, "write", write)
    for target, name in (
        (socket.socket, "connect"),
        (socket.socket, "sendall"),
        (threading.Event, "wait"),
        (type(services.blobs), "put_stream"),
        (type(services.blobs), "chunks"),
        (subprocess.Popen, "__init__"),
        (os, "fsync"),
    ):
        monkeypatch.setattr(target, name, noting(name, getattr(target, name)))


def test_a_commit_that_fails_leaves_nothing_open(github_world: World) -> None:
    """Refused at the very end: the next write is a transaction of its own again, and is kept."""
    records = github_world.services.records

    def refused_at_its_commit() -> None:
        with records.write() as database:
            database.conn.execute("PRAGMA defer_foreign_keys = ON")
            records.insert("team_members", {"team_id": "team-0", "user_id": "user-0"})

    with pytest.raises(sqlite3.IntegrityError):
        refused_at_its_commit()

    records.insert("organizations", {"id": "org-1", "name": "x", "email": "x", "created_at": ""})

    with sqlite3.connect(records.path) as other:
        assert other.execute("SELECT count(*) FROM organizations WHERE id = 'org-1'").fetchone() == (1,)
    other.close()
