"""A signed delivery names another repository's path or URL for ours: the host is asked, and its word is taken.

Whoever pasted a webhook's secret can sign what he likes; the connection's credential reaches more than his repository.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from bot.run import RunStatus
from tests.scenarios.world import HELLO, World

GITHUB = {"path": "full_name", "clone_url": "clone_url"}
GITLAB = {"path": "path_with_namespace", "clone_url": "git_http_url"}


class Forger:
    """Knows the webhook's secret of acme/infra, and wants to see acme/secrets, which the credential reaches as well."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.secrets = self.host.create_repository("acme/secrets", files={"main.tf": HELLO})
        self.alice = self.host.person("alice", role="write", repo=self.repo)
        world.workspace("prod", self.repo)
        world.settle()

    def pushes(self, **false: str) -> str:
        """A push to acme/infra whose delivery says something else; the commit."""
        sha: str = self.repo.push("main", {"more.tf": "# more\n"}, by=self.alice)
        delivery = self.host.pending.pop()
        is_gitlab = self.world.connection().provider.is_gitlab
        payload = json.loads(delivery.body)
        place, names = (payload["project"], GITLAB) if is_gitlab else (payload["repository"], GITHUB)
        for name, value in false.items():
            assert names.get(name, name) in place
            place[names.get(name, name)] = value
        delivery.body = json.dumps(payload).encode()
        if not is_gitlab:
            mark = hmac.new(self.world.repository().webhook_secret.encode(), delivery.body, hashlib.sha256)
            delivery.headers["X-Hub-Signature-256"] = f"sha256={mark.hexdigest()}"
        assert self.host.send(delivery) == 202
        self.world.settle()
        return sha


@pytest.mark.parametrize("names", [("clone_url",), ("path",), ("path", "clone_url")])
def test_our_credential_does_not_fetch_what_a_body_points_to(world: World, names: tuple[str, ...]) -> None:
    forger = Forger(world)
    before = world.repository()
    theirs = {"path": "acme/secrets", "clone_url": forger.secrets.clone_url}

    sha = forger.pushes(**{name: theirs[name] for name in names})

    assert world.repository() == before
    run = world.only_run()
    assert (run.commit_sha, run.status) == (sha, RunStatus.PLANNED)


def test_a_body_does_not_choose_the_default_branch(world: World) -> None:
    """A workspace without a branch of its own follows it, and may apply what is pushed there."""
    forger = Forger(world)

    forger.pushes(default_branch="feature")

    assert world.repository().default_branch == "main"
    assert world.only_run().status is RunStatus.PLANNED


def test_what_the_host_can_not_be_asked_is_not_believed(github_world: World) -> None:
    forger = Forger(github_world)
    before = github_world.repository()
    forger.host.repositories.remove(forger.repo)

    forger.pushes(path="acme/secrets", clone_url=forger.secrets.clone_url)

    assert github_world.repository() == before
    (received,) = github_world.services.inbox.recent()
    assert received.outcome == "GitHub shows acme/infra to this connection no more; check its access"
