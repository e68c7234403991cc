"""Does this exchange fit what GitLab publishes about its API? The part of it that we use is kept beside this file.

`reduce_gitlab_description.py` makes that part.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import Draft202012Validator

FILE = Path(__file__).with_name("gitlab_description.json")
_QUICK_ACTION = re.compile(r"/[a-z_]+(?:\s|$)")


@cache
def operations() -> Mapping[str, Mapping[str, Any]]:
    """ "method path" → what is known of it."""
    found: Mapping[str, Mapping[str, Any]] = json.loads(FILE.read_text())
    return found


def find_operation(method: str, raw_path: str) -> str | None:
    """The operation of a path as it was sent: an unencoded slash in a name makes it another path."""
    for name in operations():
        verb, template = name.split(" ", 1)
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if verb == method.lower() and re.fullmatch(pattern, raw_path):
            return name
    return None


def check_request(method: str, raw_path: str, query: str, body: Any) -> list[str]:
    """What is wrong with a request of ours; `raw_path` is without the API's prefix."""
    name = find_operation(method, raw_path)
    if name is None:
        return [f"{method} {raw_path}: GitLab's description has no such operation"]
    described = operations()[name]
    return [
        *(f"{name}: {wrong}" for wrong in _query_complaints(described.get("query", {}), query)),
        *(f"{name}: {wrong}" for wrong in _body_complaints(described.get("body"), body)),
    ]


def check_answer(method: str, raw_path: str, status: int, body: Any) -> list[str]:
    """Fields of a good answer that GitLab doesn't describe: inventions of the double."""
    name = find_operation(method, raw_path)
    known = operations().get(name or "", {}).get("fields")
    if not known or status >= 300:
        return []
    shown = [item for item in (body if isinstance(body, list) else [body]) if isinstance(item, Mapping)]
    return [f"{name}: GitLab answers no field {field!r}" for item in shown for field in item if field not in known]


def quick_actions(text: str) -> list[str]:
    """Lines that GitLab would run as commands of whoever writes them: `/merge` and the like, outside of code.

    Source: https://docs.gitlab.com/user/project/quick_actions/
    """
    found, fence = [], ""
    for line in text.splitlines():
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and _QUICK_ACTION.match(line):
            found.append(line)
    return found


def _query_complaints(described: Mapping[str, Any], query: str) -> Iterator[str]:
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in described:
            yield f"GitLab knows no parameter {key!r}"
            continue
        readable = _readings(value)[described[key].get("type", "string")]
        for error in Draft202012Validator(described[key]).iter_errors(readable):
            yield f"parameter {key}: {error.message}"


def _readings(value: str) -> Mapping[str, Any]:
    """What a query's text may be read as, by the type that is asked for."""
    return {
        "string": value,
        "array": [value],
        "integer": int(value) if value.isdecimal() else value,
        "boolean": {"true": True, "false": False}.get(value, value),
    }


def _body_complaints(described: Mapping[str, Any] | None, body: Any) -> Iterator[str]:
    if described is None:
        if body:
            yield "no body is described"
        return
    schema = {"type": "object", "additionalProperties": False, **described}
    for error in Draft202012Validator(schema).iter_errors({} if body is None else body):
        yield f"body: {error.message}"
