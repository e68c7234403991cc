"""A repository goes to another owner, whose installation of our GitHub App is another one."""

from __future__ import annotations

from typing import Any

import pytest

from bot.connection import Connection, Provider
from bot.run import RunStatus
from tests.scenarios.talk import MORE
from tests.scenarios.world import HELLO, World


class Installed:
    def __init__(self, world: World) -> None:
        self.world = world
        host: Any = world.host
        self.host = host
        self.repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.app = host.create_app()
        self.connection: Connection = world.services.connections.add(
            world.organization().id,
            Provider.GITHUB_APP,
            name="App",
            http_url=host.url,
            api_url=host.api_url,
            app_id=str(self.app.id),
            private_key=self.app.private_key,
            app_webhook_secret=self.app.webhook_secret,
        )
        self.app.webhook_url = f"{world.address}/webhooks/apps/{self.connection.id}"
        self.number = host.install(self.repo)
        self.prod = world.workspace("prod", self.repo, auto_apply=True)
        self.alice = host.person("alice", role="write", repo=self.repo)
        world.settle()
        self.push("# first\n")

    def push(self, text: str) -> str:
        sha: str = self.repo.push("main", {"more.tf": text}, by=self.alice)
        self.world.settle()
        return sha

    def installation(self) -> str:
        return self.world.repository().installation_id


@pytest.fixture
def installed(github_world: World) -> Installed:
    return Installed(github_world)


def test_a_transferred_repository_is_reached_through_its_new_owners_installation(installed: Installed) -> None:
    assert installed.installation() == str(installed.number)
    globex = installed.host.person("globex", kind="Organization")
    installed.host.change_installation(installed.number, "removed", installed.repo)
    installed.host.pending.clear()  # told to nobody
    installed.repo.transfer(globex)
    fresh = installed.host.install(installed.repo)
    installed.host.pending.clear()

    sha = installed.push(MORE)

    assert installed.installation() == str(fresh)
    run = installed.world.runs()[-1]
    assert (run.commit_sha, run.status) == (sha, RunStatus.APPLIED)
    assert installed.repo.statuses(sha)["runlock/plan"].state == "success"


def test_a_removed_installation_is_forgotten_and_the_next_one_taken(installed: Installed) -> None:
    installed.host.change_installation(installed.number, "removed", installed.repo)
    installed.world.settle()
    assert installed.installation() == ""

    installed.host.change_installation(installed.number, "added", installed.repo)
    installed.world.settle()
    assert installed.installation() == str(installed.number)
    sha = installed.push(MORE)
    assert installed.repo.statuses(sha)["runlock/plan"].state == "success"


def test_the_door_for_webhooks_of_single_repositories_takes_nothing_for_an_app(installed: Installed) -> None:
    """Whoever knows a repository's own secret could else name any installation."""
    known = installed.world.repository()
    installed.repo.add_hook(f"{installed.world.address}/webhooks/{installed.connection.id}", known.webhook_secret)
    made = len(installed.world.runs())
    installed.repo.push("main", {"more.tf": MORE}, by=installed.alice)
    own = [delivery for delivery in installed.host.pending if "/apps/" not in delivery.url]
    assert own

    assert [installed.host.send(delivery) for delivery in own] == [401] * len(own)
    assert len(installed.world.runs()) == made
