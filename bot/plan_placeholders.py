"""What stands where a sensitive value stood? Something of the type that the provider's schema says, and nothing of it.

A client that draws a plan compares both sides, and reads them by the schema: an object by its attributes, for one. So
a value that changes needs two placeholders which differ to such a reader; where no schema is known, text does.
Shapes are types as `terraform providers schema -json` writes them, and ["block", …] for what has attributes of its own.
https://developer.hashicorp.com/terraform/cli/commands/providers/schema#format-summary
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

HIDDEN = "(sensitive value)"

Shape = Any  # "string", ["list", SHAPE], ["block", {"attributes": …}]; None where it isn't known


class Seen(StrEnum):
    """What a placeholder may tell: whether the value changes."""

    SAME = HIDDEN
    BEFORE = "(sensitive value, before)"
    AFTER = "(sensitive value, after)"


def placeholder(shape: Shape, seen: Seen) -> Any:
    """Neither how long the value is nor how many it has: one element, and of an object one attribute, stand for all."""
    if shape == "number":
        return [Seen.SAME, Seen.BEFORE, Seen.AFTER].index(seen)
    if shape == "bool":
        return seen is Seen.AFTER
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        return seen.value
    kind, inner = shape[0], shape[1]
    if kind in ("list", "set"):
        return [placeholder(inner, seen)]
    if kind == "map":
        return {HIDDEN: placeholder(inner, seen)}
    if kind == "tuple":
        return [placeholder(each, seen) for each in inner]
    name = min(_members(kind, inner), default=None)
    return {} if name is None else {name: placeholder(member(shape, name), seen)}


def member(shape: Shape, name: str) -> Shape:
    """The shape of what has that name in it."""
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        return None
    kind, inner = shape[0], shape[1]
    if kind == "map":
        return inner
    if kind not in ("object", "block"):
        return None
    found = _members(kind, inner).get(name)
    return _shape_of(found) if kind == "block" and found is not None else found


def element(shape: Shape, index: int) -> Shape:
    """The shape of what stands there in it."""
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        return None
    kind, inner = shape[0], shape[1]
    if kind in ("list", "set"):
        return inner
    return inner[index] if kind == "tuple" and index < len(inner) else None


def resource_shape(resource: Mapping[str, Any], schemas: Mapping[str, Any] | None) -> Shape:
    """The shape of a resource that a plan speaks of, where its provider's schema is known."""
    provider = ((schemas or {}).get("provider_schemas") or {}).get(resource.get("provider_name")) or {}
    kind = "data_source_schemas" if resource.get("mode") == "data" else "resource_schemas"
    schema = (provider.get(kind) or {}).get(resource.get("type"))
    return ["block", schema["block"]] if schema else None


def _members(kind: str, inner: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object's types by name; a block's attributes and blocks."""
    return inner if kind == "object" else {**(inner.get("block_types") or {}), **(inner.get("attributes") or {})}


def _shape_of(described: Mapping[str, Any]) -> Shape:
    """The shape of an attribute or of a block in a block."""
    if "type" in described:
        return described["type"]
    nested = described.get("nested_type") or described
    inner = ["block", nested.get("block") or nested]
    match nested.get("nesting_mode"):
        case "list" | "set":
            return ["list", inner]
        case "map":
            return ["map", inner]
    return inner
