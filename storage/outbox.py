"""What must be true at the hosts? Desired states, written in the transaction of what they tell of.

One row per thing that can be seen there, with a version; only the newest is sent (invariant 8).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.ids import ConnectionId, RepositoryId
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.lanes import Lanes
from storage.run_filter import UNFINISHED

WINDOW_SECONDS = 61.0  # a minute, and a second for requests that take longer to arrive than others
WRITES_PER_WINDOW = 80  # GitHub's secondary limit on content-creating requests, per minute
WRITES_OF_ONE_REPOSITORY = 60  # of these, so that a push to hundreds of workspaces leaves some to the others

PORTION = 200  # rows that are removed in one transaction


class Channel(StrEnum):
    REFRESH = "refresh"  # look at the runs of this lane again and want what follows
    STATUS = "status"
    COMMENT = "comment"
    REACTION = "reaction"
    CHECK = "check"
    MERGE = "merge"


@dataclass(frozen=True)
class Wanted:
    """One row. `content` holds ids and facts; text is rendered when it is sent."""

    id: int
    connection_id: ConnectionId
    repository_id: RepositoryId
    lane: str
    channel: Channel
    slot: str
    content: dict[str, Any]
    version: int
    sent_version: int
    remote_id: str
    sent_digest: str
    tries: int
    trouble: str


def pull_lane(repository_id: RepositoryId, number: int) -> str:
    return f"{repository_id}/pull/{number}"


def commit_lane(repository_id: RepositoryId, commit_sha: str) -> str:
    return f"{repository_id}/commit/{commit_sha}"


class Outbox:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now
        self.lanes = Lanes(records.path.parent / "lanes")  # one sender at a time

    def want(
        self,
        connection_id: ConnectionId,
        repository_id: RepositoryId,
        lane: str,
        channel: Channel,
        slot: str,
        content: Mapping[str, Any],
        *,
        again: bool = False,
        patience_seconds: float = 0,
    ) -> None:
        """Say what must be true. The same content is no news unless `again` (its text is made of other rows).

        With `patience_seconds` it may wait that long for better news: hosts allow few writes. News without
        patience is sent at once, and takes what was waiting with it.
        """
        text = json.dumps(dict(content), sort_keys=True)
        self._records.change(
            """INSERT INTO outbox
                 (connection_id, repository_id, lane, channel, slot, content, version, updated_at, not_before)
               VALUES (:connection, :repository, :lane, :channel, :slot, :content, 1, :now, :later)
               ON CONFLICT (repository_id, lane, channel, slot) DO UPDATE
               SET content = :content, version = version + 1, updated_at = :now, trouble = '',
                   not_before = CASE WHEN :later > 0 AND sent_version < version THEN not_before
                                     WHEN :later > 0 THEN max(not_before, :later)
                                     WHEN tries = 0 OR trouble != '' THEN 0 ELSE not_before END
               WHERE content != :content OR :again""",
            {
                "connection": connection_id,
                "repository": repository_id,
                "lane": lane,
                "channel": channel,
                "slot": slot,
                "content": text,
                "now": to_text(self._now()),
                "again": again,
                "later": self._now().timestamp() + patience_seconds if patience_seconds else 0.0,
            },
        )

    def due(self, lane: str) -> list[Wanted]:
        """What is to be sent now, in the order in which it was first wanted; what failed before lets the rest pass."""
        rows = self._records.rows(
            "SELECT * FROM outbox WHERE lane = ? AND sent_version < version AND not_before <= ? ORDER BY tries > 0, id",
            (lane, self._now().timestamp()),
        )
        return [_wanted(row) for row in rows]

    def seconds_until_due(self, lane: str) -> float | None:
        """When the lane has something to send: 0 is now, None is never."""
        moment = self._records.value(
            "SELECT min(not_before) FROM outbox WHERE lane = ? AND sent_version < version", (lane,)
        )
        return None if moment is None else max(0.0, float(moment) - self._now().timestamp())

    def due_lanes(self) -> list[str]:
        rows = self._records.rows(
            "SELECT DISTINCT lane FROM outbox WHERE sent_version < version AND not_before <= ?",
            (self._now().timestamp(),),
        )
        return [row["lane"] for row in rows]

    def begin(self, wanted: Wanted, seconds: float) -> None:
        """Note the try before the call, and put the next one off: the call may end this process.

        A create whose answer is lost is then looked for, not repeated.
        """
        self._records.change(
            "UPDATE outbox SET tries = tries + 1, not_before = ? WHERE id = ?",
            (self._now().timestamp() + seconds, wanted.id),
        )

    def sent(self, wanted: Wanted, remote_id: str = "", digest: str = "") -> None:
        self._records.change(
            """UPDATE outbox SET sent_version = ?, tries = 0, trouble = '', not_before = 0,
                 remote_id = CASE WHEN ? != '' THEN ? ELSE remote_id END, sent_digest = ? WHERE id = ?""",
            (wanted.version, remote_id, remote_id, digest, wanted.id),
        )

    def forget_remote(self, wanted: Wanted) -> None:
        """What stood at the host was deleted there; the next send makes it anew."""
        self._records.change("UPDATE outbox SET remote_id = '', sent_digest = '' WHERE id = ?", (wanted.id,))

    def later(self, wanted: Wanted, seconds: float, trouble: str = "") -> None:
        self._records.change(
            "UPDATE outbox SET not_before = ?, trouble = ? WHERE id = ?",
            (self._now().timestamp() + seconds, trouble, wanted.id),
        )

    def pause(self, connection_id: ConnectionId, seconds: float) -> None:
        """The host asked all of us for patience: nothing is sent there before that time, old or new."""
        self._records.change(
            """INSERT INTO host_pauses (connection_id, until) VALUES (?, ?)
               ON CONFLICT (connection_id) DO UPDATE SET until = max(until, excluded.until)""",
            (connection_id, self._now().timestamp() + seconds),
        )

    def hurry(self, connection_id: ConnectionId) -> None:
        """What was put off at this connection is tried now: its credential is another one."""
        self._records.change(
            "UPDATE outbox SET not_before = 0 WHERE connection_id = ? AND sent_version < version",
            (connection_id,),
        )

    def find(self, repository_id: RepositoryId, lane: str, channel: Channel, slot: str) -> Wanted | None:
        row = self._records.row(
            "SELECT * FROM outbox WHERE repository_id = ? AND lane = ? AND channel = ? AND slot = ?",
            (repository_id, lane, channel, slot),
        )
        return _wanted(row) if row else None

    def comments_in(self, repository_id: RepositoryId, lane: str, slot_prefix: str) -> list[Wanted]:
        """The comments of one purpose in a lane, oldest first."""
        rows = self._records.rows(
            """SELECT * FROM outbox WHERE repository_id = ? AND lane = ? AND channel = 'comment'
                 AND substr(slot, 1, length(?)) = ? ORDER BY id""",
            (repository_id, lane, slot_prefix, slot_prefix),
        )
        return [_wanted(row) for row in rows]

    def slots_in(self, repository_id: RepositoryId, lane: str, channel: Channel) -> frozenset[str]:
        """What was ever wanted in a lane, by its slots."""
        rows = self._records.rows(
            "SELECT slot FROM outbox WHERE repository_id = ? AND lane = ? AND channel = ?",
            (repository_id, lane, channel),
        )
        return frozenset(row["slot"] for row in rows)

    def is_ours(self, repository_id: RepositoryId, comment_id: str) -> bool:
        """Whether we created the comment with that id."""
        return bool(
            self._records.value(
                "SELECT 1 FROM outbox WHERE repository_id = ? AND channel = 'comment' AND remote_id = ?",
                (repository_id, comment_id),
            )
        )

    def forget_told(self, before: datetime) -> int:
        """Remove what was sent before that moment about commits where nothing is open any more; how many.

        Comments stay: ours are known by these rows, and so is what was said already.
        """
        removed = 0
        while True:  # in portions: others wait for the writer
            portion = self._records.change(
                f"""DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
                     WHERE sent_version = version AND updated_at < ? AND channel NOT IN ('comment', 'merge')
                     AND coalesce(content ->> '$.commit_sha', '') NOT IN (
                       SELECT commit_sha FROM runs WHERE {UNFINISHED})
                     AND coalesce(content ->> '$.commit_sha', '') NOT IN (
                       SELECT head_sha FROM pull_requests WHERE is_open) LIMIT ?)""",
                (to_text(before), PORTION),
            )
            removed += portion
            if portion < PORTION:
                return removed

    def forget_connection(self, connection_id: ConnectionId) -> None:
        """Nothing is to be told there any more; in the transaction that removes the connection."""
        for table in ("outbox", "host_writes", "host_pauses"):
            self._records.change(f"DELETE FROM {table} WHERE connection_id = ?", (connection_id,))

    def backlog(self) -> tuple[int, float]:
        """How many rows are not sent, and how long the oldest of them has waited, in seconds."""
        row = self._records.row(
            "SELECT count(*) AS number, min(updated_at) AS oldest FROM outbox WHERE sent_version < version"
        )
        if row is None or row["oldest"] is None:
            return 0, 0.0
        return row["number"], max(0.0, (self._now() - from_text(row["oldest"])).total_seconds())

    def take_write(self, connection_id: ConnectionId, repository_id: RepositoryId) -> float:
        """Take one of the minute's writes at a host: 0, or the seconds to wait before asking again."""
        moment = self._now().timestamp()
        with self._records.write():
            self._records.change("DELETE FROM host_writes WHERE at <= ?", (moment - WINDOW_SECONDS,))
            wait = max(self._pause(connection_id, moment), self._wait(connection_id, repository_id, moment))
            if wait > 0:
                return max(0.05, wait)
            row = {"connection_id": connection_id, "repository_id": repository_id, "at": moment}
            self._records.insert("host_writes", row)
        return 0.0

    def _pause(self, connection_id: ConnectionId, moment: float) -> float:
        until = self._records.value("SELECT until FROM host_pauses WHERE connection_id = ?", (connection_id,))
        return float(until) - moment if until else 0.0

    def _wait(self, connection_id: ConnectionId, repository_id: RepositoryId, moment: float) -> float:
        """Seconds until the window has room again, for the connection and for this repository in it."""
        times = self._records.rows(
            "SELECT at, repository_id = ? AS own FROM host_writes WHERE connection_id = ? ORDER BY at",
            (repository_id, connection_id),
        )
        waits = [0.0]
        for most, taken in (
            (WRITES_PER_WINDOW, [row["at"] for row in times]),
            (WRITES_OF_ONE_REPOSITORY, [row["at"] for row in times if row["own"]]),
        ):
            if len(taken) >= most:
                waits.append(float(taken[-most]) + WINDOW_SECONDS - moment)
        return max(waits)


def _wanted(row: Row) -> Wanted:
    known = {name: value for name, value in row.items() if name not in ("not_before", "updated_at")}
    return Wanted(**{**known, "channel": Channel(row["channel"]), "content": json.loads(row["content"])})
