"""An archive that says more than it holds: refused before it is read, in bounded memory and time."""

import io
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.runner import tar_members, unpacking
from bot.runner.unpacking import unpack

_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


def raw(tmp_path: Path, *parts: tuple[bytes, int, bytes]) -> Path:
    """An archive of headers as they are: each its type, the size that it claims, and the content that follows it."""
    found = b""
    for kind, size, content in parts:
        info = tarfile.TarInfo("main.tf")
        info.type, info.size = kind, size
        found += info.tobuf(tarfile.GNU_FORMAT) + content.ljust(-(-len(content) // 512) * 512, b"\0")
    path = tmp_path / "archive.tar"
    path.write_bytes(found + bytes(1024))
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


@pytest.mark.parametrize("kind", _HEADERS)
def test_a_header_of_hundreds_of_megabytes_is_not_read(tmp_path: Path, tree: Path, kind: bytes) -> None:
    path = raw(tmp_path, (kind, 700_000_000, b"x" * 8_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match="more to say of its files"):
            unpack(path, tree)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_all_headers_together_have_a_limit(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_members, "MOST_HEADERS_BYTES", 2_000)
    one = ((tarfile.GNUTYPE_LONGNAME, 900, b"a/" * 40 + b"main.tf\0".ljust(820, b"\0")), (tarfile.REGTYPE, 0, b""))
    unpack(raw(tmp_path, *one, *one), tree)
    with pytest.raises(Refused, match="more to say of its files"):
        unpack(raw(tmp_path, *one, *one, *one), tree)


def test_sparse_files_are_refused_in_a_sentence(tmp_path: Path, tree: Path) -> None:
    with pytest.raises(Refused, match="a sparse file; pack it without"):
        unpack(raw(tmp_path, (tarfile.GNUTYPE_SPARSE, 512, bytes(512))), tree)
    path = tmp_path / "newer.tar"
    info = tarfile.TarInfo("GNUSparseFile.0/main.tf")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1", "size": "512"}
    info.size = 512
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info, io.BytesIO(b"100000000\n".ljust(512, b"0")))
    with pytest.raises(Refused, match="a sparse file; pack it without"):
        unpack(path, tree)


def links(tmp_path: Path, aims: dict[str, str]) -> Path:
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as tar:
        for name, aim in aims.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, aim
            tar.addfile(info)
    return path


def test_a_chain_that_no_system_follows_is_refused_without_following_it(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed: list[object] = []
    real = os.path.realpath
    monkeypatch.setattr(os.path, "realpath", lambda path: followed.append(path) or real(path))
    chain = {f"s{number}": f"s{number + 1}" for number in range(900)}
    many = {f"t{number}": "s0" for number in range(2_000)}
    with pytest.raises(Refused, match="leads through too many symlinks"):
        unpack(links(tmp_path, {**many, **chain}), tree)
    assert len(followed) == 1  # the tree's own top; each of the links took a hundredth of a second


def test_a_chain_as_long_as_a_system_follows_is_taken(tmp_path: Path, tree: Path) -> None:
    unpack(links(tmp_path, {f"s{number}": f"s{number + 1}" for number in range(30)}), tree)
    assert (tree / "s0").is_symlink()


def test_symlinks_have_a_limit(tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_SYMLINKS", 3)
    with pytest.raises(Refused, match="over 3 symlinks"):
        unpack(links(tmp_path, {f"s{number}": "." for number in range(4)}), tree)
