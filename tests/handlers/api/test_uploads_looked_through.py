"""What is uploaded is looked through apart from the web process: it goes on answering, and keeps nothing of it."""

import functools
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from bot.errors import OutsideTrouble
from bot.runner.archive_check import ReaderLimits, check_archive
from bot.workspace import Workspace
from handlers import configuration_uploads
from tests.fakes.door_world import World
from tests.fakes.hostile_archives import memory_hog, readers, storm, until
from tests.fakes.uploads import MAIN, archive, expected, shown, upload


@pytest.fixture
def alone(world: World) -> Workspace:
    return world.services.workspaces.add(world.organization.id, "alone")


@contextmanager
def nothing_left(world: World) -> Iterator[None]:
    yield
    assert list(world.services.settings.server_folder.glob(f"{tempfile.gettempprefix()}*")) == []
    assert readers() == []


def refused_reason(world: World, version: dict[str, Any], answer: Any) -> str:
    reason: str = answer.json["errors"][0]["detail"]
    attributes = shown(world, version)
    assert (answer.status_code, attributes["status"], attributes["error-message"]) == (422, "errored", reason)
    return reason


def test_one_that_takes_too_much_memory_is_refused(world: World, alone: Workspace) -> None:
    version = expected(world, alone)
    with nothing_left(world):
        answer = upload(world, version, memory_hog())
    assert "over 512 MB of memory" in refused_reason(world, version, answer)


def test_others_are_answered_while_a_slow_one_is_looked_through(
    world: World, alone: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = functools.partial(check_archive, limits=ReaderLimits(cpu_seconds=2))
    monkeypatch.setattr(configuration_uploads, "check_archive", impatient)
    grace = world.services.people.add_user("grace", "grace@acme.test")
    world.services.people.make_owner(world.organization.id, grace.id)
    slow, quick, answers = expected(world, alone), expected(world, alone, world.token_of(grace)), list[Any]()
    with nothing_left(world):
        thread = threading.Thread(target=lambda: answers.append(upload(world, slow, storm())))
        thread.start()
        (reader,) = until(readers)
        assert shown(world, slow)["status"] == "pending"
        assert upload(world, quick, archive(("main.tf", MAIN))).status_code == 200
        assert readers() == [reader]
        thread.join()
    assert "over 2 seconds of computing" in refused_reason(world, slow, answers[0])


def test_one_whose_process_is_killed_leaves_nothing(world: World, alone: Workspace) -> None:
    version, answers = expected(world, alone), list[Any]()
    with nothing_left(world):
        thread = threading.Thread(target=lambda: answers.append(upload(world, version, storm())))
        thread.start()
        (reader,) = until(readers)
        until(lambda: any(world.services.settings.server_folder.glob("*/tree/t*")))
        os.kill(reader, signal.SIGKILL)
        thread.join()
    assert "ended by signal 9" in refused_reason(world, version, answers[0])


def test_what_the_machine_lacks_is_no_reason_to_refuse_it(
    world: World, alone: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OutsideTrouble("unpacking the configuration: No space left on device")

    version, content = expected(world, alone), archive(("main.tf", MAIN))
    with monkeypatch.context() as patched, nothing_left(world):
        patched.setattr(configuration_uploads, "check_archive", full)
        answer = upload(world, version, content)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert shown(world, version)["status"] == "pending"
    assert upload(world, version, content).status_code == 200


def test_not_more_wait_than_threads_can_be_spared(world: World, alone: Workspace) -> None:
    """The last one is told at once, without the wait that the others have."""
    version, content, turns = expected(world, alone), archive(("main.tf", MAIN)), configuration_uploads.turns
    with ExitStack() as stack:
        for number in range(turns.at_once):
            stack.enter_context(turns.turn(f"user-{number}", 0, "busy"))
        answered, threads = list[Any](), list[threading.Thread]()
        for _ in range(turns.most_waiting_of_one):
            waiting = expected(world, alone)
            wait = functools.partial(lambda waiting: answered.append(upload(world, waiting, content)), waiting)
            threads.append(threading.Thread(target=wait))
            threads[-1].start()
        until(lambda: turns.waiting.total() == turns.most_waiting_of_one)
        assert upload(world, version, content).status_code == 503
        assert answered == []
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answered] == [200] * turns.most_waiting_of_one
