"""What does the v2 API look like to a generator of clients? An OpenAPI description, made from the table of rules.

Source of the format: https://spec.openapis.org/oas/v3.1.0
"""

import functools
import re
from collections.abc import Callable
from typing import Any

from flask import Response, jsonify

from bot.access import Needs
from handlers.api.documents import MEDIA_TYPE
from handlers.api.rules import RULES

_PARAMETER = re.compile(r"<(?:[^:>]+:)?(\w+)>")
_DOES = {"GET": "Read", "POST": "Make", "PATCH": "Change", "PUT": "Write", "DELETE": "Remove"}
_ERRORS = {
    "400": "the request can't be read",
    "401": "the token is missing, wrong or expired",
    "403": "visible to the caller, but not allowed",
    "404": "not there, or not visible to the caller",
    "409": "the state that things are in forbids it",
    "422": "an attribute is refused; the detail says why",
}


def read() -> Response:
    return jsonify(description())


@functools.cache
def description() -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for method, path, view, needs in RULES:
        written = _PARAMETER.sub(r"{\1}", path)
        paths.setdefault(written, {})[method.lower()] = _operation(method, path, view, needs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Runlock",
            "version": "2",
            "description": "The v2 API of Terraform Enterprise, as far as Runlock has it. Documents are JSON:API.",
        },
        "servers": [{"url": "/api/v2"}],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": _components(),
    }


def _operation(method: str, path: str, view: Callable[..., Any], needs: Needs) -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    parameters = [{"name": name, "in": "path", "required": True, **text} for name in _PARAMETER.findall(path)]
    document = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Document"}}}
    operation: dict[str, Any] = {
        "operationId": _operation_id(method, path),
        "summary": summary(method, path, view),
        "tags": [_nouns(path)[0]],
        "parameters": parameters,
        "x-needs": needs.value,
        "responses": {
            "2XX": {
                "description": "done",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Document"}}},
            },
            **{code: {"$ref": f"#/components/responses/E{code}"} for code in _ERRORS},
        },
    }
    if method in ("POST", "PATCH"):
        operation["requestBody"] = {"required": False, "content": document}
    return operation


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


def _nouns(path: str) -> list[str]:
    return [part for part in path.split("/") if part and not part.startswith("<") and part != "relationships"]


def _operation_id(method: str, path: str) -> str:
    words = [re.sub(r"\W+", "_", part.strip("<>")).strip("_") for part in path.split("/") if part]
    return "_".join([method.lower(), *words])


def _components() -> dict[str, Any]:
    resource = {
        "type": "object",
        "required": ["type"],
        "properties": {
            "id": {"type": "string"},
            "type": {"type": "string"},
            "attributes": {"type": "object"},
            "relationships": {"type": "object"},
            "links": {"type": "object"},
        },
    }
    many = {"type": "array", "items": {"$ref": "#/components/schemas/Resource"}}
    problem = {
        "type": "object",
        "required": ["status", "title"],
        "properties": {name: {"type": "string"} for name in ("status", "title", "detail")},
    }
    return {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": {
            "Resource": resource,
            "Document": {
                "type": "object",
                "properties": {
                    "data": {"anyOf": [{"$ref": "#/components/schemas/Resource"}, many, {"type": "null"}]},
                    "included": many,
                    "meta": {"type": "object"},
                },
            },
            "Errors": {
                "type": "object",
                "required": ["errors"],
                "properties": {"errors": {"type": "array", "items": problem}},
            },
        },
        "responses": {
            f"E{code}": {
                "description": said,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Errors"}}},
            }
            for code, said in _ERRORS.items()
        },
    }
