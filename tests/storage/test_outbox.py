"""How many writes a host gets from us in a minute, and who gets them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.ids import ConnectionId, RepositoryId
from storage import migrations
from storage.database import Records
from storage.outbox import WRITES_OF_ONE_REPOSITORY, WRITES_PER_WINDOW, Channel, Outbox

HERE, THERE = ConnectionId("oc-1"), ConnectionId("oc-2")
BIG, SMALL = RepositoryId("repo-big"), RepositoryId("repo-small")


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(tmp_path: Path, clock: Clock) -> Iterator[Outbox]:
    records = Records(tmp_path / "records.db", migrations.records)
    yield Outbox(records, clock)
    records.close()


def take_all(outbox: Outbox, connection: ConnectionId, repository: RepositoryId) -> int:
    taken = 0
    while outbox.take_write(connection, repository) == 0:
        taken += 1
    return taken


def test_one_repository_leaves_some_writes_to_the_others(outbox: Outbox, clock: Clock) -> None:
    assert take_all(outbox, HERE, BIG) == WRITES_OF_ONE_REPOSITORY
    assert take_all(outbox, HERE, SMALL) == WRITES_PER_WINDOW - WRITES_OF_ONE_REPOSITORY
    assert take_all(outbox, THERE, SMALL) == WRITES_OF_ONE_REPOSITORY

    clock.advance(61.5)
    assert outbox.take_write(HERE, BIG) == 0


def test_never_more_than_eighty_in_any_minute(outbox: Outbox, clock: Clock) -> None:
    times: list[float] = []
    for number in range(2000):
        if outbox.take_write(HERE, RepositoryId(f"repo-{number % 7}")) == 0:
            times.append(clock.moment.timestamp())
        clock.advance(0.2)

    assert max(sum(start <= at < start + 60 for at in times) for start in times) <= 80
    assert len(times) >= 400  # and not much less than that, either: 400 seconds have passed


def test_the_wait_that_is_named_is_the_right_one(outbox: Outbox, clock: Clock) -> None:
    take_all(outbox, HERE, BIG)
    clock.advance(10)

    clock.advance(outbox.take_write(HERE, BIG) + 0.001)

    assert outbox.take_write(HERE, BIG) == 0


def test_a_pause_is_for_the_whole_connection_and_never_gets_shorter(outbox: Outbox, clock: Clock) -> None:
    outbox.pause(HERE, 90)
    outbox.pause(HERE, 5)

    assert outbox.take_write(HERE, BIG) == pytest.approx(90)
    assert outbox.take_write(THERE, BIG) == 0
    clock.advance(91)
    assert outbox.take_write(HERE, SMALL) == 0


def test_news_does_not_jump_the_backoff_of_a_failing_wish(outbox: Outbox, clock: Clock) -> None:
    def want(state: str) -> None:
        outbox.want(HERE, BIG, "lane", Channel.STATUS, "runlock/plan", {"state": state})

    want("pending")
    (wanted,) = outbox.due("lane")
    outbox.begin(wanted, 30)
    want("success")

    assert outbox.due("lane") == []
    clock.advance(31)
    (wanted,) = outbox.due("lane")
    assert wanted.content == {"state": "success"}
    outbox.sent(wanted)
    assert outbox.seconds_until_due("lane") is None
