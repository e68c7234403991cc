"""The hook is installed beside what is there, for the owner only, and nowhere else than in a repository."""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.events import Pushed
from bot.vcs.git_hook import BEFORE, HOOK, PROGRAM, SETTINGS, install_hook
from tests.fakes.git_repositories import Work, new_work
from tests.fakes.hook_door import SECRET, Runlock, a_door, events, push


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
