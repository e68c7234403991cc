"""Nothing in a tree reaches out of it, coming or going."""

import errno
import io
import os
import stat
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import OutsideTrouble, Refused
from bot.runner import trees, unpacking, work_folder
from bot.runner.unpacking import unpack
from bot.runner.work_folder import opened_safely, pack, stage_folder, sweep, working_directory
from tests.fakes.runner_server import tar_of


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", **extended: str) -> tarfile.TarInfo:
    """`extended` are PAX records, which overrule the rest and may hold any character."""
    info = tarfile.TarInfo(name)
    info.pax_headers = extended
    info.type, info.linkname = kind, target
    return info


def archive(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    path = tmp_path / "archive.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([member("/etc/cron.d/x")], "leaves it: /etc/cron.d/x"),
        ([member("a/../../x")], "leaves it: a/../../x"),
        ([member("pipe", tarfile.FIFOTYPE)], "a FIFO: pipe"),
        ([member("disk", tarfile.BLKTYPE)], "a device"),
        ([member("null", tarfile.CHRTYPE)], "a device"),
        ([member("a"), member("b", tarfile.LNKTYPE, "a")], "a hard link: b"),
        ([member("b", tarfile.LNKTYPE, "/etc/shadow")], "a hard link: b"),
        ([member("s", tarfile.SYMTYPE, "/etc/shadow")], "the symlink s leaves"),
        ([member("s", tarfile.SYMTYPE, "../private")], "the symlink s leaves"),
        ([member("d/s", tarfile.SYMTYPE, "../../x")], "the symlink d/s leaves"),
        ([member("s", tarfile.SYMTYPE, "."), member("s/f")], "twice"),
        ([member("s", tarfile.SYMTYPE, "a"), member("s", tarfile.SYMTYPE, "b")], "twice"),
        ([member("a"), member("a/b")], "twice"),
        ([member("a\x1b[31m", tarfile.FIFOTYPE)], r"a\?\[31m"),
        ([member("/".join("a" * 101))], "over 100 parts"),
        ([member("/".join("a" * 1500), tarfile.DIRTYPE)], "over 100 parts"),
        ([member("/".join("a" * 1500), tarfile.SYMTYPE, "x")], "over 100 parts"),
        ([member("/".join(["a" * 250] * 9))], "2048 bytes"),
        ([member("a" * 300)], "too long for a disk"),
        ([member("a", path="a\0b")], "no disk can hold: a\\?b"),
        ([member("s", tarfile.SYMTYPE, linkpath="a\0b")], "the symlink s points to"),
        ([member("s", tarfile.SYMTYPE, "a/" * 3000)], "the symlink s points to"),
        ([member(f"s{n}", tarfile.SYMTYPE, f"s{n + 1}") for n in range(2000)], "too many symlinks"),
    ],
)
def test_what_could_reach_out_is_refused_by_name(
    tmp_path: Path, tree: Path, members: list[tarfile.TarInfo], words: str
) -> None:
    with pytest.raises(Refused, match=words):
        unpack(archive(tmp_path, *members), tree)


def test_a_chain_of_harmless_symlinks_that_leaves_is_refused(tmp_path: Path, tree: Path) -> None:
    up = member("a/b/up", tarfile.SYMTYPE, "../..")
    out = member("out", tarfile.SYMTYPE, "a/b/up/../private")
    with pytest.raises(Refused, match="the symlink out leaves"):
        unpack(archive(tmp_path, up, out), tree)


def test_symlinks_inside_are_kept_and_modes_are_plain(tmp_path: Path, tree: Path) -> None:
    script = member("bin/run")
    script.mode = 0o6777
    unpack(archive(tmp_path, member("m", tarfile.SYMTYPE, "bin"), script), tree)
    assert os.readlink(tree / "m") == "bin"
    assert stat.S_IMODE((tree / "m/run").stat().st_mode) & ~0o022 == 0o755 & ~0o022
    assert not (tree / "bin/run").stat().st_mode & 0o6000


def test_a_cut_off_archive_is_trouble_not_half_a_tree(tmp_path: Path, tree: Path) -> None:
    path = tmp_path / "cut.tar"
    path.write_bytes(tar_of({"a.tf": "x" * 5000, "b.tf": "y" * 5000}, packed=True)[:80])
    with pytest.raises(OutsideTrouble, match="cut off or damaged"):
        unpack(path, tree)


def test_an_archive_of_too_many_bytes_is_refused(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1000)
    (tmp_path / "big.tar").write_bytes(tar_of({"a": "x" * 600, "b": "x" * 600}, packed=True))
    with pytest.raises(Refused, match="too large"):
        unpack(tmp_path / "big.tar", tree)


def test_the_working_directory_must_be_a_folder_inside(tree: Path) -> None:
    (tree / "live/prod").mkdir(parents=True)
    (tree / "file").touch()
    (tree / "out").symlink_to("/etc")
    assert working_directory(tree, "live/prod") == tree / "live/prod"
    assert working_directory(tree, "") == tree
    for name in ("..", "live/../..", "/etc", "out", "file", "missing"):
        with pytest.raises(Refused, match=name):
            working_directory(tree, name)


def test_what_is_packed_comes_back_the_same_without_provider_binaries(tmp_path: Path, tree: Path) -> None:
    live = tree / "live"
    for name in (".terraform/providers/p", ".terraform/modules/m/main.tf", ".terraform.lock.hcl", "made/zip"):
        (live / name).parent.mkdir(parents=True, exist_ok=True)
        (live / name).write_text(name)
    (live / ".terraform/terraform.tfstate").write_text("a token may be in here")
    (live / "link").symlink_to("made/zip")
    (live / "tool").touch(mode=0o755)
    os.mkfifo(live / "pipe")
    os.link(live / "made/zip", live / "made/zip2")
    pack(tree, tmp_path / "one.tar.gz", "live")
    pack(tree, tmp_path / "two.tar.gz", "live")
    assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()
    back = tmp_path / "back"
    back.mkdir()
    unpack(tmp_path / "one.tar.gz", back)
    there = {str(path.relative_to(back)) for path in back.rglob("*") if not path.is_dir()}
    assert there == {
        f"live/{name}"
        for name in (".terraform/modules/m/main.tf", ".terraform.lock.hcl", "made/zip", "made/zip2", "link", "tool")
    }
    assert (back / "live/link").read_text() == "made/zip"
    assert os.access(back / "live/tool", os.X_OK)


def make_link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("make", [make_link, os.mkfifo, Path.mkdir])
def test_only_a_regular_file_is_read_back(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "plan")
    with pytest.raises(Refused, match="not a file"), opened_safely(tmp_path, "plan", largest=9):
        pass
    with opened_safely(tmp_path, "nothing", largest=9) as nothing:
        assert nothing is None


def test_a_file_over_its_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "plan").touch()
    os.truncate(tmp_path / "plan", 64 * 1024**3)
    with (
        pytest.raises(Refused, match="68719476736 bytes; 1000 are the most"),
        opened_safely(tmp_path, "plan", largest=1000),
    ):
        pass


def test_what_could_not_be_unpacked_is_not_packed(
    tmp_path: Path, make_deep: Callable[[Path, int], None], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "/".join("a" * 99)).mkdir(parents=True)
    pack(tree, tmp_path / "packed", "")
    make_deep(tree, 150)
    with pytest.raises(Refused, match="over 100 parts"):
        pack(tree, tmp_path / "packed", "")
    monkeypatch.setattr(work_folder, "MOST_MEMBERS", 50)
    with pytest.raises(Refused, match="over 50 files"):
        pack(tree, tmp_path / "packed", "")


def test_a_large_sparse_file_is_refused_before_it_is_read(tmp_path: Path, tree: Path) -> None:
    (tree / "big").touch()
    os.truncate(tree / "big", 64 * 1024**3)
    with pytest.raises(Refused, match="bytes"):
        pack(tree, tmp_path / "packed", "")
    assert (tmp_path / "packed").stat().st_size < 1024**2


def test_a_folder_deeper_than_anything_can_name_is_removed_by_the_sweep(
    tmp_path: Path, make_deep: Callable[[Path, int], None]
) -> None:
    make_deep(tmp_path / "dead/tree", 1100)
    (tmp_path / "dead.lock").touch()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_stops_neither_a_sweep_nor_a_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}.lock").touch()

    def remove_but_a(folder: Path) -> None:
        if folder.name == "a":
            raise PermissionError(errno.EPERM, "not permitted")
        trees.remove(folder)

    monkeypatch.setattr(work_folder, "remove", remove_but_a)
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.lock"]
    monkeypatch.undo()
    with stage_folder(tmp_path, "stage"):
        monkeypatch.setattr(work_folder, "remove", lambda folder: remove_but_a(folder.with_name("a")))
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a.lock", "stage", "stage.lock"}
    monkeypatch.undo()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_users_of_one_folder_take_turns(tmp_path: Path) -> None:
    order: list[str] = []

    def use(name: str) -> None:
        with stage_folder(tmp_path, "run-1") as rooms:
            assert list(rooms.tree.iterdir()) == []
            (rooms.tree / "x").touch()
            order.append(f"{name} in")
            time.sleep(0.1)
            order.append(f"{name} out")

    threads = [threading.Thread(target=use, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [step.split()[1] for step in order] == ["in", "out"] * 3
    assert [order[i].split()[0] == order[i + 1].split()[0] for i in (0, 2, 4)] == [True] * 3
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_is_trouble_after_a_while(tmp_path: Path) -> None:
    with (
        stage_folder(tmp_path, "run-1"),
        pytest.raises(OutsideTrouble, match="in use"),
        stage_folder(tmp_path, "run-1", patience_seconds=0.1),
    ):
        pass


def test_a_sweep_removes_what_nobody_uses(tmp_path: Path) -> None:
    (tmp_path / "dead/tree").mkdir(parents=True)
    (tmp_path / "dead/tree").chmod(0o500)
    (tmp_path / "dead.lock").touch()
    with stage_folder(tmp_path, "alive"):
        sweep(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["alive", "alive.lock"]
