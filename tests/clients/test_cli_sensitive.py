"""Somebody changes what is sensitive: the real `terraform` shows that it changes, and not what it is."""

import json
from typing import Any

import pytest

from bot.plan_redaction import redacted_plan, schemas_for
from bot.run import Stage
from tests.clients.conftest import Desk
from tests.fakes.terraform_cli import Said, Terminal

HIDING = """
resource "terraform_data" "one" {
  input = %s
}
output "only" {
  value     = %s
  sensitive = true
}
"""
BEFORE, AFTER = "swordfish-of-old", "tuna-of-today"
SENSITIVE_OLD, SENSITIVE_NEW = f'sensitive("{BEFORE}")', f'sensitive("{AFTER}")'


@pytest.fixture(params=["structured", "ordinary"])
def hiding(ready_desk: Desk, request: pytest.FixtureRequest) -> Desk:
    services = ready_desk.server.services
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    services.workspaces.change(workspace.id, {"structured_run_output": request.param == "structured"})
    return ready_desk


def write(desk: Desk, resource: str, output: str) -> Terminal:
    backend = desk.terminal.cloud(desk.organization.name, 'name = "prod"')
    desk.terminal.write(backend, HIDING % (resource, output))
    return desk.terminal


def apply(desk: Desk, resource: str, output: str) -> Terminal:
    terminal = write(desk, resource, output)
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    return terminal


def planned_and_shown(terminal: Terminal) -> list[Said]:
    """As the plan is drawn under way, and from a saved plan's file."""
    planned = terminal.run("plan", "-no-color", "-detailed-exitcode", "-out=plan.file")
    assert planned.code == 2, planned.text
    said = [planned, terminal.run("show", "-no-color", "plan.file").ok()]
    for each in said:
        assert "No changes." not in each.text
        assert AFTER not in each.text
    return said


def test_a_sensitive_output_that_changes_alone(hiding: Desk) -> None:
    apply(hiding, '"plain"', f'"{BEFORE}"')
    for said in planned_and_shown(write(hiding, '"plain"', f'"{AFTER}"')):
        assert "~ only = (sensitive value)" in said.text
        assert BEFORE not in said.text
    services = hiding.server.services
    job = services.jobs.of_run(json.loads((hiding.terminal.work / "plan.file").read_text())["run_id"], Stage.PLAN)
    assert job is not None
    assert job.plan_redacted_blob_id is not None
    document = services.blobs.read(job.plan_redacted_blob_id).decode()
    assert '"only"' in document
    assert BEFORE not in document
    assert AFTER not in document


def test_a_sensitive_argument_that_changes_and_one_that_becomes_sensitive(hiding: Desk) -> None:
    apply(hiding, SENSITIVE_OLD, '"output"')
    for said in planned_and_shown(write(hiding, SENSITIVE_NEW, '"output"')):
        assert "~ input  = (sensitive value)" in said.text
        assert "Plan: 0 to add, 1 to change, 0 to destroy." in said.text

    apply(hiding, '"plain"', '"output"')
    for said in planned_and_shown(write(hiding, SENSITIVE_NEW, '"output"')):
        assert "~ input  = (sensitive value)" in said.text
        assert "this attribute value will be marked as sensitive" in said.text


# A sensitive attribute of each type that a schema can have; what it is before and after.
NESTED = {"nesting_mode": "single", "attributes": {"a": {"type": "string"}, "b": {"type": "number"}}}
TYPED: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "text": ({"type": "string"}, BEFORE, AFTER),
    "number": ({"type": "number"}, 41, 42),
    "bool": ({"type": "bool"}, True, False),
    "list": ({"type": ["list", "string"]}, [BEFORE], [AFTER, AFTER]),
    "set": ({"type": ["set", ["object", {"a": "string"}]]}, [{"a": BEFORE}], [{"a": AFTER}]),
    "map": ({"type": ["map", "bool"]}, {BEFORE: True}, {AFTER: True}),
    "object": ({"type": ["object", {"a": "string", "b": "bool"}]}, {"a": "x", "b": True}, {"a": "x", "b": False}),
    "tuple": ({"type": ["tuple", ["string", "number"]]}, [BEFORE, 1], [BEFORE, 2]),
    "dynamic": ({"type": "dynamic"}, {"a": [1]}, "other"),
    "single": ({"nested_type": NESTED}, {"a": BEFORE, "b": 1}, {"a": BEFORE, "b": 2}),
    "several": ({"nested_type": {**NESTED, "nesting_mode": "set"}}, [{"a": BEFORE, "b": 1}], [{"a": AFTER, "b": 1}]),
    "named": ({"nested_type": {**NESTED, "nesting_mode": "map"}}, {"x": {"a": BEFORE, "b": 1}}, {"y": {"a": AFTER}}),
}
BLOCK = {"nesting_mode": "set", "block": {"attributes": {"a": {"type": "string"}}}}


def typed_plan() -> tuple[dict[str, Any], dict[str, Any]]:
    """A plan of a provider that has all of it, and the provider's schemas."""
    before = {name: old for name, (_, old, _) in TYPED.items()}
    after = {name: new for name, (_, _, new) in TYPED.items()}
    marks = dict.fromkeys([*TYPED, "block"], True)
    change = {
        "actions": ["update"],
        "before": {**before, "block": [{"a": BEFORE}]},
        "after": {**after, "block": [{"a": AFTER}]},
        "after_unknown": {},
        "before_sensitive": marks,
        "after_sensitive": marks,
    }
    named = {
        "address": "net_zone.a",
        "mode": "managed",
        "type": "net_zone",
        "name": "a",
        "provider_name": "e.test/a/net",
    }
    block = {"attributes": {name: schema for name, (schema, _, _) in TYPED.items()}, "block_types": {"block": BLOCK}}
    schemas = {"e.test/a/net": {"provider": {}, "resource_schemas": {"net_zone": {"version": 0, "block": block}}}}
    plan = {"format_version": "1.2", "resource_changes": [{**named, "change": change}]}
    return plan, {"format_version": "1.0", "provider_schemas": schemas}


def test_the_real_client_draws_each_type_that_a_schema_can_have(ready_desk: Desk) -> None:
    terminal, services = write(ready_desk, '"plain"', '"output"'), ready_desk.server.services
    terminal.run("plan", "-no-color", "-out=plan.file").ok()
    job = services.jobs.of_run(json.loads((terminal.work / "plan.file").read_text())["run_id"], Stage.PLAN)
    assert job is not None
    plan, schemas = typed_plan()
    document = json.dumps({**redacted_plan(plan, str, schemas), **schemas_for(plan, schemas)})
    assert BEFORE not in document
    assert AFTER not in document
    blob_id = services.blobs.put(document.encode())
    services.records.change("UPDATE stage_jobs SET plan_redacted_blob_id = ? WHERE id = ?", (blob_id, job.id))

    said = terminal.run("show", "-no-color", "plan.file").ok()
    lines = [" ".join(line.split()) for line in said.text.splitlines()]
    for name in TYPED:
        assert f"~ {name} = (sensitive value)" in lines, said.text
    assert "~ block {" in lines or "- block {" in lines, said.text
