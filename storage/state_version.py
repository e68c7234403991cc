"""What is remembered of one state: whose it is, what it says of itself, and where its bytes are."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.ids import BlobId, RunId, StateVersionId, WorkspaceId
from bot.state import StateFacts


class StateStatus(StrEnum):
    """TFE's strings (tfe-contract 1.4)."""

    PENDING = "pending"  # announced; its bytes are on their way
    FINALIZED = "finalized"
    DISCARDED = "discarded"  # announced, and never came or was refused


@dataclass(frozen=True)
class Writer:
    """Whose state it is: the run and commit that it belongs to, or the person who wrote it."""

    run_id: RunId | None = None
    commit_sha: str = ""
    created_by: str = ""  # a user or a team as they are written down; empty if the run itself wrote it
    created_by_id: str = ""


@dataclass(frozen=True)
class StateVersion:
    """`is_late`: handed in beside the usual way, after its apply was given up or when it did not follow.

    `is_intermediate`: a snapshot in the middle of its run, which has written another one since.
    `previous_id`: what was current before this one. `blob_id` is None until the bytes have come.
    """

    sequence: int  # an order, not a time
    id: StateVersionId
    workspace_id: WorkspaceId
    status: StateStatus
    serial: int
    lineage: str
    md5: str
    size: int
    format: int
    engine_version: str
    blob_id: BlobId | None
    json_blob_id: BlobId | None
    outputs_blob_id: BlobId | None
    output_count: int
    run_id: RunId | None
    commit_sha: str
    created_by: str
    created_by_id: str
    created_at: datetime
    expires_at: datetime | None
    previous_id: StateVersionId | None
    is_intermediate: bool
    is_late: bool
    is_forced: bool

    @property
    def facts(self) -> StateFacts:
        return StateFacts(self.serial, self.lineage, self.md5)

    @property
    def writer(self) -> Writer:
        return Writer(self.run_id, self.commit_sha, self.created_by, self.created_by_id)
