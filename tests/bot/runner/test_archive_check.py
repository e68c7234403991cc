"""A process of its own looks an archive through: it has nothing to take, is limited, and may be lost."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.errors import OutsideTrouble, Refused
from bot.runner import archive_check, archive_reader
from bot.runner.archive_check import ReaderLimits, check_archive
from tests.fakes.hostile_archives import memory_hog, readers, storm, until
from tests.fakes.runner_server import tar_of


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


def kept(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "archive").write_bytes(content)
    return tmp_path / "archive"


def test_what_can_be_unpacked_is_fine(tmp_path: Path, tree: Path) -> None:
    check_archive(kept(tmp_path, tar_of({"a/main.tf": "x"}, packed=True)), tree)
    assert (tree / "a/main.tf").read_text() == "x"


@pytest.mark.parametrize("name", ["../main.tf", "/main.tf", "ü" * 300, "a\udcff/../../b"])
def test_the_reason_is_that_of_unpacking(tmp_path: Path, tree: Path, name: str) -> None:
    path = kept(tmp_path, tar_of({name: "x"}, packed=True))
    with pytest.raises(Refused) as here:
        archive_reader.unpack(path, tree)
    with pytest.raises(Refused) as there:
        check_archive(path, tree)
    assert there.value.reason == here.value.reason


def test_a_damaged_archive_is_refused(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(Refused, match="cut off or damaged"):
        check_archive(kept(tmp_path, b"no archive"), tree)


def test_an_archive_that_needs_too_much_memory_is_refused(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(Refused, match="over 512 MB of memory"):
        check_archive(kept(tmp_path, memory_hog()), tree)


def test_an_archive_that_needs_too_much_computing_is_refused(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(Refused, match="over 1 seconds of computing"):
        check_archive(kept(tmp_path, storm()), tree, ReaderLimits(cpu_seconds=1))
    assert readers() == []


@pytest.mark.parametrize(
    ("limits", "words"),
    [(ReaderLimits(file_bytes=1000), "File too large"), (ReaderLimits(open_files=3), "Too many open files")],
)
def test_files_have_limits(tmp_path: Path, tree: Path, limits: ReaderLimits, words: str) -> None:
    path = kept(tmp_path, tar_of({"main.tf": "x" * 5000}, packed=True))
    with pytest.raises(Refused, match=f"can't be unpacked: {words}"):
        check_archive(path, tree, limits)


@contextmanager
def one_that_waits(tmp_path: Path, tree: Path, longest_seconds: float = 60.0) -> Iterator[tuple[int, list[Refused]]]:
    """The process that reads an archive which doesn't come, and behind it why the archive was refused."""
    os.mkfifo(tmp_path / "pipe")
    refused: list[Refused] = []

    def check() -> None:
        with pytest.raises(Refused) as caught:
            check_archive(tmp_path / "pipe", tree, longest_seconds=longest_seconds)
        refused.append(caught.value)

    thread = threading.Thread(target=check)
    thread.start()
    writing = until(lambda: _opened(tmp_path / "pipe"))
    try:
        (reader,) = readers()
        yield reader, refused
    finally:
        thread.join()
        os.close(writing)
    assert readers() == []


def _opened(pipe: Path) -> int | None:
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:  # nobody reads it yet
            raise
        return None


def _open_files(process: Path) -> list[str]:
    return sorted(path.resolve().name for path in (process / "fd").iterdir())


def test_an_archive_that_takes_too_long_is_refused(tmp_path: Path, tree: Path) -> None:
    with one_that_waits(tmp_path, tree, 1.0) as (_, refused):
        pass
    assert refused[0].reason == "the configuration's archive took over 1 seconds to unpack"


def test_a_process_that_an_archive_ends_is_a_reason_too(tmp_path: Path, tree: Path) -> None:
    with one_that_waits(tmp_path, tree) as (reader, refused):
        os.kill(reader, signal.SIGSEGV)
    assert refused[0].reason.endswith("what reads it was ended by signal 11")


def test_the_process_has_nothing_of_ours(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNLOCK_SECRET_KEY", "5ec7e7" * 10)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "5ec7e7")
    ours = os.open(kept(tmp_path, b"a database"), os.O_RDONLY)
    os.set_inheritable(ours, True)
    with one_that_waits(tmp_path, tree) as (reader, _):
        process = Path("/proc", str(reader))
        environment = (process / "environ").read_bytes()
        until(lambda: "pipe" in _open_files(process))
        open_files = _open_files(process)
        limits = (process / "limits").read_text().splitlines()
        niceness = int((process / "stat").read_text().rpartition(")")[2].split()[16])
        os.kill(reader, signal.SIGKILL)
    os.close(ours)
    assert b"5ec7e7" not in environment
    assert b"RUNLOCK" not in environment
    assert "archive" not in open_files
    assert len(open_files) == 4  # its three, and the archive
    assert niceness == archive_reader.NICENESS
    for name, soft, hard in (
        ("Max core file size", "0", "0"),
        ("Max processes", "0", "0"),
        ("Max address space", str(512 * 1024**2), str(512 * 1024**2)),
        ("Max cpu time", "120", "121"),
        ("Max file size", str(2 * 1024**3), str(2 * 1024**3)),
        ("Max open files", "64", "64"),
    ):
        (line,) = (line for line in limits if line.startswith(name))
        assert line.removeprefix(name).split()[:2] == [soft, hard]


def test_one_that_says_too_much_is_ended(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one might that an archive has taken over."""
    monkeypatch.setattr(archive_check, "_PROGRAM", "while True: print('x' * 1000)")
    with pytest.raises(Refused, match="no answer but noise"):
        check_archive(kept(tmp_path, b""), tree)


def test_what_nobody_expected_is_logged_and_refused(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(archive_check, "_PROGRAM", "raise ValueError('of all things')")
    with pytest.raises(Refused, match="an error that nobody expected"):
        check_archive(kept(tmp_path, b""), tree)
    assert "of all things" in capsys.readouterr().out


def test_a_full_disk_is_not_the_archives_fault(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive_reader, "unpack", full)
    monkeypatch.setattr(archive_reader, "_limit", lambda *_: None)
    code = archive_reader.main("archive", "tree", "1", "1", "1", "1")
    said = capsys.readouterr().out
    monkeypatch.setattr(archive_check, "_PROGRAM", f"import sys; print({said!r}, end=''); sys.exit({code})")
    with pytest.raises(OutsideTrouble, match="unpacking the configuration: No space left on device"):
        check_archive(kept(tmp_path, b""), tree)


def test_a_process_that_can_not_be_started_is_not_the_archives_fault(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(OutsideTrouble, match="starting a process"):
        check_archive(kept(tmp_path, b""), tree)


def test_its_start_imports_little() -> None:
    """Each upload waits for it."""
    look = "import bot.runner.archive_reader; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    code = f"import sys; sys.path.append(sys.argv[1]); {look}"
    root = Path(archive_check.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(root)], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert "tarfile" in imported
    assert not imported & {"structlog", "subprocess", "secrets", "handlers", "storage", "socket", "logging"}
