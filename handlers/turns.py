"""Whose turn is it, where only few may work at once? Nobody takes all the turns, nor all the places to wait in."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from bot.errors import OutsideTrouble


class Turns:
    """`at_once` work at the same time, each of somebody else; `most_waiting` wait, half of them of one at most."""

    def __init__(self, at_once: int, most_waiting: int) -> None:
        self.at_once = at_once
        self.most_waiting = most_waiting
        self.most_waiting_of_one = most_waiting // 2
        self.waiting: Counter[str] = Counter()
        self._at_work: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, who: str, longest_wait_seconds: float, busy: str) -> Iterator[None]:
        """Do something in one's turn. Raises OutsideTrouble, `busy`, if too many wait already, or it takes too long."""
        with self._changed:
            self._wait(who, time.monotonic() + longest_wait_seconds, busy)
            self._at_work.add(who)
        try:
            yield
        finally:
            with self._changed:
                self._at_work.discard(who)
                self._changed.notify_all()

    def _wait(self, who: str, deadline: float, busy: str) -> None:
        if self._is_free(who):
            return
        if self.waiting.total() >= self.most_waiting or self.waiting[who] >= self.most_waiting_of_one:
            raise OutsideTrouble(busy)
        self.waiting[who] += 1
        try:
            if not self._changed.wait_for(lambda: self._is_free(who), deadline - time.monotonic()):
                raise OutsideTrouble(busy)
        finally:
            self.waiting -= Counter([who])  # and nobody stays in it who waits no more

    def _is_free(self, who: str) -> bool:
        return who not in self._at_work and len(self._at_work) < self.at_once
