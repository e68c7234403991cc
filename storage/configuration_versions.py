"""Which configurations have we fetched? One per repository, commit and wish for submodules."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.ids import BlobId, ConfigurationVersionId, RepositoryId
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.ids import new_id


@dataclass(frozen=True)
class ConfigurationVersion:
    id: ConfigurationVersionId
    repository_id: RepositoryId
    commit_sha: str
    submodules: bool
    blob_id: BlobId
    message: str
    author: str
    created_at: datetime


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

    def find(self, version_id: ConfigurationVersionId) -> ConfigurationVersion | None:
        row = self._records.row("SELECT * FROM configuration_versions WHERE id = ?", (version_id,))
        return _version(row) if row else None

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


def _version(row: Row) -> ConfigurationVersion:
    return ConfigurationVersion(
        **{**row, "submodules": bool(row["submodules"]), "created_at": from_text(row["created_at"])}
    )
