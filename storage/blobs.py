"""Where do large things live? Sealed blobs: states, plans, work folders, logs, configurations.

A blob is on disk, synced, before the row that names it commits; a row never points at nothing.
"""

import contextlib
import importlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from bot.errors import RunlockError
from bot.ids import BlobId
from storage.encryption import Keyring
from storage.ids import new_id

_NAME = re.compile("blob-[A-Za-z0-9]{16}")
SPOOL_BYTES = 8 << 20  # a blob that is read from afar is kept in memory up to this size, then on disk


class BlobMissing(RunlockError):
    """A row names a blob that is not there."""


class Shelf(Protocol):
    """Where the sealed bytes are kept."""

    def writer(self, name: str) -> BinaryIO:
        """A file to write to; on `close` it is durable under its name, or raises."""
        ...

    def reader(self, name: str) -> BinaryIO: ...

    def remove(self, name: str) -> None: ...

    def written_before(self, moment: datetime) -> Iterator[str]:
        """The names of all blobs that are older, one after the other; what else lies there is passed over.

        None of a place that other installations reach: to a copy of our records, what we have written since would look
        like forgotten.
        """
        ...

    def remove_unfinished(self, before: datetime) -> int:
        """Remove what was begun before that moment and not finished, since its writer was killed; how many."""
        ...


class BlobStore:
    """Seals on the way in, opens on the way out."""

    def __init__(self, shelf: Shelf, keyring: Keyring) -> None:
        self._shelf = shelf
        self._keyring = keyring

    def put_stream(self, source: BinaryIO) -> tuple[BlobId, int]:
        """Store a stream; its id and its plain size in bytes."""
        blob_id = BlobId(new_id("blob"))
        with self._shelf.writer(blob_id) as target:
            size = self._keyring.seal_stream(source, target, blob_id)
        return blob_id, size

    def put(self, plain: bytes) -> BlobId:
        return self.put_stream(io.BytesIO(plain))[0]

    def chunks(self, blob_id: BlobId) -> Iterator[bytes]:
        """The plain bytes, a chunk at a time. Raises BlobMissing or SealBroken."""
        with self._shelf.reader(blob_id) as source:
            yield from self._keyring.open_stream(source, blob_id)

    def read(self, blob_id: BlobId) -> bytes:
        return b"".join(self.chunks(blob_id))

    def remove(self, blob_id: BlobId) -> None:
        self._shelf.remove(blob_id)

    def written_before(self, moment: datetime) -> Iterator[BlobId]:
        """All blobs that are older, in a place that is ours alone; see `Shelf`."""
        return map(BlobId, self._shelf.written_before(moment))

    def remove_unfinished(self, before: datetime) -> int:
        return self._shelf.remove_unfinished(before)


class FileShelf:
    """Blobs as files. Temp file, fsync, rename, fsync of the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def writer(self, name: str) -> BinaryIO:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _DurableFile(path)

    def reader(self, name: str) -> BinaryIO:
        try:
            return open(self._path(name), "rb")
        except FileNotFoundError as error:
            raise BlobMissing(f"reading {name}: it is not in the blob store") from error

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def written_before(self, moment: datetime) -> Iterator[str]:
        return (path.name for path in self._older(moment) if _NAME.fullmatch(path.name))

    def remove_unfinished(self, before: datetime) -> int:
        unfinished = [path for path in self._older(before) if path.match(".*.part")]
        for path in unfinished:
            path.unlink(missing_ok=True)
        return len(unfinished)

    def _older(self, moment: datetime) -> Iterator[Path]:
        """A folder at a time: so many of them, by the first two characters of the names, keep each one small."""
        for folder in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            with os.scandir(folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):  # removed, or finished, at this moment
                        if entry.stat(follow_symlinks=False).st_mtime < moment.timestamp():
                            yield Path(entry.path)

    def _path(self, name: str) -> Path:
        kind, _, rest = name.partition("-")
        if not rest.isalnum():
            raise BlobMissing(f"{name!r} is not the name of a blob")
        return self._folder / rest[:2].lower() / f"{kind}-{rest}"


class _DurableFile(io.FileIO):
    """A file that appears under its name only when it is whole and synced."""

    def __init__(self, path: Path) -> None:
        self._final = path
        self._temporary = path.with_name(f".{path.name}.part")
        super().__init__(self._temporary, "w")
        os.chmod(self._temporary, 0o600)
        self._spoiled = False

    def __exit__(self, kind: object, *rest: object) -> None:
        self._spoiled = kind is not None
        self.close()

    def close(self) -> None:
        if self.closed:
            return
        if not self._spoiled:
            os.fsync(self.fileno())
        super().close()
        if self._spoiled:
            self._temporary.unlink(missing_ok=True)
            return
        self._temporary.rename(self._final)
        folder = os.open(self._final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class ObjectShelf:
    """Blobs in an object store (S3, GCS, Azure) through obstore. Durable when `put` has answered.

    `store` is an obstore store; see `open_shelf`. Written to a local spool first, since a blob's size isn't known.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    def writer(self, name: str) -> BinaryIO:
        return cast(BinaryIO, _Upload(self._store, name))

    def reader(self, name: str) -> BinaryIO:
        spool = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - the caller closes it
        try:
            for chunk in obstore().get(self._store, name).stream():
                spool.write(chunk)
        except FileNotFoundError as error:
            spool.close()
            raise BlobMissing(f"reading {name}: it is not in the blob store") from error
        spool.seek(0)
        return cast(BinaryIO, spool)

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            obstore().delete(self._store, name)

    def written_before(self, moment: datetime) -> Iterator[str]:  # noqa: ARG002 - a bucket may be shared
        return iter(())

    def remove_unfinished(self, before: datetime) -> int:  # noqa: ARG002 - a store shows nothing before it is whole
        return 0


class _Upload(io.BufferedRandom):
    """A temporary file that is put into the store when it is closed without trouble."""

    def __init__(self, store: Any, name: str) -> None:
        handle, path = tempfile.mkstemp()
        os.unlink(path)
        super().__init__(io.FileIO(handle, "r+"))
        self._store = store
        self._key = name
        self._spoiled = False

    def __exit__(self, kind: object, *rest: object) -> None:
        self._spoiled = kind is not None
        self.close()

    def close(self) -> None:
        if not self.closed and not self._spoiled:
            self.seek(0)
            try:
                obstore().put(self._store, self._key, self)
            except BaseException:
                self._spoiled = True
                super().close()
                raise
        super().close()


def obstore() -> Any:
    """Loaded only where blobs are in an object store: the embedded default does without it."""
    return importlib.import_module("obstore")


def open_shelf(where: str, folder: Path) -> Shelf:
    """`file`, or the URL of an object store (`s3://bucket/prefix`; its credentials as obstore reads them).

    Raises RunlockError for anything else.
    """
    if where == "file":
        return FileShelf(folder)
    if "://" not in where:
        raise RunlockError(f"RUNLOCK_BLOBS is {where!r}; it can be file, or a URL such as s3://bucket/prefix")
    store = importlib.import_module("obstore.store").from_url(where)
    return ObjectShelf(store)
