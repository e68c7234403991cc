"""A whole Runlock with a code host beside it: real Git, real engine in its sandbox, real HTTP on both sides.

Only Huey is left out: jobs are worked off here one by one, in the order in which they were returned, so that a
test can stop between any two of them, lose one, or do one twice.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from bot.connection import Connection, Provider, Repository
from bot.run import Run, RunStatus
from bot.runner.execute import Shutdown, execute_stage
from bot.runner.settings import RunnerSettings
from bot.settings import Settings
from bot.workspace import Workspace
from handlers.app import create_app
from handlers.jobs import Job, Verb
from handlers.reactions.joining import VcsChoice, connect, create_workspace
from handlers.reactions.sweep import AT_START
from handlers.services import Services, open_services
from handlers.tasks import perform
from storage.people import Organization
from tests.fakes.described import look_at_answers
from tests.fakes.fresh_data import with_tables
from tests.fakes.github import FakeGitHub
from tests.fakes.gitlab import FakeGitLab

HELLO = """
variable "greeting" {
  default = "hello"
}
resource "terraform_data" "hello" {
  input = var.greeting
}
output "greeting" {
  value = terraform_data.hello.output
}
"""
MOST_JOBS = 3000  # a world that does not come to rest is a bug, not a long test


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


class World:
    """`settle` lets everything happen that is due; `wait` lets time pass first."""

    def __init__(self, folder: Path, host: FakeGitHub | FakeGitLab | None = None, **settings: Any) -> None:
        self.offset = timedelta()
        self.host = host
        self.jobs: deque[Job] = deque()
        self.later: list[tuple[datetime, Job]] = []
        self.done: list[Job] = []
        self.undescribed: list[str] = []  # answers of the API that are not as its description says
        self.before_job: Callable[[Job], None] = lambda job: None
        self.is_runner_there = True
        self._server = self._listen(port=0)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.settings = Settings(data=with_tables(folder / "data"), address=self.address, **settings)
        self.open()
        self._thread = self._serve()

    def open(self) -> None:
        """Start the server's side anew on the same data: what only a process knew is gone."""
        self.jobs.clear()
        self.later.clear()
        self.services: Services = open_services(self.settings, self.now)
        self._app = create_app(self.services, self.enqueue)
        look_at_answers(self._app, self.undescribed)
        self.runner = RunnerSettings.from_environment(
            {
                "RUNLOCK_DATA": str(self.settings.data),
                "RUNLOCK_ADDRESS": self.address,
                "RUNLOCK_RUNNER_POOL_TOKEN": self.services.pool_token,
                "RUNLOCK_RUNNER_NAME": "runner-1",
                "RUNLOCK_GRACE_SECONDS": "5",
                "PATH": "/usr/local/bin:/usr/bin:/bin",
            }
        )

    def _listen(self, port: int) -> BaseWSGIServer:
        return make_server("127.0.0.1", port, self._answer, threaded=True, request_handler=_Quiet)

    def _serve(self) -> threading.Thread:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        return thread

    @contextlib.contextmanager
    def nobody_answers(self) -> Iterator[None]:
        """Runlock's port is closed for a while, as if its server were down."""
        port = self._server.server_port
        self._close_door()
        try:
            yield
        finally:
            self._server = self._listen(port)
            self._thread = self._serve()

    def _close_door(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        return self._app(environ, start_response)

    def restart(self) -> None:
        """kill -9 and a new start: the rows are all there is; the first sweep finds what was dropped."""
        self.services.close()
        self.open()
        self.enqueue([Job(Verb.SWEEP, AT_START)])

    def close(self) -> None:
        self._close_door()
        self.services.close()
        assert not self.undescribed, "\n".join(self.undescribed)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def enqueue(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.delay_seconds > 0:
                self.later.append((self.now() + timedelta(seconds=job.delay_seconds), Job(job.verb, job.ident)))
            else:
                self.jobs.append(job)

    def wait(self, **span: float) -> None:
        """Let time pass, here and at the host, and then everything that is due happen."""
        self.offset += timedelta(**span)
        if self.host is not None:
            self.host.advance(timedelta(**span))
        self.settle()

    def settle(self) -> None:
        """Deliver what the host has to tell, and work until nothing is left that is due."""
        for _ in range(MOST_JOBS):
            if self.host is not None and self.host.pending:
                self.host.deliver()
            elif self.jobs:
                self.do(self.jobs.popleft())
            elif not self._take_due():
                self._let_a_moment_pass()
                return
        raise AssertionError(f"the world does not come to rest: {list(self.jobs)[:10]}")

    def _let_a_moment_pass(self) -> None:
        """Nobody reads a comment and answers it within the same second."""
        self.offset += timedelta(seconds=1)
        if self.host is not None:
            self.host.advance(timedelta(seconds=1))

    def work_until(self, done: Callable[[], bool]) -> None:
        """Work job by job until something is so; the rest stays to be done."""
        for _ in range(MOST_JOBS):
            if done():
                return
            if self.host is not None and self.host.pending:
                self.host.deliver()
            elif self.jobs:
                self.do(self.jobs.popleft())
            elif not self._take_due():
                break
        assert done(), "everything was done, and it did not come about"

    def do(self, job: Job) -> None:
        self.before_job(job)
        self.done.append(job)
        if job.verb is Verb.NUDGE_RUNNER:
            if self.is_runner_there:
                execute_stage(self.runner, job.ident, Shutdown())
        else:
            self.enqueue(perform(self.services, job))

    def _take_due(self) -> bool:
        due = [job for at, job in self.later if at <= self.now()]
        self.later = [(at, job) for at, job in self.later if at > self.now()]
        self.jobs.extend(due)
        return bool(due)

    # What people do here.

    def organization(self, name: str = "acme") -> Organization:
        return self.services.people.organization(name) or self.services.people.add_organization(name, "ops@acme.test")

    def connection(self) -> Connection:
        """The connection to the host; made at the first call, as an administrator would."""
        known = self.services.connections.all(self.organization().id)
        if known:
            return known[0]
        if self.host is None:
            return connect(self.services, self.organization(), Provider.GIT, "plain git")
        is_github = isinstance(self.host, FakeGitHub)
        return self.services.connections.add(
            self.organization().id,
            Provider.GITHUB_ENTERPRISE if is_github else Provider.GITLAB_ENTERPRISE,
            name="the host",
            http_url=self.host.url,
            api_url=self.host.api_url,
            token=self.host.token,
        )

    def workspace(self, name: str, repo: Any, **settings: Any) -> Workspace:
        """A workspace that listens to the repository."""
        path = repo if isinstance(repo, str) else repo.full_name
        choice = VcsChoice(self.connection(), path)
        return create_workspace(self.services, self.organization(), name, settings, choice)[0]

    def repository(self) -> Repository:
        return self.services.repositories.all()[0]

    # What people see.

    def runs(self, workspace: Workspace | None = None) -> list[Run]:
        """Oldest first."""
        if workspace is not None:
            return self.services.runs.of_workspace(workspace.id)[::-1]
        return self.services.runs.recent(1000)[::-1]

    def only_run(self) -> Run:
        (run,) = self.runs()
        return run

    def run(self, run: Run) -> Run:
        """The run as it is now."""
        return self.services.runs.get(run.id)

    def statuses_of_runs(self, workspace: Workspace | None = None) -> list[RunStatus]:
        return [run.status for run in self.runs(workspace)]

    def timeline(self, run: Run) -> str:
        return "\n".join(moment.text for moment in self.services.timeline.of(run.id))

    def state(self, workspace: Workspace) -> bytes:
        version = self.services.states.current(workspace.id)
        assert version is not None, f"{workspace.name} has no state"
        return self.services.states.read(version)
