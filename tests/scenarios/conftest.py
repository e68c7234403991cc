"""Worlds for stories: one with a code host of either kind, and one on plain Git with somebody who pushes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.git_repositories import new_work
from tests.fakes.github import FakeGitHub
from tests.fakes.gitlab import FakeGitLab
from tests.scenarios.plain_git import Bench
from tests.scenarios.world import World


@pytest.fixture(params=["github", "gitlab"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The same story on both hosts."""
    yield from _on(FakeGitHub if request.param == "github" else FakeGitLab, tmp_path)


@pytest.fixture
def github_world(tmp_path: Path) -> Iterator[World]:
    yield from _on(FakeGitHub, tmp_path)


@pytest.fixture
def gitlab_world(tmp_path: Path) -> Iterator[World]:
    yield from _on(FakeGitLab, tmp_path)


@pytest.fixture
def plain_world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "runlock")
    yield world
    world.close()


@pytest.fixture
def bench(plain_world: World, tmp_path: Path) -> Iterator[Bench]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "REMOTE_USER": "ada",
    }
    bench = Bench(plain_world, new_work(tmp_path / "work"), environment)
    yield bench
    for process in bench.started:  # those that a failed test left
        process.kill()
        process.communicate()


def _on(kind: type[FakeGitHub] | type[FakeGitLab], tmp_path: Path) -> Iterator[World]:
    with kind(tmp_path / "host") as host:
        world = World(tmp_path / "runlock", host)
        yield world
        world.close()
    assert not host.violations, "\n".join(host.violations)
