"""Which blobs does no row name any more? Noted with what named them, and removed afterwards."""

import json
from collections.abc import Collection, Sequence

from bot.ids import BlobId, ConnectionId, WorkspaceId
from storage.blobs import BlobStore
from storage.database import Records

PORTION = 500  # blobs that are removed at once; the next sweep goes on

_OF_STATES = ("blob_id", "json_blob_id", "outputs_blob_id")
_OF_STAGES = (
    *("log_blob_id", "plan_blob_id", "plan_json_blob_id", "plan_redacted_blob_id"),
    *("work_folder_blob_id", "errored_state_blob_id"),
)


def _noting(*named: tuple[str, Sequence[str], str]) -> str:
    """SQL that notes the blobs of a table's columns where a condition holds."""
    selects = [
        f"SELECT {column} AS blob FROM {table} WHERE {which}" for table, columns, which in named for column in columns
    ]
    found = " UNION ".join(selects)
    return f"INSERT INTO dropped_blobs (blob_id) SELECT blob FROM ({found}) WHERE blob != '' ON CONFLICT DO NOTHING"


_STATES, _STAGES = ("state_versions", _OF_STATES), ("stage_jobs", _OF_STAGES)
_ARCHIVES = ("configuration_versions", ("blob_id",))
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
