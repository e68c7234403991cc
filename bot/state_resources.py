"""How many resources does a state manage? What is deleted with its workspace would be left behind unmanaged."""

import json
from typing import Any


def count_resources(raw: bytes) -> int:
    """Instances of managed resources; data sources don't count. A state that can't be read counts as one.

    Formats: 4 since Terraform 0.12 (a list of resources), 3 before it (resources by name, in modules).
    """
    try:
        state = json.loads(raw)
    except (ValueError, RecursionError):
        return 1
    if not isinstance(state, dict):
        return 1
    if "modules" in state:
        return sum(_of_module(module) for module in _list(state["modules"]))
    managed = [r for r in _list(state.get("resources")) if isinstance(r, dict) and r.get("mode") == "managed"]
    return sum(len(_list(each.get("instances"))) for each in managed)


def _of_module(module: Any) -> int:
    resources = module.get("resources") if isinstance(module, dict) else None
    return sum(not name.startswith("data.") for name in resources) if isinstance(resources, dict) else 0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
