"""Does the supervisor keep its word? Restarts with backoff, TERM in order, KILL after the grace; and the Procfile."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.errors import Refused
from handlers.cli import serve
from handlers.cli.common import listen
from handlers.cli.serve import Program, address_within, read_procfile
from tests.fakes.command_line import Terminal

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 30

# Each writes a line `what name moment pid` into the diary.
CHILD = """
import os, signal, sys, time
diary, name, kind = sys.argv[1:4]
def note(what):
    with open(diary, "a") as file:
        file.write(f"{what} {name} {time.monotonic()} {os.getpid()}\\n")
def leave(*_):
    note("told")
    if kind == "deaf":
        return
    time.sleep(0.3 if kind == "slow" else 0)
    note("left")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
note("began")
if kind == "short":
    sys.exit(3)
while True:
    time.sleep(0.05)
"""

SUPERVISE = f"""
import os, sys
from handlers.cli.serve import Program, Supervisor
diary, seconds, *programs = sys.argv[1:]
child = {CHILD!r}
def argv(name, kind):
    return ("/nowhere/program",) if kind == "missing" else (sys.executable, "-c", child, diary, name, kind)
pairs = [program.split("=") for program in programs]
Supervisor([Program(name, argv(name, kind), os.environ) for name, kind in pairs], float(seconds)).run()
"""


@dataclass
class Supervised:
    process: subprocess.Popen[bytes]
    diary: Path

    def notes(self, what: str) -> list[tuple[str, float, int]]:
        """(name, moment, pid) of each note of that kind, in order."""
        lines = [line.split() for line in self.diary.read_text().splitlines()] if self.diary.exists() else []
        return [(name, float(at), int(pid)) for kind, name, at, pid in lines if kind == what]

    def wait_for(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            assert time.monotonic() < deadline, self.diary.read_text() if self.diary.exists() else "nothing began"
            assert self.process.poll() is None, "the supervisor ended"
            time.sleep(0.02)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> str:
        """Tell it to stop; what it said. It ended well, and nothing of it is left."""
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0, output
        for _, _, pid in self.notes("began"):
            assert not Path("/proc", str(pid)).exists()
        return output.decode()


@contextlib.contextmanager
def supervised(folder: Path, *programs: str, seconds: float = 20) -> Iterator[Supervised]:
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SUPERVISE), str(folder / "diary"), str(seconds), *programs],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    started = Supervised(process, folder / "diary")
    try:
        yield started
    finally:
        for _, _, pid in started.notes("began"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.kill()
        process.communicate()


def test_a_program_that_ends_is_started_again_later_and_later(tmp_path: Path) -> None:
    with supervised(tmp_path, "web=short", "runner=steady") as server:
        server.wait_for(lambda: len([note for note in server.notes("began") if note[0] == "web"]) >= 3)
        said = server.stop()

    moments = [at for name, at, _ in server.notes("began") if name == "web"]
    first, second = moments[1] - moments[0], moments[2] - moments[1]
    assert first >= serve.FIRST_BACKOFF_SECONDS
    assert second >= 2 * serve.FIRST_BACKOFF_SECONDS
    assert len([name for name, _, _ in server.notes("began") if name == "runner"]) == 1
    assert "process ended, starting it again" in said


def test_a_program_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with supervised(tmp_path, "web=steady") as server:
        server.wait_for(lambda: len(server.notes("began")) == 1)
        os.kill(server.notes("began")[0][2], signal.SIGKILL)
        server.wait_for(lambda: len(server.notes("began")) == 2)
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_runner_is_stopped_first_while_the_others_still_answer(tmp_path: Path, number: signal.Signals) -> None:
    with supervised(tmp_path, "web=steady", "worker=steady", "runner=slow") as server:
        server.wait_for(lambda: len(server.notes("began")) == 3)
        server.stop(number)

    assert next(name for name, _, _ in server.notes("told")) == "runner"
    (left,) = [at for name, at, _ in server.notes("left") if name == "runner"]
    told = {name: at for name, at, _ in server.notes("told")}
    assert told["web"] >= left
    assert told["worker"] >= left
    assert {name for name, _, _ in server.notes("left")} == {"web", "worker", "runner"}


def test_what_does_not_stop_in_time_is_killed(tmp_path: Path) -> None:
    with supervised(tmp_path, "web=steady", "runner=deaf", seconds=0.5) as server:
        server.wait_for(lambda: len(server.notes("began")) == 2)
        began = time.monotonic()
        said = server.stop()

    assert 0.5 <= time.monotonic() - began < 10
    assert "process did not stop in time, killing it" in said
    assert [name for name, _, _ in server.notes("told")] == ["runner", "web"]
    assert [name for name, _, _ in server.notes("left")] == ["web"]


def test_a_supervisor_that_is_killed_takes_its_programs_with_it(tmp_path: Path) -> None:
    """By TERM: what is slow to end has its time."""
    with supervised(tmp_path, "web=steady", "runner=slow") as server:
        server.wait_for(lambda: len(server.notes("began")) == 2)
        server.process.kill()
        server.process.wait(PATIENCE_SECONDS)
        deadline = time.monotonic() + 5
        while len(server.notes("left")) < 2:
            assert time.monotonic() < deadline, server.diary.read_text()
            time.sleep(0.02)

    assert {name for name, _, _ in server.notes("told")} == {"web", "runner"}


def test_a_program_whose_supervisor_is_gone_already_is_not_started(tmp_path: Path) -> None:
    """Between the fork and the question to the kernel."""
    made = tmp_path / "made"
    argv = [*serve._TETHER, str(os.getpid() + 1), "touch", str(made)]
    done = subprocess.run(argv, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 1
    assert b"touch is not started" in done.stderr
    assert not made.exists()


def test_a_program_that_is_not_there_is_told_of_and_the_others_go_on(tmp_path: Path) -> None:
    with supervised(tmp_path, "web=steady", "other=missing") as server:
        server.wait_for(lambda: len(server.notes("began")) == 1)
        said = server.stop()

    assert "process can't be started" in said
    assert "No such file" in said
    assert "Traceback" not in said


def test_a_procfile_names_processes() -> None:
    text = "# ours\n\nweb: runlock web\nextra: tail -f /dev/null\n"
    assert read_procfile(text) == {"web": ("runlock", "web"), "extra": ("tail", "-f", "/dev/null")}


def test_the_repository_s_procfile_is_the_built_in_one() -> None:
    assert read_procfile((ROOT / "Procfile").read_text()) == read_procfile(serve._BUILT_IN)


@pytest.mark.parametrize("line", ["web", "web:", "web: a\nweb: b", ": "])
def test_a_procfile_s_odd_line_is_refused(line: str) -> None:
    with pytest.raises(Refused, match="Procfile"):
        read_procfile(line)


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("10.1.2.3", "http://10.1.2.3:8080"),
        ("fd00::7", "http://[fd00::7]:8080"),
        ("runlock.internal", "http://runlock.internal:8080"),
    ],
)
def test_the_runner_reaches_web_where_it_listens(bind: str, address: str) -> None:
    assert address_within(bind, 8080) == address


def test_serve_tells_its_runner_where_web_listens(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    programs: list[Program] = []
    monkeypatch.setattr(serve.Supervisor, "__init__", lambda _, given, __: programs.extend(given))
    monkeypatch.setattr(serve.Supervisor, "run", lambda _: None)
    monkeypatch.setattr(serve, "own_user", lambda *_: (None, "as we are"))
    terminal.set("RUNLOCK_BIND", "127.0.0.9")

    terminal.runlock("serve")

    (runner,) = [program for program in programs if program.name == "runner"]
    assert runner.environment["RUNLOCK_ADDRESS"].startswith("http://127.0.0.9:")


def test_serve_says_what_is_wrong_with_its_settings(terminal: Terminal) -> None:
    (terminal.folder / "Procfile").write_text("web\n")
    assert "this is none: web" in terminal.refused("serve", "--procfile", "Procfile")
    assert "does not exist" in terminal.misused("serve", "--procfile", "nowhere")
    terminal.set("RUNLOCK_PORT", "many")
    assert terminal.refused("serve") == "RUNLOCK_PORT is 'many'; it must be a whole number"


def test_a_port_that_another_server_has_is_said_before_anything_starts(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve.Supervisor, "run", lambda _: pytest.fail("it has started"))
    with contextlib.closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        terminal.set("RUNLOCK_BIND", "127.0.0.1")
        terminal.set("RUNLOCK_PORT", str(port))
        for command in ("serve", "web"):
            said = terminal.refused(command)
            assert said == f"listening on 127.0.0.1 port {port} (RUNLOCK_BIND, RUNLOCK_PORT): Address already in use"
