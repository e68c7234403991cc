"""What a kill left between a stored blob and its row is found by comparison; nothing else is touched."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from obstore.store import MemoryStore

from bot.ids import BlobId
from storage import dropped_blobs, migrations
from storage.blobs import BlobMissing, BlobStore, FileShelf, ObjectShelf
from storage.database import Records
from storage.dropped_blobs import NAMED_BY, DroppedBlobs
from storage.encryption import Keyring

KEY = Keyring(b"k" * 32)
NOW = datetime.now(UTC)
A_DAY_AGO = NOW - timedelta(days=1)
COLUMNS = [(table, column) for table, columns in NAMED_BY.items() for column in columns]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    records = Records(tmp_path / "records.db", migrations.records)
    records.connection().conn.execute("PRAGMA foreign_keys = OFF")
    yield records
    records.close()


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(FileShelf(tmp_path / "blobs"), KEY)


def aged(tmp_path: Path, days: float) -> None:
    moment = NOW.timestamp() - days * 86_400
    for path in (tmp_path / "blobs").rglob("*"):
        os.utime(path, (moment, moment))


def name_it(records: Records, table: str, column: str, blob_id: str) -> None:
    """A row of that table, with something in whatever must not be empty."""
    row: dict[str, Any] = {}
    for fact in records.rows(f"SELECT * FROM pragma_table_info('{table}')"):
        is_numbered = fact["pk"] and fact["type"] == "INTEGER"
        if (fact["notnull"] or fact["pk"]) and fact["dflt_value"] is None and not is_numbered:
            row[fact["name"]] = {"TEXT": blob_id + fact["name"], "INTEGER": 1, "BLOB": b""}[fact["type"]]
    records.insert(table, {**row, column: blob_id})


def is_there(blobs: BlobStore, blob_id: BlobId) -> bool:
    try:
        return blobs.read(blob_id) is not None
    except BlobMissing:
        return False


def test_every_column_that_names_a_blob_is_known(records: Records) -> None:
    found = {
        (row["table_name"], row["column_name"])
        for row in records.rows(
            """SELECT m.name AS table_name, c.name AS column_name FROM sqlite_master m, pragma_table_info(m.name) c
               WHERE m.type = 'table' AND c.name LIKE '%blob%'"""
        )
    }
    assert found - {("dropped_blobs", "blob_id")} == set(COLUMNS)


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_what_a_row_names_stays_however_old(
    records: Records, blobs: BlobStore, tmp_path: Path, table: str, column: str
) -> None:
    named, unnamed = blobs.put(b"named"), blobs.put(b"unnamed")
    aged(tmp_path, 400)
    name_it(records, table, column, named)
    dropped = DroppedBlobs(records, blobs)

    assert dropped.note_unnamed(A_DAY_AGO) == 1
    assert dropped.note_unnamed(A_DAY_AGO) == 0  # it is noted already
    assert dropped.remove() == 1

    assert blobs.read(named) == b"named"
    assert not is_there(blobs, unnamed)


@pytest.mark.parametrize(("days", "left"), [(0.9, 0), (1.1, 1)])
def test_what_is_younger_than_a_day_may_still_be_named(
    records: Records, blobs: BlobStore, tmp_path: Path, days: float, left: int
) -> None:
    blobs.put(b"stored, and not yet committed")
    aged(tmp_path, days)
    assert DroppedBlobs(records, blobs).note_unnamed(A_DAY_AGO) == left


def test_what_is_no_blob_is_nobodys_to_remove(records: Records, blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "blobs/ab").mkdir(parents=True, exist_ok=True)
    (tmp_path / "blobs/ab/readme").write_bytes(b"somebody's own")
    aged(tmp_path, 400)
    assert DroppedBlobs(records, blobs).note_unnamed(A_DAY_AGO) == 0


def test_what_a_kill_left_half_written_goes_after_a_day(blobs: BlobStore, tmp_path: Path) -> None:
    blobs.put(b"whole")
    half = tmp_path / "blobs/zz/.blob-zzzzzzzzzzzzzzzz.part"
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    aged(tmp_path, 0.9)
    assert blobs.remove_unfinished(A_DAY_AGO) == 0
    aged(tmp_path, 1.1)
    assert blobs.remove_unfinished(A_DAY_AGO) == 1
    assert not half.exists()
    assert len(list(blobs.written_before(NOW))) == 1


def test_in_a_bucket_none_is_looked_for(records: Records) -> None:
    """A copy of the records, on the same bucket, would take what was written since for forgotten."""
    blobs = BlobStore(ObjectShelf(MemoryStore()), KEY)
    blob_id = blobs.put(b"stored, and named by the records that this is a copy of")
    soon = datetime.now(UTC) + timedelta(days=2)
    assert DroppedBlobs(records, blobs).note_unnamed(soon) == 0
    assert blobs.remove_unfinished(soon) == 0
    assert is_there(blobs, blob_id)


class ManyNames(FileShelf):
    """A shelf of 100,000 old blobs, of which every hundredth is named by nobody."""

    names: ClassVar = [f"blob-{number:016d}" for number in range(100_000)]

    def written_before(self, moment: datetime) -> Iterator[str]:
        return iter(self.names)

    def reader(self, name: str) -> io.BytesIO:  # type: ignore[override]
        target = io.BytesIO()
        KEY.seal_stream(io.BytesIO(b""), target, name)
        return io.BytesIO(target.getvalue())


def test_a_hundred_thousand_blobs_keep_no_writer_waiting(records: Records, tmp_path: Path) -> None:
    columns = NAMED_BY["stage_jobs"]
    named = [name for number, name in enumerate(ManyNames.names) if number % 100]
    with records.write() as database:
        for at in range(0, len(named), len(columns)):
            some = dict(zip(columns, named[at : at + len(columns)], strict=False))
            row = {
                "id": f"job-{at}",
                "run_id": "run-1",
                "stage": "plan",
                "status": "finished",
                "created_at": "x",
                **some,
            }
            marks = ", ".join("?" * len(row))
            database.conn.execute(f"INSERT INTO stage_jobs ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    writes: list[float] = []
    records.on_write = writes.append
    began = time.monotonic()

    noted = DroppedBlobs(records, BlobStore(ManyNames(tmp_path), KEY)).note_unnamed(A_DAY_AGO)

    assert noted == 1_000
    assert time.monotonic() - began < 5
    assert len(writes) >= noted / dropped_blobs.PORTION
    assert max(writes) < 0.05
