"""How does a program end with the one that started it, however that one ends? It is asked to, by the kernel.

`python tether.py PARENT_PID PROGRAM ARGUMENT…` becomes that program, and gets TERM once its parent is gone: also after
a KILL, which no parent can pass on. A script of its own, with the standard library only: set between fork and exec in
the parent it would need Python code in the fork of a process with threads; and a change of user would clear it.

The kernel's parent is the thread that forked (https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html), so
that one must stay until the program has ended.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def become(parent: int, argv: list[str]) -> None:
    """Run the program in this process's place; or end, if the parent has gone before the kernel was asked."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "asking to end with the parent failed")
    if os.getppid() != parent:
        raise SystemExit(f"{argv[0]} is not started: who wanted it is gone")
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:])
