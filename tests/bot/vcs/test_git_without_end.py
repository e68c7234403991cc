"""Git, or a server, that doesn't end holds neither a worker nor whoever pushes."""

import io
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.vcs import git_command, post_receive
from bot.vcs.git_command import GitCommand, GitFailed

PUSH = b"1" * 40 + b" " + b"2" * 40 + b" refs/heads/main\n"


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def write(script: str) -> None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/git").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin/git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    return write


def test_what_left_git_s_group_and_holds_its_pipes_holds_nobody(
    fake_git: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_command, "_KILL_AFTER_SECONDS", 0.3)
    fake_git("setsid sleep 6 &\nwait")
    began = time.monotonic()
    with pytest.raises(GitFailed) as failed:
        GitCommand(None, 0.3).run("fetch")
    assert failed.value.timed_out
    assert time.monotonic() - began < 4


def pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> str:
    """What a push shows that the hook tells of at `url`."""
    (tmp_path / "settings").write_text(json.dumps({"url": url, "secret": "s", "repository": "/srv/infra.git"}))
    monkeypatch.setattr(sys, "argv", ["hook", str(tmp_path / "settings")])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PUSH)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    post_receive.main()
    shown = sys.stdout.buffer
    assert isinstance(shown, io.BytesIO)
    return shown.getvalue().decode()


def test_a_hook_s_git_that_does_not_end(
    tmp_path: Path,
    fake_git: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(post_receive, "GIT_SECONDS", 0.2)
    fake_git("exec sleep 6")
    began = time.monotonic()
    said = pushed(tmp_path, monkeypatch, "http://127.0.0.1:1/webhooks/oc-1")
    assert said == f"Runlock's hook had no answer from git in time; {post_receive.AND_NOW}\n"
    assert time.monotonic() - began < 4


def test_a_server_that_trickles_holds_no_push(
    tmp_path: Path,
    fake_git: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(post_receive, "LONGEST_SECONDS", 0.5)
    monkeypatch.setattr(post_receive, "EXTRA_SECONDS", 0.2)
    monkeypatch.setattr(post_receive, "REQUEST_SECONDS", 3.0)
    fake_git("exit 1")
    over = threading.Event()

    def trickle() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nX: ")
            while not over.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle)
        thread.start()
        began = time.monotonic()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/webhooks/oc-1"
        said = pushed(tmp_path, monkeypatch, url)
        took = time.monotonic() - began
        over.set()
        thread.join()
    assert said == f"Runlock took too long; {post_receive.AND_NOW}\n"
    assert took < 3
