"""Does our side of GitLab do what the Protocol promises? Against the double, over real HTTP."""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.connection import Repository
from bot.errors import NotFound, OutsideTrouble, Refused
from bot.events import NOBODY, HostUser
from bot.host_roles import HostRole
from bot.vcs.code_host import CheckRun, CodeHost
from bot.vcs.gitlab import GitLabHost
from tests.fakes import gitlab_fixtures
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.gitlab_fixtures import a_connection, our_repository
from tests.fakes.gitlab_model import FakeRepository, Person

gitlab = gitlab_fixtures.gitlab
gitlab_host = gitlab_fixtures.gitlab_host


@pytest.fixture
def infra(gitlab: FakeGitLab) -> FakeRepository:
    return gitlab.create_repository("acme/platform/infra", {"main.tf": "# nothing\n"})


@pytest.fixture
def ours(infra: FakeRepository) -> Repository:
    return our_repository(infra)


@pytest.fixture
def alice(gitlab: FakeGitLab, infra: FakeRepository) -> Person:
    return gitlab.person("alice", role="write", repo=infra)


def as_user(person: Person) -> HostUser:
    return HostUser(str(person.id), person.login)


def test_it_answers_the_protocol(gitlab_host: GitLabHost) -> None:
    host: CodeHost = gitlab_host
    assert host.comment_limit == 1_000_000


def test_a_project_is_found_by_its_path(gitlab_host: GitLabHost, infra: FakeRepository) -> None:
    found = gitlab_host.find_repository("acme/platform/infra")
    assert (found.host_id, found.path, found.default_branch) == (infra.host_id, "acme/platform/infra", "main")
    assert (found.clone_url, found.html_url) == (infra.clone_url, infra.html_url)


def test_a_project_is_found_by_a_path_that_it_had(gitlab_host: GitLabHost, infra: FakeRepository) -> None:
    infra.rename("estate")
    assert gitlab_host.find_repository("/acme/platform/infra.git").path == "acme/platform/estate"


@pytest.mark.parametrize("path", ["acme/none", "", "1003", "a/b?c=/../d"])
def test_no_project_is_said_so(gitlab_host: GitLabHost, infra: FakeRepository, path: str) -> None:
    with pytest.raises(NotFound, match="no project"):
        gitlab_host.find_repository(path)


def test_a_project_that_moved_is_still_addressed(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository
) -> None:
    infra.transfer("acme/elsewhere")
    assert gitlab_host.branch_head(ours, "main") == infra.head()


def test_git_takes_the_credential(gitlab_host: GitLabHost, gitlab: FakeGitLab, ours: Repository) -> None:
    credential = gitlab_host.git_credential(ours)
    assert credential is not None
    assert (credential.username, credential.password) == ("oauth2", gitlab.token)
    assert gitlab.token not in repr(credential)
    url = ours.clone_url.replace("://", f"://{credential.username}:{credential.password}@")
    done = subprocess.run(["git", "ls-remote", url, "refs/heads/main"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("refs/heads/main\n")


def test_without_a_token_there_is_no_credential(gitlab: FakeGitLab, ours: Repository) -> None:
    host = GitLabHost(replace(a_connection(gitlab), token=""), lambda: datetime.now(UTC))
    assert host.git_credential(ours) is None
    host.close()


def test_branch_heads(gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository) -> None:
    sha = infra.push("feature/ä%2F#1", {"a.tf": "1"})
    assert gitlab_host.branch_head(ours, "feature/ä%2F#1") == sha
    assert gitlab_host.branch_head(ours, "gone") is None


def test_a_webhook_is_registered_once_and_kept_right(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, alice: Person
) -> None:
    url = "https://runlock.example.com/webhooks/oc-gitlab"
    assert gitlab_host.ensure_webhook(ours, url, "first") is True
    assert gitlab_host.ensure_webhook(ours, url, "second") is True
    (hook,) = infra.hooks
    assert (hook.url, hook.token) == (url, "second")
    on = ["enable_ssl_verification", "merge_requests_events", "note_events", "push_events", "tag_push_events"]
    assert sorted(name for name, wanted in hook.events.items() if wanted) == on
    infra.push("main", {"a": "1"}, by=alice)
    assert [delivery.headers["X-Gitlab-Token"] for delivery in gitlab.pending] == ["second"]


def test_a_webhook_that_may_not_be_registered(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository
) -> None:
    gitlab.person("runlock-bot", role="write", repo=infra)
    assert gitlab_host.ensure_webhook(ours, "https://runlock.example.com/x", "s") is False
    assert infra.hooks == []


def test_a_webhook_that_gitlab_finds_wrong_is_trouble(gitlab_host: GitLabHost, ours: Repository) -> None:
    with pytest.raises(OutsideTrouble, match=r"registering the webhook of acme/platform/infra: .*Url is blocked"):
        gitlab_host.ensure_webhook(ours, "ftp://runlock.example.com", "s3cret")


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("none", HostRole.NONE),
        ("read", HostRole.READ),
        ("triage", HostRole.TRIAGE),
        ("write", HostRole.WRITE),
        ("maintain", HostRole.ADMIN),
        ("admin", HostRole.ADMIN),
    ],
)
def test_roles(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, role: str, expected: HostRole
) -> None:
    assert gitlab_host.role_of(ours, as_user(gitlab.person("bob", role=role, repo=infra))) is expected


@pytest.mark.parametrize("group", ["acme", "acme/platform"])
def test_a_role_is_inherited_from_any_group_above(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, group: str
) -> None:
    bob = gitlab.person("bob", role="read", repo=infra)
    gitlab.group_member(bob, "maintain", group)
    assert gitlab_host.role_of(ours, as_user(bob)) is HostRole.ADMIN


def test_a_role_in_a_neighbouring_group_counts_nothing(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository
) -> None:
    bob = gitlab.person("bob")
    gitlab.group_member(bob, "admin", "acme/platforms")
    assert gitlab_host.role_of(ours, as_user(bob)) is HostRole.NONE


@pytest.mark.parametrize("state", ["blocked", "deactivated", "banned"])
def test_a_blocked_user_has_no_role(gitlab_host: GitLabHost, ours: Repository, alice: Person, state: str) -> None:
    alice.state = state
    assert gitlab_host.role_of(ours, as_user(alice)) is HostRole.NONE


@pytest.mark.parametrize("user", [NOBODY, HostUser("alice", "alice"), HostUser("../1", "x"), HostUser("999999", "x")])
def test_strangers_have_no_role(gitlab_host: GitLabHost, ours: Repository, alice: Person, user: HostUser) -> None:
    assert gitlab_host.role_of(ours, user) is HostRole.NONE


def test_there_are_no_check_runs(gitlab_host: GitLabHost, ours: Repository) -> None:
    check = CheckRun("a" * 40, "runlock", "x", False, "", "t", "s", "https://runlock.example.com")
    with pytest.raises(Refused, match="no check runs"):
        gitlab_host.post_check_run(ours, check, "")


def test_a_merge_request_is_read(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, alice: Person
) -> None:
    base = infra.head()
    sha = infra.push("feature", {"a.tf": "1"}, by=alice)
    pull = infra.open_pull("feature", by=alice, title="Open the port", body="Why", draft=True)
    found = gitlab_host.read_pull(ours, pull.number)
    assert found is not None
    assert (found.number, found.title, found.body) == (1, "Draft: Open the port", "Why")
    assert (found.head_sha, found.head_branch, found.base_branch, found.base_sha) == (sha, "feature", "main", base)
    assert (found.author, found.is_draft, found.is_open) == (as_user(alice), True, True)
    assert (found.from_fork, found.is_merged, found.merge_commit_sha) == (False, False, "")
    assert found.html_url.endswith("/acme/platform/infra/-/merge_requests/1")
    assert gitlab_host.read_pull(ours, 99) is None


def test_a_fork_is_told_even_when_it_is_gone(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository
) -> None:
    mallory = gitlab.person("mallory")
    fork = infra.fork(mallory)
    fork.push("evil", {"a.tf": "1"}, by=mallory)
    pull = infra.open_pull("evil", head=fork, by=mallory)
    for _ in range(2):
        found = gitlab_host.read_pull(ours, pull.number)
        assert found is not None
        assert found.from_fork
        fork.delete()


def test_open_merge_requests_are_listed_page_by_page(
    gitlab_host: GitLabHost, gitlab: FakeGitLab, infra: FakeRepository, ours: Repository, alice: Person
) -> None:
    infra.push("feature", {"a.tf": "1"}, by=alice)
    pulls = [infra.open_pull("feature", by=alice) for _ in range(103)]
    pulls[1].close()
    found = iter(gitlab_host.open_pulls(ours))
    assert next(found).number == 1
    assert len(gitlab.requests_to("merge_requests$")) == 1  # the second page isn't asked for yet
    assert [pull.number for pull in found] == list(range(3, 104))
    assert len(gitlab.requests_to("merge_requests$")) == 2


@pytest.mark.parametrize("method", ["merge", "squash", "rebase", "ff"])
def test_the_merge_request_behind_a_merge(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, alice: Person, method: str
) -> None:
    infra.push("feature", {"a.tf": "1"}, by=alice)
    pull = infra.open_pull("feature", by=alice)
    infra.push("other", {"b.tf": "1"}, by=alice)
    infra.open_pull("other", by=alice)
    if method == "rebase":
        infra.push("main", {"c.tf": "1"}, by=alice)
    landed = pull.merge(method, alice)
    assert landed == infra.head()
    (found,) = gitlab_host.merged_pulls_of(ours, landed)
    assert (found.number, found.is_merged, found.is_open) == (pull.number, True, False)
    assert found.merge_commit_sha == landed


def test_open_merge_requests_and_unknown_commits_brought_nothing(
    gitlab_host: GitLabHost, infra: FakeRepository, ours: Repository, alice: Person
) -> None:
    sha = infra.push("feature", {"a.tf": "1"}, by=alice)
    infra.open_pull("feature", by=alice)
    assert gitlab_host.merged_pulls_of(ours, sha) == []
    assert gitlab_host.merged_pulls_of(ours, "d" * 40) == []


def test_a_fetch_is_served_by_real_git(gitlab: FakeGitLab, ours: Repository, tmp_path: Path) -> None:
    url = ours.clone_url.replace("://", "://x:wrong@")
    done = subprocess.run(["git", "clone", "--quiet", url, str(tmp_path / "c")], capture_output=True, check=False)
    assert done.returncode != 0
