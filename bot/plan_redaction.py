"""What of a plan may whoever reads runs see? The machine-readable plan without its sensitive values.

The document is what the CLI draws a plan from (`json-output-redacted`, tfe-contract 2.4).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.plan_placeholders import Shape, resource_shape
from bot.plan_sides import Shown, Side, either, open_part, settled

_WORDS = ("actions", "action_reason", "mode", "type", "provider_name")


def redacted_plan(
    plan: Mapping[str, Any], mask: Callable[[str], str], schemas: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What `terraform show -json` says of a plan, without the values that it marks as sensitive, and masked as the log.

    `schemas` is of `terraform providers schema -json`: with it, what is hidden keeps its type.
    Source: https://developer.hashicorp.com/terraform/internals/json-format#plan-representation
    """
    shown = Shown(mask)
    found: dict[str, Any] = {"plan_format_version": plan.get("format_version", "")}
    for name in ("resource_changes", "resource_drift"):
        if plan.get(name) is not None:
            found[name] = [_resource(resource, shown, schemas) for resource in plan[name]]
    if plan.get("output_changes") is not None:
        outputs = plan["output_changes"].items()
        found["output_changes"] = {shown.name(name): _change(change, shown) for name, change in outputs}
    if plan.get("relevant_attributes") is not None:
        found["relevant_attributes"] = [
            {"resource": mask(each["resource"]), "attribute": shown.names_in(each["attribute"])}
            for each in plan["relevant_attributes"]
        ]
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


def _resource(resource: Mapping[str, Any], shown: Shown, schemas: Mapping[str, Any] | None) -> dict[str, Any]:
    change = _change(resource["change"], shown, resource_shape(resource, schemas))
    rest = {name: _rest(name, value, shown.mask) for name, value in resource.items() if name != "change"}
    return {**rest, "change": change}


def _change(change: Mapping[str, Any], shown: Shown, shape: Shape = None) -> dict[str, Any]:
    """Both sides together, so that what changes is seen to change."""
    redacted = {name: _rest(name, value, shown.mask) for name, value in change.items()}
    marks = either(change.get("before_sensitive"), change.get("after_sensitive"))
    after, unknown = settled(change.get("after"), change.get("after_unknown"), marks)
    before = Side(change.get("before"), change.get("before_sensitive"))
    sides = shown.both(before, Side(after, change.get("after_sensitive")), shape)
    identities = shown.both(Side(change.get("before_identity")), Side(change.get("after_identity")), None)
    names = ("before_sensitive", "after_sensitive")
    told = {
        **dict(zip(("before", "after"), sides, strict=True)),
        **dict(zip(("before_identity", "after_identity"), identities, strict=True)),
        **{name: shown.names_in(change.get(name)) for name in names},
        "after_unknown": shown.names_in(unknown),
        "replace_paths": shown.names_in([open_part(path, marks) for path in change.get("replace_paths") or []]),
    }
    return {**redacted, **{name: value for name, value in told.items() if name in change}}


def _rest(name: str, value: Any, mask: Callable[[str], str]) -> Any:
    """What isn't of the changing values. Words of the plan's own, and of providers, are no place for a secret."""
    return value if name in _WORDS else masked_texts(value, mask)


def masked_texts(value: Any, mask: Callable[[str], str]) -> Any:
    """The same with each text in it put through `mask`: a secret may stand where nothing is marked."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {mask(key): masked_texts(each, mask) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [masked_texts(each, mask) for each in value]
    return value
