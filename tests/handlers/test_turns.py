"""Few work at once, each of somebody else, and nobody takes all places to wait in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from bot.errors import OutsideTrouble
from handlers.turns import Turns


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


class Crowd:
    """People who each do something in their turn, for as long as they are let."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.done: list[str] = []
        self.threads: list[threading.Thread] = []

    def comes(self, who: str) -> None:
        def work() -> None:
            with self.turns.turn(who, 10, "busy"):
                self.done.append(who)

        before = self.turns.waiting.total()
        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
        until(lambda: self.turns.waiting.total() == before + 1)

    def ends(self) -> None:
        for thread in self.threads:
            thread.join()


def test_one_who_is_at_work_leaves_the_other_turn_to_others() -> None:
    turns = Turns(at_once=2, most_waiting=4)
    crowd = Crowd(turns)
    with turns.turn("eve", 0, "busy"):
        crowd.comes("eve")
        with turns.turn("ada", 0, "busy"):
            pass
        assert crowd.done == []
    crowd.ends()
    assert crowd.done == ["eve"]


def test_nobody_takes_all_places_to_wait_in() -> None:
    turns = Turns(at_once=1, most_waiting=4)
    crowd = Crowd(turns)
    with turns.turn("ada", 0, "busy"):
        crowd.comes("eve")
        crowd.comes("eve")
        with pytest.raises(OutsideTrouble, match="busy"), turns.turn("eve", 10, "busy"):
            pass
        crowd.comes("bob")
        crowd.comes("cyd")
        with pytest.raises(OutsideTrouble, match="busy"), turns.turn("dan", 10, "busy"):
            pass
    crowd.ends()
    assert sorted(crowd.done) == ["bob", "cyd", "eve", "eve"]


def test_who_waits_too_long_is_told_and_leaves_the_place() -> None:
    turns = Turns(at_once=1, most_waiting=2)
    with turns.turn("ada", 0, "busy"):
        for _ in range(3):
            with pytest.raises(OutsideTrouble, match="busy"), turns.turn("eve", 0.01, "busy"):
                pass
        assert turns.waiting.total() == 0


def test_a_turn_is_given_back_however_it_ends() -> None:
    turns = Turns(at_once=1, most_waiting=2)

    def breaks() -> None:
        with turns.turn("ada", 0, "busy"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()
    with turns.turn("ada", 0, "busy"):
        pass
