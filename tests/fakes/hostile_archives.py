"""Archives that hurt whatever unpacks them, and a look at the process that does."""

import io
import lzma
import os
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.runner.archive_check import _PROGRAM as PROGRAM


def storm() -> bytes:
    """A small archive of symlinks, for which following all of them takes many minutes."""
    chain = {f"s{number}": "d/../" * 400 + f"s{number + 1}" for number in range(35)}
    aims = {**chain, **{f"t{number}": "s0" for number in range(9_900)}}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(_member("d", tarfile.DIRTYPE))
        for name, aim in aims.items():
            tar.addfile(_member(name, tarfile.SYMTYPE, aim))
    return packed.getvalue()


def memory_hog() -> bytes:
    """An xz archive of some bytes, whose header asks its reader for a dictionary of a gigabyte."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        tar.addfile(_member("main.tf"))
    packed = bytearray(lzma.compress(plain.getvalue(), filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]))
    assert packed[14:16] == b"\x21\x01"  # LZMA2, and one byte that says how large the dictionary is
    packed[16] = 36
    packed[20:24] = zlib.crc32(packed[12:20]).to_bytes(4, "little")
    return bytes(packed)


def _member(name: str, kind: bytes = tarfile.REGTYPE, aim: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, aim
    return info


def readers() -> list[int]:
    """The processes that look through an archive for this one at this moment."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _is_reader(path)]


def _is_reader(process: Path) -> bool:
    try:
        parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        return parent == os.getpid() and PROGRAM.encode() in (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has ended at this very moment


def until(look: Callable[[], Any]) -> Any:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found
