"""What of a plan may whoever reads runs see? The machine-readable plan without its sensitive values.

The document is what the CLI draws a plan from (`json-output-redacted`, tfe-contract 2.4).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_KEPT = ("resource_changes", "resource_drift", "output_changes", "relevant_attributes")


def redacted_plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What `terraform show -json` says of a plan, without the values that it marks as sensitive.

    Source: https://developer.hashicorp.com/terraform/internals/json-format#plan-representation
    """
    found: dict[str, Any] = {"plan_format_version": plan.get("format_version", "")}
    for name in _KEPT:
        if plan.get(name) is not None:
            found[name] = plan[name]
    for name in ("resource_changes", "resource_drift"):
        if name in found:
            found[name] = [_resource(change) for change in found[name]]
    if "output_changes" in found:
        found["output_changes"] = {name: _change(change) for name, change in found["output_changes"].items()}
    return found


def schemas_for(plan: Mapping[str, Any], schemas: Mapping[str, Any] | None) -> dict[str, Any]:
    """The part of the document that says how to draw it: `schemas` is of `terraform providers schema -json`."""
    return {
        "provider_format_version": (schemas or {}).get("format_version", "1.0"),
        "provider_schemas": _needed(plan, (schemas or {}).get("provider_schemas") or {}),
    }


def _needed(plan: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The schemas of the resource types that the plan speaks of: a large provider has a thousand others."""
    if not schemas:
        return {}
    types: dict[str, set[str]] = {}
    for name in ("resource_changes", "resource_drift"):
        for change in plan.get(name) or ():
            types.setdefault(change["provider_name"], set()).add(change["type"])
    found: dict[str, Any] = {}
    for provider, wanted in types.items():
        schema = schemas.get(provider)
        if isinstance(schema, Mapping):
            found[provider] = {
                kind: {name: entry for name, entry in (schema.get(kind) or {}).items() if name in wanted}
                for kind in ("resource_schemas", "data_source_schemas")
            }
    return found


def _resource(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {**resource, "change": _change(resource["change"])}


def _change(change: Mapping[str, Any]) -> dict[str, Any]:
    redacted = dict(change)
    for side in ("before", "after"):
        if side in change:
            redacted[side] = _without(change[side], change.get(f"{side}_sensitive"))
    return redacted


def masked_texts(value: Any, mask: Callable[[str], str]) -> Any:
    """The same with each text in it put through `mask`, names as well: a secret may stand where nothing is marked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(key): masked_texts(each, mask) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [masked_texts(each, mask) for each in value]
    return value


def _without(value: Any, sensitive: Any) -> Any:
    """The value, with null wherever `sensitive` says true; it has the value's shape, as far as there is something."""
    if sensitive is True:
        return None
    if isinstance(value, Mapping) and isinstance(sensitive, Mapping):
        return {key: _without(each, sensitive.get(key)) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str) and isinstance(sensitive, Sequence):
        marks = [*sensitive, *([None] * (len(value) - len(sensitive)))]
        return [_without(each, mark) for each, mark in zip(value, marks, strict=False)]
    return value
