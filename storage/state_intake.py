"""How does a state come in? In one pass: measured, summed, read and sealed, in memory that doesn't grow with it."""

import hashlib
import io
from dataclasses import dataclass
from typing import BinaryIO, cast

from bot.ids import BlobId
from bot.state import StateFacts, StateTooLarge, SumMismatch
from bot.state_reading import StateContent, StateOutput, StateReader, outputs_from_json, outputs_to_json
from storage.blobs import BlobStore

MEGABYTE = 1_000_000  # as people count them


@dataclass(frozen=True)
class ReceivedState:
    """A state that was read and is in a blob, before it is decided what becomes of it."""

    facts: StateFacts
    blob_id: BlobId
    size: int
    format: int = 0
    engine_version: str = ""
    outputs_blob_id: BlobId | None = None
    output_count: int = 0


class StateIntake:
    """`most_bytes`: larger states are refused."""

    def __init__(self, blobs: BlobStore, most_bytes: int) -> None:
        self._blobs = blobs
        self.most_bytes = most_bytes

    @property
    def most_document_bytes(self) -> int:
        """Of what comes beside a state: its form for programs says the same in more words."""
        return 4 * self.most_bytes

    def receive(self, source: BinaryIO, *, announced_md5: str = "") -> ReceivedState:
        """Read a state into a blob. Nothing is left of one that is refused.

        `announced_md5` in hex. Raises Refused for bytes that are no state, StateTooLarge, SumMismatch.
        """
        watched = _Watched(source, self.most_bytes, announced_md5)
        blob_id, size = self._blobs.put_stream(cast(BinaryIO, watched))
        try:
            return self._received(watched, blob_id, size)
        except BaseException:
            self._blobs.remove(blob_id)
            raise

    def received(self, blob_id: BlobId) -> ReceivedState:
        """A state of any size that is in a blob already: it stays there even if it is none, which raises Refused."""
        watched = _Watched(io.BytesIO(), None, "")
        size = 0
        for chunk in self._blobs.chunks(blob_id):
            watched.see(chunk)
            size += len(chunk)
        watched.end()
        return self._received(watched, blob_id, size)

    def receive_document(self, source: BinaryIO) -> BlobId:
        """Keep a document that belongs to a state, unread. Raises StateTooLarge."""
        return self._blobs.put_stream(cast(BinaryIO, _Measured(source, self.most_document_bytes)))[0]

    def outputs(self, blob_id: BlobId) -> list[StateOutput]:
        return outputs_from_json(self._blobs.read(blob_id))

    def give_up(self, state: ReceivedState) -> None:
        """Remove what nothing refers to."""
        self._blobs.remove(state.blob_id)
        if state.outputs_blob_id is not None:
            self._blobs.remove(state.outputs_blob_id)

    def _received(self, watched: "_Watched", blob_id: BlobId, size: int) -> ReceivedState:
        content = watched.content
        outputs = self._blobs.put(outputs_to_json(content.outputs)) if content.outputs else None
        facts = StateFacts(content.serial, content.lineage, watched.md5)
        return ReceivedState(
            facts, blob_id, size, content.format, content.engine_version, outputs, len(content.outputs)
        )


class _Measured:
    """A stream that ends with a refusal when it is longer than it may be."""

    def __init__(self, source: BinaryIO, most_bytes: int | None) -> None:
        self._source = source
        self._most = most_bytes
        self._size = 0

    def read(self, length: int) -> bytes:
        chunk = self._source.read(length)
        self._size += len(chunk)
        if self._most is not None and self._size > self._most:
            raise StateTooLarge(too_large(self._most))
        return chunk


class _Watched(_Measured):
    """A stream of a state: what passes is summed and read, and at its end checked."""

    def __init__(self, source: BinaryIO, most_bytes: int | None, announced_md5: str) -> None:
        super().__init__(source, most_bytes)
        self._sum = hashlib.md5(usedforsecurity=False)
        self._reader = StateReader()
        self._announced = announced_md5
        self._content: StateContent | None = None

    def read(self, length: int) -> bytes:
        chunk = super().read(length)
        if chunk:
            self.see(chunk)
        elif self._content is None:
            self.end()
        return chunk

    def see(self, chunk: bytes) -> None:
        self._sum.update(chunk)
        self._reader.feed(chunk)

    def end(self) -> None:
        """Raises SumMismatch before anything else: what was cut off on its way is no state either."""
        if self._announced and self._announced != self.md5:
            raise SumMismatch(f"the state does not match its MD5: {self.md5} arrived, {self._announced} was announced")
        self._content = self._reader.finish()

    @property
    def md5(self) -> str:
        return self._sum.hexdigest()

    @property
    def content(self) -> StateContent:
        if self._content is None:
            raise RuntimeError("the state was not read to its end")
        return self._content


def too_large(most_bytes: int) -> str:
    return f"a state may have {most_bytes // MEGABYTE} MB at most (RUNLOCK_LARGEST_STATE_MEGABYTES)"
