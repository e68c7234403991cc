"""Worlds for stories: one with a code host of either kind, and one on plain Git."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.github import FakeGitHub
from tests.fakes.gitlab import FakeGitLab
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


def _on(kind: type[FakeGitHub] | type[FakeGitLab], tmp_path: Path) -> Iterator[World]:
    with kind(tmp_path / "host") as host:
        world = World(tmp_path / "runlock", host)
        yield world
        world.close()
    assert not host.violations, "\n".join(host.violations)
