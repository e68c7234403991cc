"""Can this archive be unpacked, which a stranger may have made? Asked of a process of its own, which may be lost.

That process starts without our environment, descriptors or memory, and with limits: whatever an archive does to what
reads it, it doesn't do to us. It is still our user's: it could read our files, so this is a second wall and no sandbox.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import structlog

from bot.errors import OutsideTrouble, Refused
from bot.runner.archive_reader import NO_MEMORY, NO_ROOM, REFUSED
from bot.runner.unpacking import MOST_BYTES

MEGABYTE = 1024**2  # bytes
MOST_SAID = 16 * 1024  # bytes of an answer: one sentence, or a traceback
ENDS_WITHIN_SECONDS = 5.0  # after its last word
_PACKAGES = str(Path(__file__).parents[2])
# No `site`, no variables of Python's, no `.pyc` of its own: the import of this package is all that it adds.
_PYTHON = ("-I", "-S", "-B", "-X", "utf8", "-c")
_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from bot.runner.archive_reader import main
sys.exit(main(*sys.argv[2:]))
"""
_NEEDED = ("LD_LIBRARY_PATH",)  # some Pythons don't start without it
log = structlog.get_logger()


@dataclass(frozen=True)
class ReaderLimits:
    """What the process may have. An honest archive of the most files takes 300 MB and, on a slow disk, a minute."""

    memory_bytes: int = 512 * MEGABYTE  # of address space
    cpu_seconds: int = 120
    file_bytes: int = MOST_BYTES  # of each file
    open_files: int = 64


USUAL_LIMITS = ReaderLimits()
LONGEST_SECONDS = 240.0  # by the clock on the wall


def check_archive(
    archive: Path, tree: Path, limits: ReaderLimits = USUAL_LIMITS, *, longest_seconds: float = LONGEST_SECONDS
) -> None:
    """Unpack it into the empty folder `tree`, which the caller removes whatever happens.

    Raises Refused, with the reason, for what `unpack` refuses, for what needs more than the limits, and for what ends
    its process; OutsideTrouble if this machine lacks what is needed: it may be tried again.
    """
    process = _start(archive, tree, limits)
    with process:
        try:
            said, code = _answer(process, time.monotonic() + longest_seconds)
        finally:
            _end(process)
    _judge(code, said.decode(errors="replace"), limits, longest_seconds)


def _start(archive: Path, tree: Path, limits: ReaderLimits) -> subprocess.Popen[bytes]:
    arguments = (os.path.abspath(archive), os.path.abspath(tree), *map(str, astuple(limits)))
    try:
        return subprocess.Popen(
            [sys.executable, *_PYTHON, _PROGRAM, _PACKAGES, *arguments],
            env={name: os.environ[name] for name in _NEEDED if name in os.environ},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise OutsideTrouble(f"starting a process that looks the configuration through: {error.strerror}") from error


def _answer(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, int | None]:
    """(what it said, its exit code), or no exit code if it is too slow. Raises Refused if it doesn't stop talking."""
    assert process.stdout is not None
    waiting, said = select.poll(), b""
    waiting.register(process.stdout, select.POLLIN)
    while len(said) <= MOST_SAID:
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            return said, None
        piece = os.read(process.stdout.fileno(), MOST_SAID)
        if not piece:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(ENDS_WITHIN_SECONDS)
            return said, process.returncode
        said += piece
    raise Refused("the configuration's archive can't be unpacked: what reads it gives no answer but noise")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of it goes on. Its number is its own until it is waited for, so no other process is hit."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _judge(code: int | None, said: str, limits: ReaderLimits, longest_seconds: float) -> None:
    """Raises Refused or OutsideTrouble unless all is fine. What nobody expected is logged whole."""
    if code == 0:
        return
    if code == REFUSED:
        raise Refused(said)
    if code == NO_ROOM:
        raise OutsideTrouble(f"unpacking the configuration: {said}")
    if code == NO_MEMORY:
        megabytes = limits.memory_bytes // MEGABYTE
        raise Refused(
            f"the configuration's archive takes over {megabytes} MB of memory to unpack; make a plain .tar.gz"
        )
    if code == -signal.SIGXCPU:
        raise Refused(f"the configuration's archive takes over {limits.cpu_seconds} seconds of computing to unpack")
    if code is None:
        raise Refused(f"the configuration's archive took over {longest_seconds:g} seconds to unpack")
    log.error("an archive ended the process that looked it through", code=code, said=said)
    how = f"signal {-code}" if code < 0 else "an error that nobody expected"
    raise Refused(f"the configuration's archive can't be unpacked: what reads it was ended by {how}")
