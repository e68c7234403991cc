"""How do many threads write durably at once? Together: one transaction, and one sync of the disk, for all who wait.

Whoever gets the turn first does the work of all that came meanwhile; the others find theirs done. Processes take turns
by a lock on a file: whoever waits for it is woken at once, where SQLite's own waiting sleeps.
"""

import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from storage.database import Records

T = TypeVar("T")


class _Ticket(Generic[T]):
    """One caller's work, and what came of it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._result: T | None = None
        self.error: BaseException | None = None
        self.is_done = False

    def run(self) -> None:
        try:
            self._result = self._work()
        except Exception as error:  # noqa: BLE001 - it is raised again where it belongs, in its own caller
            self.error = error

    def outcome(self) -> T:
        if self.error is not None:
            raise self.error
        return cast(T, self._result)


class GroupCommit:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._waiting: deque[_Ticket[object]] = deque()
        self._turn = threading.Lock()
        self._turn_of_process = os.open(records.path.with_suffix(".turn"), os.O_CREAT | os.O_RDWR, 0o600)

    def write(self, work: Callable[[], T]) -> T:
        """Do `work` in a write transaction that is committed when this returns. Raises what it raises."""
        ticket = _Ticket(work)
        self._waiting.append(cast("_Ticket[object]", ticket))
        with self._turn:
            if not ticket.is_done:
                self._work_off()
        return ticket.outcome()

    def _work_off(self) -> None:
        tickets = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            fcntl.flock(self._turn_of_process, fcntl.LOCK_EX)
            with self._records.write():
                for ticket in tickets:
                    ticket.run()
        except BaseException as error:
            for ticket in tickets:
                ticket.error = ticket.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            fcntl.flock(self._turn_of_process, fcntl.LOCK_UN)  # harmless where it was not locked
            for ticket in tickets:
                ticket.is_done = True

    def close(self) -> None:
        os.close(self._turn_of_process)
