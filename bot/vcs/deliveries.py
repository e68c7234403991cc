"""How do we read a delivery that may hold anything? Typed getters, with one kind of complaint."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.errors import Refused

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")  # SHA-1 or SHA-256, as Git writes them
_HEADER_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
_NO_COMMIT = re.compile(r"0+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
LONGEST_ADDRESS = 2_000  # characters; what is longer is no address that anybody opens
_LARGEST = 2**63 - 1  # what a database's whole number holds


class MalformedDelivery(Refused):
    """The delivery isn't what the host's description says; the reason names the path in the payload."""


class Headers(Protocol):
    """A request's headers, as a web framework gives them or as a plain dict."""

    def get(self, name: str, /) -> str | None: ...
    def items(self) -> Iterable[tuple[str, str]]: ...


def header(headers: Headers, name: str) -> str:
    """A header's value whatever the case of its name, "" if it isn't there."""
    found = headers.get(name)
    if found is None:
        found = next((value for given, value in headers.items() if given.lower() == name.lower()), "")
    return found


def header_word(headers: Headers, name: str) -> str:
    """A header that holds one word: an id, the name of an event. Raises MalformedDelivery."""
    value = header(headers, name)
    if not _HEADER_WORD.fullmatch(value):
        raise MalformedDelivery(f"the header {name} is missing or isn't one word")
    return value


def mapping(payload: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The object at `path`. Raises MalformedDelivery if it is missing, null or of another type."""
    value = _at(payload, path)
    if isinstance(value, dict):
        return value
    raise _wrong(path, "an object", value)


def optional_mapping(payload: Mapping[str, Any], *path: str) -> Mapping[str, Any] | None:
    """The object at `path`, or None if it is null or missing. Raises MalformedDelivery on any other type."""
    return None if _at(payload, path) is None else mapping(payload, *path)


def text(payload: Mapping[str, Any], *path: str) -> str:
    """The text at `path`, maybe empty. Raises MalformedDelivery, also for text that can't be encoded."""
    value = _at(payload, path)
    if not isinstance(value, str):
        raise _wrong(path, "text", value)
    if _SURROGATE.search(value):
        raise MalformedDelivery(f"{_name(path)} holds half a character (an unpaired surrogate)")
    return value


def optional_text(payload: Mapping[str, Any], *path: str) -> str:
    """The text at `path`, or "" if it is null or missing. Raises MalformedDelivery on any other type."""
    return "" if _at(payload, path) is None else text(payload, *path)


def optional_address(payload: Mapping[str, Any], *path: str) -> str:
    """The address at `path`; "" if it is null, missing or far too long. Raises MalformedDelivery on any other type."""
    found = optional_text(payload, *path)
    return found if len(found) <= LONGEST_ADDRESS else ""


def word(payload: Mapping[str, Any], *path: str) -> str:
    """Text of one line that says something: a name, a path, a ref. Raises MalformedDelivery."""
    value = text(payload, *path)
    if not value.strip() or _CONTROL.search(value):
        raise MalformedDelivery(f"{_name(path)} is empty or holds control characters")
    return value


def number(payload: Mapping[str, Any], *path: str) -> int:
    """The whole number at `path`, from 0. Raises MalformedDelivery; true and false are no numbers."""
    value = _at(payload, path)
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise _wrong(path, "a whole number", value)
    return value


def host_id(payload: Mapping[str, Any], *path: str) -> str:
    """A number by which a host knows something, as text: ids are compared, never counted with."""
    return str(number(payload, *path))


def flag(payload: Mapping[str, Any], *path: str) -> bool:
    """True or false at `path`. Raises MalformedDelivery, also for null."""
    value = _at(payload, path)
    if not isinstance(value, bool):
        raise _wrong(path, "true or false", value)
    return value


def optional_flag(payload: Mapping[str, Any], *path: str) -> bool:
    """True or false at `path`, False if it is null or missing. Raises MalformedDelivery on any other type."""
    return False if _at(payload, path) is None else flag(payload, *path)


def items(payload: Mapping[str, Any], *path: str) -> Sequence[Any]:
    """The list at `path`. Raises MalformedDelivery."""
    value = _at(payload, path)
    if not isinstance(value, list):
        raise _wrong(path, "a list", value)
    return value


def mappings(payload: Mapping[str, Any], *path: str) -> tuple[Mapping[str, Any], ...]:
    """The list of objects at `path`. Raises MalformedDelivery."""
    found = items(payload, *path)
    for value in found:
        if not isinstance(value, dict):
            raise _wrong(path, "a list of objects", value)
    return tuple(found)


def texts(payload: Mapping[str, Any], *path: str) -> tuple[str, ...]:
    """The list of texts at `path`. Raises MalformedDelivery."""
    found = items(payload, *path)
    # At once and not one by one: a push names thousands of files, and this runs while its sender waits.
    if not all(type(value) is str for value in found) or _SURROGATE.search("\n".join(found)):
        raise MalformedDelivery(f"{_name(path)} should be a list of texts")
    return tuple(found)


def sha(payload: Mapping[str, Any], *path: str) -> str:
    """The full commit id at `path`, in lower case. Raises MalformedDelivery."""
    value = text(payload, *path)
    if not _SHA.fullmatch(value):
        raise _wrong(path, "a full commit id", value)
    return value


def is_no_commit(commit_sha: str) -> bool:
    """Whether this is the all-zero id by which hosts say "there is no commit" (created or deleted refs)."""
    return _NO_COMMIT.fullmatch(commit_sha) is not None


def time(payload: Mapping[str, Any], *path: str) -> datetime:
    """The ISO 8601 time with its zone at `path`. Raises MalformedDelivery."""
    value = text(payload, *path)
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise _wrong(path, "a time", value) from None
    if found.tzinfo is None:
        raise _wrong(path, "a time with its zone", value)
    return found


def optional_time(payload: Mapping[str, Any], *path: str) -> datetime | None:
    """The time at `path`, or None if it is null or missing. Raises MalformedDelivery on anything else."""
    return None if _at(payload, path) is None else time(payload, *path)


def _at(payload: Mapping[str, Any], path: Sequence[str]) -> Any:
    """What stands at `path`; None where a step is missing or null."""
    value: Any = payload
    for position, step in enumerate(path):
        if value is None:
            return None
        if not isinstance(value, dict):  # what JSON makes; asking for a Mapping takes ten times as long
            raise _wrong(path[:position], "an object", value)
        value = value.get(step)
    return value


def _name(path: Sequence[str]) -> str:
    return "payload." + ".".join(path) if path else "payload"


def _wrong(path: Sequence[str], wanted: str, found: object) -> MalformedDelivery:
    """The complaint, with the kind of what was found and not its value: it goes into logs."""
    kind = "missing or null" if found is None else type(found).__name__
    return MalformedDelivery(f"{_name(path)} should be {wanted}, but is {kind}")
