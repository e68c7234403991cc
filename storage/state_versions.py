"""Which states has a workspace had? Every version is kept, sealed; one is current."""

import io
from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from bot.errors import NotFound
from bot.ids import BlobId, RunId, StateVersionId, WorkspaceId
from bot.state import StateConflict, StateFacts, check_follows
from bot.state_reading import StateOutput
from bot.timestamps import from_text, maybe_from_text, to_text
from storage.blobs import BlobStore
from storage.database import Records, Row
from storage.ids import new_id
from storage.state_intake import ReceivedState, StateIntake
from storage.state_version import StateStatus, StateVersion, Writer

__all__ = ["ReceivedState", "StateStatus", "StateVersion", "StateVersions", "Writer"]


class StateVersions:
    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime], most_bytes: int) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self.intake = StateIntake(blobs, most_bytes)

    def current(self, workspace_id: WorkspaceId) -> StateVersion | None:
        row = self._records.row(
            """SELECT state_versions.* FROM state_versions
               JOIN workspaces ON workspaces.current_state_version_id = state_versions.id WHERE workspaces.id = ?""",
            (workspace_id,),
        )
        return self._version(row) if row else None

    def current_of_each(self, workspace_ids: Collection[WorkspaceId]) -> dict[WorkspaceId, StateVersion]:
        """The same of several workspaces at once; those without a state are left out."""
        marks = ", ".join("?" * len(workspace_ids))
        rows = self._records.rows(
            f"""SELECT state_versions.* FROM state_versions
                JOIN workspaces ON workspaces.current_state_version_id = state_versions.id
                WHERE workspaces.id IN ({marks})""",
            tuple(workspace_ids),
        )
        return {row["workspace_id"]: self._version(row) for row in rows}

    def find(self, version_id: str) -> StateVersion | None:
        row = self._records.row("SELECT * FROM state_versions WHERE id = ?", (version_id,))
        return self._version(row) if row else None

    def get(self, version_id: str) -> StateVersion:
        """Raises NotFound."""
        found = self.find(version_id)
        if found is None:
            raise NotFound(f"there is no state version {version_id}")
        return found

    def of_workspace(self, workspace_id: WorkspaceId, *, limit: int = -1, offset: int = 0) -> list[StateVersion]:
        """Newest first."""
        rows = self._records.rows(
            "SELECT * FROM state_versions WHERE workspace_id = ? ORDER BY sequence DESC LIMIT ? OFFSET ?",
            (workspace_id, limit, offset),
        )
        return [self._version(row) for row in rows]

    def count(self, workspace_id: WorkspaceId) -> int:
        return int(
            self._records.value("SELECT count(*) FROM state_versions WHERE workspace_id = ?", (workspace_id,)) or 0
        )

    def chunks(self, version: StateVersion) -> Iterator[bytes]:
        """The state's bytes. Raises NotFound if they have not come."""
        if version.blob_id is None:
            raise NotFound(f"{version.id} has no state: its upload has not been completed")
        return self._blobs.chunks(version.blob_id)

    def read(self, version: StateVersion) -> bytes:
        return b"".join(self.chunks(version))

    def outputs(self, version: StateVersion) -> list[StateOutput]:
        """In the order of their names."""
        return self.intake.outputs(version.outputs_blob_id) if version.outputs_blob_id else []

    def received(self, blob_id: BlobId) -> ReceivedState:
        """A state that was handed in as a blob. Raises Refused for bytes that are none."""
        return self.intake.received(blob_id)

    def store(
        self, workspace_id: WorkspaceId, raw: bytes, *, run_id: RunId | None, commit_sha: str = ""
    ) -> StateVersion | None:
        """Receive a state and take it. Raises as both do."""
        return self.take(workspace_id, self.intake.receive(io.BytesIO(raw)), run_id=run_id, commit_sha=commit_sha)

    def take(
        self,
        workspace_id: WorkspaceId,
        state: ReceivedState,
        *,
        run_id: RunId | None,
        commit_sha: str = "",
        created_by: tuple[str, str] = ("", ""),
        force: bool = False,
        still_allowed: Callable[[], bool] = lambda: True,
    ) -> StateVersion | None:
        """Make it the current state; None if it is the current one already, sent again.

        `still_allowed` is asked in the transaction: a run that ended meanwhile may not write any more.
        Raises StateConflict (does not follow), PermissionError (not allowed any more), or what `still_allowed` raises.
        """
        with self._records.write():
            if not still_allowed():
                raise PermissionError("the run may not write state any more")
            current = self.current(workspace_id)
            if not check_follows(current.facts if current else None, state.facts, force=force):
                return None
            writer = Writer(run_id, commit_sha, *created_by)
            version = self._add(workspace_id, writer, **_content(state))
            self.make_current(version)
        return self.get(version.id)

    def announce(
        self, workspace_id: WorkspaceId, facts: StateFacts, writer: Writer, *, force: bool, lifetime: timedelta
    ) -> StateVersion:
        """A version whose bytes will be uploaded within `lifetime`. It changes nothing until they have come.

        Raises StateConflict at once if it can't follow the current one.
        """
        with self._records.write():
            current = self.current(workspace_id)
            check_follows(current.facts if current else None, facts, force=force)
            return self._add(
                workspace_id,
                writer,
                status=StateStatus.PENDING,
                serial=facts.serial,
                lineage=facts.lineage,
                md5=facts.md5,
                is_forced=int(force),
                expires_at=to_text(self._now() + lifetime),
            )

    def fulfil(
        self, version_id: StateVersionId, state: ReceivedState, still_allowed: Callable[[], object]
    ) -> StateVersion:
        """The bytes of an announced version have come: it becomes current.

        `still_allowed` is asked in the transaction and raises if not. Raises StateConflict, also if the version
        isn't waited for any more.
        """
        with self._records.write():
            version = self.get(version_id)
            if version.status is not StateStatus.PENDING:
                raise StateConflict(f"{version.id} is {version.status.value}: nothing is uploaded to it any more")
            still_allowed()
            current = self.current(version.workspace_id)
            check_follows(current.facts if current else None, state.facts, force=version.is_forced)
            content = {**_content(state), "expires_at": None}
            changes = ", ".join(f"{column} = ?" for column in content)
            self._records.change(f"UPDATE state_versions SET {changes} WHERE id = ?", (*content.values(), version.id))
            self.make_current(self.get(version.id))
        return self.get(version.id)

    def keep_json(self, version_id: StateVersionId, blob_id: BlobId) -> bool:
        """Keep the JSON form that came beside a state; False if there is one already."""
        return bool(
            self._records.change(
                "UPDATE state_versions SET json_blob_id = ? WHERE id = ? AND json_blob_id IS NULL",
                (blob_id, version_id),
            )
        )

    def discard(self, version_id: StateVersionId) -> None:
        """An announced version is not waited for any more."""
        self._records.change(
            "UPDATE state_versions SET status = 'discarded' WHERE id = ? AND status = 'pending'", (version_id,)
        )

    def has_pending(self, workspace_id: WorkspaceId) -> bool:
        """Whether an upload that was announced may still come."""
        return bool(
            self._records.value(
                "SELECT 1 FROM state_versions WHERE workspace_id = ? AND status = 'pending' AND expires_at > ?",
                (workspace_id, to_text(self._now())),
            )
        )

    def keep_late(
        self, workspace_id: WorkspaceId, state: ReceivedState, run_id: RunId, commit_sha: str
    ) -> StateVersion:
        """Keep a state that does not become current by this: too late, or not following the current one."""
        return self._add(workspace_id, Writer(run_id, commit_sha), **_content(state), is_late=1)

    def make_current(self, version: StateVersion) -> None:
        """What its run wrote before becomes a snapshot in between; not if a person goes back to the run's state."""
        with self._records.write():
            self._records.change(
                """UPDATE state_versions SET previous_id =
                     (SELECT current_state_version_id FROM workspaces WHERE id = ?) WHERE id = ?""",
                (version.workspace_id, version.id),
            )
            if version.run_id is not None and not version.created_by:
                self._records.change(
                    """UPDATE state_versions SET is_intermediate = 1 WHERE run_id = ? AND workspace_id = ?
                         AND sequence < ? AND status = 'finalized' AND NOT is_late""",
                    (version.run_id, version.workspace_id, version.sequence),
                )
            self._records.change(
                "UPDATE workspaces SET current_state_version_id = ? WHERE id = ?", (version.id, version.workspace_id)
            )

    def forget_current(self, workspace_id: WorkspaceId) -> None:
        """The workspace has no state; its versions stay, to be rolled back to."""
        self._records.change("UPDATE workspaces SET current_state_version_id = NULL WHERE id = ?", (workspace_id,))

    def _add(self, workspace_id: WorkspaceId, writer: Writer, **facts: Any) -> StateVersion:
        row = {
            "id": new_id("sv"),
            "workspace_id": workspace_id,
            "run_id": writer.run_id,
            "commit_sha": writer.commit_sha,
            "created_by": writer.created_by,
            "created_by_id": writer.created_by_id,
            "created_at": to_text(self._now()),
            **facts,
        }
        self._records.insert("state_versions", row)
        return self.get(row["id"])

    def _version(self, row: Row) -> StateVersion:
        flags = {name: bool(row[name]) for name in ("is_intermediate", "is_late", "is_forced")}
        times = {"created_at": from_text(row["created_at"]), "expires_at": maybe_from_text(row["expires_at"])}
        status = StateStatus(row["status"])
        if status is StateStatus.PENDING and row["expires_at"] <= to_text(self._now()):
            status = StateStatus.DISCARDED
        return StateVersion(**{**row, **flags, **times, "status": status})


def _content(state: ReceivedState) -> dict[str, Any]:
    return {
        "status": StateStatus.FINALIZED,
        "serial": state.facts.serial,
        "lineage": state.facts.lineage,
        "md5": state.facts.md5,
        "size": state.size,
        "format": state.format,
        "engine_version": state.engine_version,
        "blob_id": state.blob_id,
        "outputs_blob_id": state.outputs_blob_id,
        "output_count": state.output_count,
    }
