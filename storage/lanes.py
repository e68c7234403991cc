"""Whose turn is it? One worker at a time in a lane; the system frees the lane of a worker that died.

A lane is the deliveries of a repository, or what is told about a pull request or a commit. File locks and not rows with
a lease: a killed worker's lane is free at once, and no clock decides whether somebody is slow or gone. All workers are
on the machine of the records, as SQLite asks.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Lanes:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def turn(self, lane: str) -> Iterator[bool]:
        """True in the body if the lane is ours until its end; False, at once, if somebody else has it.

        Whoever had it looks for more work after its end, so that what arrived meanwhile isn't forgotten.
        """
        path = self._folder / hashlib.sha256(lane.encode()).hexdigest()
        handle = _take(path)
        try:
            yield handle is not None
        finally:
            if handle is not None:
                path.unlink(missing_ok=True)  # before the lock goes: who waits for this file sees that it is gone
                os.close(handle)


def _take(path: Path) -> int | None:
    """The descriptor that holds the lock, or None if somebody else does."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return None
        if _is_at(path, handle):
            return handle
        os.close(handle)  # its last holder has removed it between our two calls


def _is_at(path: Path, handle: int) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(handle))
