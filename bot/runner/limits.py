"""How much of a machine may one engine use? Limits that it and all that it starts inherit, set by util-linux's prlimit.

The address space isn't limited unless asked for: one provider reserves two to four gigabytes of it and uses a fraction.
"""

import resource
from dataclasses import dataclass

PRLIMIT = "/usr/bin/prlimit"
MEGABYTE = 1024**2  # bytes


@dataclass(frozen=True)
class Limits:
    """What each process of an engine may have; sizes are in bytes.

    `processes` counts threads too. It is set in a sandbox only: elsewhere (and in one before Linux 5.14) the system
    counts all that the runner's user has; and it doesn't bind root (https://man7.org/linux/man-pages/man2/getrlimit.2.html).
    """

    file_bytes: int = 16 * 1024 * MEGABYTE  # of each file that it writes
    open_files: int = 4096
    processes: int = 4096
    memory_bytes: int = 0  # of address space; 0: not limited
    tmp_bytes: int = 1024 * MEGABYTE  # of /tmp in a sandbox, which is memory

    def argv(self, *, in_sandbox: bool) -> list[str]:
        """What stands before a command to give it these limits."""
        wanted = [
            ("core", resource.RLIMIT_CORE, 0),
            ("fsize", resource.RLIMIT_FSIZE, self.file_bytes),
            ("nofile", resource.RLIMIT_NOFILE, self.open_files),
        ]
        wanted += [("nproc", resource.RLIMIT_NPROC, self.processes)] if in_sandbox else []
        wanted += [("as", resource.RLIMIT_AS, self.memory_bytes)] if self.memory_bytes else []
        return [PRLIMIT, *(f"--{name}={_allowed(kind, value)}" for name, kind, value in wanted)]


USUAL_LIMITS = Limits()


def _allowed(kind: int, value: int) -> int:
    """The value, or what this process itself is limited to if that is less: nobody but root may raise that."""
    most = resource.getrlimit(kind)[1]
    return value if most == resource.RLIM_INFINITY else min(value, most)
