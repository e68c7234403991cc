"""How is what we remember kept from those who read the disk? AES-256-GCM with a key id in front.

Small values are one message. Blobs are a series of messages (the STREAM construction: each chunk's nonce
holds its number and whether it is the last), so that a state of any size is sealed in bounded memory and a
cut-off or reordered blob does not open. Source: https://eprint.iacr.org/2015/189 (section 8).
"""

import contextlib
import hashlib
import hmac
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.errors import RunlockError

KEY_BYTES = 32
_MAGIC = b"RL1"
_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_PREFIX_BYTES = 7  # of a chunk's nonce; the other five are 4 bytes of number and 1 of "last"
_TAG_BYTES = 16
CHUNK_BYTES = 1 << 20


class SealBroken(RunlockError):
    """What was stored can't be opened: another key, or somebody changed it."""


class Keyring:
    """The master key, and the keys made from it. Never shown."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) < KEY_BYTES:
            raise RunlockError(f"the secret key must have at least {KEY_BYTES} bytes")
        self._master = master_key
        self._derived: dict[str, bytes] = {}
        self._sealing = self.derive("sealing")
        self.key_id = hashlib.sha256(b"key id" + self._sealing).digest()[:_KEY_ID_BYTES]

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, so that no key does two things."""
        if purpose not in self._derived:
            self._derived[purpose] = hmac.new(self._master, f"runlock {purpose}".encode(), hashlib.sha256).digest()
        return self._derived[purpose]

    def seal(self, plain: bytes, about: str) -> bytes:
        """Encrypt a small value. `about` (what it is, whose) must be the same to open it."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._header + nonce + AESGCM(self._sealing).encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Decrypt what `seal` made. Raises SealBroken."""
        body = self._without_header(sealed)
        try:
            return AESGCM(self._sealing).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"opening {about}: the key does not fit, or it was changed") from error

    def seal_text(self, plain: str, about: str) -> bytes:
        return self.seal(plain.encode(), about)

    def open_text(self, sealed: bytes | None, about: str) -> str:
        return self.open(sealed, about).decode() if sealed else ""

    def seal_stream(self, source: BinaryIO, target: BinaryIO, about: str) -> int:
        """Encrypt a stream in chunks; the number of plain bytes."""
        prefix = os.urandom(_PREFIX_BYTES)
        target.write(self._header + prefix)
        cipher, size = AESGCM(self._sealing), 0
        for number, (chunk, is_last) in enumerate(_frames(source, CHUNK_BYTES)):
            nonce = _chunk_nonce(prefix, number, is_last=is_last)
            target.write(cipher.encrypt(nonce, chunk, about.encode()))
            size += len(chunk)
        return size

    def open_stream(self, source: BinaryIO, about: str) -> Iterator[bytes]:
        """The plain chunks of what `seal_stream` wrote. Raises SealBroken, also if its end is missing."""
        header = self._without_header(_whole(source, len(self._header) + _PREFIX_BYTES))
        cipher = AESGCM(self._sealing)
        for number, (sealed, is_last) in enumerate(_frames(source, CHUNK_BYTES + _TAG_BYTES)):
            if not sealed:
                raise SealBroken(f"opening {about}: it is empty")
            nonce = _chunk_nonce(header[:_PREFIX_BYTES], number, is_last=is_last)
            try:
                yield cipher.decrypt(nonce, sealed, about.encode())
            except InvalidTag as error:
                raise SealBroken(f"opening {about}: the key does not fit, or it was changed") from error

    @property
    def _header(self) -> bytes:
        return _MAGIC + self.key_id

    def _without_header(self, sealed: bytes) -> bytes:
        if not sealed.startswith(_MAGIC):
            raise SealBroken("opening a stored value: it was not sealed by Runlock")
        if sealed[len(_MAGIC) : len(self._header)] != self.key_id:
            raise SealBroken("opening a stored value: it was sealed with another key (RUNLOCK_SECRET_KEY)")
        return sealed[len(self._header) :]


def _frames(source: BinaryIO, length: int) -> Iterator[tuple[bytes, bool]]:
    """A stream in pieces of exactly that length, each with whether it is the last, which may be shorter, or empty.

    Streams return less than was asked for when it suits them, and some of ours more.
    """
    held = bytearray()
    while piece := source.read(length):
        held += piece
        while len(held) > length:  # not yet when it is just as long: it may be the last
            yield bytes(held[:length]), False
            del held[:length]
    yield bytes(held), True


def _whole(source: BinaryIO, length: int) -> bytes:
    """So many bytes, or all that there are."""
    found = b""
    while len(found) < length and (piece := source.read(length - len(found))):
        found += piece
    return found


def _chunk_nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + (b"\x01" if is_last else b"\x00")


def load_or_make_key(path: Path) -> bytes:
    """The key in `path`; made once, readable by its owner only. Whole or not there, whoever is killed when."""
    with contextlib.suppress(FileNotFoundError):
        return bytes.fromhex(path.read_text().strip())
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".key-")  # 0600, as mkstemp makes it
    try:
        with os.fdopen(handle, "w") as file:
            file.write(os.urandom(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)  # the first of several processes wins; all read the same
    finally:
        os.unlink(temporary)
    return bytes.fromhex(path.read_text().strip())
