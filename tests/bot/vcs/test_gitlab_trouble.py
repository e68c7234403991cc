"""What comes of it when GitLab fails, is slow, lies or sends us elsewhere? One kind of trouble, without secrets."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from bot.connection import Connection, Provider, Repository
from bot.errors import OutsideTrouble
from bot.events import HostUser
from bot.ids import ConnectionId, OrganizationId, RepositoryId
from bot.vcs import gitlab_client
from bot.vcs.code_host import CommitStatus, StatusState, Thread
from bot.vcs.gitlab import GitLabHost
from tests.fakes import gitlab_fixtures
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.gitlab_fixtures import a_connection, our_repository

gitlab = gitlab_fixtures.gitlab
gitlab_host = gitlab_fixtures.gitlab_host

NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def ours(gitlab: FakeGitLab) -> Repository:
    return our_repository(gitlab.create_repository("acme/platform/infra", {"main.tf": ""}))


@pytest.fixture
def host(gitlab: FakeGitLab) -> Iterator[GitLabHost]:
    """With a clock that stands still."""
    made = GitLabHost(a_connection(gitlab), lambda: NOW)
    yield made
    made.close()


SHA = "d" * 40
SOMEWHERE = Repository(
    id=RepositoryId("repo-1"),
    connection_id=ConnectionId("oc-1"),
    host_id="7",
    path="acme/platform/infra",
    clone_url="http://127.0.0.1/acme/platform/infra.git",
    default_branch="main",
)
PULL = Thread(pull_number=1)
STATUS = CommitStatus("runlock/plan", StatusState.SUCCESS, "", "")
DEEDS: dict[str, Callable[[GitLabHost, Repository], Any]] = {
    "find_repository": lambda host, ours: host.find_repository(ours.path),
    "ensure_webhook": lambda host, ours: host.ensure_webhook(ours, "https://runlock.example.com", "s"),
    "post_status": lambda host, ours: host.post_status(ours, SHA, STATUS, pull=None),
    "create_comment": lambda host, ours: host.create_comment(ours, PULL, "x"),
    "edit_comment": lambda host, ours: host.edit_comment(ours, PULL, "1", "x"),
    "read_comment": lambda host, ours: host.read_comment(ours, PULL, "1"),
    "read_comment on a commit": lambda host, ours: host.read_comment(ours, Thread(commit_sha=SHA), "1"),
    "comments": lambda host, ours: list(host.comments(ours, PULL)),
    "comments since": lambda host, ours: list(host.comments(ours, PULL, since=NOW)),
    "react": lambda host, ours: host.react(ours, PULL, "1", "eyes"),
    "read_pull": lambda host, ours: host.read_pull(ours, 1),
    "open_pulls": lambda host, ours: list(host.open_pulls(ours)),
    "merged_pulls_of": lambda host, ours: host.merged_pulls_of(ours, SHA),
    "role_of": lambda host, ours: host.role_of(ours, HostUser("1", "alice")),
    "branch_head": lambda host, ours: host.branch_head(ours, "main"),
}


@pytest.fixture(params=sorted(DEEDS))
def deed(request: pytest.FixtureRequest) -> Callable[[GitLabHost, Repository], Any]:
    return DEEDS[request.param]


def test_every_deed_turns_an_error_into_trouble(
    gitlab: FakeGitLab, host: GitLabHost, ours: Repository, deed: Callable[[GitLabHost, Repository], Any]
) -> None:
    kinds = {401: True, 422: True, 429: False, 500: False, 502: False, 503: False}
    for status, permanent in kinds.items():
        gitlab.fail_next("/api/v4/", status, message="because", times=1)
        with pytest.raises(OutsideTrouble, match=f": GitLab answered {status}: because$") as trouble:
            deed(host, ours)
        assert trouble.value.permanent is permanent
    assert len(gitlab.exchanges) == len(kinds)  # nothing is tried again behind the outbox's back


def test_an_answer_that_makes_no_sense_is_trouble_worth_another_try(
    deed: Callable[[GitLabHost, Repository], Any],
) -> None:
    bodies = [b"", b"<html>", b"7", b"null", b'"x"', b"[7]", b'[{"id": "x"}]', b'{"id": []}']
    left = list(bodies)
    answer = Response(content_type="application/json")

    def senseless(request: Request) -> Response:
        answer.data = left[0]
        return answer

    with _server(senseless) as url, _host_at(url) as host:
        while left:
            # What was written needs no answer.
            assert _outcome(deed, host, SOMEWHERE) in ("worth another try", None, True)
            left.pop(0)


def _outcome(deed: Callable[[GitLabHost, Repository], Any], host: GitLabHost, ours: Repository) -> Any:
    try:
        return deed(host, ours)
    except OutsideTrouble as trouble:
        return "permanent" if trouble.permanent else "worth another try"


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "42"}, 42),
        (429, {"Retry-After": "Wed, 04 Mar 2026 09:00:30 GMT"}, 30),
        (429, {"Retry-After": "Wed, 04 Mar 2026 08:00:00 GMT"}, 0),
        (429, {"Retry-After": "soon"}, None),
        (429, {"RateLimit-Reset": str(int(NOW.timestamp()) + 17)}, 17),
        (429, {"RateLimit-Reset": str(int(NOW.timestamp()) - 17)}, 0),
        (429, {"Retry-After": "5", "RateLimit-Reset": str(int(NOW.timestamp()) + 17)}, 5),
        (429, {}, None),
        (503, {"Retry-After": "3"}, 3),
        (403, {"Retry-After": "3"}, None),
    ],
)
def test_gitlab_asks_for_patience(
    gitlab: FakeGitLab, host: GitLabHost, ours: Repository, status: int, headers: dict[str, str], seconds: float | None
) -> None:
    gitlab.fail_next("/api/v4/", status, headers)
    with pytest.raises(OutsideTrouble) as trouble:
        host.branch_head(ours, "main")
    assert trouble.value.retry_after == seconds


def test_patience_of_an_earlier_answer_is_forgotten(gitlab: FakeGitLab, host: GitLabHost, ours: Repository) -> None:
    gitlab.fail_next("/api/v4/", 429, {"Retry-After": "42"})
    gitlab.fail_next("/api/v4/", 429)
    for seconds in (42, None):
        with pytest.raises(OutsideTrouble) as trouble:
            host.branch_head(ours, "main")
        assert trouble.value.retry_after == seconds


def test_a_limit_of_writes_is_told(gitlab: FakeGitLab, host: GitLabHost, ours: Repository) -> None:
    gitlab.now, gitlab.trouble.writes_a_minute = NOW, 1
    sha = host.branch_head(ours, "main")
    assert sha is not None
    host.post_status(ours, sha, STATUS, pull=None)
    with pytest.raises(OutsideTrouble, match="Too many requests") as trouble:
        host.post_status(ours, sha, replace(STATUS, state=StatusState.FAILURE), pull=None)
    assert not trouble.value.permanent
    assert trouble.value.retry_after is not None
    gitlab.advance(timedelta(seconds=trouble.value.retry_after))
    host.post_status(ours, sha, replace(STATUS, state=StatusState.FAILURE), pull=None)


def test_words_of_any_shape_fit_on_one_line(gitlab: FakeGitLab, host: GitLabHost, ours: Repository) -> None:
    gitlab.fail_next("/api/v4/", 422, message="a\nb\x1b[31m" + "c" * 1000)
    with pytest.raises(OutsideTrouble) as trouble:
        host.branch_head(ours, "main")
    assert trouble.value.reason.isprintable()
    assert len(trouble.value.reason) < 400


def test_nobody_answers() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with _host_at(url) as host, pytest.raises(OutsideTrouble, match="no answer from GitLab") as trouble:
            host.branch_head(SOMEWHERE, "main")
    assert not trouble.value.permanent


def test_gitlab_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gitlab_client, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with _host_at(url) as host, pytest.raises(OutsideTrouble, match="didn't answer within") as trouble:
            host.branch_head(SOMEWHERE, "main")
    assert not trouble.value.permanent


def test_lost_answers_are_worth_another_try(gitlab: FakeGitLab, host: GitLabHost, ours: Repository) -> None:
    gitlab.drop_answers(1.0, seed=7)
    for _ in range(6):  # closed connections and bad gateways
        with pytest.raises(OutsideTrouble) as trouble:
            host.branch_head(ours, "main")
        assert not trouble.value.permanent


def test_the_token_is_not_sent_to_another_host() -> None:
    seen: list[str | None] = []

    def elsewhere(request: Request) -> Response:
        seen.append(request.headers.get("PRIVATE-TOKEN"))
        return Response('{"commit": {"id": "' + SHA + '"}}', content_type="application/json")

    with (
        _server(elsewhere) as other,
        _server(lambda request: Response("", 302, {"Location": other})) as url,
        _host_at(url) as host,
    ):
        assert host.branch_head(SOMEWHERE, "main") == SHA
    assert seen == [None]


def test_a_write_that_is_redirected_is_permanent_trouble() -> None:
    """As from http to https: the client would go there with a GET, and nothing would be written."""

    def answer(request: Request) -> Response:
        return Response("", 301, {"Location": "/elsewhere"}) if request.method == "POST" else Response("{}")

    with (
        _server(answer) as url,
        _host_at(url) as host,
        pytest.raises(OutsideTrouble, match="commenting on acme/platform/infra!1") as trouble,
    ):
        host.create_comment(SOMEWHERE, PULL, "x")
    assert trouble.value.permanent


def test_a_list_that_never_ends_is_permanent_trouble() -> None:
    answer = Response("[]", headers={"X-Next-Page": "1"}, content_type="application/json")
    with (
        _server(lambda request: answer) as url,
        _host_at(url) as host,
        pytest.raises(OutsideTrouble, match="the list has no end") as trouble,
    ):
        list(host.open_pulls(SOMEWHERE))
    assert trouble.value.permanent


@pytest.mark.parametrize("suffix", ["", "/", "/api/v4", "/api/v4/"])
def test_the_api_is_found_with_and_without_its_suffix(gitlab: FakeGitLab, ours: Repository, suffix: str) -> None:
    with _host_at(gitlab.url, suffix, gitlab.token) as host:
        assert host.branch_head(ours, "main")


def test_the_token_is_in_no_text(gitlab: FakeGitLab, host: GitLabHost, ours: Repository) -> None:
    gitlab.fail_next("/api/v4/", 500, times=1)
    with pytest.raises(OutsideTrouble) as trouble:
        host.branch_head(ours, "main")
    texts = [repr(host), repr(vars(host)), str(trouble.value), repr(trouble.value), repr(trouble.value.__cause__)]
    assert not [text for text in texts if gitlab.token in text]


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


@contextmanager
def _server(answer: Callable[[Request], Response]) -> Iterator[str]:
    """A host that answers everything the same way."""
    app = Request.application(answer)
    server = make_server("127.0.0.1", 0, app, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def _host_at(url: str, suffix: str = "/api/v4", token: str = "glpat-secret") -> Iterator[GitLabHost]:
    connection = replace(_ANYWHERE, http_url=url, api_url=f"{url}{suffix}", token=token)
    host = GitLabHost(connection, lambda: NOW)
    try:
        yield host
    finally:
        host.close()


_ANYWHERE = Connection(
    id=ConnectionId("oc-1"),
    organization_id=OrganizationId("org-acme"),
    provider=Provider.GITLAB,
    name="GitLab",
    http_url="",
    api_url="",
    created_at=NOW,
)
