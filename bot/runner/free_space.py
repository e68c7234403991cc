"""Is there room left on the runner's disk? A plan that fills it is ended, before everything else there fails."""

import os
import threading
from pathlib import Path

import structlog

from bot.runner.engine_process import Reins, Stop

LOOK_EVERY = 0.5  # seconds; a fast disk takes a gigabyte or two in that time
log = structlog.get_logger()


class FreeSpaceWatch:
    """A thread that kills a stage's engine once its disk has less free than so many bytes; 0 switches it off.

    For plans, which are safe to repeat. An apply goes on: what it does to the world can't be taken back.
    """

    def __init__(self, folder: Path, least_bytes: int, reins: Reins) -> None:
        self._folder = folder
        self._least_bytes = least_bytes
        self._reins = reins
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="free space watch", daemon=True)

    def __enter__(self) -> "FreeSpaceWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while self._has_room() and not self._stop.wait(LOOK_EVERY):
            pass

    def _has_room(self) -> bool:
        try:
            free = free_bytes(self._folder)
        except OSError as error:
            log.warning("free space can't be told", reason=error.strerror)
            return True
        if free >= self._least_bytes:
            return True
        log.warning("disk is almost full: the plan is ended", free_bytes=free)
        self._reins.kill(Stop.DISK_FULL)
        return False


def free_bytes(folder: Path) -> int:
    """What may still be written to the disk that `folder` is on, by a user who isn't root."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
