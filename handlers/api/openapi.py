"""What does the v2 API look like to a generator of clients? An OpenAPI description, made from the table of rules.

What each operation reads and answers is said beside its view (`operations.py`), and how a resource looks in `schemas/`.

Source of the format: https://spec.openapis.org/oas/v3.1.0
"""

import functools
import re
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify

from bot.needs import Needs
from handlers.api import configuration_versions, logs, state_writes
from handlers.api.documents import MEDIA_TYPE
from handlers.api.openapi_components import ERRORS, body_name, components, document_name
from handlers.api.operations import ENTRIES, Operation, Query, Shape, empties, operation_of, sends
from handlers.api.requests import LONGEST_WORD
from handlers.api.rules import RULES
from handlers.api.schemas.bodies import BODIES
from handlers.api.schemas.words import TEXT, reference
from handlers.state.uploads import STATE_UPLOAD_RULE

_PARAMETER = re.compile(r"<(?:([^:>]+):)?(\w+)>")
_DOES = {"GET": "Read", "POST": "Make", "PATCH": "Change", "PUT": "Write", "DELETE": "Remove"}
_SAID = """\
The v2 API of Terraform Enterprise, as far as Runlock has it. Documents are JSON:API.

What needs no token is either for everybody, or an address that documents hand out and that authenticates by itself:
uploads of configurations and states, and logs. Take such an address as it is; don't put it together."""


@sends("application/json", "This description.")
def read() -> Response:
    return jsonify(description())


@empties()
def ping() -> Response:
    """Clients read only the headers."""
    return Response(status=204)


# method, path, view: what `room.py` opens without a token.
OPEN: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("GET", "/ping", ping),
    ("GET", "/openapi.json", read),
    ("PUT", "/uploads/<version_id>/<mark>", configuration_versions.receive),
    ("PUT", STATE_UPLOAD_RULE, state_writes.receive),
    ("GET", "/logs/<object_id>/<mark>", logs.read),
)


@functools.cache
def description() -> dict[str, Any]:
    """Raises LookupError for a view that doesn't say what it answers."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path, view, needs in RULES:
        paths.setdefault(written_path(path), {})[method.lower()] = _operation(method, path, view, needs)
    for method, path, view in OPEN:
        paths.setdefault(written_path(path), {})[method.lower()] = _operation(method, path, view, None)
    views = [*(rule[2] for rule in RULES), *(opened[2] for opened in OPEN)]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Runlock", "version": "2", "description": _SAID},
        "servers": [{"url": "/api/v2"}],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": components([operation_of(view) for view in views]),
    }


def _operation(method: str, path: str, view: Callable[..., Any], needs: Needs | None) -> dict[str, Any]:
    """`needs`: None for what needs no token."""
    operation = operation_of(view)
    found: dict[str, Any] = {
        "operationId": _operation_id(method, path),
        "summary": summary(method, path, view),
        "tags": [_nouns(path)[0]],
        "parameters": [*_path_parameters(path), *(_query_parameter(query) for query in operation.queries)],
        "responses": {**_success(operation), **{code: {"$ref": f"#/components/responses/E{code}"} for code in ERRORS}},
    }
    if needs is None:
        found["security"] = []
    else:
        found["x-needs"] = needs.value
    if operation.takes:
        found["requestBody"] = {"required": operation.takes not in BODIES, "content": _taken(operation.takes)}
    return found


def _success(operation: Operation) -> dict[str, Any]:
    match operation.shape:
        case Shape.REFUSAL:
            return {}
        case Shape.EMPTY:
            return {str(operation.status): {"description": "done, and nothing to say"}}
        case Shape.BYTES:
            media_type, content = operation.media_type, {"schema": _bytes(operation.media_type)}
        case _:
            media_type, content = MEDIA_TYPE, {"schema": reference(document_name(operation))}
    said = {"description": operation.said or "done", "content": {media_type: content}}
    answers: dict[str, Any] = {str(operation.status): said}
    if operation.may_be_empty:
        answers["204"] = {"description": "not there, or not yet"}
    return answers


def _taken(takes: str) -> dict[str, Any]:
    if takes in BODIES or takes == ENTRIES:
        return {MEDIA_TYPE: {"schema": reference(body_name(takes))}}
    return {takes: {"schema": _bytes(takes)}}


def _bytes(media_type: str) -> dict[str, Any]:
    """What generators of clients know such a content as: any JSON, a text, or a file."""
    if media_type == "application/json":
        return {}
    return TEXT if media_type.startswith("text/") else {**TEXT, "format": "binary"}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(converter)}
        for converter, name in _PARAMETER.findall(path)
    ]


def _path_schema(converter: str) -> dict[str, Any]:
    words = re.findall(r"'([^']+)'", converter)  # of Flask's `any('…', '…')`
    return {"type": "string", "enum": words} if words else {"type": "string"}


def _query_parameter(query: Query) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "minimum": 0} if query.is_number else {"type": "string"}
    if query.words:
        schema["enum"] = [str(word) for word in query.words]
    elif not query.is_number and not query.is_list:
        schema["maxLength"] = LONGEST_WORD
    found: dict[str, Any] = {"name": query.name, "in": "query", "description": query.said, "schema": schema}
    if query.is_list:
        found |= {"schema": {"type": "array", "items": schema}, "style": "form", "explode": False}
    if query.is_required:
        found["required"] = True
    return found


def summary(method: str, path: str, view: Callable[..., Any]) -> str:
    """The first sentence of the view's docstring, else the verb and what the path ends in."""
    said = (getattr(view, "__doc__", None) or "").strip().partition("\n")[0]
    if said and not isinstance(view, functools.partial):
        return said
    last = path.rstrip("/").rpartition("/")[2]
    if "/actions/" in path:
        return f"{last.replace('-', ' ').capitalize()} ({_nouns(path)[0].replace('-', ' ')})"
    noun = _nouns(path)[-1].replace("-", " ")
    one = last.startswith("<") or method == "POST"
    return f"{_DOES[method]} {'one of ' if one else ''}the {noun}"


def written_path(path: str) -> str:
    """A rule's path as OpenAPI writes it."""
    return _PARAMETER.sub(r"{\2}", path)


def _nouns(path: str) -> list[str]:
    return [part for part in path.split("/") if part and not part.startswith("<") and part != "relationships"]


def _operation_id(method: str, path: str) -> str:
    words = [re.sub(r"\W+", "_", part.strip("{}")).strip("_") for part in written_path(path).split("/") if part]
    return "_".join([method.lower(), *words])
