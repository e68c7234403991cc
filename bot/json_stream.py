"""How is a large JSON document read without having it whole? As events, of which chosen values are built.

What is built is bounded: a document of 100 MB can hold 50 million lists in each other, which would need gigabytes.
"""

from collections.abc import Iterator
from typing import Any

import ijson

from bot.errors import Refused

OPENING, CLOSING = frozenset({"start_map", "start_array"}), frozenset({"end_map", "end_array"})
DEEPEST = 200  # levels; json.dumps gives up at about a thousand
_PIECE_BYTES = 1 << 16  # the parser turns this much into events at a time

Event = tuple[str, Any]


class JsonEvents:
    """Fed with bytes, gives `start_map`, `map_key`, `string` ... with their values, many at a time."""

    def __init__(self) -> None:
        self._found = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._found)

    def feed(self, chunk: bytes) -> Iterator[list[Event]]:
        """Each list is good until the next one. Raises Refused for what is no JSON."""
        for start in range(0, len(chunk), _PIECE_BYTES):
            yield self._parsed(chunk[start : start + _PIECE_BYTES])

    def finish(self) -> list[Event]:
        """What was held back. Raises Refused for what is not whole."""
        return self._parsed(None)

    def _parsed(self, piece: bytes | None) -> list[Event]:
        del self._found[:]
        try:
            if piece is None:
                self._parser.close()
            else:
                self._parser.send(piece)
        except (ijson.JSONError, ValueError, SystemError) as error:  # the last for a number of thousands of digits
            raise Refused("the state is not JSON, or not whole") from error
        found: list[Event] = self._found
        return found


class Capture:
    """One value of the document, built from its events. `most_values` bounds how many it may be made of."""

    def __init__(self, most_values: int) -> None:
        self._builder = ijson.ObjectBuilder()
        self._left = most_values
        self._depth = 0

    @property
    def value(self) -> Any:
        return self._builder.value

    def event(self, kind: str, value: Any) -> bool:
        """Whether the value is complete with this. Raises Refused for one that is too deep or too large."""
        if kind in OPENING:
            self._depth += 1
        elif kind in CLOSING:
            self._depth -= 1
        self._left -= 1
        if self._depth > DEEPEST:
            raise Refused(f"the state is nested too deeply: more than {DEEPEST} levels")
        if self._left < 0:
            raise Refused("the state holds too many values in one place")
        self._builder.event(kind, value)
        return self._depth == 0 and kind != "map_key"
