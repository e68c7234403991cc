"""A mirror that was half made, damaged or left locked mends itself, and loses no commit that a run is locked to."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import OutsideTrouble
from bot.vcs.mirror import Mirror
from bot.vcs.mirror_folder import KEEP, MirrorFolder
from tests.fakes.git_repositories import Work, new_work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path / "infra")


@pytest.fixture
def mirror(tmp_path: Path, work: Work) -> Mirror:
    return Mirror(tmp_path / "mirrors" / "repo-1", str(work.bare), timeout_seconds=20)


def truncate_packs(folder: Path) -> None:
    for pack in (folder / "objects/pack").glob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:-40])


def drop_packs(folder: Path) -> None:
    for file in (folder / "objects/pack").glob("pack-*"):
        file.unlink()


def overwrite_packs(folder: Path) -> None:
    for pack in (folder / "objects/pack").glob("*.pack"):
        pack.chmod(0o600)
        content = pack.read_bytes()
        pack.write_bytes(content[:12] + bytes(len(content) - 32) + content[-20:])


def truncate_indexes(folder: Path) -> None:
    for index in (folder / "objects/pack").glob("*.idx"):
        index.chmod(0o600)
        index.write_bytes(b"")


def lose_head(folder: Path) -> None:
    (folder / "HEAD").unlink()


def empty_config(folder: Path) -> None:
    (folder / "config").write_text("[core\n")


def lose_objects(folder: Path) -> None:
    shutil.rmtree(folder / "objects")


def lose_all(folder: Path) -> None:
    shutil.rmtree(folder)


DAMAGES = [
    truncate_packs,
    drop_packs,
    overwrite_packs,
    truncate_indexes,
    lose_head,
    empty_config,
    lose_objects,
    lose_all,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_mirror_still_brings_the_next_commit(
    work: Work, mirror: Mirror, damage: Callable[[Path], None]
) -> None:
    old = work.commit({"main.tf": "1"})
    work.push()
    mirror.ensure_commit(old, refs=["refs/heads/main"])
    mirror.pin(old)
    damage(mirror.folder)
    new = work.commit({"main.tf": "2"})
    work.push()
    mirror.ensure_commit(new, refs=["refs/heads/main"])
    assert mirror.changed_paths(old, new) == ("main.tf",)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_mirror_still_gives_the_archive(
    work: Work, mirror: Mirror, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    sha = work.commit({"main.tf": "1"})
    work.push()
    mirror.ensure_commit(sha)
    mirror.archive(sha, tmp_path / "before.tar", submodules=False)
    damage(mirror.folder)
    mirror.archive(sha, tmp_path / "after.tar", submodules=False)
    assert (tmp_path / "after.tar").read_bytes() == (tmp_path / "before.tar").read_bytes()
    assert [path.name for path in mirror.folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_pinned_commit_that_the_host_lost_is_carried_into_the_new_mirror(work: Work, mirror: Mirror) -> None:
    base = work.commit({"main.tf": "1"})
    work.push()
    locked = work.commit({"main.tf": "2"})
    work.push("HEAD:refs/heads/feature")
    mirror.fetch_everything()
    mirror.pin(locked)
    forget_at_host(work, ":refs/heads/feature")
    # A damage that leaves the objects: a branch that points to nothing.
    (mirror.folder / "refs/heads/broken").write_text("3" * 40 + "\n")
    lose_head(mirror.folder)
    (mirror.folder / "HEAD").write_text("ref: refs/heads/main\n")
    mirror._place._rebuild()
    assert mirror.has_commit(locked)
    assert mirror.has_commit(base)
    assert mirror._git.run("for-each-ref", "--format=%(refname)", KEEP).decode().split() == [f"{KEEP}{locked}"]


def forget_at_host(work: Work, *refs: str) -> None:
    work.push(*refs)
    work.git("-C", str(work.bare), "gc", "--quiet", "--prune=now")


def test_a_damaged_mirror_of_a_host_that_is_down_stays_for_later(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    sha = work.commit({"main.tf": "1"})
    work.push()
    mirror.ensure_commit(sha)
    mirror.pin(sha)
    truncate_packs(mirror.folder)
    work.bare.rename(tmp_path / "away")
    with pytest.raises(OutsideTrouble, match="mending the mirror"):
        mirror.commit(sha)
    (tmp_path / "away").rename(work.bare)
    assert mirror.commit(sha).sha == sha
    assert (mirror.folder / KEEP / sha).exists()


def test_a_healthy_mirror_is_not_made_anew_because_the_host_is_broken(work: Work, mirror: Mirror) -> None:
    sha = work.commit({"main.tf": "1"})
    work.push()
    mirror.ensure_commit(sha)
    made = (mirror.folder / "runlock-mirror").stat().st_ino
    truncate_packs(work.bare)
    for loose in (work.bare / "objects").glob("??/*"):
        loose.chmod(0o600)
        loose.write_bytes(b"")
    with pytest.raises(OutsideTrouble, match="fetching"):
        mirror.ensure_commit("4" * 40)
    assert (mirror.folder / "runlock-mirror").stat().st_ino == made
    assert mirror.commit(sha).sha == sha


def test_a_question_about_a_commit_that_was_never_here_costs_no_new_mirror(work: Work, mirror: Mirror) -> None:
    sha = work.commit({"main.tf": "1"})
    work.push()
    mirror.ensure_commit(sha)
    made = (mirror.folder / "runlock-mirror").stat().st_ino
    with pytest.raises(OutsideTrouble, match=r"reading .* at 4444444: bad object"):
        mirror.commit("4" * 40)
    assert (mirror.folder / "runlock-mirror").stat().st_ino == made


def test_a_kill_between_the_two_renames_loses_no_pin(work: Work, mirror: Mirror) -> None:
    work.commit({"main.tf": "1"})
    work.push()
    locked = work.commit({"main.tf": "2"})
    work.push("HEAD:refs/heads/feature")
    mirror.fetch_everything()
    mirror.pin(locked)
    forget_at_host(work, ":refs/heads/feature")
    old = mirror.folder.parent / f".{mirror.folder.name}.old-abc"
    old.mkdir()
    mirror.folder.rename(old / "broken")
    mirror.fetch_everything()
    assert mirror.has_commit(locked)
    assert mirror._git.run("for-each-ref", "--format=%(refname)", KEEP).decode().split() == [f"{KEEP}{locked}"]


def test_lock_files_of_a_killed_git_are_removed_when_they_are_old(work: Work, mirror: Mirror) -> None:
    sha = work.commit({"main.tf": "1"})
    work.push()
    mirror.fetch_everything()
    keep = mirror.folder / KEEP
    keep.mkdir(parents=True)
    lock = keep / f"{sha}.lock"
    lock.touch()
    with pytest.raises(OutsideTrouble, match="File exists"):
        mirror.pin(sha)
    long_ago = time.time() - 3600
    os.utime(lock, (long_ago, long_ago))
    mirror.pin(sha)
    assert not lock.exists()


def _make_and_hang(folder: Path, url: str, hang_at: str, ready: "multiprocessing.synchronize.Event") -> None:
    """Runs in a process of its own, which is killed where it hangs."""

    def hang(*_arguments: object, **_named: object) -> None:
        ready.set()
        time.sleep(60)

    setattr(MirrorFolder, hang_at, hang)
    Mirror(folder, url, timeout_seconds=20).fetch_everything()


@pytest.mark.parametrize("hang_at", ["_swap_in", "_fetch_into"])
def test_a_mirror_whose_maker_was_killed_is_made_by_the_next(work: Work, mirror: Mirror, hang_at: str) -> None:
    sha = work.commit({"main.tf": "1"})
    work.push()
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    maker = context.Process(target=_make_and_hang, args=(mirror.folder, str(work.bare), hang_at, ready))
    maker.start()
    assert ready.wait(30)
    impatient = Mirror(mirror.folder, str(work.bare), timeout_seconds=0.1)
    with pytest.raises(OutsideTrouble, match="another process has been at it"):
        impatient.fetch_everything()
    assert maker.pid is not None
    os.kill(maker.pid, signal.SIGKILL)
    maker.join()
    maker.close()
    mirror.ensure_commit(sha)
    assert mirror.commit(sha).sha == sha
    assert sorted(path.name for path in mirror.folder.parent.iterdir()) == ["repo-1", "repo-1.lock", "repo-1.swap"]


def test_a_fetch_that_takes_too_long_is_ended_with_all_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "alive")
    ssh = tmp_path / "bin" / "ssh"
    ssh.parent.mkdir()
    ssh.write_text(f"#!/bin/sh\nexec sleep 60 3> {tmp_path}/alive\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")
    mirror = Mirror(tmp_path / "m", "ssh://git@host.example/acme/infra.git", timeout_seconds=0.5)
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    started = time.monotonic()
    with pytest.raises(OutsideTrouble, match=r"fetching acme/infra: no end after 0\.5 seconds") as caught:
        mirror.fetch_everything()
    assert time.monotonic() - started < 10
    assert not caught.value.permanent
    with os.fdopen(reader, "rb", buffering=0) as alive:
        # The end of the file is seen when the last process that holds it open is gone.
        deadline = time.monotonic() + 10
        while alive.read() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert alive.read() == b""
