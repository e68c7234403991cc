"""Which workspaces are being removed, and what is left of them? In portions: whoever writes waits for one at most."""

import json
from collections.abc import Collection, Sequence

from bot.ids import RunId, WorkspaceId
from storage.database import Records
from storage.dropped_blobs import DroppedBlobs
from storage.run_filter import UNFINISHED

PORTION = 200  # rows in one write, which takes some hundredths of a second

# All but the runs that are kept, plans that could be applied, and the state that the workspace has now.
_SOME_RUNS = f"""SELECT id FROM runs WHERE workspace_id = ? AND NOT ({UNFINISHED})
    AND id NOT IN (SELECT value FROM json_each(?)) LIMIT ?"""
_SOME_STATES = """SELECT id FROM state_versions WHERE workspace_id = ? AND id IS NOT
    (SELECT current_state_version_id FROM workspaces WHERE id = state_versions.workspace_id) LIMIT ?"""


class Leaving:
    def __init__(self, records: Records, dropped: DroppedBlobs) -> None:
        self._records = records
        self._dropped = dropped

    def begin(self, workspace_id: WorkspaceId) -> None:
        """Nothing starts in it any more; in the transaction that has seen that nothing is under way."""
        self._records.change("INSERT INTO leaving (workspace_id) VALUES (?) ON CONFLICT DO NOTHING", (workspace_id,))

    def has(self, workspace_id: WorkspaceId) -> bool:
        sql = "SELECT EXISTS (SELECT 1 FROM leaving WHERE workspace_id = ?)"
        return bool(self._records.value(sql, (workspace_id,)))

    def all(self) -> list[WorkspaceId]:
        return [WorkspaceId(row["workspace_id"]) for row in self._records.rows("SELECT workspace_id FROM leaving")]

    def remove_some(self, workspace_id: WorkspaceId, kept: Collection[RunId]) -> bool:
        """Remove a portion of its past: runs, or states; False once there is only what `Workspaces.remove` takes.

        `kept`: runs that are still needed to say at the hosts that the workspace is gone.
        """
        with self._records.write():
            runs = self._ids(_SOME_RUNS, (workspace_id, json.dumps([*kept]), PORTION))
            states = [] if runs else self._ids(_SOME_STATES, (workspace_id, PORTION))
            self._dropped.note_runs(runs)
            self._dropped.note_states(states)
            for table, ids in (("runs", runs), ("state_versions", states)):
                marks = ", ".join("?" * len(ids))
                self._records.change(f"DELETE FROM {table} WHERE id IN ({marks})", ids)
        return bool(runs or states)

    def _ids(self, sql: str, parameters: Sequence[object]) -> list[str]:
        return [row["id"] for row in self._records.rows(sql, parameters)]
