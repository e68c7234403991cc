"""The web process as it is started: whoever sends slowly holds no thread, and TERM ends it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from handlers.cli.web import WEB_THREADS


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _healthy(port: int) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=20) as answer:
        return bool(answer.status == 200)
    return False


def test_connections_that_send_nothing_more_stop_nobody(tmp_path: Path, port: int) -> None:
    environment = {**os.environ, "RUNLOCK_DATA": str(tmp_path), "RUNLOCK_PORT": str(port)}
    process = subprocess.Popen([sys.executable, "-m", "handlers.cli", "web"], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not _healthy(port) and time.monotonic() < deadline:
            time.sleep(0.1)
        with contextlib.ExitStack() as stack:
            for _ in range(4 * WEB_THREADS):
                slow = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                slow.sendall(b"POST /webhooks/oc-1 HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
            assert _healthy(port)
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
