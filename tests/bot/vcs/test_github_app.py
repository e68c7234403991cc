"""Speaking as a GitHub App: tokens that are renewed in time, for the right installation."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from bot.connection import Provider
from bot.errors import OutsideTrouble, Refused
from bot.events import HostUser
from bot.host_roles import HostRole
from bot.vcs import github_webhook
from bot.vcs.code_host import CheckRun, CommitStatus, StatusState, Thread
from bot.vcs.github import GitHubHost
from tests.fakes import github_fixtures
from tests.fakes.github_fixtures import a_connection, our_repository

github = github_fixtures.github

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BUTTONS = (("Apply", "apply", "Apply this plan"), ("Discard", "discard", "Throw it away"))


class Clock:
    """Our own clock; the host has another."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def repo(github):
    github.now = NOON
    repo = github.create_repository("acme/infra", {"main.tf": ""})
    github.create_app()
    github.install(repo)
    return repo


@pytest.fixture
def host(github, repo, clock):
    host = GitHubHost(a_connection(github, Provider.GITHUB_APP), clock)
    yield host
    host.close()


@pytest.fixture
def ours(github, repo):
    return our_repository(repo, str(github.app.installation_of(repo)))


def a_check(repo, **more) -> CheckRun:
    facts = {
        "head_sha": repo.head(),
        "name": "runlock",
        "external_id": "at-1",
        "is_completed": True,
        "conclusion": "action_required",
        "title": "2 workspaces planned",
        "summary": "**prod**: 1 to add",
        "details_url": "http://runlock.example.com/app/acme",
        "buttons": BUTTONS,
    }
    return CheckRun(**{**facts, **more})


def tokens_asked_for(github) -> int:
    return len(github.requests_to("/access_tokens"))


def test_one_token_serves_until_five_minutes_before_its_end(github, host, ours, clock):
    for minutes in (0, 30, 54):
        clock.now = github.now = NOON + timedelta(minutes=minutes)
        host.read_pull(ours, 1)
    assert tokens_asked_for(github) == 1
    clock.now = github.now = NOON + timedelta(minutes=55)
    first = host.git_credential(ours).password
    assert tokens_asked_for(github) == 2
    clock.now = github.now = NOON + timedelta(minutes=61)  # the first token is dead by now
    assert host.read_pull(ours, 1) is None
    assert host.git_credential(ours).password == first
    assert tokens_asked_for(github) == 2


def test_token_ends_by_the_hosts_clock_where_ours_is_off(github, repo, ours, clock):
    """Ours is a minute slow: counted by ours alone, the token would be kept a minute longer."""
    clock.now = NOON - timedelta(minutes=1)
    host = GitHubHost(a_connection(github, Provider.GITHUB_APP), clock)
    host.read_pull(ours, 1)
    clock.now += timedelta(minutes=54)
    github.advance(timedelta(minutes=54))
    host.read_pull(ours, 1)
    assert tokens_asked_for(github) == 1
    clock.now += timedelta(minutes=1)
    host.read_pull(ours, 1)
    assert tokens_asked_for(github) == 2
    host.close()


def test_token_that_was_revoked_is_replaced_at_once(github, host, ours):
    host.read_pull(ours, 1)
    github.installation_tokens.clear()
    assert host.read_pull(ours, 1) is None
    assert tokens_asked_for(github) == 2


def test_token_that_stays_refused_is_permanent_trouble(github, host, ours):
    github.fail_next("/pulls/1", 401, times=9, message="Bad credentials")
    with pytest.raises(OutsideTrouble, match="reading acme/infra#1: GitHub answered 401") as trouble:
        host.read_pull(ours, 1)
    assert trouble.value.permanent
    assert len(github.requests_to("/pulls/1")) == 2


def test_installation_is_looked_up_where_it_is_not_known(github, host, repo):
    unknown = our_repository(repo)
    host.read_pull(unknown, 1)
    host.read_pull(unknown, 2)
    assert len(github.requests_to("/installation$")) == 1
    assert host.find_repository("acme/infra").host_id == repo.host_id


def test_app_that_was_installed_anew_is_found_again(github, host, repo, clock):
    unknown = our_repository(repo)
    host.read_pull(unknown, 1)
    github.change_installation(github.app.installation_of(repo), "deleted", repo)
    github.install(repo)
    with pytest.raises(OutsideTrouble, match="isn't installed there any more") as trouble:
        host.read_pull(unknown, 1)
    assert not trouble.value.permanent
    assert host.read_pull(unknown, 1) is None


def test_app_that_was_removed_is_permanent_trouble_and_not_an_absent_pull_request(github, host, repo, ours):
    host.read_pull(ours, 1)
    github.change_installation(int(ours.installation_id), "deleted", repo)
    for deed in (
        lambda: host.read_pull(ours, 1),
        lambda: host.merged_pulls_of(ours, repo.head()),
        lambda: host.edit_comment(ours, Thread(pull_number=1), "1", "x"),
        lambda: host.read_pull(our_repository(repo), 1),
    ):
        with pytest.raises(OutsideTrouble, match="isn't installed there") as trouble:
            deed()
        assert trouble.value.permanent


def test_repository_outside_the_installation(github, host):
    github.create_repository("acme/secret")
    with pytest.raises(Refused, match="acme/secret"):
        host.find_repository("acme/secret")


def test_installations_do_not_share_tokens(github, host, repo):
    other = github.create_repository("globex/other")
    github.install(other)
    first = host.git_credential(our_repository(repo, str(github.app.installation_of(repo))))
    second = host.git_credential(our_repository(other, str(github.app.installation_of(other))))
    assert first.password != second.password


def test_key_that_is_none(github, repo, ours, clock):
    connection = dataclasses.replace(a_connection(github, Provider.GITHUB_APP), private_key="-----BEGIN secret")
    host = GitHubHost(connection, clock)
    with pytest.raises(OutsideTrouble, match="private key can't be used") as trouble:
        host.read_pull(ours, 1)
    assert trouble.value.permanent
    assert "BEGIN secret" not in str(trouble.value)


def test_clock_that_is_far_off_is_said_by_the_host(github, host, ours, clock):
    clock.now = NOON - timedelta(hours=2)
    with pytest.raises(OutsideTrouble, match="getting a token for installation"):
        host.read_pull(ours, 1)


def test_installation_id_that_is_no_number_goes_nowhere(host, repo):
    with pytest.raises(Refused):
        host.read_pull(our_repository(repo, "1/../2"), 1)


def test_app_needs_no_webhook_of_its_own(github, host, ours, repo):
    assert host.ensure_webhook(ours, "http://127.0.0.1:9/x", "s")
    assert repo.hooks == []


def test_app_does_what_a_token_does(github, host, ours, repo):
    alice = github.person("alice", "write", repo)
    repo.push("feature", {"x.tf": ""}, by=alice)
    pull = repo.open_pull("feature", by=alice)
    host.post_status(ours, pull.head_sha, CommitStatus("runlock/plan", StatusState.PENDING, "x", ""), pull=None)
    host.create_comment(ours, Thread(pull_number=1), "planned")
    assert pull.last_comment == "planned"
    assert pull.comments[0].author is github.app.bot
    assert host.role_of(ours, HostUser(str(alice.id), "alice")) is HostRole.WRITE


def test_check_run_is_created_and_updated(host, ours, repo):
    waiting = a_check(repo, is_completed=False, conclusion="", buttons=(), title="planning")
    known = host.post_check_run(ours, waiting, "")
    (run,) = repo.check_runs
    assert (run.body["status"], run.body["output"]["title"], "conclusion" in run.body) == (
        "in_progress",
        "planning",
        False,
    )
    assert host.post_check_run(ours, a_check(repo), known) == known
    assert len(repo.check_runs) == 1
    assert (run.body["status"], run.body["conclusion"]) == ("completed", "action_required")
    assert [action["identifier"] for action in run.body["actions"]] == ["apply", "discard"]


def test_check_run_whose_answer_was_lost_is_adopted(github, host, ours, repo):
    """The first try acts, its answer is lost; what it made is found by name and `external_id`."""
    host.git_credential(ours)
    github.lose_answer_to("POST", "/check-runs")
    with pytest.raises(OutsideTrouble):
        host.post_check_run(ours, a_check(repo), "")
    assert len(repo.check_runs) == 1
    assert host.post_check_run(ours, a_check(repo), "") == str(repo.check_runs[0].id)
    assert len(repo.check_runs) == 1
    assert host.post_check_run(ours, a_check(repo, external_id="at-2"), "") != str(repo.check_runs[0].id)
    assert len(repo.check_runs) == 2


def test_button_comes_back_as_a_delivery(github, host, ours, repo):
    alice = github.person("alice", "write", repo)
    host.post_check_run(ours, a_check(repo), "")
    repo.check_runs[0].press("apply", alice)
    delivery = github.deliveries[-1]
    assert github_webhook.verify(github.app.webhook_secret, delivery.body, delivery.headers)
    pressed = github_webhook.parse(delivery.event, delivery.payload)
    assert (pressed.button, pressed.external_id, pressed.head_sha) == ("apply", "at-1", repo.head())
    assert github_webhook.installation_id(delivery.payload) == ours.installation_id
