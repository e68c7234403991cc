"""A plan for whoever reads runs: what changes is seen to change, and nothing of what is sensitive is in it."""

import json
from typing import Any

import pytest

from bot.plan_placeholders import HIDDEN, Seen
from bot.plan_redaction import redacted_plan

OLD, NEW = "swordfish", "tuna-tuna-tuna"


def changed(before: Any, after: Any, marked: Any = None, **more: Any) -> dict[str, Any]:
    """One output's change, redacted; `marked` on both sides."""
    marks = {} if marked is None else {"before_sensitive": marked, "after_sensitive": marked}
    plan = {"output_changes": {"only": {"actions": ["update"], "before": before, "after": after, **marks, **more}}}
    found: dict[str, Any] = redacted_plan(plan, lambda text: text.replace(OLD, "(redacted)").replace(NEW, "(redacted)"))
    assert OLD not in json.dumps(found)
    assert NEW not in json.dumps(found)
    change: dict[str, Any] = found["output_changes"]["only"]
    return change


def sides(*arguments: Any, **more: Any) -> tuple[Any, Any]:
    change = changed(*arguments, **more)
    return change["before"], change["after"]


@pytest.mark.parametrize(
    ("before", "after"),
    [(OLD, NEW), (1, 2), (True, False), (1, True), ([1], [1, 1]), ({"a": 1}, {"b": 1}), ("1", 1), ("", {}), (0, False)],
)
def test_what_is_sensitive_and_differs_goes_on_to_differ(before: Any, after: Any) -> None:
    assert sides(before, after, True) == (Seen.BEFORE, Seen.AFTER)
    assert sides([before], [after], [True]) == ([Seen.BEFORE], [Seen.AFTER])
    assert sides({"x": before}, {"x": after}, {"x": True}) == ({"x": Seen.BEFORE}, {"x": Seen.AFTER})


@pytest.mark.parametrize("value", [OLD, 1, True, [OLD], {"a": OLD}])
def test_what_is_sensitive_and_stays_goes_on_to_be_the_same(value: Any) -> None:
    assert sides(value, value, True) == (HIDDEN, HIDDEN)
    assert sides([value, 1], [value, 2], [True]) == ([HIDDEN, 1], [HIDDEN, 2])


def test_what_is_null_stays_null() -> None:
    assert sides(None, NEW, True) == (None, HIDDEN)
    assert sides(OLD, None, True) == (HIDDEN, None)
    assert sides(None, {"a": NEW, "b": [NEW]}, {"a": True, "b": [True]}) == (None, {"a": HIDDEN, "b": [HIDDEN]})
    assert sides({"a": OLD}, None, {"a": True}) == ({"a": HIDDEN}, None)


def test_what_becomes_sensitive_is_hidden_on_both_sides() -> None:
    assert sides("plain", NEW, before_sensitive=False, after_sensitive=True) == (Seen.BEFORE, Seen.AFTER)
    assert sides("plain", "plain", before_sensitive=True, after_sensitive=False) == (HIDDEN, HIDDEN)
    marks: dict[str, Any] = {"before_sensitive": {"a": True}, "after_sensitive": True}
    assert sides({"a": OLD, "b": 1}, {"a": NEW, "b": 1}, **marks) == (Seen.BEFORE, Seen.AFTER)


def test_what_is_added_to_a_list_moves_nothing_else() -> None:
    marks: dict[str, Any] = {"before_sensitive": [True, True], "after_sensitive": [True, True, True]}
    assert sides([1, 2], [3, 1, 2], **marks) == ([HIDDEN] * 2, [HIDDEN] * 3)
    assert sides([1, 2], [2, 1], [True, True]) == ([Seen.BEFORE] * 2, [Seen.AFTER] * 2)
    assert sides([{"n": 1, "s": OLD}], [{"n": 2, "s": OLD}], [{"s": True}]) == (
        [{"n": 1, "s": HIDDEN}],
        [{"n": 2, "s": HIDDEN}],
    )


def test_a_sensitive_value_that_is_known_in_parts_is_unknown() -> None:
    change = changed({"a": OLD}, {NEW: 1}, True, after_unknown={"a": True})
    assert (change["before"], change["after"], change["after_unknown"]) == (HIDDEN, None, True)
    inner = changed({"x": OLD, "y": 1}, {"y": 1}, {"x": True}, after_unknown={"x": True})
    assert (inner["before"], inner["after"], inner["after_unknown"]) == ({"x": HIDDEN, "y": 1}, {"y": 1}, {"x": True})
    listed = changed([[OLD]], [[None, NEW]], [True], after_unknown=[[True, False]])
    assert (listed["before"], listed["after"], listed["after_unknown"]) == ([HIDDEN], [None], [True])


def test_masked_texts_that_differ_go_on_to_differ() -> None:
    assert sides(OLD, NEW) == ("(redacted)", "(redacted) (changed)")
    assert sides(OLD, OLD) == ("(redacted)", "(redacted)")
    assert sides(f"at {OLD}:1", f"at {OLD}:2") == ("at (redacted):1", "at (redacted):2")
    assert sides([OLD], [NEW]) == (["(redacted)"], ["(redacted) (changed)"])
    assert sides([OLD], NEW) == (["(redacted)"], "(redacted)")


def test_masked_names_that_differ_go_on_to_differ() -> None:
    assert sides({OLD: 1}, {NEW: 1}) == ({"(redacted)": 1}, {"(redacted) 2": 1})
    change = changed({OLD: 1, NEW: 2}, {OLD: 1, NEW: 3}, {NEW: True}, replace_paths=[[NEW, 0]])
    assert change["before"] == {"(redacted)": 1, "(redacted) 2": Seen.BEFORE}
    assert change["after_sensitive"] == {"(redacted) 2": True}
    assert change["replace_paths"] == [["(redacted) 2"]]  # what is below has a name of its own


def test_the_plans_own_words_are_not_masked() -> None:
    resource = {"address": "a.update", "type": "a", "change": {"actions": ["update"], "before": 1, "after": 2}}
    found = redacted_plan({"resource_changes": [resource]}, lambda text: text.replace("update", "-").replace("af", "-"))
    assert found["resource_changes"][0] == {**resource, "address": "a.-"}


@pytest.mark.parametrize(
    ("shape", "before", "after"),
    [
        ("number", 1, 2),
        ("bool", False, True),
        (["list", "number"], [1], [2]),
        (["map", "string"], {HIDDEN: Seen.BEFORE}, {HIDDEN: Seen.AFTER}),
        (["object", {"b": "string", "a": "number"}], {"a": 1}, {"a": 2}),
        (["tuple", ["bool", "number"]], [False, 1], [True, 2]),
        (["object", {}], {}, {}),
    ],
)
def test_a_placeholder_is_of_the_type_that_the_schema_says(shape: Any, before: Any, after: Any) -> None:
    schema = {"attributes": {"x": {"type": shape}}}
    provider = {"resource_schemas": {"zone": {"block": {"block_types": {"inner": {"block": schema}}}}}}
    marks = {"inner": {"x": True}}
    change = {
        "before": {"inner": {"x": OLD}},
        "after": {"inner": {"x": [NEW]}},
        "before_sensitive": marks,
        "after_sensitive": marks,
    }
    resource = {"type": "zone", "provider_name": "net", "change": change}
    found = redacted_plan({"resource_changes": [resource]}, str, {"provider_schemas": {"net": provider}})
    shown = found["resource_changes"][0]["change"]
    assert (shown["before"], shown["after"]) == ({"inner": {"x": before}}, {"inner": {"x": after}})


def test_names_within_what_either_side_hides_are_told_nowhere() -> None:
    change = changed(
        {"m": {"akey": OLD}, "id": 1},
        {"m": {"akey": OLD}, "id": 2},
        before_sensitive={"m": True},
        after_sensitive={},
        after_unknown={"m": {"bkey": True}},
        replace_paths=[["m", "bkey"], ["id"], ["list", 0]],
    )
    assert "key" not in json.dumps(change)
    assert (change["after_unknown"], change["replace_paths"]) == ({"m": True}, [["m"], ["id"], ["list", 0]])
