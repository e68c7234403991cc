"""An organization with its owner, real Git, and the doors under test, for tests of the API and the pages."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bot.connection import Connection, Provider
from bot.events import HostRepository
from bot.ids import RunId, StageJobId
from bot.manifest import Category, Manifest, VariableValue
from bot.plan_summary import PlanSummary
from bot.run import Run, RunKind, RunStatus, Stage, TriggerReason
from bot.settings import Settings
from bot.workspace import Workspace
from handlers.app import create_app
from handlers.jobs import Job
from handlers.services import Services, open_services
from storage.ids import new_id
from storage.people import Organization, User
from storage.tokens import TokenKind
from tests.fakes.described import DescribedClient
from tests.fakes.fresh_data import with_tables

START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SHA = "3f2a9c41b7d0e5f6a8b9c0d1e2f3a4b5c6d7e8f9"
TWO_CHANGES = PlanSummary(additions=1, destructions=1, added=("terraform_data.new",), destroyed=("terraform_data.old",))


@dataclass
class Clock:
    moment: datetime = START

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class World:
    folder: Path
    clock: Clock
    services: Services
    app: Flask
    enqueued: list[Job]
    organization: Organization = field(init=False)
    owner: User = field(init=False)
    token: str = field(init=False)

    def __post_init__(self) -> None:
        people = self.services.people
        self.organization = people.add_organization("acme", "ops@acme.test")
        self.owner = people.add_user("ada", "ada@acme.test")
        people.make_owner(self.organization.id, self.owner.id)
        self.token = self.token_of(self.owner)

    def token_of(self, user: User) -> str:
        return self.services.tokens.give(TokenKind.USER, user.id, "for a test")

    def stranger(self) -> str:
        """The token of somebody who is known, but owns nothing here."""
        return self.token_of(self.services.people.add_user("eve", "eve@elsewhere.test"))

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> TestResponse:
        """A request to the API, as the owner unless another token is given."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        if body is not None:
            more["json"] = body
        return self.app.test_client().open(f"/api/v2/{path}", method=method, headers=headers, **more)

    def git_connection(self) -> Connection:
        return self.services.connections.add(self.organization.id, Provider.GIT, name="git", http_url="", api_url="")

    def github_connection(self) -> Connection:
        """A connection that nobody asks: only its addresses matter."""
        return self.services.connections.add(
            self.organization.id,
            Provider.GITHUB,
            name="GitHub",
            http_url="https://github.test",
            api_url="https://api.github.test",
            token="t0ken",
        )

    def git_repository(self, name: str = "infra") -> Path:
        """A bare repository with one commit on main."""
        work, bare = self.folder / f"{name}-work", self.folder / f"{name}.git"
        git("init", "--quiet", "--initial-branch=main", str(work))
        (work / "main.tf").write_text('resource "terraform_data" "new" {}\n')
        git("-C", str(work), "add", ".")
        git("-C", str(work), "commit", "--quiet", "-m", "First commit")
        git("clone", "--quiet", "--bare", str(work), str(bare))
        return bare

    def workspace(self, name: str = "prod", **settings: Any) -> Workspace:
        """A workspace that listens to a repository at a host that is not asked."""
        connections = self.services.connections.all(self.organization.id)
        connection = next((c for c in connections if c.provider is Provider.GITHUB), None) or self.github_connection()
        host = HostRepository(
            "1", "acme/infra", "https://github.test/acme/infra.git", "main", "https://github.test/acme/infra"
        )
        repository = self.services.repositories.know(connection.id, host)
        return self.services.workspaces.add(self.organization.id, name, repository.id, settings)

    def run(self, workspace: Workspace, status: RunStatus = RunStatus.PENDING, **facts: Any) -> Run:
        """A run as it would stand there, without the way that led to it."""
        frozen = {name: facts.pop(name) for name in ("variables", "options") if name in facts}
        manifest = Manifest(workspace.id, "cv-none", SHA, "terraform", "1.11.4", "", **frozen)
        first: dict[str, Any] = {
            "id": RunId(new_id("run")),
            "workspace_id": workspace.id,
            "kind": RunKind.NORMAL,
            "configuration_version_id": "cv-none",
            "commit_sha": SHA,
            "manifest_digest": manifest.digest(b"key"),
            "trigger_reason": TriggerReason.PUSH,
            "created_at": self.clock(),
            "queue_sequence": self.services.runs.next_sequence(),
            "repository_id": workspace.repository_id,
            "branch": "main",
            "message": "Change the network",
            "created_by": "octocat",
        }
        run = Run(**{**first, **facts})
        self.services.runs.add(run, manifest)
        if status is RunStatus.PENDING:
            return run
        after = replace(run, status=status, times={**run.times, status.value: self.clock()})
        self.services.runs.move(run, after)
        return after

    def stage(self, run: Run, stage: Stage, log: bytes | None = None, *, finished: bool = False) -> StageJobId:
        """A stage at a runner, with what it has logged so far."""
        job_id = self.services.jobs.add(run.id, stage)
        self.services.jobs.claim(job_id, "runner-1", timedelta(seconds=30))
        if log is not None:
            self.services.logs.append(job_id, 0, log)
        if finished:
            blob_id, size = self.services.logs.seal(job_id)
            result = {"engine": "terraform", "engine_version": "1.11.4"}
            self.services.jobs.finish(self.services.jobs.get(job_id), result, blob_id, size)
            self.services.logs.forget(job_id)
        return job_id


def value(key: str, text: str, *, sensitive: bool = False, category: Category = Category.TERRAFORM) -> VariableValue:
    return VariableValue(key, text, category, sensitive=sensitive)


def git(*arguments: str) -> str:
    names = ("AUTHOR", "COMMITTER")
    people = {f"GIT_{who}_{what}": f"ada{at}" for who in names for what, at in (("NAME", ""), ("EMAIL", "@acme.test"))}
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, env={**os.environ, **people})
    return done.stdout.strip()


@contextmanager
def open_world(folder: Path, *, address: str = "http://localhost:8080") -> Iterator[World]:
    clock, enqueued = Clock(), list[Job]()
    services = open_services(Settings(data=with_tables(folder / "data"), address=address), clock)
    app = create_app(services, enqueued.extend)
    app.test_client_class = DescribedClient
    try:
        yield World(folder, clock, services, app, enqueued)
    finally:
        for host in services.hosts.values():
            close = getattr(host, "close", None)
            if close:
                close()
        services.close()
