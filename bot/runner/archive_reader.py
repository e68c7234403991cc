"""Can this archive be unpacked? The program that tries it, in a process of its own (see archive_check.py).

What it reads may find a hole in Python's tarfile, zlib, bz2 or lzma. So it is started with nothing to take, and limits
itself before it opens the archive. It imports little: its start is what each upload waits for.
"""

import errno
import os
import resource
import sys
from pathlib import Path

from bot.errors import OutsideTrouble, Refused
from bot.runner.unpacking import unpack

REFUSED, NO_MEMORY, NO_ROOM = 3, 4, 5  # exit codes: 0 is fine, 1 is Python's own for what nobody expected
NICENESS = 10  # requests of others go first
# What a machine lacks and an archive doesn't cause: it may be sent again.
_LACKS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENFILE, errno.ENOMEM}


def main(archive: str, tree: str, *limits: str) -> int:
    """Unpack into the folder `tree`; the exit code. A reason, one sentence, is written to standard output."""
    _limit(*map(int, limits))
    try:
        unpack(Path(archive), Path(tree))
    except (Refused, OutsideTrouble) as refused:
        return _say(REFUSED, refused.reason)
    except MemoryError:
        return NO_MEMORY
    except OSError as error:
        reason = error.strerror or type(error).__name__
        if error.errno in _LACKS:
            return _say(NO_ROOM, reason)
        return _say(REFUSED, f"the configuration's archive can't be unpacked: {reason}")
    return 0


def _limit(memory_bytes: int, cpu_seconds: int, file_bytes: int, open_files: int) -> None:
    """What this process may have from now on; nothing that it starts, could it start something, gets more."""
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NPROC: (0, 0),
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),  # XCPU, which tells the reason, comes before KILL
        resource.RLIMIT_FSIZE: (file_bytes, file_bytes),
        resource.RLIMIT_NOFILE: (open_files, open_files),
    }
    for kind, (soft, hard) in wanted.items():
        most = resource.getrlimit(kind)[1]
        allowed = [each if most == resource.RLIM_INFINITY else min(each, most) for each in (soft, hard)]
        resource.setrlimit(kind, (allowed[0], allowed[1]))
    os.nice(NICENESS)


def _say(code: int, reason: str) -> int:
    sys.stdout.write(reason)
    return code
