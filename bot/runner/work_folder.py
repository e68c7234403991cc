"""Where does a stage work, and how does its tree come and go? Nothing in a tree may reach out of it.

A stage has a folder with five rooms: `tree` (the configuration; the engine writes here), `inputs` (what we give the
engine; read-only to it), `out` (what the engine gives us), `home`, and `private` (ours; a sandbox doesn't show it).
What the engine may write is hostile when we read it: a file may have become a symlink to something of ours.
"""

import fcntl
import gzip
import os
import stat
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import structlog

from bot.errors import OutsideTrouble, Refused
from bot.runner.trees import Entry, remove, walk
from bot.runner.unpacking import MOST_BYTES, MOST_MEMBERS, followed, is_inside, refuse_too_deep, shown

# What an init makes anew: provider binaries (0.14 and later, then 0.13 and earlier) and the memory of a backend.
NOT_PACKED = (".terraform/providers", ".terraform/plugins", ".terraform/terraform.tfstate")
_AS_IT_IS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # no symlink is followed, no FIFO waited for
log = structlog.get_logger()


@dataclass(frozen=True)
class Rooms:
    """The parts of a stage's folder, as paths on this machine."""

    tree: Path
    inputs: Path
    out: Path
    home: Path
    private: Path


@contextmanager
def stage_folder(work: Path, name: str, *, patience_seconds: float = 60) -> Iterator[Rooms]:
    """A fresh folder, removed afterwards. Two users of one name take turns; OutsideTrouble if the turn doesn't come."""
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = work / name
    lock = _take_turn(_lock_path(folder), time.monotonic() + patience_seconds)
    try:
        remove(folder)
        rooms = Rooms(*(folder / room for room in ("tree", "inputs", "out", "home", "private")))
        for room in (rooms.tree, rooms.inputs, rooms.out, rooms.home, rooms.private):
            room.mkdir(parents=True, mode=0o700)
        try:
            yield rooms
        finally:
            _clear_away(folder)
    finally:
        os.close(lock)


def sweep(work: Path) -> None:
    """Remove what a killed runner left behind: folders that nobody works in. One that can't be removed stays."""
    for path in sorted(work.glob("*.lock")) if work.is_dir() else ():
        try:
            lock = _take_turn(path, time.monotonic())
        except OutsideTrouble:
            continue
        except OSError as error:
            log.error("lock of a work folder can't be taken", folder=path.stem, reason=error.strerror)
            continue
        _clear_away(path.with_suffix(""))
        os.close(lock)


def _clear_away(folder: Path) -> None:
    """Remove a folder and its lock file; one that can't be is left to the next sweep, for it must stop nothing."""
    try:
        remove(folder)
        _lock_path(folder).unlink(missing_ok=True)
    except OSError as error:
        log.error("work folder can't be removed", folder=folder.name, reason=error.strerror)


def _lock_path(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")


def _take_turn(path: Path, deadline: float) -> int:
    """The descriptor that holds the lock. Owners remove the file, so whoever waited looks if it is still there."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(lock).st_ino:
                return lock
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(lock)
                raise OutsideTrouble(f"preparing the work folder: {path.stem} is in use by an earlier try") from None
            time.sleep(0.05)
        os.close(lock)


def working_directory(tree: Path, relative: str) -> Path:
    """The folder in which the engine runs. Raises Refused, naming it, if it isn't a folder of the tree."""
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts:
        raise Refused(f"the working directory {shown(relative)!r} leaves the configuration")
    folder = tree / path
    if not is_inside(followed(folder), os.path.realpath(tree)):
        raise Refused(f"the working directory {shown(relative)!r} leaves the configuration by a symlink")
    if not folder.is_dir():
        raise Refused(f"the working directory {shown(relative)!r} is not a folder of the configuration")
    return folder


def pack(tree: Path, archive: Path, working_directory: str, go_on: Callable[[], None] = lambda: None) -> None:
    """The tree after a plan as a tar.gz, in a fixed order, without what an init makes anew. Symlinks stay symlinks.

    Raises Refused for a tree that `unpack` would not take.
    """
    left_out = {str(PurePosixPath(working_directory) / path) for path in NOT_PACKED}
    total = 0
    with (
        archive.open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for number, entry in enumerate(walk(tree, left_out), start=1):
            go_on()
            refuse_too_deep("the work folder after the plan", entry.path)
            total += entry.status.st_size if stat.S_ISREG(entry.status.st_mode) else 0
            if number > MOST_MEMBERS or total > MOST_BYTES:
                raise Refused(f"the work folder after the plan is over {MOST_MEMBERS} files or {MOST_BYTES} bytes")
            _pack_entry(tar, entry)


def _pack_entry(tar: tarfile.TarFile, entry: Entry) -> None:
    """Add a file (each of its names with the content), a folder or a symlink; of what else there is, nothing."""
    info = tarfile.TarInfo(entry.path)
    info.mode = stat.S_IMODE(entry.status.st_mode)
    info.mtime = int(entry.status.st_mtime)
    if stat.S_ISDIR(entry.status.st_mode):
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif stat.S_ISLNK(entry.status.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(entry.name, dir_fd=entry.folder)
        tar.addfile(info)
    elif stat.S_ISREG(entry.status.st_mode):
        info.size = entry.status.st_size
        with os.fdopen(os.open(entry.name, _AS_IT_IS, dir_fd=entry.folder), "rb") as content:
            tar.addfile(info, content)


@contextmanager
def opened_safely(room: Path, name: str, *, largest: int) -> Iterator[BinaryIO | None]:
    """A regular file that an engine may have made in `room`; None if there is none.

    Raises Refused if it is no file, or over `largest` bytes: a sparse file of any size costs an engine nothing.
    """
    try:
        descriptor = os.open(room / name, _AS_IT_IS)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise Refused(f"the engine left {name} behind as something that is not a file") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
        os.close(descriptor)
        wrong = f"with {status.st_size} bytes; {largest} are the most" if stat.S_ISREG(status.st_mode) else ""
        raise Refused(f"the engine left {name} behind {wrong or 'as something that is not a file'}")
    with os.fdopen(descriptor, "rb") as file:
        yield file
