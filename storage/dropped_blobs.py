"""Which blobs does no row name any more? Noted with what named them, and removed afterwards."""

from bot.ids import BlobId, ConnectionId, WorkspaceId
from storage.blobs import BlobStore
from storage.database import Records

PORTION = 500  # blobs that are removed at once; the next sweep goes on

_OF_STATES = ("blob_id", "json_blob_id", "outputs_blob_id")
_OF_STAGES = (
    *("log_blob_id", "plan_blob_id", "plan_json_blob_id", "plan_redacted_blob_id"),
    *("work_folder_blob_id", "errored_state_blob_id"),
)


def _selects() -> str:
    states = (f"SELECT {column} AS blob FROM state_versions WHERE workspace_id = :workspace" for column in _OF_STATES)
    own = "run_id IN (SELECT id FROM runs WHERE workspace_id = :workspace)"
    stages = (f"SELECT {column} FROM stage_jobs WHERE {own}" for column in _OF_STAGES)
    uploads = "SELECT blob_id FROM configuration_versions WHERE workspace_id = :workspace"
    return " UNION ".join([*states, *stages, uploads])


_NOTE = f"INSERT INTO dropped_blobs (blob_id) SELECT blob FROM ({_selects()}) WHERE blob != '' ON CONFLICT DO NOTHING"
_NOTE_ARCHIVES = """INSERT INTO dropped_blobs (blob_id) SELECT blob_id FROM configuration_versions
    WHERE repository_id IN (SELECT id FROM repositories WHERE connection_id = ?) AND blob_id != ''
    ON CONFLICT DO NOTHING"""


class DroppedBlobs:
    """A blob can't be removed in the transaction that forgets it: that one may still be rolled back."""

    def __init__(self, records: Records, blobs: BlobStore) -> None:
        self._records = records
        self._blobs = blobs

    def note_workspace(self, workspace_id: WorkspaceId) -> None:
        """All that only this workspace's rows name; in the transaction that removes them."""
        self._records.change(_NOTE, {"workspace": workspace_id})

    def note(self, blob_id: BlobId) -> None:
        """One blob; in the transaction that forgets it."""
        self._records.change("INSERT INTO dropped_blobs (blob_id) VALUES (?) ON CONFLICT DO NOTHING", (blob_id,))

    def note_connection(self, connection_id: ConnectionId) -> None:
        """The archives of its repositories' commits; in the transaction that removes it."""
        self._records.change(_NOTE_ARCHIVES, (connection_id,))

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
