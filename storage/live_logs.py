"""Where is a log while it is being written? A local file; sealed into a blob at its end."""

import os
from pathlib import Path

from bot.errors import RunlockError
from bot.ids import BlobId, StageJobId
from storage.blobs import BlobStore


class LogGap(RunlockError):
    """A chunk starts after the end of what we have; the sender goes back to `size`."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the log has {size} bytes so far")
        self.size = size


class LiveLogs:
    """One file per stage job. Redacted by the runner before it came here."""

    def __init__(self, folder: Path, blobs: BlobStore) -> None:
        self._folder = folder
        self._blobs = blobs
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def append(self, job_id: StageJobId, offset: int, chunk: bytes) -> int:
        """Write `chunk` at `offset` and give the log's size. What is there already is left alone.

        Raises LogGap if bytes before `offset` are missing.
        """
        handle = os.open(self._path(job_id), os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(handle, "r+b") as file:
            size = file.seek(0, os.SEEK_END)
            if offset > size:
                raise LogGap(size)
            fresh = chunk[size - offset :]
            file.write(fresh)
            return size + len(fresh)

    def read(self, job_id: StageJobId, offset: int = 0, limit: int | None = None) -> bytes:
        """Bytes from `offset`; empty when there is nothing yet."""
        try:
            with open(self._path(job_id), "rb") as file:
                file.seek(offset)
                return file.read(-1 if limit is None else limit)
        except FileNotFoundError:
            return b""

    def size(self, job_id: StageJobId) -> int:
        """Bytes so far; 0 when there is nothing yet."""
        try:
            return self._path(job_id).stat().st_size
        except FileNotFoundError:
            return 0

    def seal(self, job_id: StageJobId) -> tuple[BlobId, int]:
        """Make the log a blob: its id, and the log's size in bytes.

        The file stays until `forget`, which follows the commit that names the blob.
        """
        path = self._path(job_id)
        if not path.exists():
            return self._blobs.put(b""), 0
        with open(path, "rb") as file:
            return self._blobs.put_stream(file)

    def forget(self, job_id: StageJobId) -> None:
        self._path(job_id).unlink(missing_ok=True)

    def all(self) -> list[StageJobId]:
        """Of which jobs there is one."""
        return [StageJobId(path.stem) for path in self._folder.glob("*.log")]

    def _path(self, job_id: StageJobId) -> Path:
        if not job_id.replace("-", "").isalnum():
            raise RunlockError(f"{job_id!r} is not the id of a job")
        return self._folder / f"{job_id}.log"
