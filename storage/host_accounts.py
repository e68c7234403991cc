"""Whose account at a host is this? Accounts are known by the host's ids, never by name (invariant 13)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.ids import ConnectionId, UserId
from bot.timestamps import from_text, to_text
from storage.database import Records


@dataclass(frozen=True)
class HostAccount:
    connection_id: ConnectionId
    host_user_id: str
    user_id: UserId
    linked_at: datetime


class HostAccounts:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def link(self, connection_id: ConnectionId, host_user_id: str, user_id: UserId) -> None:
        """The account is this user's from now on, whosever it was."""
        self._records.change(
            """INSERT INTO host_accounts (connection_id, host_user_id, user_id, linked_at) VALUES (?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET user_id = excluded.user_id, linked_at = excluded.linked_at""",
            (connection_id, host_user_id, user_id, to_text(self._now())),
        )

    def unlink(self, connection_id: ConnectionId, host_user_id: str, user_id: UserId) -> bool:
        """Whether there was such a link."""
        return bool(
            self._records.change(
                "DELETE FROM host_accounts WHERE connection_id = ? AND host_user_id = ? AND user_id = ?",
                (connection_id, host_user_id, user_id),
            )
        )

    def user_of(self, connection_id: ConnectionId, host_user_id: str) -> UserId | None:
        found = self._records.value(
            "SELECT user_id FROM host_accounts WHERE connection_id = ? AND host_user_id = ?",
            (connection_id, host_user_id),
        )
        return UserId(found) if found else None

    def of_user(self, user_id: UserId) -> list[HostAccount]:
        rows = self._records.rows("SELECT * FROM host_accounts WHERE user_id = ? ORDER BY linked_at", (user_id,))
        return [HostAccount(**{**row, "linked_at": from_text(row["linked_at"])}) for row in rows]
