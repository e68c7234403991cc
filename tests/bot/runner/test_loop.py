"""A nudge becomes work; what else lies in the queue does nothing."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huey import Huey
from huey.registry import Message

from bot.errors import Refused
from bot.runner.loop import (
    BadMessage,
    GracefulConsumer,
    JsonSerializer,
    add_execute_task,
    close_queue,
    nudge,
    open_queue,
)
from tests.bot.runner.conftest import Runner
from tests.fakes.runner_server import POOL_TOKEN, FakeRunlock


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Huey]:
    queue = open_queue(f"sqlite://{tmp_path}/deep/queue.db", "runner")
    yield queue
    close_queue(queue)


def test_a_nudge_reaches_the_task_that_another_process_knows(queue: Huey, tmp_path: Path) -> None:
    done: list[str] = []
    sender = open_queue(str(tmp_path / "deep/queue.db"), "runner")
    nudge(sender, "job-1")
    close_queue(sender)
    add_execute_task(queue, done.append)
    queue.execute(queue.dequeue())
    assert done == ["job-1"]
    assert queue.dequeue() is None


def test_a_message_survives_the_journey() -> None:
    serializer = JsonSerializer()
    eta = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    message = Message("id", "name", eta=eta, retries=2, args=("job-1", 7), kwargs={"a": None})
    assert serializer.deserialize(serializer.serialize(message)) == message


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("exit 3",)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Evil()),
        b"",
        b"{}",
        b"[]",
        b"[" * 100_000,
        b"\xff\xfe",
        json.dumps(["id", "name", None, None, None, None, [["nested"]], {}, *[None] * 7]).encode(),
        json.dumps(["id", "name", None, None, None, None, [], {}, ["on complete"], *[None] * 6]).encode(),
        json.dumps(["id", "name", "yesterday", None, None, None, [], {}, *[None] * 7]).encode(),
        json.dumps([1, "name", None, None, None, None, [], {}, *[None] * 7]).encode(),
    ],
)
def test_what_we_did_not_write_is_not_read(data: bytes) -> None:
    with pytest.raises(BadMessage):
        JsonSerializer().deserialize(data)


def test_only_ids_go_into_a_message() -> None:
    for wrong in (Evil(), Message("id", "name", args=([1],)), Message("id", "name", kwargs={"a": {}})):
        with pytest.raises(BadMessage):
            JsonSerializer().serialize(wrong)


def test_a_queue_elsewhere_is_refused() -> None:
    with pytest.raises(Refused, match="amqp"):
        open_queue("amqp://x", "runner")


CONSUMER = """
import sys
from pathlib import Path
from bot.runner.loop import run_consumer
from bot.runner.settings import RunnerSettings
url, token, folder, path, grace = sys.argv[1:]
run_consumer(RunnerSettings(url=url, pool_token=token, queue=f"sqlite://{folder}/queue.db", concurrency=2,
    work_folder=Path(folder, "work"), engines_folder=Path(folder, "engines"), releases_url="", search_path=path,
    grace_seconds=float(grace)))
"""
SLOW = """plan) for a; do case $a in -out=*) out=${a#-out=} ;; esac; done
  echo planning; sleep 1; echo p > $out; exit 2 ;;
show) echo '{}' ;;"""


def start_consumer(server: FakeRunlock, folder: Path, grace: float) -> "subprocess.Popen[str]":
    arguments = [server.url, POOL_TOKEN, str(folder), os.environ["PATH"], str(grace)]
    command = [sys.executable, "-c", CONSUMER, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_consumer_works_drops_rubbish_and_finishes_what_it_began_on_term(
    server: FakeRunlock, tmp_path: Path, runner: Runner
) -> None:
    version = runner.add_engine("9.0.0", SLOW)
    job = server.plan({"main.tf": ""}, engine_version=version)
    queue = open_queue(f"sqlite://{tmp_path}/queue.db", "runner")
    queue.storage.enqueue(pickle.dumps(Evil()))
    nudge(queue, "job-that-is-gone")
    nudge(queue, job.document["id"])
    nudge(queue, job.document["id"])
    close_queue(queue)
    with start_consumer(server, tmp_path, 20) as process, server.waiting_for() as waiting:
        waiting.log_has(job, "planning")
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output
    assert job.result is not None
    assert job.result["outcome"] == "succeeded"
    assert len(job.claims) == 1


def test_a_consumer_works_on_two_jobs_at_the_same_time(server: FakeRunlock, tmp_path: Path, runner: Runner) -> None:
    """Each waits until it is asked to stop, so that the second can only be seen if the first doesn't keep it out."""
    server.lease_seconds = 0.9
    waits = "plan) echo planning; trap 'echo winding down; exit 1' INT; while :; do sleep 0.1; done ;;"
    version = runner.add_engine("9.0.0", waits)
    jobs = [server.plan({"main.tf": ""}, engine_version=version, run_id=f"run-{number}") for number in (1, 2)]
    queue = open_queue(f"sqlite://{tmp_path}/queue.db", "runner")
    for job in jobs:
        nudge(queue, job.document["id"])
    close_queue(queue)
    with start_consumer(server, tmp_path, 20) as process, server.waiting_for() as waiting:
        for job in jobs:
            waiting.log_has(job, "planning")
        assert [job.result for job in jobs] == [None, None]
        assert [len(job.claims) for job in jobs] == [1, 1]
        for job in jobs:
            job.signal = "interrupt"
        waiting.true(lambda: all(job.result for job in jobs), "two results")
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output
    assert [job.result["outcome"] for job in jobs if job.result] == ["canceled", "canceled"]


def test_after_the_grace_time_a_consumer_interrupts_what_runs(
    server: FakeRunlock, tmp_path: Path, runner: Runner
) -> None:
    version = runner.add_engine("9.0.0", SLOW.replace("sleep 1;", "sleep 60;"))
    job = server.plan({"main.tf": ""}, engine_version=version)
    queue = open_queue(f"sqlite://{tmp_path}/queue.db", "runner")
    nudge(queue, job.document["id"])
    close_queue(queue)
    start = time.monotonic()
    with start_consumer(server, tmp_path, 0.3) as process, server.waiting_for() as waiting:
        waiting.log_has(job, "planning")
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=20)[0]
    assert process.returncode == 0, output
    assert job.result is not None
    assert job.result["outcome"] == "trouble"
    assert time.monotonic() - start < 20


def test_a_second_term_ends_no_stage(tmp_path: Path) -> None:
    """Of a `serve` that was killed, its runner gets more than one."""
    before = signal.getsignal(signal.SIGTERM)
    queue = open_queue(f"sqlite://{tmp_path / 'queue.db'}", "runner")
    consumer = GracefulConsumer(queue, 1, 1.0, lambda: None)
    try:
        signal.signal(signal.SIGTERM, consumer._handle_signal)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
        close_queue(queue)
