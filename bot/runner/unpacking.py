"""How does an archive become a tree? Nothing in it may reach out of the folder that it is unpacked into.

It is imported by a process that is started for each archive that is uploaded (bot/runner/archive_reader.py): so it
imports little.
"""

import errno
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from bot.errors import OutsideTrouble, Refused
from bot.runner.tar_members import WatchedArchive, bounded_members

MOST_MEMBERS = 200_000
MOST_SYMLINKS = 10_000  # each is followed
MOST_BYTES = 2 * 1024**3  # of a whole tree, unpacked
MOST_PARTS = 100  # of a path: deeper than any configuration, and shallow enough for whatever recurses
LONGEST_PATH = 2048  # bytes from the tree's top: with what is before it, half of what the system takes
NAME_SHOWN = 200  # characters of a hostile name in an error


def unpack(archive: Path, tree: Path, *, drop: tuple[str, ...] = (), go_on: Callable[[], None] = lambda: None) -> None:
    """Unpack a tar (or tar.gz) into an empty folder, without any path that has a part named in `drop`.

    `go_on` is called again and again, and may raise to end it.

    Raises Refused, naming the member, for absolute paths, `..`, paths that are too deep or too long, devices, FIFOs,
    hard links and symlinks that leave the tree, and for archives that are too large. One that is cut off is
    OutsideTrouble.
    """
    symlinks: list[tuple[Path, str]] = []
    total = 0
    try:
        with (
            WatchedArchive(archive, go_on) as file,
            tarfile.open(fileobj=file, mode="r|*", tarinfo=bounded_members()) as tar,
        ):
            for number, member in enumerate(tar, start=1):
                total += max(member.size, 0)
                if number > MOST_MEMBERS or total > MOST_BYTES:
                    raise Refused(f"the configuration is too large: over {MOST_MEMBERS} files or {MOST_BYTES} bytes")
                target = _target(tree, member.name)
                if target is None or set(drop) & set(target.relative_to(tree).parts):
                    continue
                if member.issym():
                    symlinks.append((target, member.linkname))
                    if len(symlinks) > MOST_SYMLINKS:
                        raise Refused(f"the configuration has over {MOST_SYMLINKS} symlinks")
                else:
                    _write_member(tar, member, target)
    except (tarfile.TarError, EOFError) as error:
        raise OutsideTrouble("unpacking the configuration: the archive is cut off or damaged") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise Refused("the configuration has the same path twice, as different things") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise Refused("the configuration has a name that is too long for a disk") from error
        raise
    _make_symlinks(tree, symlinks)


def _target(tree: Path, name: str) -> Path | None:
    """Where a member belongs; None for the tree itself."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise Refused(f"the configuration has a path that leaves it: {shown(name)}")
    if "\0" in name:
        raise Refused(f"the configuration has a path that no disk can hold: {shown(name)}")
    refuse_too_deep("the configuration", str(path))
    return tree / path if path.parts else None


def refuse_too_deep(what: str, path: str) -> None:
    if path.count("/") >= MOST_PARTS or len(os.fsencode(path)) > LONGEST_PATH:
        raise Refused(f"{what} has a path of over {MOST_PARTS} parts or {LONGEST_PATH} bytes: {shown(path)}")


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
        name = shown(str(target.relative_to(tree)))
        if "\0" in aim or len(os.fsencode(aim)) > LONGEST_PATH:
            raise Refused(f"the symlink {name} points to a path that no disk can hold")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        try:
            os.symlink(aim, target)
        except FileExistsError:
            raise Refused(f"the configuration has {name} twice") from None
    for target, aim in symlinks:
        name = shown(str(target.relative_to(tree)))
        if os.path.isabs(aim) or not is_inside(followed(target), root):
            raise Refused(f"the symlink {name} leaves the configuration: it points to {shown(aim)}")


def shown(name: str) -> str:
    """A name from outside as it may stand in a sentence: printable and short."""
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= NAME_SHOWN else text[:NAME_SHOWN] + "…"


def followed(path: Path) -> str:
    """Where a path leads through its symlinks. Raises Refused where the system would not follow them, after some 40."""
    try:
        os.stat(path)
    except OSError as error:  # one that leads to nothing is followed all the same
        if error.errno == errno.ELOOP:
            raise Refused(f"{shown(path.name)} leads through too many symlinks") from error
    return os.path.realpath(path)


def is_inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root + os.sep)
