"""Many writers, few commits, and each gets its own answer."""

import threading
from pathlib import Path

import pytest

from storage import migrations
from storage.database import Records, TransactionGone
from storage.group_commit import GroupCommit


@pytest.fixture
def records(tmp_path: Path):
    found = Records(tmp_path / "inbox.db", migrations.inbox)
    yield found
    found.close()


def _insert(records: Records, number: int) -> int:
    row = {"connection_id": "oc", "delivery_id": str(number), "lane": "l", "event": "push", "body": b""}
    return records.insert("deliveries", {**row, "received_at": "", "status": "received"})


def test_those_who_wait_share_a_commit_and_keep_their_own_answers(records: Records) -> None:
    group, commits, answers = GroupCommit(records), [], {}
    records.on_write = commits.append
    first_is_in, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        first_is_in.set()
        go_on.wait(10)
        return _insert(records, 0)

    def write(number: int) -> None:
        answers[number] = group.write(slow if number == 0 else lambda: _insert(records, number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    threads[0].start()
    assert first_is_in.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(group._waiting) < 5:
        pass
    go_on.set()
    for thread in threads:
        thread.join()

    assert len(commits) == 2
    assert sorted(answers) == list(range(6))
    for number, seq in answers.items():
        assert records.value("SELECT delivery_id FROM deliveries WHERE seq = ?", (seq,)) == str(number)


def test_a_failure_is_its_own_callers_alone(records: Records) -> None:
    group = GroupCommit(records)

    def broken() -> int:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        group.write(broken)
    assert group.write(lambda: _insert(records, 1)) == 1


def test_nobody_is_told_of_success_when_the_commit_fails(records: Records) -> None:
    group = GroupCommit(records)

    def ends_the_transaction() -> int:
        seq = _insert(records, 1)
        records.connection().conn.execute("ROLLBACK")
        return seq

    with pytest.raises(Exception, match="no transaction is active"):
        group.write(ends_the_transaction)
    assert records.value("SELECT count(*) FROM deliveries") == 0


def test_a_transaction_that_sqlite_rolled_back_hangs_nobody(records: Records) -> None:
    """A full disk: all in the group fail, and the next one works again."""
    group = GroupCommit(records)

    def disk_full() -> int:
        _insert(records, 1)
        records.connection().conn.execute("ROLLBACK")  # what SQLite does by itself on SQLITE_FULL
        return _insert(records, 2)

    with pytest.raises(TransactionGone):
        group.write(disk_full)
    assert group.write(lambda: _insert(records, 3)) > 0
    assert records.value("SELECT count(*) FROM deliveries") == 1
