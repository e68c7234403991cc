"""What we make of a GitHub in trouble: one kind of error, with what helps to go on, and without secrets."""

import dataclasses
import logging
import socket
import threading
from datetime import UTC, datetime, timedelta

import pytest
from github.Auth import Token

from bot.errors import OutsideTrouble
from bot.vcs.code_host import CommitStatus, StatusState, Thread
from bot.vcs.github import GitHubHost
from bot.vcs.github_client import GitHubClient
from tests.fakes import github_fixtures
from tests.fakes.github_fixtures import a_connection, our_repository

github, github_host = github_fixtures.github, github_fixtures.github_host

PENDING = CommitStatus("runlock/plan", StatusState.PENDING, "planning", "")


@pytest.fixture
def repo(github):
    return github.create_repository("acme/infra", {"main.tf": ""})


@pytest.fixture
def ours(repo):
    return our_repository(repo)


def trouble_of(deed) -> OutsideTrouble:
    with pytest.raises(OutsideTrouble) as trouble:
        deed()
    return trouble.value


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (400, True),
        (401, True),
        (403, True),
        (404, True),
        (410, True),
        (422, True),
        (451, True),
        (408, False),
        (409, False),
        (500, False),
        (502, False),
        (503, False),
        (504, False),
    ],
)
def test_statuses(github, github_host, repo, ours, status, permanent):
    github.fail_next("/statuses/", status, message="No luck")
    trouble = trouble_of(lambda: github_host.post_status(ours, repo.head(), PENDING, pull=None))
    assert trouble.reason == f"posting a status to acme/infra at {repo.head()[:7]}: GitHub answered {status}: No luck"
    assert (trouble.permanent, trouble.retry_after) == (permanent, None)
    assert repo.all_statuses == []


def test_nothing_is_repeated_by_itself(github, github_host, repo, ours):
    github.fail_next("/statuses/", 502, times=5)
    trouble_of(lambda: github_host.post_status(ours, repo.head(), PENDING, pull=None))
    assert len(github.requests_to("/statuses/")) == 1


def test_server_that_names_a_time_to_come_back(github, github_host, ours):
    github.fail_next("/pulls/1", 503, {"Retry-After": "30"})
    trouble = trouble_of(lambda: github_host.read_pull(ours, 1))
    assert (trouble.retry_after, trouble.permanent) == (30, False)


def test_primary_limit_waits_for_the_reset_by_the_hosts_clock(github, github_host, ours):
    github.now = datetime(2031, 1, 1, 12, 0, tzinfo=UTC)  # years from ours
    github.trouble.requests_an_hour = 1
    github_host.read_pull(ours, 1)
    github.advance(timedelta(minutes=50))
    trouble = trouble_of(lambda: github_host.read_pull(ours, 1))
    assert (trouble.retry_after, trouble.permanent) == (600, False)
    assert "patience" in trouble.reason
    github.advance(timedelta(minutes=10))
    assert github_host.read_pull(ours, 1) is None


def test_secondary_limit_names_its_seconds(github, github_host, repo, ours):
    github.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    github.trouble.writes_a_minute = 2
    github_host.post_status(ours, repo.head(), PENDING, pull=None)
    github_host.post_status(ours, repo.head(), PENDING, pull=None)
    trouble = trouble_of(lambda: github_host.post_status(ours, repo.head(), PENDING, pull=None))
    assert trouble.retry_after == 61
    assert not trouble.permanent
    assert github_host.branch_head(ours, "main") is not None  # reading goes on
    github.advance(timedelta(seconds=61))
    github_host.post_status(ours, repo.head(), PENDING, pull=None)
    assert len(repo.all_statuses) == 3


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "You have exceeded a secondary rate limit and have been temporarily blocked from content creation."),
        (403, "You have triggered an abuse detection mechanism."),
        (429, "Too many requests"),
    ],
)
def test_secondary_limit_that_names_no_time(github, github_host, ours, status, message):
    github.fail_next("/pulls/1", status, message=message)
    trouble = trouble_of(lambda: github_host.read_pull(ours, 1))
    assert (trouble.retry_after, trouble.permanent) == (60, False)


def test_refusal_with_a_full_hour_left_is_no_rate_limit(github, github_host, ours):
    github.fail_next("/pulls/1", 403, message="Resource not accessible by personal access token")
    trouble = trouble_of(lambda: github_host.read_pull(ours, 1))
    assert (trouble.retry_after, trouble.permanent) == (None, True)


def test_token_shows_nowhere(github, ours, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="github.Requester")
    connection = dataclasses.replace(a_connection(github), token="ghp_this-is-a-secret")
    host = GitHubHost(connection, lambda: datetime.now(UTC))
    trouble = trouble_of(lambda: host.read_pull(ours, 1))
    host.close()
    assert "401" in trouble.reason
    assert trouble.permanent
    assert "this-is-a-secret" not in repr(trouble) + str(trouble.__cause__) + caplog.text
    assert "Bad credentials" in caplog.text  # the exchange itself was logged


def test_host_that_is_not_there(github, ours):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    connection = dataclasses.replace(a_connection(github), api_url=f"http://127.0.0.1:{port}/api/v3")
    host = GitHubHost(connection, lambda: datetime.now(UTC))
    trouble = trouble_of(lambda: host.read_pull(ours, 1))
    host.close()
    assert trouble.reason == "reading acme/infra#1: no answer from GitHub (ConnectionError)"
    assert not trouble.permanent


def answering(raw: bytes):
    """A server that answers one request with these bytes; its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(raw)

    thread = threading.Thread(target=serve)
    thread.start()
    return server.getsockname()[1], thread


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"broken"', "no JSON"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "makes no sense"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{", "no answer"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\n\r\n<html></html>", "answered 502"),
        (b"HTTP/1.1 307 X\r\nLocation: http://evil.example.com/x\r\nContent-Length: 0\r\n\r\n", "another host"),
        (b"HTTP/1.1 301 X\r\nLocation: http://evil.example.com/x\r\nContent-Length: 0\r\n\r\n", "redirected from host"),
        (b"garbage\r\n\r\n", "no answer"),
    ],
)
def test_answers_that_are_none(github, ours, raw, said):
    port, thread = answering(raw)
    connection = dataclasses.replace(a_connection(github), api_url=f"http://127.0.0.1:{port}/api/v3")
    host = GitHubHost(connection, lambda: datetime.now(UTC))
    if said:
        assert said in trouble_of(lambda: host.read_pull(ours, 1)).reason
    else:
        assert host.read_pull(ours, 1) is None
    thread.join()
    host.close()


def test_acted_and_the_answer_was_lost(github, github_host, ours, repo):
    alice = github.person("alice", "write", repo)
    repo.push("feature", {"x.tf": ""}, by=alice)
    pull = repo.open_pull("feature", by=alice)
    github.drop_answers(share=1.0, seed=1)
    for _ in range(6):
        assert not trouble_of(lambda: github_host.create_comment(ours, Thread(pull_number=1), "x")).permanent
    github.drop_answers(share=0, seed=1)
    assert len(pull.comments) == 6
    assert github.trouble.dropped == 6


def test_many_threads_share_one_host(github, github_host, ours, repo):
    """PyGithub keeps the request on the connection: two threads on one would read each other's answers."""
    alice = github.person("alice", "write", repo)
    for number in range(1, 5):
        repo.push(f"b{number}", {f"{number}.tf": ""}, by=alice)
        repo.open_pull(f"b{number}", by=alice)
    wrong: list[object] = []

    def read(number: int) -> None:
        for _ in range(10):
            found = github_host.read_pull(ours, number)
            if found is None or found.number != number:
                wrong.append(found)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_no_two_exchanges_at_once_share_a_session(github):
    client = GitHubClient(github.api_url, Token(github.token), lambda: datetime.now(UTC))
    for _ in range(2):  # the second time out of the idle ones
        with client._session() as one, client._session() as other:
            assert one is not other
    client.close()
