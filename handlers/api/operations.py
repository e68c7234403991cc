"""What does a view say of itself? The query that it reads, what it takes and what it answers.

A decorator writes that beside the view and changes nothing in what the view does. The description of the API is made
from it, and the tests hold the views to it: what they read of a query, and every answer.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Response

View = TypeVar("View", bound=Callable[..., Response])
_ATTRIBUTE = "operation"


class Shape(StrEnum):
    ONE = "one"  # a document of one resource
    LIST = "list"  # all of them
    PAGE = "page"  # some of them, and how many there are
    EMPTY = "empty"  # a status, and nothing else
    BYTES = "bytes"  # something that is no JSON:API document
    REFUSAL = "refusal"  # there for clients that ask; the answer is an error that says why


@dataclass(frozen=True)
class Query:
    """One parameter of a query. `words`: all that make sense; `is_list`: several of them, with commas between."""

    name: str
    said: str
    words: tuple[str, ...] = ()
    is_list: bool = False
    is_number: bool = False
    is_required: bool = False


@dataclass(frozen=True)
class Operation:
    """`status`: of success. `kind`: the JSON:API type. `takes`: a table of `schemas/bodies.py`, or a media type."""

    status: int
    shape: Shape
    kind: str = ""
    queries: tuple[Query, ...] = ()
    takes: str = ""
    media_type: str = ""
    said: str = ""
    may_be_empty: bool = False  # 204 in place of what isn't there yet

    @property
    def statuses(self) -> tuple[int, ...]:
        return (self.status, 204) if self.may_be_empty else (self.status,)


PAGES = (
    Query("page[number]", "Which page, from 1.", is_number=True),
    Query("page[size]", "How many on a page: 20, and up to 100.", is_number=True),
)
LARGE_PAGES = (
    PAGES[0],
    Query("page[size]", "How many on a page: 100 if nothing is asked for, and at most.", is_number=True),
)
SEARCH = Query("q", "A part of the name.")
NAMES = Query("filter[names]", "Exactly these names, with commas between.", is_list=True)
ENTRIES = "entries"  # what a request lists under `data`
OCTETS = "application/octet-stream"


def includes(known: Iterable[str]) -> Query:
    """What comes with the answer when it is asked for; names with `-` for `_` are taken too."""
    return Query("include", "What to send along, with commas between.", tuple(sorted(known)), is_list=True)


def by_name() -> tuple[Query, Query]:
    """How older clients say which workspace they mean."""
    return (
        Query("filter[organization][name]", "Whose workspace.", is_required=True),
        Query("filter[workspace][name]", "Which workspace.", is_required=True),
    )


def shows(kind: str, *queries: Query, takes: str = "") -> Callable[[View], View]:
    """Answers one resource."""
    return _says(Operation(200, Shape.ONE, kind, queries, takes))


def makes(kind: str, *queries: Query, takes: str = "") -> Callable[[View], View]:
    """Answers one resource, which it has made."""
    return _says(Operation(201, Shape.ONE, kind, queries, takes))


def lists(kind: str, *queries: Query, takes: str = "") -> Callable[[View], View]:
    """Answers all resources at once."""
    return _says(Operation(200, Shape.LIST, kind, queries, takes))


def pages(kind: str, *queries: Query) -> Callable[[View], View]:
    """Answers a page of resources, as `page[number]` and `page[size]` ask for it."""
    return _says(Operation(200, Shape.PAGE, kind, (*queries, *PAGES)))


def large_pages(kind: str, *queries: Query) -> Callable[[View], View]:
    """The same of a list that is read with `asked_large_page`."""
    return _says(Operation(200, Shape.PAGE, kind, (*queries, *LARGE_PAGES)))


def empties(*, takes: str = "", status: int = 204) -> Callable[[View], View]:
    """Answers that it is done (204), taken up (202), or received (200), and nothing more."""
    return _says(Operation(status, Shape.EMPTY, takes=takes))


def sends(media_type: str, said: str, *queries: Query, may_be_empty: bool = False) -> Callable[[View], View]:
    """Answers something that is no JSON:API document."""
    return _says(
        Operation(200, Shape.BYTES, queries=queries, media_type=media_type, said=said, may_be_empty=may_be_empty)
    )


def refuses(status: int, *, takes: str = "") -> Callable[[View], View]:
    """Always refuses, and says why."""
    return _says(Operation(status, Shape.REFUSAL, takes=takes))


def like(view: Callable[..., Any]) -> Callable[[View], View]:
    """For a view that another one is wrapped in: says what that one says."""
    return _says(operation_of(view))


def operation_of(view: Callable[..., Any]) -> Operation:
    """What the view says of itself. Raises LookupError for one that says nothing."""
    while not hasattr(view, _ATTRIBUTE) and hasattr(view, "func"):
        view = view.func  # a partial
    found = getattr(view, _ATTRIBUTE, None)
    if not isinstance(found, Operation):
        raise LookupError(f"{view!r} doesn't say what it answers: give it a decorator of handlers/api/operations.py")
    return found


def _says(operation: Operation) -> Callable[[View], View]:
    def write(view: View) -> View:
        setattr(view, _ATTRIBUTE, operation)
        return view

    return write
