"""What was asked for? Sloppy requests, read mildly; what is left is exact.

Clients send no body, `null`, a plain object, or a JSON:API wrapper for the same thing (tfe-contract 0.12 and 0.13).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import request

from bot.errors import Refused, RunlockError

T = TypeVar("T")

MOST_BODY_BYTES = 2 << 20
DEFAULT_PAGE_SIZE = 20
MOST_PAGE_SIZE = 100
MOST_ENTRIES = 1_000  # of a list that a request brings
LONGEST_WORD = 1_000  # characters of a query's value, which may be looked for in every row
_FARTHEST_PAGE = 1_000_000  # beyond any list, and within what SQL can count


class BadRequest(RunlockError):
    """The request can't be read at all (400). An attribute that can't be is Refused (422)."""

    def __init__(self, reason: str, title: str = "bad request") -> None:
        super().__init__(reason)
        self.title = title


@dataclass(frozen=True)
class Body:
    attributes: Mapping[str, Any] = field(default_factory=dict)
    relationships: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str, *, most: int = 10_000) -> str:
        """An attribute that is a text; empty if absent or null. Raises Refused for anything else."""
        value = self.attributes.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Refused(f"{name} is a text")
        if len(value) > most:
            raise Refused(f"{name} has at most {most} characters")
        return value

    def flag(self, name: str) -> bool | None:
        """An attribute that is true or false; None if absent or null. Raises Refused for anything else."""
        value = self.attributes.get(name)
        if value is not None and not isinstance(value, bool):
            raise Refused(f"{name} is true or false")
        return value

    def related_id(self, name: str) -> str | None:
        """The id of the one resource that a relationship names; None if the request names none.

        Raises BadRequest on what names something in another way: taken for none, it would mean another thing.
        """
        relationship = self.relationships.get(name)
        if relationship is None:
            return None
        if not isinstance(relationship, Mapping) or not set(relationship) <= {"data", "links", "meta"}:
            raise BadRequest(f"relationships.{name} is an object with data")
        data = relationship.get("data")
        if data is None:
            return None
        ident = data.get("id") if isinstance(data, Mapping) else None
        if not isinstance(ident, str) or not ident:
            raise BadRequest(f"relationships.{name}.data is one resource object with an id")
        return ident


@dataclass(frozen=True)
class Entry:
    """One of several resources that a request names: by its id, by its attributes, or both."""

    ident: str
    attributes: Mapping[str, Any]


def read_entries() -> list[Entry]:
    """The resources that a request's `data` lists. Raises BadRequest."""
    document = _document()
    return _entries(document.get("data") if document else None, "data")


def related_entries(body: Body, name: str) -> list[Entry] | None:
    """The resources that a relationship lists; None if the request doesn't speak of it. Raises BadRequest."""
    relationship = body.relationships.get(name)
    if relationship is None:
        return None
    if not isinstance(relationship, Mapping):
        raise BadRequest(f"relationships.{name} is an object")
    return _entries(relationship.get("data"), f"relationships.{name}.data")


def _entries(found: Any, where: str) -> list[Entry]:
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise BadRequest(f"{where} is a list of resource objects")
    if len(found) > MOST_ENTRIES:
        raise BadRequest(f"{where} has at most {MOST_ENTRIES} entries")
    return [Entry(str(entry.get("id") or ""), _mapping(entry, "attributes")) for entry in found]


def read_body() -> Body:
    """The request's attributes and relationships. Raises BadRequest."""
    document = _document()
    if document is None:
        return Body()
    if "data" not in document:
        return Body(document)
    data = document["data"]
    if data is None:
        return Body()
    if not isinstance(data, dict):
        raise BadRequest("data is one resource object")
    return Body(_mapping(data, "attributes"), _mapping(data, "relationships"))


def _document() -> dict[str, Any] | None:
    """The body as it came; None if there is none, or `null`."""
    raw = request.get_data(cache=True)
    if not raw.strip():
        return None
    try:
        document = json.loads(raw)
        if b"\\u" in raw:
            json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair can't be stored
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON") from error
    if document is None:
        return None
    if not isinstance(document, dict):
        raise BadRequest("the body is not a JSON object")
    return document


def _mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"data.{name} is an object")
    return value


@dataclass(frozen=True)
class Page:
    number: int = 1
    size: int = DEFAULT_PAGE_SIZE

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    def of(self, found: Sequence[T]) -> Sequence[T]:
        """What of a whole list is on the page."""
        return found[self.offset : self.offset + self.size]


def asked_page(usual_size: int = DEFAULT_PAGE_SIZE) -> Page:
    """`page[number]` from 1 and `page[size]` up to 100; what makes no sense counts as not asked."""
    return Page(
        _number("page[number]", 1, _FARTHEST_PAGE),
        _number("page[size]", usual_size, MOST_PAGE_SIZE),
    )


def asked_large_page() -> Page:
    """The same of a list that clients read without asking for pages: what they take for all of it is a large one."""
    return asked_page(MOST_PAGE_SIZE)


def _number(name: str, default: int, most: int) -> int:
    text = request.args.get(name, "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        return default
    return min(int(text), most) or default


def asked(name: str) -> str:
    """A query value; an empty one is absent. Raises BadRequest for one that is longer than what it could name."""
    found = request.args.get(name, "").strip()
    if len(found) > LONGEST_WORD:
        raise BadRequest(f"{name} has at most {LONGEST_WORD} characters")
    return found


def asked_list(name: str) -> list[str] | None:
    """A query value with commas, or None if it is absent. Several values, as some clients send them, are one list."""
    entries = [entry.strip() for text in request.args.getlist(name) for entry in text.split(",") if entry.strip()]
    return entries or None


def refuse_narrowing(names: Collection[str]) -> None:
    """Raises BadRequest for what would narrow a list and can't: all of it would be taken for what was asked for."""
    for name in names:
        if asked(name):
            raise BadRequest(f"this list can't be narrowed by {name} here")


def asked_includes(known: Collection[str]) -> set[str]:
    """What `include` names, with `_` for `-`. Raises BadRequest for a name that this resource doesn't have."""
    names = {name.replace("-", "_") for name in asked_list("include") or ()}
    unknown = names - set(known)
    if unknown:
        raise BadRequest(f"there is nothing to include as {', '.join(sorted(unknown))}", "Invalid include parameter")
    return names
