"""What a state changed against the one before."""

import json
from typing import Any

import pytest

from bot.errors import Refused
from bot.state_diff import MASKED, ChangedOutput, ChangedResource, StateDiff, diff_states, resources
from bot.state_reading import StateOutput


def four(*found: dict[str, Any]) -> bytes:
    return json.dumps({"version": 4, "serial": 1, "resources": list(found)}).encode()


def resource(name: str, *instances: dict[str, Any], mode: str = "managed", **more: Any) -> dict[str, Any]:
    return {"mode": mode, "type": "thing", "name": name, "instances": list(instances), **more}


def diff(
    before: bytes, after: bytes, old: list[StateOutput] | None = None, new: list[StateOutput] | None = None
) -> StateDiff:
    return diff_states(lambda: [before], lambda: [after], old or [], new or [])


def addresses(raw: bytes) -> list[str]:
    return [address for address, _ in resources([raw])]


def test_addresses_of_format_4() -> None:
    raw = four(
        resource("plain", {"attributes": {}}),
        resource("counted", {"index_key": 0}, {"index_key": 1}),
        resource("each", {"index_key": 'a"b'}, module='module.net["eu"]'),
        resource("looked_up", {"attributes": {}}, mode="data"),
        resource("twice", {"attributes": {}}, {"attributes": {}, "deposed": "1f2e"}),
        resource("empty"),
    )
    assert addresses(raw) == [
        "thing.plain",
        "thing.counted[0]",
        "thing.counted[1]",
        'module.net["eu"].thing.each["a\\"b"]',
        "data.thing.looked_up",
        "thing.twice",
        "thing.twice (deposed 1f2e)",
    ]


def test_addresses_of_format_3() -> None:
    modules = [
        {"path": ["root"], "resources": {"thing.a": {"primary": {"attributes": {"id": "1"}}}}},
        {
            "path": ["root", "net", "sub"],
            "resources": {"data.thing.b": {"primary": {"attributes": {}}}, "thing.gone": {}},
        },
    ]
    assert addresses(json.dumps({"version": 3, "modules": modules}).encode()) == [
        "thing.a",
        "module.net.module.sub.data.thing.b",
    ]


def test_added_changed_and_removed() -> None:
    before = four(
        resource("kept", {"attributes": {"a": 1}}),
        resource("changed", {"attributes": {"a": 1, "b": [1]}}),
        resource("old", {}),
    )
    after = four(
        resource("changed", {"attributes": {"a": 1, "b": [2], "c": None}}),
        resource("kept", {"attributes": {"a": 1}}),
        resource("new", {}),
    )
    found = diff(before, after)
    assert (found.resources_added, found.resources_removed) == (("thing.new",), ("thing.old",))
    assert found.resources_changed == (ChangedResource("thing.changed", ("b", "c")),)


def test_what_engines_write_anew_each_time_is_no_change() -> None:
    before = four(resource("x", {"attributes": {"a": 1}, "private": "p1", "dependencies": ["y"]}))
    after = four(resource("x", {"attributes": {"a": 1}, "private": "p2", "dependencies": []}))
    assert diff(before, after).resources_changed == ()


def test_a_taint_is_a_change() -> None:
    before, after = (four(resource("x", {"attributes": {"a": 1}, **more})) for more in ({}, {"status": "tainted"}))
    assert diff(before, after).resources_changed == (ChangedResource("thing.x", ("(tainted)",)),)


def test_no_value_of_a_resource_is_told() -> None:
    before, after = (four(resource("db", {"attributes": {"password": secret}})) for secret in ("hunter1", "hunter2"))
    assert "hunter" not in repr(diff(before, after))


def test_outputs() -> None:
    old = [StateOutput("a", 1), StateOutput("b", "x"), StateOutput("gone", [1]), StateOutput("s", "k1", sensitive=True)]
    new = [StateOutput("a", 1), StateOutput("b", "y"), StateOutput("new", None), StateOutput("s", "k2", sensitive=True)]
    found = diff(b"{}", b"{}", old, new)
    assert found.outputs_added == (ChangedOutput("new", False, after=None),)
    assert found.outputs_removed == (ChangedOutput("gone", False, before=[1]),)
    assert found.outputs_changed == (
        ChangedOutput("b", False, before="x", after="y"),
        ChangedOutput("s", True, before=MASKED, after=MASKED),
    )


@pytest.mark.parametrize("sides", [(True, False), (False, True)])
def test_what_was_or_became_sensitive_is_told_on_neither_side(sides: tuple[bool, bool]) -> None:
    old, new = ([StateOutput("key", "same-value", sensitive=sensitive)] for sensitive in sides)
    (changed,) = diff(b"{}", b"{}", old, new).outputs_changed
    assert changed == ChangedOutput("key", True, before=MASKED, after=MASKED)


@pytest.mark.parametrize("raw", [b"", b"{", b"nonsense"])
def test_what_is_no_state_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        diff(b"{}", raw)


def test_a_state_nested_beyond_all_reason_is_refused() -> None:
    nested = b'{"resources": [{"instances": [{"attributes": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}]}]}"
    with pytest.raises(Refused, match="too deeply"):
        diff(b"{}", nested)
