"""Which configurations do we have? One per repository, commit and wish for submodules; and each that was uploaded."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.ids import BlobId, ConfigurationVersionId, RepositoryId, WorkspaceId
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.ids import new_id


class ConfigurationStatus(StrEnum):
    """TFE's words (tfe-contract 1.4), those that are reached here."""

    PENDING = "pending"  # its archive is yet to be uploaded
    UPLOADED = "uploaded"
    ERRORED = "errored"
    ARCHIVED = "archived"  # its archive is gone; what ran it says still which it was


@dataclass(frozen=True)
class ConfigurationVersion:
    """Of a repository's commit, or uploaded to a workspace: one of the two ids is there."""

    id: ConfigurationVersionId
    repository_id: RepositoryId | None
    workspace_id: WorkspaceId | None
    commit_sha: str
    submodules: bool
    blob_id: BlobId  # empty while pending
    message: str
    author: str
    author_id: str  # of an upload: of the user or the team
    created_at: datetime
    status: ConfigurationStatus
    error: str
    source: str  # of an upload: tfe-api or terraform+cloud
    speculative: bool  # its runs are plan-only
    provisional: bool  # not the workspace's configuration before it is applied
    auto_queue_runs: bool  # the upload itself makes a run
    may_apply: bool  # whether who asked for the upload may also apply: else its run applies nothing by itself

    @property
    def is_uploaded(self) -> bool:
        return self.status is ConfigurationStatus.UPLOADED


@dataclass(frozen=True)
class Upload:
    """What somebody says of a configuration before they upload it."""

    source: str
    author: str
    author_id: str = ""
    speculative: bool = False
    provisional: bool = False
    auto_queue_runs: bool = True
    may_apply: bool = False


class ConfigurationVersions:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def of_commit(
        self, repository_id: RepositoryId, commit_sha: str, *, submodules: bool
    ) -> ConfigurationVersion | None:
        row = self._records.row(
            "SELECT * FROM configuration_versions WHERE repository_id = ? AND commit_sha = ? AND submodules = ?",
            (repository_id, commit_sha, int(submodules)),
        )
        return _version(row) if row else None

    def find(self, version_id: str) -> ConfigurationVersion | None:
        row = self._records.row("SELECT * FROM configuration_versions WHERE id = ?", (version_id,))
        return _version(row) if row else None

    def with_ids(self, version_ids: Collection[ConfigurationVersionId]) -> list[ConfigurationVersion]:
        """Those of them that there are."""
        marks = ", ".join("?" * len(version_ids))
        rows = self._records.rows(f"SELECT * FROM configuration_versions WHERE id IN ({marks})", tuple(version_ids))
        return [_version(row) for row in rows]

    def get(self, version_id: ConfigurationVersionId) -> ConfigurationVersion:
        version = self.find(version_id)
        if version is None:
            raise LookupError(f"no configuration version {version_id}")
        return version

    def add(
        self,
        repository_id: RepositoryId,
        commit_sha: str,
        *,
        submodules: bool,
        blob_id: BlobId,
        message: str,
        author: str,
    ) -> ConfigurationVersion:
        """Remember an archive. Two handlers that fetched the same commit at once: the first one's counts."""
        self._records.change(
            """INSERT INTO configuration_versions
                 (id, repository_id, commit_sha, submodules, blob_id, message, author, created_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
            (new_id("cv"), repository_id, commit_sha, int(submodules), blob_id, message, author, to_text(self._now())),
        )
        found = self.of_commit(repository_id, commit_sha, submodules=submodules)
        if found is None:
            raise LookupError(f"no configuration of {commit_sha} right after it was added")
        return found

    def expect(self, workspace_id: WorkspaceId, upload: Upload) -> ConfigurationVersion:
        """A new configuration version that waits for its archive."""
        version_id = ConfigurationVersionId(new_id("cv"))
        self._records.insert(
            "configuration_versions",
            {
                "id": version_id,
                "workspace_id": workspace_id,
                "commit_sha": "",
                "submodules": 0,
                "blob_id": "",
                "message": "",
                "author": upload.author,
                "author_id": upload.author_id,
                "created_at": to_text(self._now()),
                "status": ConfigurationStatus.PENDING,
                "source": upload.source,
                "speculative": int(upload.speculative),
                "provisional": int(upload.provisional),
                "auto_queue_runs": int(upload.auto_queue_runs),
                "may_apply": int(upload.may_apply),
            },
        )
        return self.get(version_id)

    def uploaded(self, version_id: ConfigurationVersionId, blob_id: BlobId) -> bool:
        """Its archive is there; False if it was there before, for what runs may be locked to is never replaced."""
        return self._leave_pending(version_id, ConfigurationStatus.UPLOADED, blob_id, "")

    def refused(self, version_id: ConfigurationVersionId, reason: str) -> bool:
        return self._leave_pending(version_id, ConfigurationStatus.ERRORED, BlobId(""), reason)

    def archive(self, version_id: ConfigurationVersionId) -> None:
        """Forget where the archive is; the caller notes it among the dropped blobs."""
        self._records.change(
            "UPDATE configuration_versions SET status = ?, blob_id = '' WHERE id = ?",
            (ConfigurationStatus.ARCHIVED, version_id),
        )

    def _leave_pending(
        self, version_id: ConfigurationVersionId, status: ConfigurationStatus, blob_id: BlobId, error: str
    ) -> bool:
        return bool(
            self._records.change(
                """UPDATE configuration_versions SET status = ?, blob_id = ?, error = ?
                   WHERE id = ? AND status = 'pending'""",
                (status, blob_id, error, version_id),
            )
        )

    def newest_upload(self, workspace_id: WorkspaceId) -> ConfigurationVersion | None:
        """The configuration of a workspace without a repository: the last one that is for more than a look."""
        row = self._records.row(
            """SELECT * FROM configuration_versions WHERE workspace_id = ? AND status = 'uploaded'
                 AND NOT speculative AND NOT provisional ORDER BY created_at DESC, rowid DESC LIMIT 1""",
            (workspace_id,),
        )
        return _version(row) if row else None

    def current_of_each(self, workspace_ids: Collection[WorkspaceId]) -> dict[WorkspaceId, ConfigurationVersionId]:
        """What each workspace's next run by hand would run; those without a configuration are left out.

        That is the newest upload where no repository is joined, else what the last run that was more than a look ran.
        """
        rows = self._records.rows(
            """SELECT workspaces.id AS workspace_id, coalesce(
                   (SELECT uploads.id FROM configuration_versions AS uploads
                    WHERE workspaces.repository_id IS NULL AND uploads.workspace_id = workspaces.id
                      AND uploads.status = 'uploaded' AND NOT uploads.speculative AND NOT uploads.provisional
                    ORDER BY uploads.created_at DESC, uploads.rowid DESC LIMIT 1),
                   (SELECT runs.configuration_version_id FROM runs WHERE runs.workspace_id = workspaces.id
                      AND runs.operation NOT IN ('plan_only', 'save_plan') ORDER BY queue_sequence DESC LIMIT 1)
               ) AS version_id
               FROM workspaces WHERE workspaces.id IN (SELECT value FROM json_each(?))""",
            (json.dumps(list(workspace_ids)),),
        )
        return {row["workspace_id"]: row["version_id"] for row in rows if row["version_id"]}

    def of_workspace(
        self, workspace_id: WorkspaceId, *, limit: int, offset: int
    ) -> tuple[list[ConfigurationVersion], int]:
        """What was uploaded to the workspace and what its runs ran, newest first; and how many there are."""
        own = """FROM configuration_versions WHERE workspace_id = :workspace OR id IN
                   (SELECT configuration_version_id FROM runs WHERE workspace_id = :workspace)"""
        wanted = {"workspace": workspace_id, "limit": limit, "offset": offset}
        rows = self._records.rows(
            f"SELECT * {own} ORDER BY created_at DESC, rowid DESC LIMIT :limit OFFSET :offset", wanted
        )
        return [_version(row) for row in rows], int(self._records.value(f"SELECT count(*) {own}", wanted))


def _version(row: Row) -> ConfigurationVersion:
    names = ("submodules", "speculative", "provisional", "auto_queue_runs", "may_apply")
    flags = {name: bool(row[name]) for name in names}
    return ConfigurationVersion(
        **{
            **row,
            **flags,
            "status": ConfigurationStatus(row["status"]),
            "created_at": from_text(row["created_at"]),
        }
    )
