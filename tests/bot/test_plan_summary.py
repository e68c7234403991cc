"""Is a plan counted as Terraform counts it, and is what it destroys named?"""

from typing import Any

import pytest

from bot.plan_summary import PlanSummary, summarize, summarize_text


def a_change(address: str, *actions: str, **more: Any) -> dict[str, Any]:
    mode = "data" if address.startswith("data.") else "managed"
    return {"address": address, "mode": mode, "change": {"actions": list(actions), **more}}


def test_every_kind_of_change() -> None:
    plan = {
        "resource_changes": [
            a_change("a.new", "create"),
            a_change("a.same", "no-op"),
            a_change("a.edit", "update"),
            a_change("a.gone", "delete"),
            a_change("a.swap", "delete", "create"),
            a_change('a.swap["b"]', "create", "delete"),
            a_change("data.x", "read"),
            a_change("data.y", "create"),
            a_change("a.taken", "no-op", importing={"id": "i-1"}),
        ],
        "output_changes": {"ip": {"actions": ["no-op"]}},
    }
    assert summarize(plan) == PlanSummary(
        additions=3,
        changes=1,
        destructions=3,
        imports=1,
        destroyed=("a.gone",),
        replaced=("a.swap", 'a.swap["b"]'),
        changed=("a.edit",),
        added=("a.new",),
    )


@pytest.mark.parametrize("plan", [{}, {"resource_changes": None, "output_changes": None}, {"resource_changes": []}])
def test_a_plan_without_changes(plan: dict[str, Any]) -> None:
    assert summarize(plan) == PlanSummary()
    assert not summarize(plan).has_changes


def test_outputs_alone_are_a_change() -> None:
    summary = summarize({"output_changes": {"ip": {"actions": ["create"]}}})
    assert summary.has_changes
    assert summary.sentence == "only outputs change"


@pytest.mark.parametrize(
    ("summary", "sentence"),
    [
        (PlanSummary(), "no changes"),
        (PlanSummary(additions=2, destructions=1), "2 to add, 0 to change, 1 to destroy"),
        (PlanSummary(imports=1), "1 to import, 0 to add, 0 to change, 0 to destroy"),
        (PlanSummary(changes=1, outputs_changed=True), "0 to add, 1 to change, 0 to destroy"),
    ],
)
def test_the_sentence(summary: PlanSummary, sentence: str) -> None:
    assert summary.sentence == sentence


def test_a_summary_survives_being_stored() -> None:
    summary = PlanSummary(1, 2, 3, 4, ("a",), ("b",), ("c",), ("d",), outputs_changed=True)
    assert PlanSummary.from_json(summary.as_json()) == summary
    listed = {key: list(value) if isinstance(value, tuple) else value for key, value in summary.as_json().items()}
    assert PlanSummary.from_json(listed) == summary
    assert PlanSummary.from_json({}) == PlanSummary()


@pytest.mark.parametrize(
    "document",
    [
        {"additions": -1},
        {"additions": True},
        {"changes": "1"},
        {"imports": 1.0},
        {"destroyed": "a.b"},
        {"added": [1]},
        {"replaced": None},
    ],
)
def test_another_shape_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a plan summary's"):
        PlanSummary.from_json(document)


def test_the_summary_line_of_old_engines() -> None:
    output = "+ null_resource.x\n\nPlan: 12 to add, 0 to change, 3 to destroy.\n"
    assert summarize_text(output) == PlanSummary(additions=12, destructions=3)
    assert summarize_text("No changes. Infrastructure is up-to-date.") == PlanSummary()
    assert summarize_text("  Plan: 1 to add, 0 to change, 0 to destroy.") == PlanSummary()
