"""What does a state say of itself? Read once, in pieces, so that a large one needs no more memory than a small one.

Formats: 4 since Terraform 0.12, 3 before it, where the outputs are those of the root module.
https://developer.hashicorp.com/terraform/language/state
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.errors import Refused
from bot.json_stream import CLOSING, OPENING, Capture, Event, JsonEvents
from bot.state import is_lineage, is_serial

MOST_OUTPUT_VALUES = 1_000_000  # of all outputs together; nobody has come near
_MOST_VERSION_CHARACTERS = 100
_FAR_DOWN = 4  # levels; below, there is nothing that is wanted
_SERIAL = re.compile(rb'"serial"\s*:\s*(\d+)')
_MOST_SERIAL_PLACES = 50  # members called serial that are tried; the state's own is among the first in practice


@dataclass(frozen=True)
class StateOutput:
    """`detailed_type` is Terraform's own type, `"string"` or `["list", "string"]`; None where it isn't known."""

    name: str
    value: Any
    sensitive: bool = False
    detailed_type: Any = None


@dataclass(frozen=True)
class StateContent:
    serial: int
    lineage: str
    format: int
    engine_version: str
    outputs: tuple[StateOutput, ...]


class StateReader:
    """Fed with the bytes of a state; of all of it, only the facts and the outputs are kept in memory."""

    def __init__(self) -> None:
        self._events = JsonEvents()
        self._depth = 0
        self._keys = ["", "", "", ""]  # the key that is being read, by depth
        self._found: dict[str, Any] = {}
        self._modules: list[dict[str, Any]] = []
        self._capture: Capture | None = None
        self._target: tuple[dict[str, Any], str] = ({}, "")  # where the captured value goes

    def feed(self, chunk: bytes) -> None:
        """Raises Refused with a sentence if the bytes are not a state."""
        for events in self._events.feed(chunk):
            self._take_all(events)

    def finish(self) -> StateContent:
        """What the state says. Raises Refused if it is not a state, or not whole."""
        self._take_all(self._events.finish())
        found = self._found
        serial, lineage = found.get("serial", 0), found.get("lineage", "")
        if not is_serial(serial) or not is_lineage(lineage):
            raise Refused("the state has no proper serial and lineage")
        engine_version, format_ = found.get("terraform_version"), found.get("version")
        return StateContent(
            serial=serial,
            lineage=lineage,
            format=format_ if type(format_) is int and 0 <= format_ < 1000 else 0,
            engine_version=engine_version[:_MOST_VERSION_CHARACTERS] if isinstance(engine_version, str) else "",
            outputs=_outputs(found.get("outputs"), self._modules),
        )

    def _take_all(self, events: list[Event]) -> None:
        for event in events:
            if self._depth <= _FAR_DOWN or self._capture is not None:
                self._take(*event)
            elif event[0] in CLOSING:  # most of a large state: only the depth counts
                self._depth -= 1
            elif event[0] in OPENING:
                self._depth += 1

    def _take(self, kind: str, value: Any) -> None:
        if self._depth == 0 and kind != "start_map":
            raise Refused("the state is not a JSON object")
        if kind in CLOSING:
            self._depth -= 1
        if self._capture is not None:
            self._continue_capture(self._capture, kind, value)
        elif kind == "map_key":
            if self._depth < len(self._keys):
                self._keys[self._depth] = value
        elif self._depth <= 3 and kind not in CLOSING:
            self._begin(kind, value)
        if kind in OPENING:
            self._depth += 1

    def _begin(self, kind: str, value: Any) -> None:
        """A value begins near the top: keep it, or let it pass by."""
        name = self._keys[self._depth] if self._depth else ""
        if self._depth == 1:
            self._begin_at_top(name, kind, value)
        elif self._keys[1] != "modules" or kind not in OPENING:
            return
        elif self._depth == 2:
            self._modules.append({})
        elif self._depth == 3 and self._modules and name in ("path", "outputs"):
            self._start_capture(self._modules[-1], name, kind, value)

    def _begin_at_top(self, name: str, kind: str, value: Any) -> None:
        if name == "outputs" and kind in OPENING:
            self._start_capture(self._found, name, kind, value)
        elif name in ("serial", "lineage", "version", "terraform_version"):
            self._found[name] = None if kind in OPENING else value

    def _start_capture(self, target: dict[str, Any], name: str, kind: str, value: Any) -> None:
        self._capture, self._target = Capture(MOST_OUTPUT_VALUES), (target, name)
        self._continue_capture(self._capture, kind, value)

    def _continue_capture(self, capture: Capture, kind: str, value: Any) -> None:
        if capture.event(kind, value):
            target, name = self._target
            target[name], self._capture = capture.value, None


def _outputs(found: Any, modules: list[dict[str, Any]]) -> tuple[StateOutput, ...]:
    if found is None:
        root = next((module for module in modules if module.get("path") == ["root"]), {})
        found = root.get("outputs")
    if not isinstance(found, dict):
        return ()
    entries = ((name, entry) for name, entry in sorted(found.items()) if isinstance(entry, dict))
    return tuple(
        StateOutput(name, entry.get("value"), entry.get("sensitive") is True, _type(entry, is_old=bool(modules)))
        for name, entry in entries
    )


def _type(entry: dict[str, Any], *, is_old: bool) -> Any:
    """Format 3 says `list` and `map` without saying of what."""
    kind = entry.get("type")
    return kind if not is_old or kind == "string" else None


def read_state(chunks: Iterable[bytes]) -> StateContent:
    """Raises Refused with a sentence if the bytes are not a Terraform state."""
    reader = StateReader()
    for chunk in chunks:
        reader.feed(chunk)
    return reader.finish()


def outputs_to_json(outputs: Iterable[StateOutput]) -> bytes:
    return json.dumps([output.__dict__ for output in outputs], default=_number).encode()


def outputs_from_json(raw: bytes) -> list[StateOutput]:
    return [StateOutput(**entry) for entry in json.loads(raw)]


def _number(value: object) -> float | str:
    """A number with a fraction, as the parser gives it; one that is no double stays a text."""
    if not isinstance(value, Decimal):
        raise TypeError(f"a state holds no {type(value).__name__}")
    number = float(value)
    return str(value) if number in (float("inf"), float("-inf")) else number


def serial_places(head: bytes) -> list[tuple[int, int]]:
    """Where in the first bytes of a state a member called `serial` has its number; the state's own is one of them.

    Start and end of the digits. Terraform writes its own before anything that could hold another.
    """
    return [match.span(1) for match in _SERIAL.finditer(head)][:_MOST_SERIAL_PLACES]
