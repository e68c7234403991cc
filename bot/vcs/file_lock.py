"""How do processes of one machine take turns? A lock on a file, freed by the system when its holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.errors import OutsideTrouble

_POLL_SECONDS = 0.02


@contextmanager
def file_lock(path: Path, timeout_seconds: float, doing: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock in the body; threads of one process exclude each other, too. The file stays.

    Raises OutsideTrouble, worded as `doing`: why, when somebody else holds it for longer than the timeout.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, timeout_seconds, doing)
        yield
    finally:
        os.close(descriptor)  # which frees the lock


def _take(descriptor: int, kind: int, timeout_seconds: float, doing: str) -> None:
    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise OutsideTrouble(
                    f"{doing}: another process has been at it for {timeout_seconds:g} seconds"
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return
