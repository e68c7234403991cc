"""Blobs: whole or not there, sealed, and the same on every shelf."""

import io
from pathlib import Path

import pytest
from obstore.store import LocalStore, MemoryStore

from bot.errors import RunlockError
from bot.ids import BlobId
from storage.blobs import BlobMissing, BlobStore, FileShelf, ObjectShelf, open_shelf
from storage.encryption import CHUNK_BYTES, Keyring, SealBroken

KEY = Keyring(b"k" * 32)


@pytest.fixture(params=["file", "local object store", "memory object store"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    (tmp_path / "objects").mkdir()
    match request.param:
        case "file":
            return BlobStore(FileShelf(tmp_path / "blobs"), KEY)
        case "local object store":
            return BlobStore(ObjectShelf(LocalStore(str(tmp_path / "objects"))), KEY)
        case _:
            return BlobStore(ObjectShelf(MemoryStore()), KEY)


@pytest.mark.parametrize("size", [0, 1, 1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_goes_in_comes_out(blobs: BlobStore, size: int) -> None:
    plain = bytes(range(256)) * (size // 256 + 1)
    blob_id, stored = blobs.put_stream(io.BytesIO(plain[:size]))
    assert stored == size
    assert blobs.read(blob_id) == plain[:size]


def test_a_removed_blob_is_missing_and_removing_twice_is_fine(blobs: BlobStore) -> None:
    blob_id = blobs.put(b"state")
    blobs.remove(blob_id)
    blobs.remove(blob_id)
    with pytest.raises(BlobMissing):
        blobs.read(blob_id)


def test_trouble_while_writing_leaves_nothing(blobs: BlobStore) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise OSError("the line went dead")
            return super().read(size)

    with pytest.raises(OSError, match="dead"):
        blobs.put_stream(Broken(b"x" * 3 * CHUNK_BYTES))


def test_nothing_half_written_is_seen_under_its_name(tmp_path: Path) -> None:
    shelf = FileShelf(tmp_path)
    writer = shelf.writer("blob-AAAA")
    writer.write(b"half")
    with pytest.raises(BlobMissing):
        shelf.reader("blob-AAAA")
    writer.close()
    with shelf.reader("blob-AAAA") as reader:
        assert reader.read() == b"half"
    assert not list(tmp_path.rglob("*.part"))


def test_the_disk_shows_nothing_and_another_key_opens_nothing(tmp_path: Path) -> None:
    blobs = BlobStore(FileShelf(tmp_path), KEY)
    blob_id = blobs.put(b"a secret of some length")
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    with pytest.raises(SealBroken, match="another key"):
        BlobStore(FileShelf(tmp_path), Keyring(b"x" * 32)).read(blob_id)


@pytest.mark.parametrize("damage", ["cut", "flipped", "chunks swapped", "another's"])
def test_a_damaged_blob_does_not_open(tmp_path: Path, damage: str) -> None:
    blobs = BlobStore(FileShelf(tmp_path), KEY)
    blob_id = blobs.put(b"A" * CHUNK_BYTES + b"B" * CHUNK_BYTES)
    (path,) = (path for path in tmp_path.rglob("blob-*") if path.is_file())
    sealed = path.read_bytes()
    head, chunk = 18, CHUNK_BYTES + 16
    match damage:
        case "cut":
            path.write_bytes(sealed[: head + chunk])
        case "flipped":
            path.write_bytes(sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:])
        case "chunks swapped":
            path.write_bytes(sealed[:head] + sealed[head + chunk :] + sealed[head : head + chunk])
        case "another's":
            other = BlobId("blob-" + "Z" * 16)
            target = tmp_path / "zz" / other
            target.parent.mkdir()
            path.rename(target)
            blob_id = other
    with pytest.raises(SealBroken):
        blobs.read(blob_id)


def test_where_blobs_are_is_one_setting(tmp_path: Path) -> None:
    assert isinstance(open_shelf("file", tmp_path), FileShelf)
    assert isinstance(open_shelf("memory:///", tmp_path), ObjectShelf)
    with pytest.raises(RunlockError, match="s3://"):
        open_shelf("somewhere", tmp_path)


def test_names_never_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(BlobMissing):
        FileShelf(tmp_path).reader("blob-../../etc/passwd")
