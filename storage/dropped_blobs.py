"""Which blobs does no row name any more? Noted with what named them, and removed afterwards.

One that no row ever named, since a process was killed before it could commit, is found by comparison.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from bot.ids import BlobId, ConnectionId, WorkspaceId
from storage.blobs import BlobStore
from storage.database import Records

PORTION = 500  # blobs that are removed at once; the next sweep goes on

COMPARED_AT_ONCE = 20_000  # blobs of the shelf; the rows are read once for each so many

# Every column that names a blob. What is named elsewhere would be taken for forgotten.
NAMED_BY: Mapping[str, Sequence[str]] = {
    "state_versions": ("blob_id", "json_blob_id", "outputs_blob_id"),
    "stage_jobs": (
        *("log_blob_id", "plan_blob_id", "plan_json_blob_id", "plan_redacted_blob_id"),
        *("work_folder_blob_id", "errored_state_blob_id"),
    ),
    "configuration_versions": ("blob_id",),
}


def _noting(*named: tuple[str, Sequence[str], str]) -> str:
    """SQL that notes the blobs of a table's columns where a condition holds."""
    selects = [
        f"SELECT {column} AS blob FROM {table} WHERE {which}" for table, columns, which in named for column in columns
    ]
    found = " UNION ".join(selects)
    return f"INSERT INTO dropped_blobs (blob_id) SELECT blob FROM ({found}) WHERE blob != '' ON CONFLICT DO NOTHING"


_STATES, _STAGES, _ARCHIVES = NAMED_BY.items()
_GIVEN = "IN (SELECT value FROM json_each(:given))"
_NOTE_STATES = _noting((*_STATES, f"id {_GIVEN}"))
_NOTE_RUNS = _noting((*_STAGES, f"run_id {_GIVEN}"))
_NOTE_WORKSPACE = _noting(
    (*_STATES, "workspace_id = :given"),
    (*_STAGES, "run_id IN (SELECT id FROM runs WHERE workspace_id = :given)"),
    (*_ARCHIVES, "workspace_id = :given"),
)
_OF_CONNECTION = "repository_id IN (SELECT id FROM repositories WHERE connection_id = :given)"
_NOTE_CONNECTION = _noting((*_ARCHIVES, _OF_CONNECTION))
# One statement, so that it sees one moment: a blob may go from one row to another.
_NAMED = " UNION ".join(
    f"SELECT {column} AS blob FROM {table} WHERE {column} {_GIVEN}"
    for table, columns in NAMED_BY.items()
    for column in columns
)
_NOTE_GIVEN = (
    "INSERT INTO dropped_blobs (blob_id) SELECT value FROM json_each(:given) WHERE true ON CONFLICT DO NOTHING"
)


class DroppedBlobs:
    """A blob can't be removed in the transaction that forgets it: that one may still be rolled back."""

    def __init__(self, records: Records, blobs: BlobStore) -> None:
        self._records = records
        self._blobs = blobs

    # Each in the transaction that forgets what names them.

    def note(self, blob_id: BlobId) -> None:
        self._records.change("INSERT INTO dropped_blobs (blob_id) VALUES (?) ON CONFLICT DO NOTHING", (blob_id,))

    def note_runs(self, run_ids: Collection[str]) -> None:
        """What the stages of these runs left."""
        self._records.change(_NOTE_RUNS, {"given": json.dumps([*run_ids])})

    def note_states(self, version_ids: Collection[str]) -> None:
        self._records.change(_NOTE_STATES, {"given": json.dumps([*version_ids])})

    def note_workspace(self, workspace_id: WorkspaceId) -> None:
        """All that only this workspace's rows name."""
        self._records.change(_NOTE_WORKSPACE, {"given": workspace_id})

    def note_connection(self, connection_id: ConnectionId) -> None:
        """The archives of its repositories' commits."""
        self._records.change(_NOTE_CONNECTION, {"given": connection_id})

    def note_unnamed(self, before: datetime) -> int:
        """Compare what lies on the shelf with the rows, and note what is older and in none; how many.

        `before` must be far longer ago than any process holds a blob before it commits the row that names it.
        """
        noted = 0
        for some in _portions(self._blobs.written_before(before), COMPARED_AT_ONCE):
            named = {row["blob"] for row in self._records.rows(_NAMED, {"given": json.dumps(some)})}
            unnamed = (blob_id for blob_id in some if blob_id not in named)
            for portion in _portions(unnamed, PORTION):
                noted += self._records.change(_NOTE_GIVEN, {"given": json.dumps(portion)})
        return noted

    def has_any(self) -> bool:
        return bool(self._records.value("SELECT EXISTS (SELECT 1 FROM dropped_blobs)"))

    def remove(self) -> int:
        """Remove what was noted, as much as goes at once; how many. Raises what the store raises: the notes stay."""
        noted = self._records.rows("SELECT blob_id FROM dropped_blobs LIMIT ?", (PORTION,))
        for row in noted:
            self._blobs.remove(BlobId(row["blob_id"]))  # before the note goes: twice does no harm
        for row in noted:
            self._records.change("DELETE FROM dropped_blobs WHERE blob_id = ?", (row["blob_id"],))
        return len(noted)


def _portions(blob_ids: Iterable[BlobId], most: int) -> Iterator[list[BlobId]]:
    left = iter(blob_ids)
    while portion := list(islice(left, most)):
        yield portion
