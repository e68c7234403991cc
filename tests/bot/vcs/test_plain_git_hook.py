"""A push into a plain repository tells Runlock, shows the pusher what becomes of it, and never fails for our sake."""

import hashlib
import hmac
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Ignored, Refused
from bot.events import Pushed, Tagged
from bot.vcs import git_webhook, post_receive
from bot.vcs.git_hook import BEFORE, HOOK, PROGRAM, SETTINGS, install_hook
from tests.fakes.git_repositories import Work, new_work

SECRET = "s3cr3t-of-the-hook"
FOLLOW = "/webhooks/oc-1/deliveries/17"


@dataclass
class Runlock:
    """A door like Runlock's: takes deliveries, then tells `progress` step by step to whoever follows."""

    progress: list[dict[str, Any]] = field(default_factory=lambda: [{"lines": [], "done": True}])
    answer: dict[str, Any] = field(default_factory=lambda: {"delivery": "17", "follow": FOLLOW})
    status: int = 202
    deliveries: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    follows: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def runlock() -> Iterator[Runlock]:
    door = Runlock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            door.deliveries.append((dict(self.headers), body))
            self._answer(door.status, door.answer)

        def do_GET(self) -> None:
            door.follows.append((self.path, dict(self.headers)))
            step = door.progress[min(len(door.follows), len(door.progress)) - 1]
            self._answer(200, step)

        def _answer(self, status: int, content: object) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    door.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/oc-1"
    yield door
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core.hooksPath of whoever runs the tests would be theirs."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path / "infra")


def push(work: Work, *refs: str, **environment: str) -> list[str]:
    """Push, which must succeed; the `remote:` lines."""
    variables = {"PATH": os.environ["PATH"], "HOME": os.devnull, "GIT_CONFIG_GLOBAL": os.devnull, **environment}
    argv = ["git", "push", "--force", str(work.bare), *(refs or ("HEAD:refs/heads/main",))]
    done = subprocess.run(argv, cwd=work.folder, env=variables, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.decode().splitlines()
    return [line.removeprefix("remote:").strip() for line in lines if line.startswith("remote:")]


def events(runlock: Runlock) -> list[object]:
    """The last delivery as Runlock reads it, after checking whom it is from."""
    headers, body = runlock.deliveries[-1]
    assert git_webhook.verify(SECRET, body, headers)
    assert not git_webhook.verify("other", body, headers)
    return list(git_webhook.parse_all(git_webhook.event_name(headers), json.loads(body)))


def test_a_push_is_delivered_and_followed_to_its_end(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    runlock.progress = [
        {"lines": [], "done": False},
        {"lines": ["run-1: planning"], "done": False},
        {"lines": ["run-1: planning", "run-1: 2 to add — http://localhost/run-1"], "done": True},
    ]
    sha = work.commit({"main.tf": ""})
    assert push(work, REMOTE_USER="ada") == ["run-1: planning", "run-1: 2 to add — http://localhost/run-1"]
    (event,) = events(runlock)
    assert isinstance(event, Pushed)
    assert (event.branch, event.before_sha, event.after_sha) == ("main", "0" * 40, sha)
    assert (event.created, event.forced, event.changed_paths) == (True, False, None)
    assert event.sender.login == "ada"
    assert event.repository.host_id == event.repository.clone_url == os.path.realpath(work.bare)
    assert event.repository.default_branch == "main"
    assert len(runlock.follows) == 3
    for path, headers in runlock.follows:
        assert path == FOLLOW
        assert git_webhook.verify_follow(SECRET, path, headers)
        assert not git_webhook.verify_follow(SECRET, path + "0", headers)


def test_forced_and_plain_pushes_are_told_apart_and_each_delivery_has_its_id(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    base = work.commit({"main.tf": "1"})
    push(work)
    one = work.commit({"main.tf": "2"})
    push(work)
    (event,) = events(runlock)
    assert isinstance(event, Pushed)
    assert (event.before_sha, event.after_sha, event.forced, event.created) == (base, one, False, False)
    push(work, f"{base}:refs/heads/main")
    (event,) = events(runlock)
    assert isinstance(event, Pushed)
    assert (event.before_sha, event.after_sha, event.forced) == (one, base, True)
    assert len({git_webhook.delivery_id(headers) for headers, _ in runlock.deliveries}) == 3


def test_one_push_of_several_refs_is_one_delivery(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    sha = work.commit({"main.tf": "1"})
    work.git("tag", "-a", "-m", "one", "v1")
    work.git("tag", "tree", "HEAD^{tree}")
    hostile = "$(touch${IFS}pwned);'\"&|grün"
    push(work, "HEAD:refs/heads/main", f"HEAD:refs/heads/{hostile}", "v1", "tree", "HEAD:refs/notes/x")
    assert len(runlock.deliveries) == 1
    found = events(runlock)
    assert [event.branch for event in found if isinstance(event, Pushed)] == ["main", hostile]
    assert [(event.tag, event.commit_sha) for event in found if isinstance(event, Tagged)] == [("v1", sha)]
    assert {event.reason for event in found if isinstance(event, Ignored)} == {
        "refs/notes/x is neither a branch nor a tag",
        "the tag tree isn't on a commit",
    }
    push(work, f":refs/heads/{hostile}", "HEAD:refs/heads/other")
    deleted, created = sorted(events(runlock), key=lambda event: isinstance(event, Pushed))
    assert deleted == Ignored(f"refs/heads/{hostile} was deleted")
    assert isinstance(created, Pushed)
    assert created.branch == "other"
    assert not list(work.folder.parent.rglob("pwned"))


UNREACHABLE = "Runlock can't be reached; the push is safe and will be picked up by the next reconcile"


def test_a_server_that_is_down_is_one_line(work: Work) -> None:
    install_hook(work.bare, "http://127.0.0.1:1/webhooks/oc-1", SECRET)
    sha = work.commit({"main.tf": ""})
    assert push(work) == [UNREACHABLE]
    assert work.git("-C", str(work.bare), "rev-parse", "refs/heads/main") == sha


@pytest.mark.parametrize(
    ("status", "answer", "line"),
    [
        (401, {}, "Runlock answered 401"),
        (500, b"Traceback", "Runlock answered 500"),
        (302, {}, "Runlock answered 302"),
        (202, b"<html>", "Runlock's answer can't be read"),
        (202, b"\xff\xfe", "Runlock's answer can't be read"),
        (202, [1], "Runlock's answer can't be read"),
    ],
)
def test_any_other_answer_is_one_line(work: Work, runlock: Runlock, status: int, answer: Any, line: str) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    runlock.status, runlock.answer = status, answer
    work.commit({"main.tf": ""})
    assert push(work) == [f"{line}; the push is safe and will be picked up by the next reconcile"]


def test_a_push_that_is_not_for_us_shows_the_reason(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    runlock.answer = {"reason": "no workspace listens to\x1b[31m this branch"}
    work.commit({"main.tf": ""})
    assert push(work) == ["Runlock: no workspace listens to?[31m this branch"]
    assert runlock.follows == []


@pytest.mark.parametrize(
    "follow", ["http://127.0.0.1:1/webhooks/x", "//evil.example/webhooks/x", "/other", "/webhooks/a b"]
)
def test_nothing_is_followed_to_another_place(work: Work, runlock: Runlock, follow: str) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    runlock.answer = {"follow": follow}
    work.commit({"main.tf": ""})
    assert push(work) == []
    assert runlock.follows == []


def test_lines_cannot_steer_the_pushers_terminal(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    evil = "\x1b]0;owned\x07\x1b[2J a\rb\nremote: c \x9b31m \u202egnp.exe \u2066"
    runlock.progress = [{"lines": [evil, "x" * 5000, 7], "done": True}]
    work.commit({"main.tf": ""})
    first, second, third = push(work)
    assert first == "?]0;owned??[2J a?b?remote: c ?31m ?gnp.exe ?"
    assert (len(second), third) == (500, "7")


def make_impatient(work: Work, longest_seconds: float) -> None:
    """Shorten the installed program's patience, which nobody wants to wait for in a test."""
    program = work.bare / "hooks" / PROGRAM
    text = program.read_text()
    impatient = text.replace("LONGEST_SECONDS = 60.0", f"LONGEST_SECONDS = {longest_seconds}")
    assert impatient != text
    program.write_text(impatient)


def test_it_leaves_when_the_time_is_over(work: Work, runlock: Runlock) -> None:
    assert post_receive.LONGEST_SECONDS == 60.0
    install_hook(work.bare, runlock.url, SECRET)
    runlock.progress = [{"lines": ["run-1: waiting"], "done": False}]
    make_impatient(work, 1.5)
    started = time.monotonic()
    work.commit({"main.tf": ""})
    assert push(work) == ["run-1: waiting", "Runlock goes on with it; this push needn't wait"]
    assert time.monotonic() - started < 10


def test_a_crash_of_the_hook_is_one_line_without_a_traceback(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    (work.bare / "hooks" / PROGRAM).write_text("import sys\nprint('half a line', file=sys.stderr)\n1 / 0\n")
    work.commit({"main.tf": ""})
    assert push(work) == [
        "Runlock's hook failed (ZeroDivisionError: division by zero); "
        "the push is safe and will be picked up by the next reconcile"
    ]


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"url": "x"}'])
def test_settings_that_cannot_be_read_are_one_line(work: Work, runlock: Runlock, content: str | None) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    (work.bare / SETTINGS).unlink()
    if content is not None:
        (work.bare / SETTINGS).write_text(content)
    work.commit({"main.tf": ""})
    (line,) = push(work)
    assert line.startswith(f"Runlock's hook can't read its settings ({SETTINGS}); the push is safe")


def look_for_python_at(work: Work, *places: str) -> None:
    hook = work.bare / "hooks" / HOOK
    text, count = re.subn(r"for python in [^;]*;", f"for python in {' '.join(places)};", hook.read_text())
    assert count == 1
    hook.write_text(text)


def test_without_any_python_it_is_one_line(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    look_for_python_at(work, "/nowhere/python3", "no-python-here")
    work.commit({"main.tf": ""})
    assert push(work) == [
        "Runlock's hook needs python3, which isn't here; the push is safe and will be picked up by the next reconcile"
    ]


def test_when_the_python_of_the_installation_is_gone_another_does(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    look_for_python_at(work, "/nowhere/python3", "python3")
    work.commit({"main.tf": ""})
    assert push(work) == []
    assert len(events(runlock)) == 1


def existing_hook(work: Work, log: Path, *, code: int = 0) -> str:
    text = f"#!/bin/sh\ncat >> {log}\necho theirs\nexit {code}\n"
    hook = work.bare / "hooks" / HOOK
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(text)
    hook.chmod(0o755)
    return text


@pytest.mark.parametrize("code", [0, 3])
def test_a_hook_that_was_there_is_kept_and_called_first(
    work: Work, runlock: Runlock, tmp_path: Path, code: int
) -> None:
    theirs = existing_hook(work, tmp_path / "log", code=code)
    install_hook(work.bare, runlock.url, SECRET)
    assert (work.bare / "hooks" / BEFORE).read_text() == theirs
    runlock.progress = [{"lines": ["ours"], "done": True}]
    sha = work.commit({"main.tf": ""})
    assert push(work) == ["theirs", "ours"]
    assert (tmp_path / "log").read_text() == f"{'0' * 40} {sha} refs/heads/main\n"


def test_a_hook_that_was_switched_off_stays_off(work: Work, runlock: Runlock, tmp_path: Path) -> None:
    existing_hook(work, tmp_path / "log")
    (work.bare / "hooks" / HOOK).chmod(0o644)
    install_hook(work.bare, runlock.url, SECRET)
    work.commit({"main.tf": ""})
    assert push(work) == []
    assert not (tmp_path / "log").exists()


def test_installing_again_changes_the_address_and_keeps_their_hook(
    work: Work, runlock: Runlock, tmp_path: Path
) -> None:
    theirs = existing_hook(work, tmp_path / "log")
    install_hook(work.bare, "http://127.0.0.1:1/webhooks/oc-0", "old")
    install_hook(work.bare, runlock.url, SECRET)
    assert (work.bare / "hooks" / BEFORE).read_text() == theirs
    work.commit({"main.tf": ""})
    assert push(work) == ["theirs"]
    assert len(events(runlock)) == 1
    assert sorted(path.name for path in (work.bare / "hooks").iterdir() if "sample" not in path.name) == [
        HOOK,
        BEFORE,
        PROGRAM,
    ]


def test_two_hooks_that_are_not_ours_are_left_to_a_person(work: Work, runlock: Runlock, tmp_path: Path) -> None:
    theirs = existing_hook(work, tmp_path / "log")
    (work.bare / "hooks" / BEFORE).write_text("older")
    with pytest.raises(Refused, match=f"isn't Runlock's, and {BEFORE} is there already"):
        install_hook(work.bare, runlock.url, SECRET)
    assert (work.bare / "hooks" / HOOK).read_text() == theirs
    assert not (work.bare / SETTINGS).exists()


def test_the_secret_is_for_the_repositorys_owner_only(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    mode = (work.bare / SETTINGS).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    for path in (work.bare / "hooks").iterdir():
        assert SECRET not in path.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_root_gives_the_files_to_the_repositorys_owner(work: Work, runlock: Runlock) -> None:
    for path in (work.bare, *work.bare.rglob("*")):
        os.chown(path, 12345, 12345)
    install_hook(work.bare, runlock.url, SECRET)
    for path in (work.bare / SETTINGS, work.bare / "hooks" / HOOK, work.bare / "hooks" / PROGRAM):
        assert path.stat().st_uid == 12345


def test_the_hook_needs_nothing_of_runlocks_and_not_its_virtual_environment(work: Work, runlock: Runlock) -> None:
    install_hook(work.bare, runlock.url, SECRET)
    program = (work.bare / "hooks" / PROGRAM).read_text()
    assert "import bot" not in program
    assert "from bot" not in program
    assert sys.prefix == sys.base_prefix or sys.prefix not in (work.bare / "hooks" / HOOK).read_text()


def test_a_repository_with_a_work_tree_is_known_by_its_folder(tmp_path: Path, runlock: Runlock) -> None:
    there = new_work(tmp_path / "tree with space's")
    there.commit({"a.tf": ""})
    there.git("checkout", "--quiet", "--detach")
    install_hook(there.folder, runlock.url, SECRET)
    pusher = new_work(tmp_path / "pusher", there.folder)
    pusher.commit({"b.tf": ""})
    assert push(pusher) == []
    (event,) = events(runlock)
    assert isinstance(event, Pushed)
    assert event.repository.path == os.path.realpath(there.folder)
    assert event.forced


def in_a_subfolder(work: Work) -> Path:
    return work.bare / "refs"


def with_a_file(work: Work) -> Path:
    (work.bare.parent / "file").write_text("")
    return work.bare.parent / "file"


def with_nothing(work: Work) -> Path:
    return work.bare.parent / "none"


def with_an_empty_folder(work: Work) -> Path:
    (work.bare.parent / "empty").mkdir()
    return work.bare.parent / "empty"


def with_a_relative_path(work: Work) -> Path:
    return Path("infra.git")


def with_a_shared_hooks_folder(work: Work) -> Path:
    work.git("-C", str(work.bare), "config", "core.hooksPath", str(work.bare.parent / "shared"))
    return work.bare


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (in_a_subfolder, "isn't a Git repository"),
        (with_a_file, "isn't a Git repository"),
        (with_nothing, "there is no folder"),
        (with_an_empty_folder, "isn't a Git repository; make one with `git init --bare"),
        (with_a_relative_path, "absolute path"),
        (with_a_shared_hooks_folder, "core.hooksPath"),
    ],
)
def test_what_is_no_repository_of_its_own_is_refused(
    work: Work, place: Callable[[Work], Path], reason: str, runlock: Runlock
) -> None:
    path = place(work)
    with pytest.raises(Refused, match=reason):
        install_hook(path, runlock.url, SECRET)
    assert not list(work.bare.rglob(SETTINGS))


def test_the_program_and_the_webhook_sign_alike() -> None:
    wanted = "sha256=" + hmac.new(b"key", b"message", hashlib.sha256).hexdigest()
    assert post_receive.sign("key", b"message") == git_webhook.sign("key", b"message") == wanted
