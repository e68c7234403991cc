"""A push into a plain repository tells Runlock, shows the pusher what becomes of it, and never fails for our sake."""

import hashlib
import hmac
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Ignored
from bot.events import Pushed, Tagged
from bot.vcs import git_webhook, post_receive
from bot.vcs.git_hook import HOOK, PROGRAM, SETTINGS, install_hook
from tests.fakes.git_repositories import Work, new_work
from tests.fakes.hook_door import FOLLOW, SECRET, Runlock, a_door, events, push


@pytest.fixture(autouse=True)
def nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core.hooksPath of whoever runs the tests would be theirs."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def runlock() -> Iterator[Runlock]:
    with a_door() as door:
        yield door


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path / "infra")


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


def test_the_program_and_the_webhook_sign_alike() -> None:
    wanted = "sha256=" + hmac.new(b"key", b"message", hashlib.sha256).hexdigest()
    assert post_receive.sign("key", b"message") == git_webhook.sign("key", b"message") == wanted
