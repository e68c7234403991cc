"""What is to be done from time to time, and when was it last done?"""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.timestamps import from_text, to_text
from storage.database import Records


class Chores:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def take(self, name: str, every: timedelta) -> bool:
        """Whether it is time again, for one asker; the first one to ask is told to come back after `every`."""
        moment = self._now()
        with self._records.write():
            done_at = self._records.value("SELECT done_at FROM chores WHERE name = ?", (name,))
            is_due = done_at is not None and from_text(done_at) + every <= moment
            if is_due or done_at is None:
                self._records.change(
                    """INSERT INTO chores (name, done_at) VALUES (?, ?)
                       ON CONFLICT (name) DO UPDATE SET done_at = excluded.done_at""",
                    (name, to_text(moment)),
                )
        return is_due
