"""Which processes has one started, and do they live? As Linux tells it under /proc."""

import contextlib
from pathlib import Path


def children(pid: int) -> dict[int, str]:
    """The processes whose parent this is, with their command lines."""
    found = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            number = int(folder.name)
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found[number] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def is_alive(pid: int) -> bool:
    """False also for one that has ended and that nobody has asked about yet."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
