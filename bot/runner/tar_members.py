"""How is a tar read that somebody else made? Its reader takes each header whole, whatever size it claims.

Types of headers: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html (x, g) and
https://www.gnu.org/software/tar/manual/html_node/Standard.html (L, K, S).
"""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

from bot.errors import Refused

MOST_HEADER_BYTES = 1 << 20  # of one: names and links have far less, and extended attributes are not kept
MOST_HEADERS_BYTES = 64 << 20  # of all
_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)


class WatchedArchive(io.FileIO):
    """An archive's file, of which the reader takes small pieces: before each, `go_on` is called, and may raise."""

    def __init__(self, path: Path, go_on: Callable[[], None]) -> None:
        super().__init__(path)
        self._go_on = go_on

    def read(self, size: int | None = -1, /) -> bytes:
        self._go_on()
        return super().read(size)


def bounded_members() -> type[tarfile.TarInfo]:
    """What `tarfile.open` takes as `tarinfo`, for one archive: Refused is raised before a header is read that is too
    large, or when all of them are, and for sparse files, whose maps have any length.
    """
    total = 0

    class Member(tarfile.TarInfo):
        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "Member":
            nonlocal total
            found = super().frombuf(buf, encoding, errors)
            if found.type in _HEADERS:
                total += max(found.size, 0)
                if found.size > MOST_HEADER_BYTES or total > MOST_HEADERS_BYTES:
                    raise Refused("the configuration's archive has more to say of its files than any needs")
            if found.type == tarfile.GNUTYPE_SPARSE:
                raise _sparse()
            return found

        def _proc_gnusparse_10(self, *_: object) -> None:
            """The newer form, which a PAX header announces and whose map stands before the content."""
            raise _sparse()

    return Member


def _sparse() -> Refused:
    return Refused("the configuration's archive has a sparse file; pack it without `--sparse`")
