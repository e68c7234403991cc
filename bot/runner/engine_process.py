"""How is a stage held by its reins? One engine or one transfer at a time: asked to stop, killed, waited for."""

import contextlib
import math
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

PIECE = 64 * 1024  # bytes read from the engine at once
DRAIN_SECONDS = 5  # how long output is still read after the engine's end, if something else holds its pipe
POLL_SECONDS = 0.05


class Stop(StrEnum):
    """Why an engine was asked to stop. The first reason counts."""

    CANCELED = "canceled"
    TIMED_OUT = "timed out"
    LEASE_LOST = "lease lost"
    SHUTDOWN = "shutdown"
    DISK_FULL = "disk full"


class Stopped(Exception):
    """The stage was stopped before this command started, or in the middle of something that is no engine."""


@dataclass(frozen=True)
class Command:
    """One call of an engine. Secrets are in `environment`, never in `argv`."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


class Reins:
    """Held by the thread that performs a stage; pulled by the ones that know of cancels, leases and shutdowns.

    `deadline`, in the monotonic clock, is the whole stage's: past it, whatever is under way is stopped.
    """

    def __init__(self, grace_seconds: float, deadline: float = math.inf) -> None:
        self._grace_seconds = grace_seconds
        self._deadline = deadline
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._cut: Callable[[], None] | None = None
        self._kill_at: float | None = None
        self._interrupted = False
        self._stopping = threading.Event()
        self.reason: Stop | None = None
        self.doing = ""  # what was under way instead of an engine when the stage was stopped

    def interrupt(self, reason: Stop, *, then_kill: bool = False) -> None:
        """Ask the engine to stop as Ctrl-C would; once, since a second one makes Terraform drop everything.

        `then_kill`: kill it if it is still there after the grace time.
        """
        with self._lock:
            self.reason = self.reason or reason
            if then_kill and self._kill_at is None:
                self._kill_at = time.monotonic() + self._grace_seconds
            if not self._interrupted:
                self._interrupted = True
                self._signal(signal.SIGINT)
            self._end_the_rest()

    def kill(self, reason: Stop) -> None:
        """End the engine and everything it started, at once."""
        with self._lock:
            self.reason = self.reason or reason
            self._interrupted = True
            self._signal(signal.SIGKILL)
            self._end_the_rest()

    def check(self, doing: str) -> None:
        """Raises Stopped if the stage is to stop, or has no time left; for whoever does something in small steps."""
        if time.monotonic() >= self._deadline:
            self.interrupt(Stop.TIMED_OUT)
        if self._stopping.is_set():
            self.doing = self.doing or doing
            raise Stopped

    def sleep(self, seconds: float, doing: str) -> None:
        """Sleep, unless the stage is to stop, or has no time left: that raises Stopped."""
        self._stopping.wait(max(min(seconds, self._deadline - time.monotonic()), 0))
        self.check(doing)

    @contextlib.contextmanager
    def holding(self, cut: Callable[[], None], doing: str) -> Iterator[None]:
        """What is done in here ends when the stage is to stop, or has no time left: `cut` is called for it.

        It comes from another thread. Raises Stopped then, whatever error the cut has led to, or none.
        """
        self.check(doing)
        seconds = min(self._deadline - time.monotonic(), threading.TIMEOUT_MAX)
        timer = threading.Timer(seconds, self.interrupt, (Stop.TIMED_OUT,))
        timer.daemon = True
        with self._lock:
            self._cut = cut
            if self._stopping.is_set():  # since the check above
                cut()
        timer.start()
        try:
            yield
        except Exception:
            self.check(doing)
            raise
        finally:
            timer.cancel()
            with self._lock:
                self._cut = None
        self.check(doing)

    def run(self, command: Command, *, output: Callable[[bytes], None], answer: IO[bytes] | None = None) -> int:
        """Run a command to its end; its exit code, negative if a signal ended it.

        `output` gets what it prints on both streams; with `answer`, a file, standard output goes there alone.
        Past the deadline the engine is interrupted, and killed after the grace time.
        Raises Stopped if the stage was stopped before.
        """
        self.check("")
        with self._lock:
            if self._interrupted:
                raise Stopped
            process = subprocess.Popen(
                list(command.argv),
                env=dict(command.environment),
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=answer or subprocess.PIPE,
                stderr=subprocess.PIPE if answer else subprocess.STDOUT,
                start_new_session=True,
            )
            self._process = process
        pipe = process.stderr if answer else process.stdout
        done = threading.Event()
        threads = [threading.Thread(target=_await_end, args=(process, done), daemon=True)]
        threads += [threading.Thread(target=_drain, args=(pipe, output, done), daemon=True)] if pipe else []
        try:
            for thread in threads:
                thread.start()
            self._wait(done)
        finally:
            if not done.is_set():  # something broke in the waiting itself
                self.kill(Stop.SHUTDOWN)
            self._end(process, threads)
            if pipe:
                pipe.close()
        return _as_signal(process.returncode)

    def _wait(self, done: threading.Event) -> None:
        while not done.wait(POLL_SECONDS):
            now = time.monotonic()
            if now >= self._deadline:
                self.interrupt(Stop.TIMED_OUT, then_kill=True)
            if self._kill_at is not None and now >= self._kill_at:
                self.kill(self.reason or Stop.TIMED_OUT)

    def _end(self, process: subprocess.Popen[bytes], threads: list[threading.Thread]) -> None:
        """Nothing of the process group outlives the command, and nothing of its output is lost.

        The engine is not reaped before, so that its group's number can't have become somebody else's.
        """
        threads[0].join()
        with self._lock:
            self._signal(signal.SIGKILL)
            self._process = None
            process.wait()
        for thread in threads[1:]:
            thread.join()

    def _end_the_rest(self) -> None:
        self._stopping.set()
        if self._cut is not None:
            self._cut()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _await_end(process: subprocess.Popen[bytes], done: threading.Event) -> None:
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    done.set()


def _drain(pipe: IO[bytes], output: Callable[[bytes], None], done: threading.Event) -> None:
    """Read to the end; or, if something that escaped its group holds the pipe open, a little past the engine's end."""
    last_chance = float("inf")
    while time.monotonic() < last_chance:
        if done.is_set():
            last_chance = min(last_chance, time.monotonic() + DRAIN_SECONDS)
        if select.select([pipe], [], [], POLL_SECONDS)[0]:
            piece = os.read(pipe.fileno(), PIECE)
            if not piece:
                return
            output(piece)


def _as_signal(code: int) -> int:
    """bwrap, like a shell, says 128 + N where signal N killed what it ran; a process's own end by signal is -N."""
    return -(code - 128) if code > 128 else code
