"""How does a door hand on what comes next without waiting for the queue? A thread of the process does it.

The rows are saved before, so a nudge may be put off by a moment, or lost with the process: the sweep finds it.
"""

import threading
import time
from collections.abc import Callable

import structlog

from handlers.jobs import Job

LONGEST_GOODBYE_SECONDS = 5.0
BREATH_SECONDS = 0.01  # between two puts, for each request that came meanwhile: a crowd's nudges go together
LONGEST_BREATH_SECONDS = 0.1
log = structlog.get_logger()


class Nudger:
    """Puts jobs into the queues in the order given. One that still waits is not put in twice.

    A hundred pushes to one repository within a moment are one nudge: its consumer takes all that it finds.
    """

    def __init__(self, put: Callable[[list[Job]], None]) -> None:
        self._put = put
        self._waiting: dict[Job, None] = {}  # in the order of their coming
        self._asked = 0  # how often since the last put
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._work, name="nudger", daemon=True)
        self._thread.start()

    def enqueue(self, jobs: list[Job]) -> None:
        """Returns at once."""
        if not jobs:
            return
        with self._changed:
            self._waiting.update(dict.fromkeys(jobs))
            self._asked += 1
            self._changed.notify()

    def stop(self) -> None:
        """Put in what still waits, and end."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join(LONGEST_GOODBYE_SECONDS)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_stopping)
                jobs, asked = list(self._waiting), self._asked
                self._waiting.clear()
                self._asked = 0
            if not jobs:
                return
            try:
                self._put(jobs)
            except Exception:
                # A queue elsewhere may be away for a while. The rows still say what is to be done.
                log.exception("jobs were not queued", jobs=len(jobs))
            time.sleep(min(LONGEST_BREATH_SECONDS, BREATH_SECONDS * asked))
