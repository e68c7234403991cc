"""Small values and the key: sealed to what they are about, made once, whole or not there."""

import os
import threading
from pathlib import Path

import pytest

from bot.errors import RunlockError
from storage.encryption import KEY_BYTES, Keyring, SealBroken, load_or_make_key

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
