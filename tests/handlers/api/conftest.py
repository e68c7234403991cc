"""A world behind the door of the API, and its workspace prod."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.door_world import World, open_world
from tests.handlers.api.state_world import Prod


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path) as found:
        yield found


@pytest.fixture
def prod(world: World) -> Prod:
    return Prod(world)
