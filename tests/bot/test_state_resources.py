"""How many resources a state manages, in both of its formats."""

import json

import pytest

from bot.state_resources import count_resources

FOUR = {
    "version": 4,
    "resources": [
        {"mode": "managed", "type": "null_resource", "name": "a", "instances": [{}, {}]},
        {"mode": "managed", "type": "null_resource", "name": "gone", "instances": []},
        {"mode": "data", "type": "null_data_source", "name": "b", "instances": [{}]},
    ],
}
THREE = {
    "version": 3,
    "modules": [{"resources": {"null_resource.a": {}, "data.null_data_source.b": {}}}, {"resources": {"x.y": {}}}],
}


@pytest.mark.parametrize(
    ("state", "number"),
    [(FOUR, 2), (THREE, 2), ({"version": 4, "resources": []}, 0), ({"version": 4}, 0), ({"modules": [3, {}]}, 0)],
)
def test_managed_resources_count(state: object, number: int) -> None:
    assert count_resources(json.dumps(state).encode()) == number


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_what_cannot_be_read_is_not_nothing(raw: bytes) -> None:
    assert count_resources(raw) == 1
