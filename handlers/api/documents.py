"""How does an answer look? JSON:API documents, pages of them, and errors.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#response-format and https://jsonapi.org/format/
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from flask import Response

from handlers.api.requests import Page

MEDIA_TYPE = "application/vnd.api+json"

Resource = dict[str, Any]


class ApiError(Exception):
    """An answer other than success; `detail` is a sentence for a person, `retry_after` is in seconds."""

    def __init__(self, status: int, title: str, detail: str = "", retry_after: int | None = None) -> None:
        super().__init__(detail or title)
        self.status = status
        self.title = title
        self.detail = detail
        self.retry_after = retry_after


def resource(
    kind: str,
    ident: str,
    attributes: Mapping[str, Any],
    relationships: Mapping[str, Any] | None = None,
    *,
    link: str = "",
) -> Resource:
    """One resource object. `link` is its path below the API's root."""
    found: Resource = {"id": ident, "type": kind, "attributes": dict(attributes)}
    if relationships:
        found["relationships"] = dict(relationships)
    if link:
        found["links"] = {"self": f"/api/v2/{link}"}
    return found


def identifier(kind: str, ident: str) -> dict[str, str]:
    """How one resource is named by another."""
    return {"id": ident, "type": kind}


def to_one(kind: str, ident: str | None, *, link: str = "") -> dict[str, Any]:
    """A relationship to one resource, or to none."""
    found: dict[str, Any] = {"data": identifier(kind, ident) if ident else None}
    if link:
        found["links"] = {"related": f"/api/v2/{link}"}
    return found


def to_many(kind: str, idents: Iterable[str]) -> dict[str, Any]:
    return {"data": [identifier(kind, ident) for ident in idents]}


def linked(link: str) -> dict[str, Any]:
    """A relationship that is only told where to find it."""
    return {"links": {"related": f"/api/v2/{link}"}}


def one(found: Resource, *, included: Sequence[Resource] = (), status: int = 200) -> Response:
    document: dict[str, Any] = {"data": found}
    if included:
        document["included"] = unique(included)
    return _answer(document, status)


def many(found: Sequence[Resource], *, included: Sequence[Resource] = ()) -> Response:
    """A list that is never cut into pages: a workspace's variables, which clients expect so, or what was just set."""
    document: dict[str, Any] = {"data": list(found)}
    if included:
        document["included"] = unique(included)
    return _answer(document, 200)


def paged(found: Sequence[Resource], page: Page, total: int, *, included: Sequence[Resource] = ()) -> Response:
    """One page of a list of `total`."""
    pages = max(1, -(-total // page.size))
    pagination = {
        "current-page": page.number,
        "page-size": page.size,
        "prev-page": min(page.number - 1, pages) if page.number > 1 else None,
        "next-page": page.number + 1 if page.number < pages else None,
        "total-pages": pages,
        "total-count": total,
    }
    document: dict[str, Any] = {"data": list(found), "meta": {"pagination": pagination}}
    if included:
        document["included"] = unique(included)
    return _answer(document, 200)


def nothing(status: int = 204) -> Response:
    """An empty answer: 202 for an action that was taken up, 204 for what is gone."""
    return Response(status=status)


def problem(error: ApiError) -> Response:
    body = {"status": str(error.status), "title": error.title}
    if error.detail:
        body["detail"] = error.detail
    answer = _answer({"errors": [body]}, error.status)
    if error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def unique(resources: Sequence[Resource]) -> list[Resource]:
    """JSON:API forbids to include a resource twice."""
    return list({(found["type"], found["id"]): found for found in resources}.values())


def _answer(document: Mapping[str, Any], status: int) -> Response:
    return Response(_as_json(document), status=status, content_type=MEDIA_TYPE)


def _as_json(document: Mapping[str, Any]) -> bytes:
    """A page of runs has half a megabyte, so whose writer is used counts.

    Raises TypeError for what is no JSON: a dataclass could show what it hides, and a moment is written by `to_text`.
    """
    try:
        return orjson.dumps(document, option=orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME)
    except orjson.JSONEncodeError:
        # An output's number may have more than 64 bits, which Python's own writer has room for.
        return json.dumps(document, separators=(",", ":")).encode()
