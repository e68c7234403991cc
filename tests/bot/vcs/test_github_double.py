"""The double of GitHub itself: does it do as GitHub does, and does it notice when we don't?"""

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import requests

from bot.events import Commented, Pushed
from bot.vcs import github_webhook
from tests.fakes import github_description, github_fixtures
from tests.fakes.git_server import git
from tests.fakes.github import FakeGitHub
from tests.fakes.github_git import Executable, Submodule, Symlink

github = github_fixtures.github


@pytest.fixture
def repo(github):
    repo = github.create_repository("acme/infra", {"main.tf": "1\n", "old.tf": ""})
    repo.add_hook("http://127.0.0.1:9/webhooks/oc-1", "s3cret")
    return repo


@pytest.fixture
def alice(github, repo):
    return github.person("alice", "write", repo)


def clone(url: str, folder, password: str | None = None) -> subprocess.CompletedProcess[bytes]:
    helper = f"!f() {{ echo username=x; echo password={password}; }}; f"
    return subprocess.run(
        ["git", *(["-c", f"credential.helper={helper}"] if password else []), "clone", "--quiet", url, str(folder)],
        env={
            "PATH": os.defpath,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(folder.parent),
        },
        capture_output=True,
        check=False,
    )


def told(github: FakeGitHub) -> list[tuple[str, str]]:
    return [(delivery.event, delivery.action) for delivery in github.deliveries]


def test_git_needs_a_token_that_may_read(github, repo, tmp_path):
    assert clone(repo.clone_url, tmp_path / "anonymous").returncode != 0
    assert clone(repo.clone_url, tmp_path / "wrong", "ghp_wrong").returncode != 0
    stranger = github.issue_token(github.person("stranger"))
    assert clone(repo.clone_url, tmp_path / "stranger", stranger).returncode != 0
    assert clone(repo.clone_url, tmp_path / "right", github.token).returncode == 0
    assert (tmp_path / "right/main.tf").read_text() == "1\n"
    assert {request.status for request in github.git_server.requests} == {401, 404, 200}


def test_git_by_the_old_path_and_of_a_public_repository(github, repo, tmp_path):
    repo.rename("platform")
    repo.private = False
    assert clone(f"{github.url}/acme/infra.git", tmp_path / "old").returncode == 0
    assert git("rev-parse", "HEAD", folder=tmp_path / "old") == repo.head()


def test_pushing_over_http_is_off(github, repo, tmp_path):
    clone(repo.clone_url, tmp_path / "work", github.token)
    url = repo.clone_url.replace("://", f"://x:{github.token}@")
    with pytest.raises(RuntimeError, match="403"):
        git("push", url, "HEAD:refs/heads/pushed", folder=tmp_path / "work")


def test_commit_that_left_its_branch_is_still_fetched_by_its_id(github, repo, alice, tmp_path):
    lost = repo.push("feature", {"a.tf": ""}, by=alice)
    repo.push("feature", {"b.tf": ""}, by=alice, force=True)
    git("init", "--quiet", ".", folder=tmp_path)
    url = repo.clone_url.replace("://", f"://x:{github.token}@")
    git("fetch", "--quiet", url, lost, folder=tmp_path)
    assert git("rev-parse", "FETCH_HEAD", folder=tmp_path) == lost


def test_files_of_every_kind(repo, alice):
    files = {
        "link": Symlink("/etc/passwd"),
        "run.sh": Executable("#!/bin/sh\n"),
        "module": Submodule("c" * 40),
        'a "quoted" \\ näme\nwith a line.tf': b"\x00\xff",
    }
    sha = repo.push("feature", files, by=alice)
    listed = repo.bare.git("ls-tree", "-z", sha).split("\0")
    modes = {line.split("\t", 1)[1]: line[:6] for line in listed if line}
    assert (modes["link"], modes["run.sh"]) == ("120000", "100755")
    assert modes["module"] == "160000"
    assert modes['a "quoted" \\ näme\nwith a line.tf'] == "100644"


def test_push_is_told_as_it_happened(github, repo, alice):
    first = repo.push("feature", {"main.tf": "2\n", "new.tf": ""}, by=alice)
    repo.push_commits("feature", [{"a.tf": ""}, {"b.tf": ""}], by=alice)
    forced = repo.push("feature", {"c.tf": ""}, by=alice, force=True)
    created, moved, rewritten = (github_webhook.parse(d.event, d.payload) for d in github.deliveries)
    assert isinstance(created, Pushed)
    assert (created.created, created.after_sha, created.forced) == (True, first, False)
    assert moved.changed_paths == ("a.tf", "b.tf")
    assert (rewritten.forced, rewritten.after_sha, rewritten.changed_paths) == (True, forced, None)
    assert rewritten.before_sha == moved.after_sha


def test_deliveries_are_signed_with_the_hooks_secret_and_can_be_sent_again(github, repo, alice):
    repo.push("main", {"a.tf": ""}, by=alice)
    got: list[tuple[str, bool]] = []

    def receive(headers, body) -> int:
        got.append((github_webhook.delivery_id(headers), github_webhook.verify("s3cret", body, headers)))
        return 202

    (sent,) = github.deliver(receive)
    github.send(sent, receive)
    assert got == [(sent.id, True), (sent.id, True)]
    assert (sent.status, github.pending) == (202, [])


def test_deliveries_can_be_reordered_and_dropped(github, repo, alice):
    for number in range(3):
        repo.push("main", {f"{number}.tf": ""}, by=alice)
    github.pending.reverse()
    del github.pending[0]
    got = []
    github.deliver(lambda headers, body: got.append(json.loads(body)["after"]) or 202)
    assert got == [github.deliveries[1].payload["after"], github.deliveries[0].payload["after"]]


def test_hook_hears_only_what_it_asked_for(github, repo, alice):
    repo.hooks.clear()
    repo.add_hook("http://127.0.0.1:9/x", "s", ("pull_request",))
    repo.push("feature", {"a.tf": ""}, by=alice)
    repo.open_pull("feature", by=alice)
    assert told(github) == [("pull_request", "opened")]


def test_life_of_a_pull_request(github, repo, alice):
    repo.push("feature", {"a.tf": ""}, by=alice)
    repo.push("develop", {}, by=alice)
    github.deliveries.clear()
    pull = repo.open_pull("feature", by=alice, draft=True)
    pull.ready()
    pull.push({"b.tf": ""})
    pull.comment("apply", alice)
    pull.retarget("develop")
    pull.close()
    pull.reopen()
    pull.merge("merge", alice)
    assert told(github) == [
        ("pull_request", "opened"),
        ("pull_request", "ready_for_review"),
        ("push", ""),
        ("pull_request", "synchronize"),
        ("issue_comment", "created"),
        ("pull_request", "edited"),
        ("pull_request", "closed"),
        ("pull_request", "reopened"),
        ("push", ""),
        ("pull_request", "closed"),
    ]
    assert isinstance(github_webhook.parse("issue_comment", github.deliveries[4].payload), Commented)
    assert repo.bare.resolve("refs/pull/1/head") == pull.head_sha


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1), ("ff", 1)])
def test_ways_to_merge_are_real_git(repo, alice, method, parents):
    repo.push("feature", {"a.tf": ""}, by=alice)
    pull = repo.open_pull("feature", by=alice)
    if method != "ff":
        repo.push("main", {"b.tf": ""}, by=alice)
    merged_at = pull.merge(method, alice)
    assert pull.merged
    assert repo.head() == merged_at
    assert len(repo.bare.facts(merged_at).parents) == parents
    assert "a.tf" in repo.bare.git("ls-tree", "--name-only", merged_at)
    assert (merged_at == pull.head_sha) == (method == "ff")


def test_fork_brings_its_commits_along(github, repo):
    mallory = github.person("mallory")
    fork = repo.fork(mallory)
    sha = fork.push("main", {"evil.tf": ""}, by=mallory)
    repo.open_pull("main", by=mallory, head=fork)
    assert repo.bare.resolve("refs/pull/1/head") == sha
    assert repo.head() != sha


def test_frozen_and_offset_clock(github, repo, alice):
    github.now = datetime(2026, 1, 1, tzinfo=UTC)
    comment = repo.comment_on(repo.head(), "x", alice)
    assert comment.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    github.advance(timedelta(hours=1))
    answer = requests.get(f"{github.api_url}/repos/acme/infra", headers={"Authorization": f"token {github.token}"})
    assert answer.headers["Date"] == "Thu, 01 Jan 2026 01:00:00 GMT"
    assert answer.headers["X-RateLimit-Remaining"] == "4999"


def test_request_that_breaks_the_description_is_noticed(tmp_path):
    with FakeGitHub(tmp_path) as host:
        repo = host.create_repository("acme/infra")
        headers = {"Authorization": f"token {host.token}"}
        api = f"{host.api_url}/repos/acme/infra"
        body = {"state": "pending", "context": "x", "descripton": "misspelled"}
        requests.post(f"{api}/statuses/{repo.head()}", json=body, headers=headers)
        requests.get(f"{api}/pulls?sate=open", headers=headers)
        requests.get(f"{api}/no/such/thing", headers=headers)
        assert host.violations == [
            "POST /repos/{owner}/{repo}/statuses/{sha}: GitHub knows no field 'descripton'",
            "GET /repos/{owner}/{repo}/pulls: GitHub knows no query parameter 'sate'",
            "GET /repos/acme/infra/no/such/thing: GitHub's description has no such operation",
        ]


def test_answers_and_webhooks_are_held_against_the_description():
    assert "'context' is a required" in "".join(
        github_description.check_answer("POST", "/repos/a/b/statuses/c", 201, {})
    )
    assert github_description.check_answer("POST", "/repos/a/b/statuses/c", 204, None) != []
    assert github_description.check_answer("POST", "/repos/a/b/statuses/c", 418, {"message": "no"}) == []
    assert github_description.check_webhook("push", {}) != []
    assert github_description.check_webhook("pull_request", {"action": "exploded"}) != []
    assert github_description.check_request("POST", "/repos/a/b/check-runs", "", None) != []


def test_share_of_lost_answers_is_repeatable(tmp_path):
    def statuses(name: str) -> list[str]:
        with FakeGitHub(tmp_path / name) as host:
            repo = host.create_repository("acme/infra")
            host.drop_answers(share=0.5, seed=7)
            seen = []
            for number in range(12):
                body = {"state": "pending", "context": f"c{number}"}
                url = f"{host.api_url}/repos/acme/infra/statuses/{repo.head()}"
                try:
                    answer = requests.post(url, json=body, headers={"Authorization": f"token {host.token}"})
                    seen.append(str(answer.status_code))
                except requests.ConnectionError:
                    seen.append("lost")
            assert len(repo.statuses(repo.head())) == 12
            return seen

    first = statuses("one")
    assert {"201", "502", "lost"} == set(first)
    assert statuses("two") == first
