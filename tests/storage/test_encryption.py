"""Small values and the key: sealed to what they are about, made once, whole or not there."""

import io
import itertools
import os
import threading
from pathlib import Path

import pytest

from bot.errors import RunlockError
from storage.encryption import CHUNK_BYTES, KEY_BYTES, Keyring, SealBroken, load_or_make_key

KEYS = Keyring(b"k" * 32)


def test_a_value_opens_only_for_what_it_was_sealed_for() -> None:
    sealed = KEYS.seal_text("hunter2", "variable var-1")
    assert b"hunter2" not in sealed
    assert KEYS.open_text(sealed, "variable var-1") == "hunter2"
    with pytest.raises(SealBroken):
        KEYS.open_text(sealed, "variable var-2")
    with pytest.raises(SealBroken, match="another key"):
        Keyring(b"x" * 32).open_text(sealed, "variable var-1")
    with pytest.raises(SealBroken, match="not sealed"):
        KEYS.open(b"plain text", "variable var-1")


def test_the_same_value_never_looks_the_same() -> None:
    assert KEYS.seal_text("a", "x") != KEYS.seal_text("a", "x")


def test_each_purpose_has_a_key_of_its_own() -> None:
    assert len({KEYS.derive(purpose) for purpose in ("sessions", "manifests", "run tokens")}) == 3


def test_a_short_key_is_refused() -> None:
    with pytest.raises(RunlockError, match="at least 32 bytes"):
        Keyring(b"short")


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    key = load_or_make_key(path)
    assert len(key) == KEY_BYTES
    assert load_or_make_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["secret.key"]


def test_processes_that_start_together_read_the_same_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    together = threading.Barrier(8)

    def start() -> None:
        together.wait()
        keys.append(load_or_make_key(tmp_path / "secret.key"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


class Reads:
    """A stream that returns as many bytes at a time as it likes, whatever it is asked for."""

    def __init__(self, content: bytes, sizes: tuple[int, ...]) -> None:
        self._content, self._sizes = content, itertools.cycle(sizes)

    def read(self, _: int) -> bytes:
        size = next(self._sizes)
        found, self._content = self._content[:size], self._content[size:]
        return found


@pytest.mark.parametrize("sizes", [(CHUNK_BYTES - 1,), (1_000_003, 5), (CHUNK_BYTES,), (3 * CHUNK_BYTES + 1,)])
@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7])
def test_a_stream_is_opened_whatever_pieces_it_came_in(sizes: tuple[int, ...], length: int) -> None:
    content = os.urandom(length)
    sealed = io.BytesIO()
    assert KEYS.seal_stream(Reads(content, sizes), sealed, "blob-1") == length  # type: ignore[arg-type]
    sealed.seek(0)
    assert b"".join(KEYS.open_stream(sealed, "blob-1")) == content
    header = len(KEYS.seal(b"", "")) - 12 - 16 + 7  # nonce and tag of a small value; a stream has a prefix
    for pieces in ((header, 65_537), (header, 4 * CHUNK_BYTES)):
        assert b"".join(KEYS.open_stream(Reads(sealed.getvalue(), pieces), "blob-1")) == content  # type: ignore[arg-type]


def test_a_stream_that_was_cut_off_does_not_open() -> None:
    sealed = io.BytesIO()
    KEYS.seal_stream(io.BytesIO(os.urandom(2 * CHUNK_BYTES)), sealed, "blob-1")
    for length in (len(sealed.getvalue()) - 1, CHUNK_BYTES + 16 + 18, 18):
        with pytest.raises(SealBroken):
            list(KEYS.open_stream(io.BytesIO(sealed.getvalue()[:length]), "blob-1"))
