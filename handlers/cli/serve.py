"""How are the processes kept running? `runlock serve` supervises what the Procfile names.

Ours, because honcho ends everything when one child dies, circus opens a control port, and supervisord can't
start a child without its own environment.
"""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import structlog

from bot.errors import Refused
from bot.runner.identity import own_user, runner_environment
from handlers.cli import tether
from handlers.cli.common import listen, open_here, read_settings

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 60.0  # a process that ran this long starts again with the first backoff
EXTRA_STOP_SECONDS = 15  # after the grace time: for handing in what was interrupted
_TETHER = (sys.executable, "-I", "-S", tether.__file__)
log = structlog.get_logger()


@dataclass(frozen=True)
class Program:
    """One line of the Procfile, with the environment and the user that it runs with."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    uid: int | None = None


class Supervisor:
    """Keeps each program running in a session of its own; stops all of them together.

    They get TERM too when the supervisor itself is killed: a runner then finishes its stages as at any other stop.
    """

    def __init__(self, programs: list[Program], stop_seconds: float) -> None:
        self._programs = programs
        self._stop_seconds = stop_seconds
        self._stopping = threading.Event()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def run(self) -> None:
        """Run until TERM or INT; then TERM to all, and KILL to what has not ended in time."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        threads = [threading.Thread(target=self._keep, args=(program,)) for program in self._programs]
        for thread in threads:
            thread.start()
        self._stopping.wait()
        self._stop_all()
        for thread in threads:
            thread.join()

    def _keep(self, program: Program) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            started = time.monotonic()
            code = self._run_once(program)
            if self._stopping.is_set():
                return
            if time.monotonic() - started > STEADY_SECONDS:
                backoff = FIRST_BACKOFF_SECONDS
            log.warning("process ended, starting it again", process=program.name, code=code, seconds=backoff)
            if self._stopping.wait(backoff):
                return
            backoff = min(LONGEST_BACKOFF_SECONDS, backoff * 2)

    def _run_once(self, program: Program) -> int | None:
        """Its exit code; None if it could not be started, or isn't started any more."""
        try:
            process = self._start(program)
        except OSError as error:
            log.error("process can't be started", process=program.name, program=program.argv[0], why=error.strerror)
            return None
        return process.wait() if process else None

    def _start(self, program: Program) -> subprocess.Popen[bytes] | None:
        extra = None if program.uid is None else ()
        if shutil.which(program.argv[0], path=program.environment.get("PATH")) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        with self._lock:
            if self._stopping.is_set():
                return None
            process: subprocess.Popen[bytes] = subprocess.Popen(
                (*_TETHER, str(os.getpid()), *program.argv),
                env=dict(program.environment),
                start_new_session=True,
                user=program.uid,
                group=program.uid,
                extra_groups=extra,
            )
            self._running[program.name] = process
        log.info("process started", process=program.name, pid=process.pid)
        return process

    def _stop_all(self) -> None:
        """The runner first and longest: what it executes ends or is interrupted, and is handed in while web answers."""
        with self._lock:
            running = dict(self._running)
        deadline = time.monotonic() + self._stop_seconds
        for name in sorted(running, key=lambda name: name != "runner"):
            process = running[name]
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process did not stop in time, killing it", process=name)
                os.killpg(process.pid, signal.SIGKILL)


def read_procfile(text: str) -> dict[str, tuple[str, ...]]:
    """`name: command` lines. Commands are split at spaces: no shell starts them. Raises Refused for another line."""
    programs: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, command = line.partition(":")
        if not command.split() or name.strip() in programs:
            raise Refused(f"a Procfile has lines like “web: runlock web”, one per process; this is none: {line}")
        programs[name.strip()] = tuple(command.split())
    return programs


@click.command()
@click.option(
    "--procfile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="Else the built-in web, worker, runner.",
)
def serve(procfile: Path | None) -> None:
    """Web, worker and one runner on this machine, restarted when they fall, stopped in order."""
    lines = read_procfile(procfile.read_text() if procfile else _BUILT_IN)
    settings = read_settings()
    services = open_here(settings)
    if "web" in lines:
        listen(settings.bind, settings.port).close()  # taken by another server? That is said before anything starts
    pool_token = services.pool_token
    services.close()
    data = settings.data.resolve()
    (data / "runner").mkdir(parents=True, exist_ok=True)
    internal = address_within(settings.bind, settings.port)
    environment = runner_environment(os.environ, address=internal, data=data, pool_token=pool_token)
    uid, why = own_user(data / "runner", environment)
    log.info("serving", address=settings.address, data=str(data), runner=why)
    programs = []
    for name, argv in lines.items():
        is_runner = name == "runner"
        own, user = (environment, uid) if is_runner else (os.environ, None)
        programs.append(Program(name, _absolute(argv), own, user))
    Supervisor(programs, settings.grace_seconds + EXTRA_STOP_SECONDS).run()


def address_within(bind: str, port: int) -> str:
    """The URL under which a process of this machine reaches `web`, whatever proxy stands before it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


_BUILT_IN = "web: runlock web\nworker: runlock worker\nrunner: runlock runner\n"


def _absolute(argv: tuple[str, ...]) -> tuple[str, ...]:
    """Our own command as this installation has it, whatever is on PATH."""
    if argv[0] != "runlock":
        return (shutil.which(argv[0]) or argv[0], *argv[1:])
    return (sys.executable, "-m", "handlers.cli", *argv[1:])
