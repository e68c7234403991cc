"""A GitHub to test against: real HTTP, real Git, and state that people change as they do there.

host = FakeGitHub(tmp_path)
repo = host.create_repository("acme/infra", files={"main.tf": ""})
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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fakes import github_events as events
from tests.fakes.git_server import GitServer
from tests.fakes.github_app_keys import key_pair
from tests.fakes.github_door import Caller, Door
from tests.fakes.github_events import Delivery
from tests.fakes.github_git import BareRepository, Files
from tests.fakes.github_model import FakeRepository
from tests.fakes.github_pull import FakePull
from tests.fakes.github_things import App, Person
from tests.fakes.github_trouble import Failure, Troubles

API_PREFIX = "/api/v3"
Deliver = str | Callable[[Mapping[str, str], bytes], int]


@dataclass(frozen=True)
class Exchange:
    """One request to the API and its status, as it was meant (before the answer was lost)."""

    method: str
    path: str
    status: int
    at: datetime


class _Quiet(WSGIRequestHandler):
    """One answer per connection, so that nothing is left open at the end; the date is the host's, not the machine's."""

    protocol_version = "HTTP/1.0"

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)

    def log(self, type: str, message: str, *args: object) -> None:
        pass


class FakeGitHub:
    """`close` it, or use it in a `with`. `violations` must stay empty: what broke GitHub's description."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self.started_at = datetime.now(UTC)
        self._frozen: datetime | None = None
        self._offset = timedelta()
        self._ids = itertools.count(1001)
        self.people: dict[int, Person] = {}
        self.repositories: list[FakeRepository] = []
        self.moved: dict[str, FakeRepository] = {}
        self.tokens: dict[str, Person] = {}
        self.installation_tokens: dict[str, tuple[int, datetime]] = {}
        self.app: App | None = None
        self.deliveries: list[Delivery] = []  # all there ever were
        self.pending: list[Delivery] = []  # those not delivered yet; reorder or drop as a test likes
        self.exchanges: list[Exchange] = []
        self.violations: list[str] = []
        self.late_pulls = 0  # how often the pulls of a commit are still unknown
        self.most_commits_listed = 2048
        self.trouble = Troubles()
        self.git_server = GitServer(self._git_folder, self._may_git)
        self._serve()
        self.bot = self.person("runlock-bot", kind="Bot")
        self.token = self.issue_token(self.bot)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}{API_PREFIX}"

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

    def __enter__(self) -> FakeGitHub:
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

    def person(self, login: str, role: str = "", repo: FakeRepository | None = None, kind: str = "User") -> Person:
        """The person of that name, made if need be, with a role in a repository if one is given."""
        person = self.person_named(login)
        if person is None:
            person = Person(self, self.next_id(), login, kind)
            self.people[person.id] = person
        if repo is not None and role:
            repo.roles[person.id] = role
        return person

    def person_named(self, login: str) -> Person | None:
        return next((p for p in self.people.values() if p.login.lower() == login.lower() and not p.deleted), None)

    def create_repository(
        self,
        path: str,
        files: Files | None = None,
        *,
        private: bool = True,
        fork_of: FakeRepository | None = None,
        default_branch: str = "main",
    ) -> FakeRepository:
        """Make a repository with one commit, told to nobody; our bot is its admin."""
        login, _, name = path.partition("/")
        owner = self.person(login, kind="User" if fork_of else "Organization")
        number = self.next_id()
        bare = BareRepository(self.folder / f"{number}.git")
        repo = FakeRepository(self, number, owner, name, bare, self.now, self.now, private, default_branch, fork_of)
        repo.roles |= {owner.id: "admin", self.bot.id: "admin"}
        if fork_of is not None:
            bare.git("fetch", "--quiet", str(fork_of.bare.folder), "refs/heads/*:refs/heads/*")
        else:
            bare.commit(default_branch, files or {}, (), "First commit", owner.signature(), None)
        bare.git("symbolic-ref", "HEAD", f"refs/heads/{default_branch}")
        self.repositories.append(repo)
        return repo

    def repository(self, full_name: str) -> FakeRepository | None:
        """The repository that is at this path now."""
        alive = [repo for repo in self.repositories if not repo.deleted]
        return next((repo for repo in alive if repo.full_name.lower() == full_name.lower()), None)

    def pulls_from(self, source: FakeRepository, branch: str) -> list[FakePull]:
        """The open pull requests, anywhere, whose head is this branch."""
        every = [pull for repo in self.repositories for pull in repo.open_pulls]
        return [pull for pull in every if pull.source is source and pull.head_branch == branch]

    def issue_token(self, person: Person) -> str:
        """A personal access token."""
        token = f"ghp_{secrets.token_hex(18)}"
        self.tokens[token] = person
        return token

    def issue_installation_token(self, number: int, ends: datetime) -> str:
        token = f"ghs_{secrets.token_hex(18)}"
        self.installation_tokens[token] = (number, ends)
        return token

    def create_app(self, slug: str = "runlock", url: str = "http://127.0.0.1:9/webhooks/apps/1") -> App:
        """A GitHub App; `install` it next."""
        private, public = key_pair()
        owner, bot = self.person("acme", kind="Organization"), self.person(f"{slug}[bot]", kind="Bot")
        self.app = App(self.next_id(), slug, owner, bot, private, public, secrets.token_hex(16), url)
        return self.app

    def install(self, *repositories: FakeRepository) -> int:
        """Install the App on repositories; the installation's id."""
        assert self.app is not None, "create_app comes first"
        number = self.next_id()
        self.app.installations[number] = {repo.id for repo in repositories}
        events.installation(self.app, number, "created", list(repositories))
        return number

    def change_installation(self, number: int, action: str, *repositories: FakeRepository) -> None:
        """`added`, `removed`, `suspend`, `unsuspend` or `deleted`."""
        assert self.app is not None
        ids = {repo.id for repo in repositories}
        known = self.app.installations.get(number, set())
        if action == "deleted":
            self.app.installations.pop(number, None)
        elif action in ("added", "removed"):
            self.app.installations[number] = known | ids if action == "added" else known - ids
        events.installation(self.app, number, action, list(repositories))

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

    def lose_answer_to(self, method: str, path_pattern: str) -> None:
        """Act on the next matching request, then answer 502."""
        self.trouble.lost.append((method, re.compile(path_pattern)))

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
        app = Flask("github")
        app.json.sort_keys = False  # type: ignore[attr-defined]
        door = Door(self)
        door.open(app)
        served = self.git_server.under(self.trouble.under(door.renamed(app.wsgi_app), API_PREFIX))
        self._server = make_server("127.0.0.1", 0, served, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _git_folder(self, path: str) -> Path | None:
        found = self.repository(path) or self.moved.get(path)
        return found.bare.folder if found else None

    def _may_git(self, path: str, _user: str | None, password: str | None, writes: bool) -> bool:
        repo = self.repository(path) or self.moved.get(path)
        if repo is None:
            return False
        caller = self.caller(password or "")
        if caller is None:
            return not repo.private and not writes and password is None
        return caller.may(repo, "write" if writes else "read")

    def caller(self, token: str) -> Caller | None:
        """Whom a token speaks for, while it is valid."""
        if token in self.tokens:
            return Caller(self, self.tokens[token])
        number, ends = self.installation_tokens.get(token, (0, self.now))
        if self.app is None or self.now >= ends or number not in self.app.installations:
            return None
        return Caller(self, self.app.bot, installation=number)
