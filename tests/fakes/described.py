"""Is every answer of the API what its description says? A test client that looks, and a look at the answers to others.

The description lets clients be surprised by new attributes; here nothing may be said that it doesn't name.
"""

from __future__ import annotations

import functools
from typing import Any

from flask import Flask, Response, request
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from werkzeug.routing import Rule
from werkzeug.test import TestResponse
from werkzeug.wrappers import Response as AnyResponse

from handlers.api.documents import MEDIA_TYPE
from handlers.api.openapi import description, written_path
from handlers.api.openapi_components import ERRORS
from handlers.api.schemas import KINDS

ROOT = "/api/v2"
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


class DescribedClient(FlaskClient):
    """Fails the test that gets an answer which the description doesn't have."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        answer = super().open(*args, **kwargs)
        asked = answer.request
        if asked.path.startswith(f"{ROOT}/") and asked.method in METHODS:
            routes = self.application.url_map.bind("localhost")
            rule, _ = routes.match(asked.path, asked.method, return_rule=True)
            said = complaint(rule, asked.method, answer)
            assert not said, f"{asked.method} {asked.path} → {answer.status_code}: {said}"
        return answer


def look_at_answers(app: Flask, complaints: list[str]) -> None:
    """Have what is wrong with the app's answers noted, also where somebody else's client gets them."""

    def look(answer: Response) -> Response:
        if request.path.startswith(f"{ROOT}/") and request.method in METHODS and request.url_rule is not None:
            said = complaint(request.url_rule, request.method, answer)
            if said:
                complaints.append(f"{request.method} {request.path} → {answer.status_code}: {said}")
        return answer

    app.after_request(look)


def complaint(rule: Rule, method: str, answer: AnyResponse) -> str:
    """What the answer says otherwise than the description; empty if nothing."""
    path, status = written_path(rule.rule.removeprefix(ROOT)), str(answer.status_code)
    operation = description()["paths"].get(path, {}).get(method.lower())
    if operation is None:  # where nothing is, an error is all that there can be
        return _wrong_document(answer, "Errors") if status in ERRORS else "nothing is described here"
    expected = operation["responses"].get(status)
    if expected is None:
        return f"the description knows only {', '.join(operation['responses'])} here"
    if "$ref" in expected:
        return _wrong_document(answer, "Errors")
    if "content" not in expected:
        return "this is described as empty" if answer.get_data() else ""
    ((media_type, content),) = expected["content"].items()
    if answer.content_type != media_type:
        return f"{answer.content_type} is described as {media_type}"
    name = content["schema"].get("$ref", "").rpartition("/")[2]  # none for what is no document
    return _wrong_document(answer, name) if name else ""


def _wrong_document(answer: AnyResponse, name: str) -> str:
    if answer.content_type != MEDIA_TYPE:
        return f"{answer.content_type} is described as {MEDIA_TYPE}"
    error = next(validator(name).iter_errors(answer.get_json()), None)
    if error is not None and error.validator == "anyOf" and isinstance(error.instance, dict):
        error = _error_of_its_kind(error)
    return f"{error.json_path}: {error.message[:500]}" if error is not None else ""


def _error_of_its_kind(error: ValidationError) -> ValidationError:
    """What is wrong with one that is included, by its type: that says more than that it is of no kind."""
    kind = KINDS.get(str(error.instance.get("type")))
    return next(validator(kind.component).iter_errors(error.instance), error) if kind is not None else error


@functools.cache
def validator(name: str) -> Draft202012Validator:
    """For one of the description's schemas, closed."""
    return Draft202012Validator({"$ref": f"urn:described#/components/schemas/{name}"}, registry=_registry())


@functools.cache
def _registry() -> Registry[Any]:
    closed = _closed({"components": {"schemas": description()["components"]["schemas"]}})
    return Registry[Any]().with_resource("urn:described", Resource(closed, DRAFT202012))


def _closed(schema: Any) -> Any:
    match schema:
        case dict():
            found = {name: _closed(value) for name, value in schema.items()}
            is_object = isinstance(schema.get("properties"), dict) and "type" in schema
            return {"additionalProperties": False, **found} if is_object else found
        case list():
            return [_closed(each) for each in schema]
        case _:
            return schema
