"""Requests fail in few ways, each with its own answer, and no secret in its words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import OutsideTrouble
from bot.runner.client import StageClient, StaleLease, claim_job, patiently
from bot.runner.job import StageResult
from bot.stage_words import Outcome
from tests.fakes.runner_server import POOL_TOKEN, FakeJob, FakeRunlock


@pytest.fixture
def job(server: FakeRunlock) -> FakeJob:
    return server.plan({"main.tf": "x"})


@pytest.fixture
def client(server: FakeRunlock, job: FakeJob) -> Iterator[StageClient]:
    claim = claim_job(server.url, POOL_TOKEN, "job-1", "me")
    assert claim is not None
    with StageClient(server.url, claim) as client:
        yield client


def test_a_second_claim_gets_nothing(server: FakeRunlock, client: StageClient) -> None:
    assert claim_job(server.url, POOL_TOKEN, "job-1", "you") is None
    assert claim_job(server.url, POOL_TOKEN, "../../secrets", "you") is None


def test_a_wrong_token_is_for_good_and_a_busy_server_is_not(server: FakeRunlock, job: FakeJob) -> None:
    with pytest.raises(OutsideTrouble) as wrong:
        claim_job(server.url, "wrong-pool-token", "job-1", "me")
    assert wrong.value.permanent
    assert "wrong-pool-token" not in str(wrong.value)
    server.trouble = 1
    with pytest.raises(OutsideTrouble) as busy:
        claim_job(server.url, POOL_TOKEN, "job-1", "me")
    assert not busy.value.permanent


def test_a_netrc_of_whoever_starts_the_runner_changes_nothing(
    server: FakeRunlock, job: FakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert claim_job(server.url, POOL_TOKEN, "job-1", "me") is not None


def test_a_stale_lease_is_told_apart_from_everything(server: FakeRunlock, job: FakeJob, client: StageClient) -> None:
    job.lease_id = "another"
    with pytest.raises(StaleLease):
        client.heartbeat()
    with pytest.raises(StaleLease):
        client.put_log(0, b"x")
    with pytest.raises(StaleLease):
        client.post_result(StageResult(Outcome.FAILED))


def test_a_log_sent_again_is_taken_once(job: FakeJob, client: StageClient) -> None:
    assert client.put_log(0, b"abc") == 3
    assert client.put_log(0, b"abcdef") == 6
    assert client.put_log(2, b"cd") == 6
    assert job.log == b"abcdef"


def test_nobody_there_is_temporary(tmp_path: Path) -> None:
    with pytest.raises(OutsideTrouble) as trouble:
        claim_job("http://127.0.0.1:9", POOL_TOKEN, "job-1", "me")
    assert not trouble.value.permanent
    assert POOL_TOKEN not in str(trouble.value)


def test_patience_ends_and_honours_what_the_server_asks() -> None:
    waits: list[float] = []
    answers = iter([OutsideTrouble("a", retry_after=7), OutsideTrouble("b"), None])

    def call() -> str:
        answer = next(answers)
        if answer is not None:
            raise answer
        return "done"

    assert patiently(call, patience_seconds=100, sleep=waits.append) == "done"
    assert waits[0] == 7
    assert 0 < waits[1] < 2

    def never() -> None:
        raise OutsideTrouble("for good", permanent=True)

    with pytest.raises(OutsideTrouble, match="for good"):
        patiently(never, patience_seconds=100, sleep=waits.append)
    assert len(waits) == 2
