"""A GitLab to test against: real HTTP, real Git, and state that people change as they do there.

host = FakeGitLab(tmp_path)
repo = host.create_repository("acme/platform/infra", files={"main.tf": ""})
alice = host.person("alice", role="write", repo=repo)
sha = repo.push("feature", {"main.tf": "…"}, by=alice)
pull = repo.open_pull("feature", by=alice)
pull.comment("apply", alice)
host.deliver("http://127.0.0.1:8080/webhooks/oc-1")
"""

from __future__ import annotations

import itertools
import random
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fakes.git_server import GitServer
from tests.fakes.github_git import BareRepository, Files
from tests.fakes.github_trouble import Failure, Troubles
from tests.fakes.gitlab_api import PREFIX
from tests.fakes.gitlab_door import Door, Exchange, may_git
from tests.fakes.gitlab_events import Delivery
from tests.fakes.gitlab_model import FakeRepository, Hook, Person
from tests.fakes.gitlab_pull import FakePull

Deliver = str | Callable[[Mapping[str, str], bytes], int]


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass

    def connection_dropped(self, error: BaseException, environ: object = None) -> None:
        """werkzeug would keep the connection of a lost answer open, and the client waiting."""
        self.close_connection = True


class FakeGitLab:
    """`close` it, or use it in a `with`. `violations` must stay empty: what broke GitLab's description."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self._frozen: datetime | None = None
        self._offset = timedelta()
        self._ids = itertools.count(1001)
        self.people: dict[int, Person] = {}
        self.groups: dict[tuple[str, int], str] = {}  # (path of a group, person's id) → role
        self.repositories: list[FakeRepository] = []
        self.old_paths: dict[str, FakeRepository] = {}
        self.tokens: dict[str, Person] = {}
        self.system_hooks: list[Hook] = []
        self.deliveries: list[Delivery] = []  # all there ever were
        self.pending: list[Delivery] = []  # those not delivered yet; reorder or drop as a test likes
        self.exchanges: list[Exchange] = []
        self.violations: list[str] = []
        self.paid = False  # an edition with approval rules
        self.filters_by_pipeline = True  # older versions pass over `pipeline_id` when statuses are listed
        self.late_pulls = 0  # how often the merge requests of a commit are still unknown
        self.trouble = Troubles()
        self.git_server = GitServer(self._git_folder, self._may_git)
        self._serve()
        self.root = self.person("root")
        self.bot = self.person("runlock-bot")
        self.token = self.issue_token(self.bot)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}{PREFIX}"

    @property
    def now(self) -> datetime:
        """The host's clock: real time with an offset, or the time that it was frozen at."""
        return self._frozen or datetime.now(UTC) + self._offset

    @now.setter
    def now(self, at: datetime) -> None:
        self._frozen = at

    def advance(self, by: timedelta) -> None:
        """Let time pass at the host, frozen or not."""
        if self._frozen is not None:
            self._frozen += by
        else:
            self._offset += by

    def __enter__(self) -> FakeGitLab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server and wait for it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next_id(self) -> int:
        return next(self._ids)

    def person(self, login: str, role: str = "", repo: FakeRepository | None = None) -> Person:
        """The person of that name, made if need be, with a role in a project if one is given."""
        person = next((p for p in self.people.values() if p.login.lower() == login.lower()), None)
        if person is None:
            person = Person(self, self.next_id(), login)
            self.people[person.id] = person
        if repo is not None and role:
            repo.roles[person.id] = role
        return person

    def group_member(self, person: Person, role: str, group: str) -> None:
        """A role in a group or subgroup (`acme/platform`), which everything below inherits."""
        self.groups[group, person.id] = role

    def create_repository(
        self,
        path: str,
        files: Files | None = None,
        *,
        fork_of: FakeRepository | None = None,
        default_branch: str = "main",
    ) -> FakeRepository:
        """Make a private project with one commit, told to nobody; our bot is a maintainer of it."""
        number = self.next_id()
        bare = BareRepository(self.folder / f"{number}.git")
        repo = FakeRepository(self, number, path, bare, self.now, default_branch, fork_of)
        repo.roles |= {self.root.id: "admin", self.bot.id: "maintain"}
        if fork_of is not None:
            bare.git("fetch", "--quiet", str(fork_of.bare.folder), "refs/heads/*:refs/heads/*")
        else:
            bare.commit(default_branch, files or {}, (), "First commit", self.root.signature(), None)
        bare.git("symbolic-ref", "HEAD", f"refs/heads/{default_branch}")
        self.repositories.append(repo)
        return repo

    def repository(self, path: str) -> FakeRepository | None:
        """The project that is at this path now."""
        alive = [repo for repo in self.repositories if not repo.deleted]
        return next((repo for repo in alive if repo.path.lower() == path.lower()), None)

    def pulls_from(self, source: FakeRepository, branch: str) -> list[FakePull]:
        """The open merge requests, anywhere, whose head is this branch."""
        every = [pull for repo in self.repositories for pull in repo.open_pulls]
        return [pull for pull in every if pull.source is source and pull.head_branch == branch]

    def issue_token(self, person: Person) -> str:
        """A personal access token."""
        token = f"glpat-{secrets.token_hex(10)}"
        self.tokens[token] = person
        return token

    def caller(self, token: str) -> Person | None:
        """Whom a token speaks for, while it is valid."""
        return self.tokens.get(token)

    def queue(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        self.pending.append(delivery)

    def deliver(self, to: Deliver | None = None) -> list[Delivery]:
        """Send what is pending, in its order, to a URL, a callable or each hook's own URL; what was sent."""
        sent = []
        while self.pending:
            sent.append(self.pending.pop(0))
            self.send(sent[-1], to)
        return sent

    def send(self, delivery: Delivery, to: Deliver | None = None) -> int:
        """Send one delivery, maybe again; the answer's status."""
        if delivery.status is not None:
            delivery.again()
        target = delivery.url if to is None else to
        if callable(target):
            delivery.status = target(delivery.headers, delivery.body)
        else:
            answer = requests.post(target, data=delivery.body, headers=delivery.headers, timeout=10)
            delivery.status = answer.status_code
        return delivery.status

    def drop_answers(self, share: float, seed: int) -> None:
        """From now on, act on every API request and then lose this share of the answers."""
        self.trouble.share, self.trouble.chance = share, random.Random(seed)

    def fail_next(
        self,
        path_pattern: str,
        status: int = 502,
        headers: Mapping[str, str] | None = None,
        times: int = 1,
        *,
        method: str = "",
        message: str = "Server Error",
    ) -> None:
        """Answer the next matching requests with an error, and do nothing."""
        failure = Failure(re.compile(path_pattern), method, status, headers or {}, message, times)
        self.trouble.failures.append(failure)

    def requests_to(self, pattern: str, method: str = "") -> list[Exchange]:
        """The API requests whose path matches."""
        return [e for e in self.exchanges if method in ("", e.method) and re.search(pattern, e.path)]

    def _serve(self) -> None:
        app = Flask("gitlab")
        app.json.sort_keys = False  # type: ignore[attr-defined]
        door = Door(self)
        door.open(app)
        served = self.git_server.under(self.trouble.under(door.by_id(app.wsgi_app), PREFIX))
        self._server = make_server("127.0.0.1", 0, served, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _git_folder(self, path: str) -> Path | None:
        found = self._at(path)
        return found.bare.folder if found else None

    def _may_git(self, path: str, _user: str | None, password: str | None, writes: bool) -> bool:
        return may_git(self, self._at(path), password, writes=writes)

    def _at(self, path: str) -> FakeRepository | None:
        return self.repository(path) or self.old_paths.get(path)
