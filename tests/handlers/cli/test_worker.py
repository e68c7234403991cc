"""How does a worker begin and end? It looks round before anybody works, and closes when nobody works any more."""

from __future__ import annotations

import time
from typing import Any

import pytest

from handlers.cli import worker
from handlers.cli.common import open_here
from handlers.jobs import Verb
from handlers.reactions.sweep import AT_START
from handlers.services import Services
from handlers.tasks import REACTIONS
from tests.fakes.command_line import Terminal


class _Consumers:
    """In the place of Huey's: `run` returns at once, and whoever is told to stop is in a transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.diary: list[str] = []
        self.services: Services | None = None
        self.monkeypatch = monkeypatch
        monkeypatch.setattr(worker, "open_here", self._open)
        monkeypatch.setattr(worker, "_consumer", lambda queue, workers: self)
        monkeypatch.setitem(REACTIONS, Verb.SWEEP, self._sweep)  # type: ignore[arg-type]

    def _open(self, settings: Any) -> Services:
        self.services = open_here(settings)
        close = self.services.records.close
        self.monkeypatch.setattr(self.services.records, "close", lambda: (self.diary.append("closed"), close()))
        return self.services

    def _sweep(self, _: Services, occasion: str) -> list[Any]:
        self.diary.append(f"sweep at {occasion}")
        return []

    def start(self) -> None:
        self.diary.append("start")

    def run(self) -> None:
        self.diary.append("run")

    def stop(self, *, graceful: bool) -> None:
        """Waits for what is in hand."""
        assert graceful
        assert self.services
        with self.services.records.write():
            time.sleep(0.2)  # the sweeper hears of the end meanwhile
            self.services.records.change("DELETE FROM chores")
        self.diary.append("stopped")


def test_the_database_is_closed_when_nobody_uses_it_any_more(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumers = _Consumers(monkeypatch)

    terminal.runlock("worker")

    assert consumers.diary[-2:] == ["stopped", "closed"]


def test_the_first_sweep_is_done_before_anything_that_was_left_in_the_queues(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nudge to give a stage up would else be faster than the time that its runner is given."""
    consumers = _Consumers(monkeypatch)

    terminal.runlock("worker")

    assert consumers.diary[:3] == [f"sweep at {AT_START}", "start", "run"]
