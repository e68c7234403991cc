"""A log is masked, bounded, and sent in pieces that may be sent again."""

from pathlib import Path

import pytest

from bot.errors import OutsideTrouble
from bot.redaction import Redactor
from bot.runner.client import LogGap, StageClient, StaleLease
from bot.runner.log_stream import TAIL, LogFile, LogSender, header


class FakeClient(StageClient):
    """Takes log bytes as the server does; `forgets` bytes once, `fails` so many times."""

    def __init__(self, forgets: int = 0, fails: int = 0) -> None:
        self.got = bytearray()
        self.forgets = forgets
        self.fails = fails

    def put_log(self, offset: int, data: bytes) -> int:
        if self.fails:
            self.fails -= 1
            raise OutsideTrouble("away")
        if self.forgets and self.got:
            del self.got[-self.forgets :]
            self.forgets = 0
        if offset > len(self.got):
            raise LogGap(len(self.got))
        self.got += data[len(self.got) - offset :]
        return len(self.got)


def test_a_log_over_its_limit_says_so_and_keeps_its_end(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", Redactor([]), largest=1000)
    log.write(b"a" * 900 + b"\n")
    for number in range(10_000):
        log.write(b"line %d\n" % number)
    log.say("a word of ours")
    log.finish()
    text = log.read(0, log.size)
    assert text.startswith(b"a" * 900)
    assert b"over 1000 bytes and was cut here; the engine goes on" in text
    assert text.endswith(b"line 9999\na word of ours\n")
    assert log.size < 1000 + TAIL + 300
    log.close()


def test_a_full_disk_stops_no_engine(tmp_path: Path) -> None:
    """/dev/full stands for the disk: each write to it fails as on a full one."""
    log = LogFile(Path("/dev/full"), Redactor([]))
    log.write(b"planning\n")
    log.say("of ours")
    log.finish()
    assert log.size == 0
    log.close()


def test_what_is_read_is_masked(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log", Redactor(["swordfish"]))
    log.write(b"it is sword")
    log.write(b"fish\n")
    log.finish()
    assert (tmp_path / "log").read_bytes() == b"it is (redacted)\n"
    assert log.ending(5) == "ted)\n"
    log.close()


@pytest.mark.parametrize("client", [FakeClient(), FakeClient(forgets=700), FakeClient(fails=2)])
def test_everything_arrives_once_and_in_order(tmp_path: Path, client: FakeClient) -> None:
    log = LogFile(tmp_path / "log", Redactor([]))
    sender = LogSender(log, client, lambda: None)
    log.write(b"one" * 1000)
    sender.finish(5)
    log.write(b"two" * 1000)
    sender.finish(5)
    assert bytes(client.got) == b"one" * 1000 + b"two" * 1000
    log.close()


def test_a_server_that_never_takes_it_is_trouble_not_a_loop(tmp_path: Path) -> None:
    class Stubborn(FakeClient):
        def put_log(self, offset: int, data: bytes) -> int:
            raise LogGap(offset)

    log = LogFile(tmp_path / "log", Redactor([]))
    log.write(b"x")
    with pytest.raises(OutsideTrouble):
        LogSender(log, Stubborn(), lambda: None).finish(0.1)
    log.close()


def test_a_stale_lease_ends_the_sending(tmp_path: Path) -> None:
    class Stale(FakeClient):
        def put_log(self, offset: int, data: bytes) -> int:
            raise StaleLease("another's")

    log = LogFile(tmp_path / "log", Redactor([]))
    log.write(b"x")
    with pytest.raises(StaleLease):
        LogSender(log, Stale(), lambda: None).finish(1)
    log.close()


def test_a_header_has_three_lines() -> None:
    assert header("Terraform v1.11.4", "linux_amd64", "acme/prod for run-1").splitlines() == [
        "Terraform v1.11.4",
        "on linux_amd64",
        "Initializing acme/prod for run-1...",
    ]
