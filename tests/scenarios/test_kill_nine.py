"""kill -9 for real: the worker in the middle of its work, and a runner in the middle of an apply."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.connection import Provider
from bot.run import Run, RunStatus, Stage
from bot.settings import Settings
from bot.vcs.git_hook import install_hook
from bot.workspace import Workspace
from handlers.reactions.decisions import confirm
from handlers.reactions.joining import VcsChoice, connect, create_workspace, webhook_url
from handlers.services import Services, open_services
from handlers.tasks import open_queues
from tests.fakes.processes import children, is_alive
from tests.scenarios.world import HELLO

pytestmark = pytest.mark.slow

PATIENCE = 50.0  # seconds; two cores start six processes in ten or more
SLOW = """
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "echo it has begun; sleep 60"
  }
}
"""
# Goes on until the server has been away, and is there again.
WAITS_AT_A_GATE = """
resource "terraform_data" "patient" {
  provisioner "local-exec" {
    interpreter = ["/bin/bash", "-c"]
    command     = <<-EOT
      echo it has begun
      until (: > /dev/tcp/127.0.0.1/PORT) 2> /dev/null; do sleep 0.1; done
    EOT
  }
}
"""


def family(pid: int) -> set[int]:
    """The process and all below it."""
    return {pid}.union(*(family(child) for child in children(pid)))


def eventually(what: Callable[[], bool], why: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.02)


class Server:
    """`runlock serve` on a port of its own, and a plain repository whose hook tells it of pushes."""

    def __init__(self, folder: Path, lease_seconds: int) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("RUNLOCK_", "GIT_"))}
        self.environment = {
            **outside,
            "RUNLOCK_DATA": str(folder / "data"),
            "RUNLOCK_ADDRESS": f"http://127.0.0.1:{port}",
            "RUNLOCK_PORT": str(port),
            "RUNLOCK_LEASE_SECONDS": str(lease_seconds),
            "RUNLOCK_GRACE_SECONDS": "20",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.com" for who in ("AUTHOR", "COMMITTER")},
        }
        self.settings = Settings.from_environment(self.environment)
        self.services: Services = open_services(self.settings)
        self.queues = open_queues(self.services)
        self.log = open(folder / "serve.log", "wb")  # noqa: SIM115 - closed with the server
        self.left_alone: set[int] = set()
        self.process = self.serve()

    def serve(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "handlers.cli", "serve"]
        return subprocess.Popen(command, env=self.environment, stdout=self.log, stderr=self.log)

    def die(self) -> None:
        """KILL, to `serve` alone."""
        self.left_alone |= family(self.process.pid)
        self.process.kill()
        self.process.wait(5)

    def start_anew(self) -> None:
        self.process = self.serve()
        eventually(self.is_ready, "the server did not start again")

    def is_ready(self) -> bool:
        assert self.process.poll() is None, (self.folder / "serve.log").read_text()
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.settings.address}/readyz", timeout=2):
            return True
        return False

    def is_applying(self) -> Run:
        """Something was pushed and approved, and its engine has begun: the run."""
        push = self.push()
        run = self.becomes(RunStatus.PLANNED)
        assert push.wait(PATIENCE) == 0
        self.approve(run)
        self.becomes(RunStatus.APPLYING)
        job = self.services.jobs.of_run(run.id, Stage.APPLY)
        assert job is not None
        eventually(lambda: b"it has begun" in self.services.logs.read(job.id), "the apply has not begun")
        return run

    def pid_of(self, name: str) -> int:
        eventually(lambda: bool(self._named(name)), f"there is no {name}")
        return self._named(name)[0]

    def _named(self, name: str) -> list[int]:
        return [pid for pid, line in children(self.process.pid).items() if line.strip().endswith(f" {name}")]

    def kill(self, name: str) -> None:
        os.kill(self.pid_of(name), signal.SIGKILL)

    def git(self, *arguments: str, where: str = "work") -> None:
        subprocess.run(
            ["git", *arguments], cwd=self.folder / where, env=self.environment, check=True, capture_output=True
        )

    def workspace(self, configuration: str) -> Workspace:
        """A repository with a commit that nobody was told of, and a workspace that listens to it."""
        self.git("init", "--quiet", "--bare", "--initial-branch=main", "infra.git", where=".")
        self.git("clone", "--quiet", "infra.git", "work", where=".")
        services, bare = self.services, self.folder / "infra.git"
        organization = services.people.add_organization("acme", "ops@acme.test")
        connection = connect(services, organization, Provider.GIT, "plain git")
        workspace, _ = create_workspace(services, organization, "prod", {}, VcsChoice(connection, str(bare)))
        repository = services.repositories.all()[0]
        install_hook(bare, webhook_url(services, connection), repository.webhook_secret)
        (self.folder / "work" / "main.tf").write_text(configuration)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Say hello")
        return workspace

    def push(self) -> subprocess.Popen[bytes]:
        """In the background: the hook waits for what Runlock has to say."""
        return subprocess.Popen(
            ["git", "push", "--quiet", "origin", "HEAD:main"],
            cwd=self.folder / "work",
            env=self.environment,
            stdout=self.log,
            stderr=self.log,
        )

    def run(self) -> Run | None:
        return next(iter(self.services.runs.recent(1)), None)

    def becomes(self, status: RunStatus) -> Run:
        def is_so() -> bool:
            run = self.run()
            return run is not None and run.status is status

        eventually(is_so, f"no run became {status}: {self.run()}\n{(self.folder / 'serve.log').read_text()[-4000:]}")
        run = self.run()
        assert run is not None
        return run

    def approve(self, run: Run) -> None:
        self.queues.enqueue(confirm(self.services, run.id, "ada"))

    def close(self) -> None:
        """TERM; what does not end in time is killed, with all that it started."""
        below = family(self.process.pid) | self.left_alone
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        for pid in below:
            if is_alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(5)
        self.services.close()
        for queue in (self.queues.reactions, self.queues.outside, self.queues.runners):
            queue.storage.close()
        self.log.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with served(lease_seconds=2) as server:
        yield server


@contextlib.contextmanager
def served(lease_seconds: int) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="runlock-kill-"))
    folder.chmod(0o755)  # the runner has a user of its own where we are root
    server = Server(folder, lease_seconds)
    try:
        eventually(server.is_ready, "the server did not start")
        yield server
    finally:
        server.close()
        shutil.rmtree(folder)


def test_the_worker_is_killed_in_the_middle_of_its_work(server: Server) -> None:
    """Invariants 1 and 2: with a delivery in its hands, and again with an approval: the end is the same."""
    workspace = server.workspace(HELLO)
    worker = server.pid_of("worker")

    push = server.push()
    eventually(lambda: bool(server.services.inbox.recent()), "the push was not received")
    server.kill("worker")

    run = server.becomes(RunStatus.PLANNED)
    assert push.wait(PATIENCE) == 0
    assert server.pid_of("worker") != worker
    server.approve(run)
    server.kill("worker")

    run = server.becomes(RunStatus.APPLIED)
    services = server.services
    assert [services.jobs.count(run.id, stage) for stage in Stage] == [1, 1]
    assert len(services.runs.recent()) == 1
    state = services.states.current(workspace.id)
    assert state is not None
    assert b'"hello"' in services.states.read(state)


def test_the_runner_is_killed_in_the_middle_of_an_apply(server: Server) -> None:
    """Invariant 9: its engine dies with it; the outcome is unknown, the workspace locked, and nothing repeated."""
    workspace = server.workspace(SLOW)
    run, services = server.is_applying(), server.services
    runner = server.pid_of("runner")
    below = family(runner)
    assert len(below) > 2  # the runner, its sandbox, the engine

    server.kill("runner")
    eventually(lambda: not any(is_alive(pid) for pid in below), "something of the runner lives on")
    eventually(lambda: bool(services.jobs.expired()), "its lease does not run out")
    server.kill("worker")  # a new one sweeps when it starts

    run = server.becomes(RunStatus.ERRORED)
    assert "vanished" in run.error
    assert services.workspaces.get(workspace.id).lock_reason == f"outcome of {run.id} unknown"
    assert server.pid_of("runner") != runner
    time.sleep(1)  # a new runner and a new worker are there, and do not take it up again
    assert services.jobs.count(run.id, Stage.APPLY) == 1


def test_the_server_is_killed_and_leaves_nothing(server: Server) -> None:
    below = family(server.process.pid) - {server.process.pid}
    for name in ("web", "worker", "runner"):
        server.pid_of(name)

    server.die()
    eventually(lambda: not any(is_alive(pid) for pid in below), "something of the server lives on")

    server.start_anew()


@pytest.fixture
def patient_server() -> Iterator[Server]:
    """Its leases are longer than the next server takes to start."""
    with served(lease_seconds=60) as server:
        yield server


@pytest.fixture
def gate() -> Iterator[socket.socket]:
    """A port that is nobody else's, and at which nobody listens until the test lets the engine go on."""
    with socket.socket() as gate:
        gate.bind(("127.0.0.1", 0))
        yield gate


def test_the_server_is_killed_in_the_middle_of_an_apply(patient_server: Server, gate: socket.socket) -> None:
    """Its runner stops as at any other stop: the engine ends by itself, and the next server gets the result."""
    server = patient_server
    workspace = server.workspace(WAITS_AT_A_GATE.replace("PORT", str(gate.getsockname()[1])))
    run, services = server.is_applying(), server.services
    runner = server.pid_of("runner")
    web = server.pid_of("web")

    server.die()
    eventually(lambda: not is_alive(web), "web lives on")
    assert is_alive(runner)
    server.start_anew()
    gate.listen()

    server.becomes(RunStatus.APPLIED)
    assert services.jobs.count(run.id, Stage.APPLY) == 1
    assert services.states.current(workspace.id) is not None
    eventually(lambda: not is_alive(runner), "the first server's runner lives on")
