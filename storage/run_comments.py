"""What did people write on a run in Runlock itself? (Comments at the code host stay at the host.)"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.errors import NotFound
from bot.ids import RunId
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.ids import new_id


@dataclass(frozen=True)
class RunComment:
    """`author` is a username of ours; `body` is as it was written: escape it where it is shown."""

    id: str  # wsc-… : TFE's prefix
    run_id: RunId
    author: str
    body: str
    created_at: datetime


class RunComments:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(self, run_id: RunId, author: str, body: str) -> RunComment:
        comment = RunComment(new_id("wsc"), run_id, author, body, self._now())
        row = {"id": comment.id, "run_id": run_id, "author": author, "body": body, "at": to_text(comment.created_at)}
        self._records.insert("run_comments", row)
        return comment

    def of(self, run_id: RunId) -> list[RunComment]:
        """Oldest first."""
        rows = self._records.rows("SELECT * FROM run_comments WHERE run_id = ? ORDER BY at, rowid", (run_id,))
        return [_comment(row) for row in rows]

    def page(self, run_id: RunId, *, limit: int, offset: int) -> tuple[list[RunComment], int]:
        """A page of them, oldest first, and how many there are."""
        sql = "SELECT * FROM run_comments WHERE run_id = ? ORDER BY at, rowid LIMIT ? OFFSET ?"
        rows = self._records.rows(sql, (run_id, limit, offset))
        total = self._records.value("SELECT count(*) FROM run_comments WHERE run_id = ?", (run_id,))
        return [_comment(row) for row in rows], int(total)

    def get(self, comment_id: str) -> RunComment:
        """Raises NotFound."""
        row = self._records.row("SELECT * FROM run_comments WHERE id = ?", (comment_id,))
        if row is None:
            raise NotFound(f"there is no comment {comment_id}")
        return _comment(row)


def _comment(row: Row) -> RunComment:
    return RunComment(row["id"], RunId(row["run_id"]), row["author"], row["body"], from_text(row["at"]))
