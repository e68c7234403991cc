"""Who pushes in these stories? alice, to a repository that one workspace or several listen to."""

from __future__ import annotations

from typing import Any

from tests.scenarios.talk import MORE
from tests.scenarios.world import HELLO, World


class Pushes:
    """One repository; a workspace of each of the names listens to it."""

    def __init__(self, world: World, names: tuple[str, ...] = ("prod",)) -> None:
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.alice = self.host.person("alice", role="write", repo=self.repo)
        self.workspaces = [world.workspace(name, self.repo) for name in names]
        world.settle()

    def push(self, text: str = MORE, **how: Any) -> str:
        return str(self.repo.push("main", {"more.tf": text}, by=self.alice, **how))
