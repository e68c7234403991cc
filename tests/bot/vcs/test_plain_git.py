"""A plain repository answers what it can, and says clearly what it hasn't."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.connection import Connection, Provider, Repository
from bot.errors import Ignored, Refused
from bot.events import HostRepository, HostUser, PullRequest, Pushed, Tagged
from bot.host_roles import HostRole
from bot.ids import ConnectionId, OrganizationId, RepositoryId
from bot.vcs import git_webhook
from bot.vcs.code_host import CheckRun, CodeHost, CommitStatus, StatusState, Thread
from bot.vcs.deliveries import MalformedDelivery
from bot.vcs.git_hook import HOOK
from bot.vcs.plain_git import PlainGitHost
from tests.fakes.git_repositories import Work, new_work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path / "infra")


@pytest.fixture
def host() -> CodeHost:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    return PlainGitHost(Connection(ConnectionId("oc-1"), OrganizationId("org-1"), Provider.GIT, "git", "", "", now))


def repository(path: Path) -> Repository:
    text = os.path.realpath(path)
    return Repository(RepositoryId("repo-1"), ConnectionId("oc-1"), text, text, text, "main")


def test_a_repository_is_found_by_its_path(work: Work, host: CodeHost, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(work.bare)
    path = os.path.realpath(work.bare)
    for name in (str(work.bare), str(work.bare) + "/", str(tmp_path / "link")):
        assert host.find_repository(name) == HostRepository(path, path, path, "main")
    work.git("-C", str(work.bare), "symbolic-ref", "HEAD", "refs/heads/trunk/2")
    assert host.find_repository(str(work.bare)).default_branch == "trunk/2"
    assert host.find_repository(str(work.folder)).default_branch == "main"
    work.commit({"a.tf": ""})
    work.git("checkout", "--quiet", "--detach")
    assert host.find_repository(str(work.folder)).default_branch == ""


@pytest.mark.parametrize(
    "path", ["infra.git", "", "/nowhere/x.git", "~/infra.git", "$HOME", "/\x00", "-x", "https://x/y"]
)
def test_what_is_no_repository_is_refused(work: Work, host: CodeHost, path: str) -> None:
    with pytest.raises(Refused):
        host.find_repository(path)


def test_variables_in_a_path_are_not_expanded(tmp_path: Path, host: CodeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "infra")
    new_work(tmp_path / "infra")
    with pytest.raises(Refused, match="there is no folder"):
        host.find_repository(f"{tmp_path}/$WHERE.git")


def test_branch_heads_are_read_where_they_are(work: Work, host: CodeHost) -> None:
    sha = work.commit({"a.tf": ""})
    work.push("HEAD:refs/heads/main", "HEAD:refs/heads/refs/heads/tricky")
    assert host.branch_head(repository(work.bare), "main") == sha
    work.git("-C", str(work.bare), "pack-refs", "--all")
    assert host.branch_head(repository(work.bare), "main") == sha
    assert host.branch_head(repository(work.bare), "tricky") is None
    assert host.branch_head(repository(work.folder), "main") == sha
    with pytest.raises(Refused):
        host.branch_head(repository(work.bare), "--all..")


def test_the_webhook_of_a_plain_repository_is_its_hook(work: Work, host: CodeHost) -> None:
    assert host.ensure_webhook(repository(work.bare), "http://localhost/webhooks/oc-1", "secret")
    assert os.access(work.bare / "hooks" / HOOK, os.X_OK)


def test_there_are_no_people_and_no_pull_requests(work: Work, host: CodeHost) -> None:
    here = repository(work.bare)
    assert host.git_credential(here) is None
    assert host.role_of(here, HostUser("ada", "ada")) is HostRole.NONE
    assert host.read_pull(here, 1) is None
    assert list(host.open_pulls(here)) == host.merged_pulls_of(here, "1" * 40) == []
    assert list(host.comments(here, Thread(commit_sha="1" * 40))) == []
    assert host.read_comment(here, Thread(commit_sha="1" * 40), "1") is None


PULL = PullRequest(1, "", HostUser("", ""), "1" * 40, "a", "b")
THREAD = Thread(pull_number=1)
STATUS = CommitStatus("runlock/plan", StatusState.PENDING, "", "")
CHECK = CheckRun("1" * 40, "", "", False, "", "", "", "")

IMPOSSIBLE: dict[str, Callable[[CodeHost, Repository], Any]] = {
    "no statuses": lambda host, here: host.post_status(here, "1" * 40, STATUS, pull=None),
    "no check runs": lambda host, here: host.post_check_run(here, CHECK, ""),
    "no comments": lambda host, here: host.create_comment(here, THREAD, "x"),
    "has no comments": lambda host, here: host.edit_comment(here, THREAD, "1", "x"),
    "Git repository has no comments": lambda host, here: host.react(here, THREAD, "1", "eyes"),
    "no pull requests": lambda host, here: host.merge(here, PULL),
    "has no pull requests": lambda host, here: host.merge_facts(here, PULL, "runlock/"),
}


@pytest.mark.parametrize("reason", IMPOSSIBLE)
def test_what_only_a_code_host_has_is_refused(work: Work, host: CodeHost, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        IMPOSSIBLE[reason](host, repository(work.bare))


def a_push(**changes: object) -> dict[str, Any]:
    update = {"before": "1" * 40, "after": "2" * 40, "ref": "refs/heads/main", "forced": False, "commit": "2" * 40}
    for name in update:
        if name in changes:
            update[name] = changes.pop(name)  # type: ignore[assignment]
    payload = {"event": "push", "repository": "/srv/infra.git", "default_branch": "main", "pusher": "ada"}
    return {**payload, "updates": [update], **changes}


def test_a_push_reads_as_an_event() -> None:
    here = HostRepository("/srv/infra.git", "/srv/infra.git", "/srv/infra.git", "main")
    ada = HostUser("ada", "ada")
    assert git_webhook.parse_all("push", a_push()) == [Pushed(here, "main", "1" * 40, "2" * 40, False, None, ada)]
    assert git_webhook.parse_all("push", a_push(ref="refs/tags/v1", commit="3" * 40)) == [
        Tagged(here, "v1", "3" * 40, ada)
    ]
    assert git_webhook.parse_all("push", a_push(updates=[])) == []
    assert isinstance(git_webhook.parse_all("ping", a_push())[0], Ignored)
    assert git_webhook.repository_host_id(a_push()) == "/srv/infra.git"


@pytest.mark.parametrize(
    "changes",
    [{"repository": "infra.git"}, {"repository": "/srv/../etc"}, {"repository": None}, {"repository": 7},
     {"repository": "/a\nb"}, {"updates": None}, {"updates": ["x"]}, {"updates": {}}, {"ref": "main"}, {"ref": ""},
     {"ref": None}, {"before": "x"}, {"after": "2" * 39}, {"after": None}, {"forced": "no"}, {"forced": None},
     {"pusher": 7}, {"default_branch": []}, {"event": None}, {"ref": "refs/heads/\ud800"},
     {"ref": "refs/tags/v", "commit": "x"}, {"ref": "refs/tags/v", "commit": 1}],
)  # fmt: skip
def test_malformed_pushes_are_named_as_such(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedDelivery):
        git_webhook.parse_all("push", a_push(**changes))


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Runlock-Signature-256": ""}, {"X-Runlock-Signature-256": "sha256="}, {"X-Runlock-Signature-256": "\udcff"},
     {"X-Runlock-Signature-256": "sha256=" + "0" * 64}, {"X-Hub-Signature-256": git_webhook.sign("s", b"body")}],
)  # fmt: skip
def test_what_is_not_signed_with_the_secret_is_not_from_the_hook(headers: dict[str, str]) -> None:
    assert not git_webhook.verify("s", b"body", headers)


def test_a_signature_holds_for_one_body_and_never_for_an_empty_secret() -> None:
    signed = {"x-runlock-SIGNATURE-256": git_webhook.sign("s", b"body")}
    assert git_webhook.verify("s", b"body", signed)
    assert not git_webhook.verify("s", b"body ", signed)
    assert not git_webhook.verify("", b"body", {"X-Runlock-Signature-256": git_webhook.sign("", b"body")})


@pytest.mark.parametrize("value", [None, "", "two words", "x" * 101, "a\nb"])
def test_a_delivery_without_an_id_is_malformed(value: str | None) -> None:
    headers = {} if value is None else {"X-Runlock-Delivery": value, "X-Runlock-Event": value}
    for read in (git_webhook.delivery_id, git_webhook.event_name):
        with pytest.raises(MalformedDelivery):
            read(headers)
