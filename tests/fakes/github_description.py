"""Does this exchange fit GitHub's published description of its API and webhooks?

The description is 13 MB; what one operation needs is cut out once and kept beside the packages, so a test run loads
only the operations that it uses.
"""

import functools
import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
from openapi_schema_validator import OAS30Validator, OAS31Validator

MODULES = Path(__file__).parent / "node_modules"
API = MODULES / "@octokit/openapi"
WEBHOOKS = MODULES / "@octokit/openapi-webhooks"
FILE = "generated/api.github.com.json"
CACHE = MODULES / ".cache"
# The description says that a head always has a repository. GitHub sends null once the fork was deleted:
# https://docs.github.com/en/graphql/reference/objects#pullrequest (headRepository is nullable).
NULL_ALL_THE_SAME = ("head", "repo")
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One method of one path, with the components that it refers to."""

    name: str
    document: Mapping[str, Any]

    @property
    def definition(self) -> Mapping[str, Any]:
        return self.document["operation"]

    def resolve(self, part: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in part:
            return part
        found: Any = self.document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return found

    def complaints(self, schema: Mapping[str, Any], value: Any, where: str) -> Iterator[str]:
        validator = _validator(self.document["openapi"])({**schema, "components": self.document["components"]})
        for error in sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.absolute_path))):
            if error.instance is None and tuple(error.absolute_path)[-2:] == NULL_ALL_THE_SAME:
                continue
            if error.instance is None and error.validator == "enum" and error.schema.get("nullable"):
                continue  # GitHub's lists of words leave out the null that the same line allows
            yield f"{self.name}: {where} {'/'.join(map(str, error.absolute_path))}: {_words(error)}"


def check_request(method: str, path: str, query: str, body: Any) -> list[str]:
    """What is wrong with a request of ours; `path` is without the API's prefix."""
    operation = find_operation(method, path)
    if operation is None:
        return [f"{method} {path}: GitHub's description has no such operation"]
    found = list(_query_complaints(operation, query))
    described = operation.resolve(operation.definition.get("requestBody", {}))
    schema = described.get("content", {}).get("application/json", {}).get("schema")
    if body is None:
        return [*found, f"{operation.name}: the body is missing"] if described.get("required") else found
    if schema is None:
        return [*found, f"{operation.name}: no body is described"] if body else found
    found += operation.complaints(schema, body, "request body")
    known = _properties(operation, schema)
    if known and isinstance(body, Mapping):
        found += [f"{operation.name}: GitHub knows no field {name!r}" for name in body if name not in known]
    return found


def check_answer(method: str, path: str, status: int, body: Any) -> list[str]:
    """What is wrong with an answer of the double's. Errors that aren't described need only a message."""
    operation = find_operation(method, path)
    if operation is None:
        return []
    described = operation.definition["responses"].get(str(status))
    if described is None:
        if status >= 400 and isinstance(body, Mapping) and "message" in body:
            return []
        return [] if status in (301, 307) else [f"{operation.name}: status {status} is not described"]
    schema = operation.resolve(described).get("content", {}).get("application/json", {}).get("schema")
    return [] if schema is None else list(operation.complaints(schema, body, f"answer {status}"))


def check_webhook(event: str, payload: Mapping[str, Any]) -> list[str]:
    """What is wrong with a webhook's payload."""
    name = "-".join([event, *([str(payload["action"])] if "action" in payload else [])]).replace("_", "-")
    document = _kept(f"webhook-{name}", WEBHOOKS, lambda whole: whole["webhooks"].get(name, {}).get("post"))
    if document is None:
        return [f"{name}: GitHub's description has no such webhook"]
    operation = Operation(f"webhook {name}", document)
    schema = operation.definition["requestBody"]["content"]["application/json"]["schema"]
    return list(operation.complaints(schema, payload, "payload"))


def find_operation(method: str, path: str) -> Operation | None:
    """The operation that a concrete path belongs to; fixed words win over parameters."""
    for template, pattern, methods in _index():
        if pattern.fullmatch(path) and method.lower() in methods:
            name = f"{method.upper()} {template}"
            key = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
            return Operation(name, _kept(key, API, functools.partial(_operation_of, template, method.lower())))
    return None


def _operation_of(template: str, method: str, whole: Mapping[str, Any]) -> Any:
    item = whole["paths"][template]
    return {**item[method], "parameters": [*item.get("parameters", []), *item[method].get("parameters", [])]}


def _query_complaints(operation: Operation, query: str) -> Iterator[str]:
    parameters = [operation.resolve(parameter) for parameter in operation.definition["parameters"]]
    known = {parameter["name"]: parameter for parameter in parameters if parameter["in"] == "query"}
    given = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in given.items():
        if name not in known:
            yield f"{operation.name}: GitHub knows no query parameter {name!r}"
            continue
        schema = operation.resolve(known[name]["schema"])
        typed: Any = int(value) if schema.get("type") == "integer" and value.isdigit() else value
        yield from operation.complaints(known[name]["schema"], typed, f"query parameter {name}")
    for name, parameter in known.items():
        if parameter.get("required") and name not in given:
            yield f"{operation.name}: the query parameter {name!r} is missing"


def _properties(operation: Operation, schema: Mapping[str, Any]) -> set[str]:
    """The fields that a body may have; empty where it may have any."""
    schema = operation.resolve(schema)
    names = set(schema.get("properties", ()))
    for kind in ("oneOf", "anyOf", "allOf"):
        for part in schema.get(kind, ()):
            names |= _properties(operation, part)
    return names


@functools.cache
def _index() -> list[tuple[str, re.Pattern[str], list[str]]]:
    """Every path of the API with its methods, the more literal ones first."""

    def cut(whole: Mapping[str, Any]) -> Any:
        return {path: [method for method in METHODS if method in item] for path, item in whole["paths"].items()}

    document = _kept("index", API, cut)
    paths = sorted(document["operation"].items(), key=lambda item: (item[0].count("{"), -item[0].count("/")))
    return [(template, _pattern(template), methods) for template, methods in paths]


def _pattern(template: str) -> re.Pattern[str]:
    """A path's pattern. `ref` and `path` take slashes too, as at GitHub."""
    parts = re.split(r"(\{[^}]+\})", template)
    loose = {"{ref}", "{path}", "{branch}", "{basehead}"}
    return re.compile(
        "".join(".+" if part in loose else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts)
    )


@functools.cache
def _version(package: Path) -> str:
    try:
        return json.loads((package / "package.json").read_text())["version"]
    except FileNotFoundError:
        raise RuntimeError(f"{package.name} is not installed: run `make install-dev`") from None


_loaded: dict[str, Any] = {}


def _kept(key: str, package: Path, cut: Any) -> Any:
    """What `cut` takes out of the whole description, from this process, from the cache or from the whole."""
    name = f"{package.name}-{_version(package)}-{key}.json"
    if name in _loaded:
        return _loaded[name]
    place = CACHE / name
    if place.is_file():
        found = json.loads(place.read_text())
    else:
        found = _reduced(_whole(package), cut)
        _write(place, found)
    _loaded[name] = found
    return found


@functools.cache
def _whole(package: Path) -> Any:
    return json.loads((package / FILE).read_text())


def _reduced(whole: Mapping[str, Any], cut: Any) -> Any:
    operation = cut(whole)
    if operation is None:
        return None
    components: dict[str, dict[str, Any]] = {}
    waiting = list(_references(operation))
    while waiting:
        kind, name = waiting.pop().removeprefix("#/components/").split("/", 1)
        if kind == "examples" or name in components.setdefault(kind, {}):
            continue
        components[kind][name] = whole["components"][kind][name]
        waiting += _references(components[kind][name])
    return {"openapi": whole["openapi"], "operation": operation, "components": components}


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def _write(place: Path, document: Any) -> None:
    """Whole or not at all: several test processes may write the same file at once."""
    place.parent.mkdir(exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=place.parent)
    with os.fdopen(handle, "w") as file:
        json.dump(document, file)
    Path(temporary).replace(place)


def _validator(version: str) -> Any:
    kind = OAS30Validator if version.startswith("3.0") else OAS31Validator
    return functools.partial(kind, format_checker=kind.FORMAT_CHECKER)


def _words(error: jsonschema.ValidationError) -> str:
    """The complaint, with what is wrong inside the alternatives of an anyOf."""
    inner = "; ".join(_words(part) for part in (error.context or [])[:4])
    return error.message[:200] + (f" ({inner})" if inner else "")
