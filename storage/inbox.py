"""What have we received? Deliveries, durable before they are answered, in a file of their own.

SQLite with synchronous FULL, apart from the records, so that a door never waits for a long writer.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from bot.errors import Refused
from bot.ids import ConnectionId
from bot.timestamps import from_text, to_text
from storage import migrations
from storage.database import Records
from storage.group_commit import GroupCommit
from storage.lanes import Lanes

PORTION = 100  # deliveries that are emptied in one transaction


class DeliveryStatus(StrEnum):
    RECEIVED = "received"
    HANDLED = "handled"
    IGNORED = "ignored"
    FAILED = "failed"


@dataclass(frozen=True)
class Delivery:
    """One webhook as received. `lane` is the repository it speaks of: `connection/host id`."""

    seq: int
    connection_id: ConnectionId
    delivery_id: str
    lane: str
    event: str
    body: bytes
    received_at: datetime
    status: DeliveryStatus
    attempts: int  # how often its handling was begun
    outcome: str


class _NewRow(NamedTuple):
    """In the order of `_INSERT`."""

    connection_id: ConnectionId
    delivery_id: str
    lane: str
    event: str
    body: bytes
    received_at: str


# Deliveries come in crowds: this one statement is prepared once and kept by the driver.
_INSERT = """INSERT INTO deliveries (connection_id, delivery_id, lane, event, body, received_at, status)
             VALUES (?, ?, ?, ?, ?, ?, 'received')"""


class Inbox:
    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self._records = Records(path, migrations.inbox, synchronous="FULL")
        self._together = GroupCommit(self._records)
        self._now = now
        self.lanes = Lanes(path.parent / "lanes")  # a repository's deliveries are handled one at a time

    def remember(
        self,
        connection_id: ConnectionId,
        delivery_id: str,
        lane: str,
        event: str,
        body: bytes,
        *,
        unique_for: timedelta | None = None,
    ) -> int | None:
        """Store a delivery; its number, or None if it is a repeat with nothing to do.

        A repeat of one that failed or was ignored is taken up again, at its old place. `unique_for` is for ids
        that are made of the body: the same body is another delivery once that time has passed.
        """
        row = _NewRow(connection_id, delivery_id, lane, event, body, to_text(self._now()))
        return self._together.write(lambda: self._insert(row, unique_for))

    def _insert(self, row: _NewRow, unique_for: timedelta | None) -> int | None:
        if unique_for is not None:
            recent_id = self._recent_id(row.connection_id, row.delivery_id, unique_for)
            row = row._replace(delivery_id=recent_id)
        try:
            return self._records.connection().conn.execute(_INSERT, row).lastrowid
        except sqlite3.IntegrityError:
            return self._take_up_again(row.connection_id, row.delivery_id, row.body)

    def _recent_id(self, connection_id: ConnectionId, delivery_id: str, window: timedelta) -> str:
        """The id under which this body was stored lately, or a new one that holds the moment."""
        recent = self._records.value(
            """SELECT delivery_id FROM deliveries WHERE connection_id = ? AND delivery_id >= ? AND delivery_id < ?
                 AND received_at > ? ORDER BY seq DESC LIMIT 1""",
            (connection_id, f"{delivery_id}@", f"{delivery_id}A", to_text(self._now() - window)),
        )
        return str(recent) if recent else f"{delivery_id}@{to_text(self._now())}"

    def _take_up_again(self, connection_id: ConnectionId, delivery_id: str, body: bytes) -> int | None:
        seq = self._records.value(
            """SELECT seq FROM deliveries
               WHERE connection_id = ? AND delivery_id = ? AND status IN ('failed', 'ignored')""",
            (connection_id, delivery_id),
        )
        if seq is None:
            return None
        self._records.change(  # its body may have been forgotten since
            "UPDATE deliveries SET status = 'received', attempts = 0, not_before = 0, body = ? WHERE seq = ?",
            (body, seq),
        )
        return int(seq)

    def oldest_waiting(self, lane: str) -> tuple[Delivery | None, float]:
        """The next delivery of a lane, and the seconds until it may be tried (0: now).

        A delivery that waits for another try holds back those behind it: order matters more than speed.
        """
        row = self._records.row(
            "SELECT * FROM deliveries WHERE lane = ? AND status = 'received' ORDER BY seq LIMIT 1", (lane,)
        )
        if row is None:
            return None, 0
        return _delivery(row), max(0.0, row["not_before"] - self._now().timestamp())

    def waiting_lanes(self) -> list[str]:
        rows = self._records.rows("SELECT DISTINCT lane FROM deliveries WHERE status = 'received'")
        return [row["lane"] for row in rows]

    def find(self, seq: int) -> Delivery | None:
        row = self._records.row("SELECT * FROM deliveries WHERE seq = ?", (seq,))
        return _delivery(row) if row else None

    def finish(self, seq: int, status: DeliveryStatus, outcome: str) -> None:
        self._records.change("UPDATE deliveries SET status = ?, outcome = ? WHERE seq = ?", (status, outcome, seq))

    def begin(self, seq: int, seconds: float) -> None:
        """Count the attempt before it is made, and put the next one off: it may end this process."""
        self._records.change(
            "UPDATE deliveries SET attempts = attempts + 1, not_before = ? WHERE seq = ?",
            (self._now().timestamp() + seconds, seq),
        )

    def try_later(self, seq: int, seconds: float, outcome: str) -> None:
        self._records.change(
            "UPDATE deliveries SET not_before = ?, outcome = ? WHERE seq = ?",
            (self._now().timestamp() + seconds, outcome, seq),
        )

    def take_up(self, seq: int) -> None:
        """Handle a stored delivery again (`runlock replay`). Raises Refused if what it said is forgotten."""
        if self._records.value("SELECT length(body) FROM deliveries WHERE seq = ?", (seq,)) == 0:
            raise Refused(f"what delivery {seq} said is not kept any more; have the host send it again")
        self._records.change(
            "UPDATE deliveries SET status = 'received', attempts = 0, not_before = 0 WHERE seq = ?", (seq,)
        )

    def forget_bodies(self, before: datetime) -> int:
        """Empty what was dealt with and received before that moment; how many. The row stays, to know a repeat by."""
        emptied = 0
        while True:  # in portions: a door waits for the writer
            portion = self._records.change(
                """UPDATE deliveries SET body = x'' WHERE seq IN (SELECT seq FROM deliveries
                     WHERE status IN ('handled', 'ignored') AND received_at < ? AND length(body) > 0 LIMIT ?)""",
                (to_text(before), PORTION),
            )
            emptied += portion
            if portion < PORTION:
                return emptied

    def recent(self, limit: int = 50) -> list[Delivery]:
        return [
            _delivery(row) for row in self._records.rows("SELECT * FROM deliveries ORDER BY seq DESC LIMIT ?", (limit,))
        ]

    def counts(self) -> dict[str, int]:
        rows = self._records.rows("SELECT status, count(*) AS number FROM deliveries GROUP BY status")
        return {row["status"]: row["number"] for row in rows}

    def close(self) -> None:
        self._together.close()
        self._records.close()


def _delivery(row: dict[str, Any]) -> Delivery:
    return Delivery(
        seq=row["seq"],
        connection_id=ConnectionId(row["connection_id"]),
        delivery_id=row["delivery_id"],
        lane=row["lane"],
        event=row["event"],
        body=row["body"],
        received_at=from_text(row["received_at"]),
        status=DeliveryStatus(row["status"]),
        attempts=row["attempts"],
        outcome=row["outcome"],
    )
