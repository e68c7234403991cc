"""What happened to a run, when, and by whom? Sentences, in order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.ids import RunId
from bot.timestamps import from_text, to_text
from storage.database import Records, Row


@dataclass(frozen=True)
class Moment:
    at: datetime
    actor: str
    text: str


class Timeline:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(self, run_id: RunId, text: str, actor: str = "") -> None:
        self._records.insert("timeline", {"run_id": run_id, "at": to_text(self._now()), "actor": actor, "text": text})

    def of(self, run_id: RunId) -> list[Moment]:
        rows = self._records.rows("SELECT * FROM timeline WHERE run_id = ? ORDER BY id", (run_id,))
        return [_moment(row) for row in rows]

    def page(self, run_id: RunId, *, limit: int, offset: int) -> tuple[list[Moment], int]:
        """A page of them, and how many there are."""
        sql = "SELECT * FROM timeline WHERE run_id = ? ORDER BY id LIMIT ? OFFSET ?"
        rows = self._records.rows(sql, (run_id, limit, offset))
        total = self._records.value("SELECT count(*) FROM timeline WHERE run_id = ?", (run_id,))
        return [_moment(row) for row in rows], int(total)


def _moment(row: Row) -> Moment:
    return Moment(from_text(row["at"]), row["actor"], row["text"])
