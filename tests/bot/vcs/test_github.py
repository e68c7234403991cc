"""What we ask of GitHub, asked of a GitHub that keeps what it is told."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from bot.connection import Provider
from bot.errors import NotFound, OutsideTrouble, Refused
from bot.events import HostUser
from bot.vcs.code_host import CodeHost, CommitStatus, StatusState, Thread
from bot.vcs.github import HOOK_EVENTS, GitHubHost
from tests.fakes import github_fixtures
from tests.fakes.github import FakeGitHub
from tests.fakes.github_fixtures import a_connection, our_repository

github, github_host = github_fixtures.github, github_fixtures.github_host

PENDING = CommitStatus("runlock/plan", StatusState.PENDING, "planning", "http://runlock.example.com/run-1")


@pytest.fixture
def repo(github: FakeGitHub):
    return github.create_repository("acme/infra", {"main.tf": "# empty\n"})


@pytest.fixture
def ours(repo):
    return our_repository(repo)


@pytest.fixture
def alice(github, repo):
    return github.person("alice", "write", repo)


@pytest.fixture
def pull(repo, alice):
    repo.push("feature", {"main.tf": "# more\n"}, by=alice)
    return repo.open_pull("feature", by=alice, title="More", body="Please")


def test_it_is_a_code_host(github_host):
    host: CodeHost = github_host
    assert host.comment_limit == 65536


def test_find_repository(github_host, repo):
    found = github_host.find_repository("acme/infra")
    assert (found.host_id, found.path, found.clone_url) == (repo.host_id, "acme/infra", repo.clone_url)
    assert (found.default_branch, found.html_url) == ("main", repo.html_url)


@pytest.mark.parametrize("path", ["acme/nothing", "acme", "../../user", "a/b/c", "acme/..", "acme/in fra", "a/b?x=1"])
def test_repository_that_is_not_there_is_refused(github_host, repo, path):
    with pytest.raises(Refused, match=r"acme|GitHub"):
        github_host.find_repository(path)


def test_repository_that_was_renamed_is_found_by_its_old_name(github_host, repo):
    repo.rename("platform")
    assert github_host.find_repository("acme/infra").path == "acme/platform"


def test_everything_still_arrives_after_a_rename(github_host, repo, ours, pull):
    """PyGithub takes GitHub's 307 for an answer: a status or comment would be lost without a word."""
    repo.rename("platform")
    github_host.post_status(ours, pull.head_sha, PENDING, pull=None)
    comment = github_host.create_comment(ours, Thread(pull_number=1), "planned")
    github_host.edit_comment(ours, Thread(pull_number=1), comment.id, "planned again")
    assert repo.statuses(pull.head_sha)["runlock/plan"].state == "pending"
    assert [c.body for c in pull.comments] == ["planned again"]
    assert [c.body for c in github_host.comments(ours, Thread(pull_number=1))] == ["planned again"]


def test_webhook_is_registered_once_and_its_secret_renewed(github, github_host, repo, ours):
    assert github_host.ensure_webhook(ours, "http://127.0.0.1:9/webhooks/oc-1", "first")
    assert github_host.ensure_webhook(ours, "http://127.0.0.1:9/webhooks/oc-1", "second")
    assert [(hook.url, hook.secret, hook.events) for hook in repo.hooks] == [
        ("http://127.0.0.1:9/webhooks/oc-1", "second", HOOK_EVENTS)
    ]


def test_webhook_of_somebody_else_is_left_alone(github_host, repo, ours):
    repo.add_hook("http://127.0.0.1:9/other", "theirs")
    assert github_host.ensure_webhook(ours, "http://127.0.0.1:9/ours", "ours")
    assert [(hook.url, hook.secret) for hook in repo.hooks] == [
        ("http://127.0.0.1:9/other", "theirs"),
        ("http://127.0.0.1:9/ours", "ours"),
    ]


@pytest.mark.parametrize("role", ["write", "none"])
def test_webhook_needs_an_admin(github, github_host, repo, ours, role):
    repo.roles[github.bot.id] = role
    assert github_host.ensure_webhook(ours, "http://127.0.0.1:9/x", "s") is False
    assert repo.hooks == []


def test_webhook_is_asked_for_again_when_the_host_is_in_trouble(github, github_host, ours):
    github.fail_next("/hooks", 403, {"Retry-After": "7"}, message="You have exceeded a secondary rate limit.")
    with pytest.raises(OutsideTrouble) as trouble:
        github_host.ensure_webhook(ours, "http://127.0.0.1:9/x", "s")
    assert trouble.value.retry_after == 7


def test_post_status(github, github_host, repo, ours, pull):
    github_host.post_status(ours, pull.head_sha, PENDING, pull=None)
    done = dataclasses.replace(PENDING, state=StatusState.SUCCESS, description="no changes", target_url="")
    github_host.post_status(ours, pull.head_sha, done, pull=None)
    status = repo.statuses(pull.head_sha)["runlock/plan"]
    assert (status.state, status.description, status.target_url) == ("success", "no changes", None)
    assert status.creator is github.bot


def test_status_of_an_unknown_commit_is_permanent_trouble(github_host, ours):
    with pytest.raises(
        OutsideTrouble, match=r"posting a status to acme/infra at aaaaaaa: GitHub answered 422"
    ) as trouble:
        github_host.post_status(ours, "a" * 40, PENDING, pull=None)
    assert trouble.value.permanent


@pytest.fixture(params=["pull request", "commit"])
def thread(request, pull):
    return Thread(pull_number=pull.number) if request.param == "pull request" else Thread(commit_sha=pull.head_sha)


def test_comment_is_written_read_and_edited(github, github_host, ours, thread):
    written = github_host.create_comment(ours, thread, "planned ✓ <details>")
    assert (written.body, written.author) == ("planned ✓ <details>", HostUser(str(github.bot.id), "runlock-bot"))
    assert written.created_at.tzinfo is not None
    github_host.edit_comment(ours, thread, written.id, "planned again")
    read = github_host.read_comment(ours, thread, written.id)
    assert read is not None
    assert (read.id, read.body) == (written.id, "planned again")


def test_comment_that_was_deleted(github, github_host, repo, ours, thread):
    written = github_host.create_comment(ours, thread, "x")
    repo.all_comments[-1].delete()
    assert github_host.read_comment(ours, thread, written.id) is None
    with pytest.raises(NotFound, match="was deleted"):
        github_host.edit_comment(ours, thread, written.id, "y")


def test_comment_of_another_thread_is_none_of_this_one(github_host, repo, ours, pull, alice):
    repo.push("second", {"x.tf": ""}, by=alice)
    other = repo.open_pull("second", by=alice)
    comment = pull.comment("apply", alice)
    on_commit = repo.comment_on(pull.head_sha, "apply", alice)
    assert github_host.read_comment(ours, Thread(pull_number=pull.number), str(comment.id)) is not None
    assert github_host.read_comment(ours, Thread(pull_number=other.number), str(comment.id)) is None
    assert github_host.read_comment(ours, Thread(commit_sha=repo.head()), str(on_commit.id)) is None


def test_comment_id_that_is_no_number_goes_nowhere(github_host, ours, pull):
    with pytest.raises(Refused):
        github_host.read_comment(ours, Thread(pull_number=1), "1/../../../hooks")


def test_comments_come_page_by_page_and_since_a_time(github, github_host, ours, pull, alice):
    github.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    for number in range(150):
        pull.comment(f"{number}", alice)
    github.advance(timedelta(minutes=5))
    middle = github.now
    pull.comments[3].edit("edited later")
    pull.comment("last", alice)
    every = [c.body for c in github_host.comments(ours, Thread(pull_number=1))]
    assert (len(every), every[149:]) == (151, ["149", "last"])
    assert [c.body for c in github_host.comments(ours, Thread(pull_number=1), middle)] == ["edited later", "last"]


def test_comments_on_a_commit_since_a_time(github, github_host, repo, ours, alice):
    github.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    repo.comment_on(repo.head(), "old", alice)
    github.advance(timedelta(minutes=5))
    repo.comment_on(repo.head(), "new", alice)
    thread = Thread(commit_sha=repo.head())
    assert [c.body for c in github_host.comments(ours, thread)] == ["old", "new"]
    assert [c.body for c in github_host.comments(ours, thread, github.now)] == ["new"]


def test_reaction_is_safe_to_give_twice(github, github_host, repo, ours, pull, alice):
    comment, on_commit = pull.comment("apply", alice), repo.comment_on(pull.head_sha, "apply", alice)
    for _ in range(2):
        github_host.react(ours, Thread(pull_number=1), str(comment.id), "eyes")
        github_host.react(ours, Thread(commit_sha=pull.head_sha), str(on_commit.id), "confused")
    assert (comment.reactions, on_commit.reactions) == (["eyes"], ["confused"])


def test_read_pull(github_host, repo, ours, pull):
    read = github_host.read_pull(ours, 1)
    assert read is not None
    assert (read.number, read.title, read.body, read.author.login) == (1, "More", "Please", "alice")
    assert (read.head_sha, read.base_sha) == (pull.head_sha, repo.head())
    assert (read.is_open, read.is_merged, read.from_fork) == (True, False, False)
    assert github_host.read_pull(ours, 99) is None


def test_pull_from_a_fork_and_from_a_deleted_fork(github, github_host, repo, ours):
    mallory = github.person("mallory")
    fork = repo.fork(mallory)
    fork.push("main", {"main.tf": "evil"}, by=mallory)
    repo.open_pull("main", by=mallory, head=fork)
    assert github_host.read_pull(ours, 1).from_fork
    fork.delete()
    assert github_host.read_pull(ours, 1).from_fork


def test_open_pulls(github_host, repo, ours, pull, alice):
    for number in range(3):
        repo.push(f"b{number}", {f"{number}.tf": ""}, by=alice)
        repo.open_pull(f"b{number}", by=alice, draft=number == 0)
    repo.pulls[1].close()
    assert sorted((p.number, p.is_draft) for p in github_host.open_pulls(ours)) == [(1, False), (3, False), (4, False)]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase", "ff"])
def test_merged_pulls_of_the_pushed_commit(github_host, repo, ours, pull, alice, method):
    if method != "ff":
        repo.push("main", {"other.tf": ""}, by=alice)
    pull.push({"more.tf": ""})
    merged_at = pull.merge(method, alice)
    assert repo.head() == merged_at
    found = github_host.merged_pulls_of(ours, merged_at)
    assert [(p.number, p.is_merged, p.is_open) for p in found] == [(1, True, False)]


def test_pulls_of_a_commit_that_is_not_merged_or_not_known(github, github_host, repo, ours, pull):
    assert github_host.merged_pulls_of(ours, pull.head_sha) == []
    assert github_host.merged_pulls_of(ours, "a" * 40) == []
    merged_at = pull.merge()
    github.late_pulls = 1
    assert github_host.merged_pulls_of(ours, merged_at) == []
    assert len(github_host.merged_pulls_of(ours, merged_at)) == 1


def test_branch_head(github_host, repo, ours, alice):
    repo.push("feature/a-b#1%", {"x.tf": ""}, by=alice)
    assert github_host.branch_head(ours, "main") == repo.head()
    assert github_host.branch_head(ours, "feature/a-b#1%") == repo.head("feature/a-b#1%")
    assert github_host.branch_head(ours, "feature") is None


def test_git_credential(github, github_host, ours):
    credential = github_host.git_credential(ours)
    assert (credential.username, credential.password) == ("x-access-token", github.token)
    assert github.token not in repr(credential)


def test_connection_without_a_token_says_so(github, ours):
    connection = dataclasses.replace(a_connection(github, Provider.GITHUB), token="")
    host = GitHubHost(connection, lambda: datetime.now(UTC))
    assert host.git_credential(ours) is None
    with pytest.raises(Refused, match="no token"):
        host.read_pull(ours, 1)
