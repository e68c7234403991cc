"""A tree is walked and removed whatever an engine made of it, and nothing outside it is touched."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.runner.trees import remove, walk


def test_a_deep_tree_is_removed_with_few_open_files(tmp_path: Path, make_deep: Callable[[Path, int], None]) -> None:
    make_deep(tmp_path / "tree", 1100)
    for number in range(5):
        (tmp_path / f"tree/{number}/b/c").mkdir(parents=True)
    (tmp_path / "tree/nested/0/b").mkdir(parents=True)  # the same names at several places
    before = len(os.listdir("/proc/self/fd"))
    remove(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_folders_without_permissions_are_removed(tmp_path: Path) -> None:
    (tmp_path / "tree/a/b/c").mkdir(parents=True)
    (tmp_path / "tree/a/b/file").touch(mode=0o000)
    for name in ("tree/a/b/c", "tree/a/b", "tree/a", "tree"):
        (tmp_path / name).chmod(0o000)
    pid = os.fork()
    if pid == 0:  # a user who isn't root needs what a folder permits
        code = 1
        try:
            if os.geteuid() == 0:
                for path in (tmp_path, *(tmp_path / name for name in ("tree", "tree/a", "tree/a/b", "tree/a/b/c"))):
                    os.chown(path, 64_700, 64_700)
                for folder in tmp_path.parents:
                    folder.chmod(folder.stat().st_mode | 0o011)
                os.setresuid(64_700, 64_700, 64_700)
            remove(tmp_path / "tree")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert list(tmp_path.iterdir()) == []


def test_symlinks_are_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir(mode=0o500)
    (tmp_path / "outside/kept").touch()
    (tmp_path / "tree/a").mkdir(parents=True)
    for name in ("tree/link", "tree/a/link"):
        (tmp_path / name).symlink_to(tmp_path / "outside")
    assert [entry.path for entry in walk(tmp_path / "tree")] == ["a", "a/link", "link"]
    remove(tmp_path / "tree")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["kept", "outside"]
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o500
    (tmp_path / "tree").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="tree"):
        remove(tmp_path / "tree")
    assert (tmp_path / "outside/kept").exists()


def test_removing_nothing_is_nothing(tmp_path: Path) -> None:
    remove(tmp_path / "tree")


def test_a_walk_that_is_given_up_closes_what_it_opened(tmp_path: Path, make_deep: Callable[[Path, int], None]) -> None:
    make_deep(tmp_path / "tree", 50)
    before = len(os.listdir("/proc/self/fd"))
    walker = walk(tmp_path / "tree")
    for _ in range(20):
        next(walker)
    assert len(os.listdir("/proc/self/fd")) == before + 20
    walker.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert [entry.path for entry in walk(tmp_path / "tree", {"nested/nested"})] == ["nested"]
    remove(tmp_path / "tree")
