"""Which tags of a repository have we seen, and at which commits?"""

from collections.abc import Mapping

from bot.ids import RepositoryId
from storage.database import Records

_LOOKED = ""  # no tag has this name: the row says that the tags were looked at, even if there were none


class SeenTags:
    def __init__(self, records: Records) -> None:
        self._records = records

    def of(self, repository_id: RepositoryId) -> dict[str, str] | None:
        """Tag → commit as last seen; None if nobody has looked yet."""
        rows = self._records.rows("SELECT tag, commit_sha FROM tag_heads WHERE repository_id = ?", (repository_id,))
        found = {row["tag"]: row["commit_sha"] for row in rows}
        return None if found.pop(_LOOKED, None) is None else found

    def saw(self, repository_id: RepositoryId, tag: str, commit_sha: str) -> None:
        """Remember one tag that was dealt with."""
        self._records.change(
            """INSERT INTO tag_heads (repository_id, tag, commit_sha) VALUES (?, ?, ?)
               ON CONFLICT (repository_id, tag) DO UPDATE SET commit_sha = excluded.commit_sha""",
            (repository_id, tag, commit_sha),
        )

    def looked(self, repository_id: RepositoryId, found: Mapping[str, str]) -> None:
        """Remember all tags as they are now, and that somebody looked."""
        with self._records.write():
            self.forget(repository_id)
            for tag, commit_sha in {**found, _LOOKED: "looked"}.items():
                self.saw(repository_id, tag, commit_sha)

    def forget(self, repository_id: RepositoryId) -> None:
        """The next look is the first one again."""
        self._records.change("DELETE FROM tag_heads WHERE repository_id = ?", (repository_id,))
