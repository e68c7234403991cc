"""Who sends a byte now and then holds no runner: deadlines and cancels reach what comes before the engine."""

import contextlib
import gc
import os
import socket
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from bot.errors import OutsideTrouble
from bot.runner import client as client_module
from bot.runner import engine_versions, lease
from bot.runner.client import StageClient, claim_job
from bot.runner.engine_process import Reins, Stop, Stopped
from bot.runner.job import StageResult
from bot.runner.settings import SandboxMode
from bot.runner.unpacking import unpack
from bot.runner.wire import Wire, stoppable
from bot.stage_words import Outcome, Signal
from tests.bot.runner.conftest import PLANS, Runner
from tests.fakes.runner_server import POOL_TOKEN, FakeRunlock

SECONDS = 4  # within which all of it is over
IN_THE_HEADERS = b"HTTP/1.1 200 OK\r\nX-Long: "
IN_THE_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
AN_ENGINE = PLANS % "echo plan > $out"


@contextlib.contextmanager
def trickling(first: bytes) -> Iterator[str]:
    """The address of somebody who begins an answer, goes on with a byte a second, and reads no request to its end."""
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(100)
            connection.sendall(first)
            while not over.wait(1):
                connection.sendall(b"x")

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(server.accept()[0],)).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(autouse=True)
def clock() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SECONDS


@pytest.fixture
def runner(make_runner: Callable[..., Runner]) -> Runner:
    return make_runner(sandbox=SandboxMode.NONE)


def test_a_configuration_that_trickles_is_stopped_at_the_deadline(runner: Runner, server: FakeRunlock) -> None:
    server.trickling.add("configuration")
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", AN_ENGINE), timeout_seconds=1)
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "timed_out"
    assert job.result["error"] == "the plan took longer than 1 seconds; it was still downloading the configuration"
    assert job.result["error"] in job.text
    assert list(runner.settings.work_folder.iterdir()) == []


def test_an_apply_that_can_not_begin_in_time_has_not_begun(runner: Runner, server: FakeRunlock) -> None:
    planned = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", AN_ENGINE))
    runner.execute(planned)
    server.trickling.add("work-folder")
    applied = server.apply(planned, timeout_seconds=1)
    runner.execute(applied)
    assert applied.result is not None
    assert (applied.result["outcome"], applied.result["apply_started"]) == ("timed_out", False)
    assert applied.result["error"].endswith("it was still downloading the work folder")


def test_an_apply_that_is_cancelled_just_before_its_engine_has_not_begun(runner: Runner, server: FakeRunlock) -> None:
    """The answer to the last question whether it may: nothing has changed then, and the outcome is known."""
    planned = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", AN_ENGINE))
    runner.execute(planned)
    applied = server.apply(planned)
    applied.signal = "interrupt"
    runner.execute(applied)
    assert applied.result is not None
    assert (applied.result["outcome"], applied.result["apply_started"]) == ("canceled", False)


@pytest.mark.parametrize("first", [IN_THE_HEADERS, IN_THE_BODY])
def test_a_mirror_that_trickles_is_stopped_at_the_deadline(
    make_runner: Callable[..., Runner], server: FakeRunlock, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    """And is not taken for one that can't be reached: the next run may ask it again."""
    monkeypatch.setattr(engine_versions, "_unreachable_until", {})
    with trickling(first) as mirror:
        job = server.plan({"main.tf": ""}, engine_version="9.9.9", timeout_seconds=1)
        make_runner(sandbox=SandboxMode.NONE, releases_url=mirror).execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "timed_out"
    assert job.result["error"] == "the plan took longer than 1 seconds; it was still downloading terraform 9.9.9"
    assert engine_versions._unreachable_until == {}


@pytest.mark.parametrize("signal", ["interrupt", "kill"])
def test_a_cancel_ends_a_download(
    runner: Runner, server: FakeRunlock, monkeypatch: pytest.MonkeyPatch, signal: str
) -> None:
    """However long a lease is: a heartbeat comes more often than that needs."""
    monkeypatch.setattr(lease, "LONGEST_INTERVAL", lease.LONGEST_INTERVAL / 25)
    server.trickling.add("configuration")
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", AN_ENGINE))
    thread = runner.start(job)
    with server.waiting_for() as waiting:
        waiting.true(lambda: "engine" in job.order, "the engine to be told")
    job.signal = signal
    thread.join(SECONDS)
    assert job.result is not None
    assert job.result["outcome"] == "canceled"
    assert job.result["error"] == "the plan was canceled; it was still downloading the configuration"


def test_the_wait_for_a_server_that_breaks_off_ends_at_the_deadline(runner: Runner, server: FakeRunlock) -> None:
    """A stage asks again and again, with longer and longer waits."""
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", AN_ENGINE), timeout_seconds=1)
    del job.downloads["configuration"]  # the double breaks off instead of answering
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "timed_out"


@pytest.mark.parametrize("through", ["directly", "a proxy"])
@pytest.mark.parametrize("first", [b"", IN_THE_HEADERS, IN_THE_BODY])
def test_an_upload_that_nobody_reads_is_stopped(first: bytes, through: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reins = Reins(grace_seconds=1)
    threading.Timer(0.3, reins.interrupt, (Stop.CANCELED,)).start()
    with trickling(first) as address:
        if through == "a proxy":
            monkeypatch.setenv("http_proxy", address)
            monkeypatch.setenv("no_proxy", "")
            address = "http://somewhere.test"
        with pytest.raises(Stopped), stoppable(reins, "handing in the plan") as session:
            session.put(address, data=bytes(50_000_000), timeout=60)
    assert reins.doing == "handing in the plan"


def test_what_is_cut_before_it_is_connected_is_not_begun() -> None:
    wire = Wire()
    with trickling(IN_THE_BODY) as address, wire.session() as session:
        wire.cut()
        with pytest.raises(requests.RequestException):
            session.get(address, timeout=60)


def test_a_stage_that_is_stopped_begins_no_transfer() -> None:
    reins = Reins(grace_seconds=1)
    reins.interrupt(Stop.SHUTDOWN)
    with pytest.raises(Stopped), stoppable(reins, "downloading the plan"):
        pytest.fail("it has begun")
    with pytest.raises(Stopped):
        reins.sleep(60, "downloading the plan")


def test_a_session_is_used_again_after_its_limit() -> None:
    wire = Wire()
    with trickling(IN_THE_HEADERS) as slow, FakeRunlock() as quick, wire.session() as session:
        # Cut in the headers, it looks like their end.
        with wire.limited(0.2), contextlib.suppress(requests.RequestException):
            session.get(slow, timeout=60)
        with wire.limited(10):
            assert session.get(quick.url, timeout=60).status_code == 409


def test_a_client_that_nobody_ends_leaves_no_connection(server: FakeRunlock) -> None:
    server.plan({"main.tf": ""})
    claim = claim_job(server.url, POOL_TOKEN, "job-1", "me")
    assert claim is not None
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    client = StageClient(server.url, claim)
    client.heartbeat()
    assert len(os.listdir("/proc/self/fd")) > before
    del client
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the server's end may take a moment


def test_small_exchanges_have_a_limit(monkeypatch: pytest.MonkeyPatch, server: FakeRunlock) -> None:
    server.plan({"main.tf": ""})
    claim = claim_job(server.url, POOL_TOKEN, "job-1", "me")
    assert claim is not None
    for name in ("CLAIM_SECONDS", "HEARTBEAT_SECONDS", "EXCHANGE_SECONDS"):
        monkeypatch.setattr(client_module, name, 0.2)
    with trickling(IN_THE_HEADERS) as address:
        with pytest.raises(OutsideTrouble) as trouble:
            claim_job(address, POOL_TOKEN, "job-1", "me")
        assert not trouble.value.permanent
        with StageClient(address, claim) as client, pytest.raises(OutsideTrouble):
            client.heartbeat()
        with StageClient(address, claim) as client, pytest.raises(OutsideTrouble):
            client.put_log(0, b"x")


def test_where_no_thread_is_left_a_result_comes_all_the_same(
    monkeypatch: pytest.MonkeyPatch, server: FakeRunlock
) -> None:
    """An engine may have them all. Without its heartbeats a healthy apply would be taken for lost."""

    def no_thread(timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    job = server.plan({"main.tf": ""})
    claim = claim_job(server.url, POOL_TOKEN, "job-1", "me")
    assert claim is not None
    monkeypatch.setattr(threading.Timer, "start", no_thread)
    with StageClient(server.url, claim) as client:
        assert client.heartbeat() is Signal.NONE
        client.post_result(StageResult(Outcome.FAILED))
    assert job.result is not None


def test_a_heartbeat_that_has_no_thread_is_tried_again(monkeypatch: pytest.MonkeyPatch, server: FakeRunlock) -> None:
    server.plan({"main.tf": ""})
    claim = claim_job(server.url, POOL_TOKEN, "job-1", "me")
    assert claim is not None
    monkeypatch.setattr(lease, "LONGEST_INTERVAL", 0.05)
    troubles = [RuntimeError("can't start new thread")]
    again = threading.Event()

    def heartbeat(client: StageClient) -> Signal:
        if troubles:
            raise troubles.pop()
        again.set()
        return Signal.NONE

    monkeypatch.setattr(StageClient, "heartbeat", heartbeat)
    with StageClient(server.url, claim) as client, lease.LeaseKeeper(claim, client, Reins(1)):
        assert again.wait(SECONDS)


def test_unpacking_is_stopped_in_the_middle_of_a_large_file(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(10_000_000))
    with tarfile.open(tmp_path / "packed.tar", "w") as tar:
        tar.add(tmp_path / "large", "large")
    (tmp_path / "tree").mkdir()
    reins = Reins(grace_seconds=1)
    asked = 0

    def go_on() -> None:
        nonlocal asked
        asked += 1
        if asked == 20:
            reins.interrupt(Stop.CANCELED)
        reins.check("unpacking the configuration")

    with pytest.raises(Stopped):
        unpack(tmp_path / "packed.tar", tmp_path / "tree", go_on=go_on)
    assert (tmp_path / "tree/large").stat().st_size < 10_000_000
