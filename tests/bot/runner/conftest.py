"""A runner on this machine against an in-memory server: what every test of a whole stage needs."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.runner.execute import Shutdown, execute_stage
from bot.runner.job import StageResult
from bot.runner.settings import RunnerSettings, SandboxMode
from tests.fakes.runner_server import POOL_TOKEN, FakeJob, FakeRunlock

# Where `make install-dev` puts old engines, in the layout of RUNLOCK_ENGINES.
OLD_ENGINES = Path(os.environ.get("RUNLOCK_TEST_ENGINES") or Path(sys.prefix, "engines"))
NEEDS_TERRAFORM = pytest.mark.skipif(shutil.which("terraform") is None, reason="no terraform on PATH")
# A script for `add_engine`, of an engine whose plan does what stands for %s.
PLANS = """plan) for a; do case $a in -out=*) out=${a#-out=} ;; esac; done; %s; exit 2 ;;
show) echo '{"resource_changes": []}' ;;"""


@pytest.fixture
def server() -> Iterator[FakeRunlock]:
    with FakeRunlock() as runlock:
        yield runlock


class Runner:
    """Executes jobs of the server, here or in threads that the test waits for."""

    def __init__(self, server: FakeRunlock, settings: RunnerSettings) -> None:
        self.server = server
        self.settings = settings
        self.shutdown = Shutdown()
        self.threads: list[threading.Thread] = []

    def execute(self, job: FakeJob) -> StageResult | None:
        return execute_stage(self.settings, job.document["id"], self.shutdown)

    def start(self, job: FakeJob) -> threading.Thread:
        thread = threading.Thread(target=self.execute, args=(job,))
        thread.start()
        self.threads.append(thread)
        return thread

    def add_engine(self, version: str, script: str, name: str = "terraform") -> str:
        """An engine of our own, for behaviour that a real one doesn't show on demand. `case $1 in` is written here."""
        folder = self.settings.engines_folder / name / version
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\ncase $1 in\n{script}\n*) ;;\nesac\n")
        (folder / name).chmod(0o755)
        return version


@pytest.fixture
def make_deep(tmp_path: Path) -> Iterator[Callable[[Path, int], None]]:
    """Makes trees that can't stay: pytest's own way of removing old folders recurses, and would fail ever after."""
    yield _make_deep
    subprocess.run(["rm", "-rf", str(tmp_path)], check=True)


def _make_deep(folder: Path, depth: int) -> None:
    """Nested folders with a file in the last one, deeper than a path can name: as an engine makes them by `cd`."""
    folder.mkdir(parents=True, exist_ok=True)
    inner = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        with contextlib.suppress(FileExistsError):
            os.mkdir("nested", dir_fd=inner)
        deeper = os.open("nested", os.O_RDONLY, dir_fd=inner)
        os.close(inner)
        inner = deeper
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
    os.close(inner)


@pytest.fixture
def make_runner(server: FakeRunlock, tmp_path: Path) -> Iterator[Callable[..., Runner]]:
    runners: list[Runner] = []

    def make(**changes: object) -> Runner:
        values = {
            "url": server.url,
            "pool_token": POOL_TOKEN,
            "queue": f"sqlite://{tmp_path}/queue.db",
            "work_folder": tmp_path / "work",
            "engines_folder": tmp_path / "engines",
            "sandbox": SandboxMode.AUTO,
            "name": "runner-1",
            "releases_url": "",
            "tofu_releases_url": "",
            "grace_seconds": 1.0,
            "result_patience_seconds": 10,
            "search_path": os.environ["PATH"],
        }
        runner = Runner(server, RunnerSettings(**{**values, **changes}))  # type: ignore[arg-type]
        runners.append(runner)
        return runner

    yield make
    for runner in runners:
        for thread in runner.threads:
            thread.join(20)
            assert not thread.is_alive()


@pytest.fixture
def runner(make_runner: Callable[..., Runner]) -> Runner:
    return make_runner()
