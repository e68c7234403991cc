"""How is a tree walked or removed that an engine wrote? However deep it is, and without following a symlink.

`os.walk` and `shutil.rmtree` of Python 3.11 recurse, so a thousand nested folders end them, and a path of over 4,096
bytes can't be named at all (https://man7.org/linux/man-pages/man7/path_resolution.7.html). Here each folder is opened
from the one that it is in, and nothing recurses.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Entry:
    """Something in a tree. `folder` is open only until the next entry is asked for."""

    path: str  # from the tree's top, with "/" between
    name: str
    folder: int  # the descriptor of the folder that it is in
    status: os.stat_result  # its own, also of a symlink


def walk(top: Path, left_out: Container[str] = ()) -> Iterator[Entry]:
    """Everything below `top` but the paths in `left_out`, sorted, each folder before what is in it.

    Holds one descriptor for each level of the tree: a caller that doesn't go on past a depth bounds them. Raises
    OSError.
    """
    levels = [_level(top, None, "")]
    try:
        while levels:
            folder, prefix, names = levels[-1]
            if not names:
                os.close(folder)
                levels.pop()
                continue
            name = names.pop()
            if prefix + name in left_out:
                continue
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            yield Entry(prefix + name, name, folder, status)
            if stat.S_ISDIR(status.st_mode):
                levels.append(_level(name, folder, f"{prefix}{name}/"))
    finally:
        for folder, _, _ in levels:
            os.close(folder)


def _level(folder: Path | str, inside: int | None, prefix: str) -> tuple[int, str, list[str]]:
    """An open folder, the beginning of its entries' paths, and their names, the first one last."""
    descriptor = os.open(folder, _FOLDER, dir_fd=inside)
    try:
        return descriptor, prefix, sorted(os.listdir(descriptor), key=os.fsencode, reverse=True)
    except OSError:
        os.close(descriptor)
        raise


def remove(folder: Path) -> None:
    """Remove a folder and all that is in it, folders without permissions included. Nothing if there is none.

    Inner folders are moved up into `folder` before they are emptied, so that no depth costs descriptors or stack.
    Raises OSError.
    """
    with contextlib.suppress(FileNotFoundError):
        _permit(folder, None)
        top = os.open(folder, _FOLDER)
        try:
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(folder)


def _empty(top: int) -> None:
    # A prefix that an engine can't know: a folder of that name would be taken for one that was moved.
    prefix = secrets.token_hex(8)
    fresh = (f"{prefix}-{number}" for number in count())
    waiting = _clear(top, top, fresh)
    while waiting:
        name = waiting.pop()
        folder = os.open(name, _FOLDER, dir_fd=top)
        try:
            waiting += _clear(folder, top, fresh)
        finally:
            os.close(folder)
        os.rmdir(name, dir_fd=top)


def _clear(folder: int, top: int, fresh: Iterator[str]) -> list[str]:
    """Remove the files of `folder` and move its folders up into `top`; what these are called there."""
    with os.scandir(folder) as found:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
    folders = []
    for name, is_folder in entries:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            continue
        _permit(name, folder)
        kept = name
        if folder != top:
            kept = next(fresh)
            os.rename(name, kept, src_dir_fd=folder, dst_dir_fd=top)
        folders.append(kept)
    return folders


def _permit(folder: Path | str, inside: int | None) -> None:
    """Allow ourselves to look into a folder and to change it. A symlink in its place is not followed, but an error."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside)
    try:
        # chmod can't be told to follow no symlink, but it can be given what is open; one of another owner says so
        # when it is emptied.
        with contextlib.suppress(PermissionError):
            os.chmod(f"/proc/self/fd/{handle}", 0o700)
    finally:
        os.close(handle)
