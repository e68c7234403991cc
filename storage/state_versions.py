"""Which states has a workspace had? Every version is kept, sealed; one is current."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.errors import NotFound
from bot.ids import BlobId, RunId, StateVersionId, WorkspaceId
from bot.state import StateFacts, check_follows, read_state
from bot.timestamps import from_text, to_text
from storage.blobs import BlobStore
from storage.database import Records, Row
from storage.ids import new_id


@dataclass(frozen=True)
class ReceivedState:
    """A state that was read and is in a blob, before it is decided what becomes of it."""

    facts: StateFacts
    blob_id: BlobId
    size: int


@dataclass(frozen=True)
class StateVersion:
    """`is_late`: handed in beside the usual way, after its apply was given up or when it did not follow."""

    id: StateVersionId
    workspace_id: WorkspaceId
    serial: int
    lineage: str
    md5: str
    size: int
    blob_id: BlobId
    run_id: RunId | None
    commit_sha: str
    created_at: datetime
    is_late: bool

    @property
    def facts(self) -> StateFacts:
        return StateFacts(self.serial, self.lineage, self.md5)


class StateVersions:
    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime]) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now

    def current(self, workspace_id: WorkspaceId) -> StateVersion | None:
        row = self._records.row(
            """SELECT state_versions.* FROM state_versions
               JOIN workspaces ON workspaces.current_state_version_id = state_versions.id WHERE workspaces.id = ?""",
            (workspace_id,),
        )
        return _version(row) if row else None

    def get(self, version_id: str) -> StateVersion:
        """Raises NotFound."""
        row = self._records.row("SELECT * FROM state_versions WHERE id = ?", (version_id,))
        if row is None:
            raise NotFound(f"there is no state version {version_id}")
        return _version(row)

    def of_workspace(self, workspace_id: WorkspaceId) -> list[StateVersion]:
        rows = self._records.rows(
            "SELECT * FROM state_versions WHERE workspace_id = ? ORDER BY serial DESC, created_at DESC", (workspace_id,)
        )
        return [_version(row) for row in rows]

    def read(self, version: StateVersion) -> bytes:
        return self._blobs.read(version.blob_id)

    def receive(self, raw: bytes) -> ReceivedState:
        """Read a state and put it into a blob: before any transaction. Raises Refused for bytes that are none."""
        return ReceivedState(read_state(raw), self._blobs.put(raw), len(raw))

    def received(self, blob_id: BlobId) -> ReceivedState:
        """A state that was handed in as a blob. Raises Refused for bytes that are none."""
        raw = self._blobs.read(blob_id)
        return ReceivedState(read_state(raw), blob_id, len(raw))

    def store(
        self, workspace_id: WorkspaceId, raw: bytes, *, run_id: RunId | None, commit_sha: str = ""
    ) -> StateVersion | None:
        """Receive a state and take it. Raises as both do."""
        return self.take(workspace_id, self.receive(raw), run_id=run_id, commit_sha=commit_sha)

    def take(
        self,
        workspace_id: WorkspaceId,
        state: ReceivedState,
        *,
        run_id: RunId | None,
        commit_sha: str = "",
        still_allowed: Callable[[], bool] = lambda: True,
    ) -> StateVersion | None:
        """Make it the current state; None if it is the current one already, sent again.

        `still_allowed` is asked in the transaction: a run that ended meanwhile may not write any more.
        Raises StateConflict (does not follow), PermissionError (not allowed any more).
        """
        with self._records.write():
            if not still_allowed():
                raise PermissionError("the run may not write state any more")
            current = self.current(workspace_id)
            if not check_follows(current.facts if current else None, state.facts):
                return None
            version = self._add(workspace_id, state, run_id, commit_sha, is_late=False)
            self.make_current(version)
        return version

    def keep_late(
        self, workspace_id: WorkspaceId, state: ReceivedState, run_id: RunId, commit_sha: str
    ) -> StateVersion:
        """Keep a state that does not become current by this: too late, or not following the current one."""
        return self._add(workspace_id, state, run_id, commit_sha, is_late=True)

    def make_current(self, version: StateVersion) -> None:
        self._records.change(
            "UPDATE workspaces SET current_state_version_id = ? WHERE id = ?", (version.id, version.workspace_id)
        )

    def _add(
        self,
        workspace_id: WorkspaceId,
        state: ReceivedState,
        run_id: RunId | None,
        commit_sha: str,
        *,
        is_late: bool,
    ) -> StateVersion:
        row = {
            "id": new_id("sv"),
            "workspace_id": workspace_id,
            "serial": state.facts.serial,
            "lineage": state.facts.lineage,
            "md5": state.facts.md5,
            "size": state.size,
            "blob_id": state.blob_id,
            "run_id": run_id,
            "commit_sha": commit_sha,
            "created_at": to_text(self._now()),
            "is_late": int(is_late),
        }
        self._records.insert("state_versions", row)
        return _version(row)


def _version(row: Row) -> StateVersion:
    return StateVersion(**{**row, "created_at": from_text(row["created_at"]), "is_late": bool(row["is_late"])})
