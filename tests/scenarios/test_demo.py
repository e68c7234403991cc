"""`make demo`, as a person sees it; and that the runner it starts has none of the server's secrets."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.runner.identity import PASSED_ON, runner_environment
from tests.fakes.processes import children, is_alive

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 60  # what the README promises is about half of it
MASTER_KEY = "5e" * 32
# What a runner is told beside what is passed on.
TOLD = {"HOME", "RUNLOCK_ADDRESS", "RUNLOCK_DATA", "RUNLOCK_RUNNER_POOL_TOKEN"}
# What Python and the consumer set for themselves, or what every process has.
OWN = {"LC_CTYPE", "PWD", "SHLVL", "_"}


@dataclass
class Show:
    """A demo that was played: what was said, and what it left."""

    output: str
    exit_code: int
    folder: Path

    @property
    def pid(self) -> int:
        return int((self.folder / ".demo" / "serve.pid").read_text())

    def place(self, words: str) -> int:
        """Where it was said; that it was said at all."""
        match = re.search(words, self.output)
        assert match, f"{words!r} was never said:\n{self.output}"
        return match.start()


def play(folder: Path, *options: str, **environment: str) -> Show:
    home = folder / "home"
    home.mkdir()
    known = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "handlers.cli", "demo", *options],
        cwd=folder,
        env={**known, "HOME": str(home), "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    return Show(done.stdout, done.returncode, folder)


def of_server(pid: int) -> dict[str, int]:
    """The processes that the server started: `web`, `worker`, `runner` → pid."""
    found = {}
    for number, line in children(pid).items():
        words = line.split()
        if words[1:3] == ["-m", "handlers.cli"] and words[3] != "serve":  # else it is about to become one
            found[words[3]] = number
    return found


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {[pid for pid in pids if is_alive(pid)]}"
        time.sleep(0.05)


@contextlib.contextmanager
def stopped_at_the_end(show: Show) -> Iterator[None]:
    try:
        yield
    finally:
        if is_alive(show.pid):
            os.kill(show.pid, signal.SIGTERM)


def test_the_demo_shows_the_run_waiting_before_the_approval_and_reads_the_state_back(tmp_path: Path) -> None:
    show = play(tmp_path)

    assert show.exit_code == 0, show.output
    order = [
        show.place(r"\$ git push origin HEAD:main"),
        show.place(r"remote: Runlock: 1 run for main at [0-9a-f]{12}"),
        show.place(r"remote: To apply it: runlock apply run-\w+"),
        show.place(r"run-\w+ in demo/hello: planned\n"),
        show.place(r"locked to  manifest [0-9a-f]{12}: 1 variable, terraform"),
        show.place(r"\$ runlock apply run-"),
        show.place(r"is approved: 1 to add"),
        show.place(r"Apply complete! Resources: 1 added"),
        show.place(r"GET http://127\.0\.0\.1:\d+/api/http-state/demo/hello\n"),
        show.place(r"resources: terraform_data\.hello, outputs: greeting = 'Hello from Runlock'"),
        show.place(r"The run: http://localhost:\d+/app/demo/hello/runs/run-"),
        show.place(r"Done in \d+ seconds"),
    ]
    assert order == sorted(order), show.output
    waiting = show.output[: show.place(r"\$ runlock apply run-")]
    assert "Apply complete" not in waiting
    assert "is approved" not in waiting
    wait_until_gone([show.pid, *of_server(show.pid).values()])
    token = (tmp_path / ".demo" / "token").read_text().strip()
    assert token not in show.output
    assert not list((tmp_path / "home").iterdir()), "the demo leaves nothing at home"


def test_a_demo_that_goes_on_has_a_runner_without_the_server_s_secrets(tmp_path: Path) -> None:
    """RUNLOCK_ names of the caller don't count in the demo, others are the server's: none reaches the runner."""
    show = play(tmp_path, "--keep", AWS_SECRET_ACCESS_KEY="s3cr3t", DATABASE_URL="postgresql://u:s3cr3t@db/x")

    assert show.exit_code == 0, show.output
    with stopped_at_the_end(show):
        processes = of_server(show.pid)
        assert set(processes) == {"web", "worker", "runner"}
        theirs = environment_of(processes["runner"])
        assert set(theirs) - OWN <= set(PASSED_ON) | TOLD
        assert "s3cr3t" not in json.dumps(theirs)
        assert theirs["HOME"] == theirs["RUNLOCK_DATA"] + "/runner"
        assert environment_of(processes["web"])["AWS_SECRET_ACCESS_KEY"] == "s3cr3t"

        link = re.search(r"(http://localhost:\d+)/login/(\S+)", show.output)
        assert link, "a link to look at it"
        assert "kill $(cat .demo/serve.pid)" in show.output
        second = play_again(tmp_path)
        assert second.exit_code == 1
        assert f"the last demo's server is still running; stop it with: kill {show.pid}" in second.output
    wait_until_gone([show.pid, *processes.values()])


def test_serve_keeps_the_master_key_from_its_runner(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    settings = {"RUNLOCK_SECRET_KEY": MASTER_KEY, "RUNLOCK_DATA": str(tmp_path / "data"), "RUNLOCK_PORT": port}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **settings}
    with open(tmp_path / "log", "wb") as output:
        command = [sys.executable, "-m", "handlers.cli", "serve"]
        server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + LONGEST_SECONDS
        while len(processes := of_server(server.pid)) < 3:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.05)
        theirs = environment_of(processes["runner"])
        assert MASTER_KEY not in json.dumps(theirs)
        assert set(theirs) - OWN <= set(PASSED_ON) | TOLD
        assert environment_of(processes["worker"])["RUNLOCK_SECRET_KEY"] == MASTER_KEY
        assert MASTER_KEY not in json.dumps([command_of(pid) for pid in processes.values()])
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(LONGEST_SECONDS) == 0
    wait_until_gone(list(processes.values()))
    assert MASTER_KEY not in (tmp_path / "log").read_text()


def command_of(pid: int) -> str:
    return Path("/proc", str(pid), "cmdline").read_text()


def play_again(folder: Path) -> Show:
    (folder / "home").rmdir()
    return play(folder)


def environment_of(pid: int) -> dict[str, str]:
    """As the process was started."""
    pairs = Path("/proc", str(pid), "environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def test_a_runner_is_told_its_own_settings_and_how_to_reach_the_network(tmp_path: Path) -> None:
    known = {name: f"value of {name}" for name in PASSED_ON}
    server = {
        "RUNLOCK_SECRET_KEY": MASTER_KEY,
        "RUNLOCK_BLOBS": "s3://x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "HOME": "/root",
    }

    told = runner_environment({**known, **server}, address="http://127.0.0.1:1", data=tmp_path, pool_token="t")

    assert told == {
        **known,
        "HOME": str(tmp_path / "runner"),
        "RUNLOCK_ADDRESS": "http://127.0.0.1:1",
        "RUNLOCK_DATA": str(tmp_path),
        "RUNLOCK_RUNNER_POOL_TOKEN": "t",
    }


@pytest.mark.parametrize("name", ["RUNLOCK_SECRET_KEY", "RUNLOCK_BLOBS", "RUNLOCK_COMMAND_WORDS", "LD_PRELOAD", "HOME"])
def test_what_is_the_server_s_is_not_passed_on(name: str) -> None:
    assert name not in PASSED_ON
