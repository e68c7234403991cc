"""How many resources a state manages, in both of its formats."""

import json
from typing import Any

import pytest

from bot.state_resources import count_resources


def a_resource(name: str, *keys: Any, mode: str = "managed", **more: Any) -> dict[str, Any]:
    instances = [{"index_key": key, "attributes": {}} for key in keys]
    return {"mode": mode, "type": "null_resource", "name": name, "instances": instances, **more}


FOUR = {
    "version": 4,
    "resources": [
        a_resource("a", 0, 1),
        a_resource("gone"),
        a_resource("b", None, mode="data"),
        a_resource("c", None, mode="data", module='module.data["x\\"]."].module.deep[0]'),
        # A module of that name makes no data source of it.
        a_resource("d", None, module="module.data"),
    ],
}
THREE = {
    "version": 3,
    "modules": [
        {"path": ["root"], "resources": {"null_resource.a": {"primary": {}}, "data.x.b": {"primary": {}}}},
        {"path": ["root", "data"], "resources": {"x.y": {"primary": {}}, "data.x.z": {"primary": {}}}},
    ],
}


@pytest.mark.parametrize(("state", "number"), [(FOUR, 3), (THREE, 2), ({"version": 4, "resources": []}, 0)])
def test_managed_resources_count(state: object, number: int) -> None:
    raw = json.dumps(state).encode()
    assert count_resources([raw]) == number
    assert count_resources([raw[:50], raw[50:]]) == number


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff"])
def test_what_cannot_be_read_is_not_nothing(raw: bytes) -> None:
    assert count_resources([raw]) == 1
