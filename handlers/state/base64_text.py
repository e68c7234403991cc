"""How is a state read that stands in a document as base64? Piece by piece, like any stream."""

import base64
import binascii

from bot.errors import Refused

_LEAST_CHARACTERS = 4  # of base64 that make whole bytes


class Base64Text:
    """A readable stream of the bytes that a text stands for; line breaks in it are no matter."""

    def __init__(self, text: str) -> None:
        self._text = text if text.isascii() and "\n" not in text and "\r" not in text else "".join(text.split())
        self._at = 0

    def read(self, length: int) -> bytes:
        """Raises Refused for what is no base64."""
        characters = max(length // 3, 1) * _LEAST_CHARACTERS
        piece = self._text[self._at : self._at + characters]
        self._at += len(piece)
        try:
            return base64.b64decode(piece, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Refused("the state is not in base64") from error
