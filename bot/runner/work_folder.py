"""Where does a stage work, and how does its tree come and go? Nothing in a tree may reach out of it.

A stage has a folder with five rooms: `tree` (the configuration; the engine writes here), `inputs` (what we give the
engine; read-only to it), `out` (what the engine gives us), `home`, and `private` (ours; a sandbox doesn't show it).
What the engine may write is hostile when we read it: a file may have become a symlink to something of ours.
"""

import fcntl
import gzip
import os
import shutil
import stat
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from bot.errors import OutsideTrouble, Refused

MOST_MEMBERS = 200_000
MOST_BYTES = 2 * 1024**3  # of a whole tree, unpacked
NAME_SHOWN = 200  # characters of a hostile name in an error
# What an init makes anew: provider binaries (0.14 and later, then 0.13 and earlier) and the memory of a backend.
NOT_PACKED = (".terraform/providers", ".terraform/plugins", ".terraform/terraform.tfstate")


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
            remove(folder)
            _lock_path(folder).unlink(missing_ok=True)
    finally:
        os.close(lock)


def sweep(work: Path) -> None:
    """Remove what a killed runner left behind: folders that nobody works in."""
    for path in sorted(work.glob("*.lock")) if work.is_dir() else ():
        try:
            lock = _take_turn(path, time.monotonic())
        except OutsideTrouble:
            continue
        remove(path.with_suffix(""))
        path.unlink(missing_ok=True)
        os.close(lock)


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


def remove(folder: Path) -> None:
    """Remove a tree that an engine wrote, folders without write permission included."""

    def permit_and_retry(function: Callable[[str], object], path: str, _: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        if os.path.isdir(path) and not os.path.islink(path):
            os.chmod(path, 0o700)
            shutil.rmtree(path, ignore_errors=True)
        else:
            function(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=permit_and_retry)


def unpack(archive: Path, tree: Path, *, drop: tuple[str, ...] = ()) -> None:
    """Unpack a tar (or tar.gz) into an empty folder, without any path that has a part named in `drop`.

    Raises Refused, naming the member, for absolute paths, `..`, devices, FIFOs, hard links, symlinks that leave the
    tree, and archives that are too large or cut off.
    """
    symlinks: list[tuple[Path, str]] = []
    total = 0
    try:
        with tarfile.open(archive, "r|*") as tar:
            for number, member in enumerate(tar, start=1):
                total += max(member.size, 0)
                if number > MOST_MEMBERS or total > MOST_BYTES:
                    raise Refused(f"the configuration is too large: over {MOST_MEMBERS} files or {MOST_BYTES} bytes")
                target = _target(tree, member.name)
                if target is None or set(drop) & set(target.relative_to(tree).parts):
                    continue
                if member.issym():
                    symlinks.append((target, member.linkname))
                else:
                    _write_member(tar, member, target)
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise OutsideTrouble("unpacking the configuration: the archive is cut off or damaged") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise Refused("the configuration has the same path twice, as different things") from error
    _make_symlinks(tree, symlinks)


def _target(tree: Path, name: str) -> Path | None:
    """Where a member belongs; None for the tree itself."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise Refused(f"the configuration has a path that leaves it: {shown(name)}")
    return tree / path if path.parts else None


def _write_member(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True, mode=0o755)
        return
    if not member.isreg():
        kind = "a hard link" if member.islnk() else "a FIFO" if member.isfifo() else "a device or another special file"
        raise Refused(
            f"the configuration has {kind}: {shown(member.name)}; only files, folders and symlinks can be run"
        )
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError("no content")
    mode = 0o755 if member.mode & 0o111 else 0o644
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode), "wb") as file:
        shutil.copyfileobj(source, file)


def _make_symlinks(tree: Path, symlinks: list[tuple[Path, str]]) -> None:
    """Symlinks come last, so that nothing was written through one; then each is followed, as the engine would."""
    root = os.path.realpath(tree)
    for target, aim in symlinks:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        try:
            os.symlink(aim, target)
        except FileExistsError:
            raise Refused(f"the configuration has {shown(str(target.relative_to(tree)))} twice") from None
    for target, aim in symlinks:
        name = shown(str(target.relative_to(tree)))
        if os.path.isabs(aim) or not _is_inside(os.path.realpath(target), root):
            raise Refused(f"the symlink {name} leaves the configuration: it points to {shown(aim)}")


def working_directory(tree: Path, relative: str) -> Path:
    """The folder in which the engine runs. Raises Refused, naming it, if it isn't a folder of the tree."""
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts:
        raise Refused(f"the working directory {shown(relative)!r} leaves the configuration")
    folder = tree / path
    if not _is_inside(os.path.realpath(folder), os.path.realpath(tree)):
        raise Refused(f"the working directory {shown(relative)!r} leaves the configuration by a symlink")
    if not folder.is_dir():
        raise Refused(f"the working directory {shown(relative)!r} is not a folder of the configuration")
    return folder


def pack(tree: Path, archive: Path, working_directory: str) -> None:
    """The tree after a plan as a tar.gz, in a fixed order, without what an init makes anew. Symlinks stay symlinks."""
    left_out = {str(PurePosixPath(working_directory) / path) for path in NOT_PACKED}
    total = 0
    with (
        archive.open("wb") as file,
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in _walk(tree, left_out):
            info = tar.gettarinfo(path, arcname=str(path.relative_to(tree)))
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            if info.islnk():  # two names of one file: each gets the content
                info.type, info.linkname, info.size = tarfile.REGTYPE, "", path.stat().st_size
            total += info.size
            if total > MOST_BYTES:
                raise Refused(f"the work folder after the plan is over {MOST_BYTES} bytes")
            if not info.isreg():
                tar.addfile(info)
                continue
            with path.open("rb") as content:
                tar.addfile(info, content)


def _walk(tree: Path, left_out: set[str]) -> Iterator[Path]:
    """Files, folders and symlinks below `tree`, sorted, each folder before what is in it."""
    for folder, folders, files in os.walk(tree):
        base = Path(folder)
        folders.sort()
        for name in sorted([*folders, *files]):
            path = base / name
            if str(path.relative_to(tree)) in left_out:
                continue
            kind = path.lstat().st_mode
            if stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISLNK(kind):
                yield path
        folders[:] = [name for name in folders if str((base / name).relative_to(tree)) not in left_out]


@contextmanager
def opened_safely(room: Path, name: str) -> Iterator[BinaryIO | None]:
    """A regular file that an engine may have made in `room`; None if there is none. Raises Refused if it is no file."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(room / name, flags)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise Refused(f"the engine left {name} behind as something that is not a file") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Refused(f"the engine left {name} behind as something that is not a file")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def shown(name: str) -> str:
    """A name from outside as it may stand in a sentence: printable and short."""
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= NAME_SHOWN else text[:NAME_SHOWN] + "…"


def _is_inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)
