"""How does a log get from an engine to the server while it runs? Masked, bounded, in pieces that may be sent again.

What the engine prints is masked first, then kept in a file of ours up to a limit, and sent from there: so a server that
is away for a while costs nothing but the wait, and memory stays small however much an engine prints.
"""

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from bot.errors import OutsideTrouble
from bot.redaction import Redactor
from bot.runner.client import LogGap, StageClient, StaleLease, patiently

LARGEST_LOG = 64 * 1024**2  # bytes
TAIL = 32 * 1024  # bytes of the end that are kept of a log that was cut
SENT_AT_ONCE = 1024**2  # bytes
SEND_EVERY = 0.25  # seconds
HEADER_LINES = 3  # Terraform's CLI drops the first three lines of an apply's log
log = structlog.get_logger()


class LogFile:
    """The masked log on this machine. Written by the thread that reads the engine, read by the one that sends."""

    def __init__(self, path: Path, redactor: Redactor, *, largest: int = LARGEST_LOG) -> None:
        self._file = path.open("w+b", buffering=0)
        self._redactor = redactor
        self._largest = largest
        self._lock = threading.Lock()
        self._tail = bytearray()
        self._left_out = 0
        self.size = 0  # bytes of it that are in the file
        self.changed = threading.Event()

    def close(self) -> None:
        self._file.close()

    def masked(self, text: str) -> str:
        """A text of another kind, without the secrets that the log doesn't show either."""
        return self._redactor.redact_text(text)

    def write(self, output: bytes) -> None:
        """Take what the engine printed."""
        with self._lock:
            self._keep(self._redactor.feed(output))

    def say(self, sentence: str) -> None:
        """A line of our own, also in a log that is cut."""
        with self._lock:
            self._keep(self._redactor.redact(sentence.encode(errors="replace") + b"\n"))

    def finish(self) -> None:
        """The engine is done: write what was held back, and the end of a log that was cut."""
        with self._lock:
            self._keep(self._redactor.finish())
            if self._tail:
                self._append(b"\n... %d bytes left out ...\n" % max(self._left_out - len(self._tail), 0))
                self._append(bytes(self._tail))
                self._tail.clear()

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the log as it is now; empty past its end."""
        with self._lock:
            self._file.seek(offset)
            return self._file.read(length) or b""

    def ending(self, length: int) -> str:
        return self.read(max(self.size - length, 0), length).decode(errors="replace")

    def _keep(self, text: bytes) -> None:
        room = max(self._largest - self.size, 0) if not self._left_out else 0
        kept = self._append(text[:room]) if text[:room] else 0
        rest = text[kept:]
        if not rest:
            return
        if not self._left_out:
            why = b"is over %d bytes" % self._largest if kept == room else b"finds no room on the runner's disk"
            self._append(b"\n... the log %s and was cut here; the engine goes on ...\n" % why)
        self._left_out += len(rest)
        self._tail += rest[-TAIL:]
        del self._tail[:-TAIL]

    def _append(self, text: bytes) -> int:
        """How many bytes of it got into the file: fewer on a full disk, which must not stop an engine."""
        self._file.seek(self.size)
        try:
            written = self._file.write(text) or 0
        except OSError as error:
            log.warning("log can't be kept", reason=error.strerror)
            written = 0
        self.size += written
        self.changed.set()
        return written


class LogSender:
    """A thread that offers the log to the server a few times a second while there is something new."""

    def __init__(self, log: LogFile, client: StageClient, lost: Callable[[], None]) -> None:
        self._log = log
        self._client = client
        self._lost = lost
        self._sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self, patience_seconds: float) -> None:
        """Send the rest. Raises OutsideTrouble if it isn't taken in time, StaleLease if it isn't ours any more."""
        self.stop()
        patiently(lambda: self._send(self._client), patience_seconds=patience_seconds, sleep=_sleep)

    def stop(self) -> None:
        self._stop.set()
        self._log.changed.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with self._client.another() as client:
            while not self._stop.wait(SEND_EVERY):
                self._log.changed.wait()
                self._log.changed.clear()
                try:
                    self._send(client, self._stop)
                except StaleLease:
                    self._lost()
                    return
                except OutsideTrouble as trouble:
                    if trouble.permanent:
                        return  # `finish` meets it again, and then it counts
                    self._log.changed.set()

    def _send(self, client: StageClient, stop: threading.Event | None = None) -> None:
        while self._sent < self._log.size and not (stop and stop.is_set()):
            piece = self._log.read(self._sent, SENT_AT_ONCE)
            try:
                self._sent = client.put_log(self._sent, piece)
            except LogGap as gap:
                if gap.size >= self._sent:
                    raise OutsideTrouble("sending the log: the server misses nothing and yet refuses it") from gap
                self._sent = gap.size


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)


def header(engine: str, platform: str, purpose: str) -> str:
    """The first three lines of every log."""
    return f"{engine}\non {platform}\nInitializing {purpose}..."
