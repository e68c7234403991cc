"""The description of the API: valid, of every rule and address that there is, and what every answer is held to."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from openapi_spec_validator import validate

from handlers.api import run_comments
from handlers.api.documents import nothing, resource
from handlers.api.openapi import OPEN, description, written_path
from handlers.api.operations import operation_of
from handlers.api.rules import RULES
from handlers.api.schemas import KINDS
from tests.fakes.door_world import World

OPERATIONS = {
    (method.upper(), path): operation
    for path, operations in description()["paths"].items()
    for method, operation in operations.items()
}


def test_the_description_is_valid_and_served(world: World) -> None:
    answer = world.app.test_client().get("/api/v2/openapi.json")
    assert answer.status_code == 200
    validate(answer.json)


def test_every_rule_is_described_with_what_it_needs() -> None:
    described = {key: found["x-needs"] for key, found in OPERATIONS.items() if "x-needs" in found}
    assert described == {(method, written_path(path)): needs.value for method, path, _, needs in RULES}


def test_every_address_that_needs_no_token_is_described(world: World) -> None:
    """By the routes that the server has: what is no rule is open, and nothing else is."""
    described = {key for key, found in OPERATIONS.items() if found.get("security") == []}
    assert described == {(method, written_path(path)) for method, path, _ in OPEN}
    served = {
        (method, written_path(rule.rule.removeprefix("/api/v2")))
        for rule in world.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and not rule.endpoint.startswith("api.nowhere")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == set(OPERATIONS)


def test_every_operation_says_what_it_does_under_a_name_of_its_own() -> None:
    assert all(len(operation["summary"]) > 5 for operation in OPERATIONS.values())
    names = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(names)) == len(names)


def test_nothing_is_described_that_no_operation_speaks_of() -> None:
    """Every component is referred to, and every kind of resource is answered or included somewhere."""
    schemas = description()["components"]["schemas"]
    text = json.dumps(description())
    assert [name for name in schemas if f'"#/components/schemas/{name}"' not in text] == []
    answered = {operation_of(view).kind for _, _, view, _ in RULES} - {""}
    assert set(KINDS) - answered == {"workspace-outputs"}  # which only ever comes included


def test_a_list_may_also_come_as_several_values_of_one_name(world: World) -> None:
    """Some generators of clients do so, though the description says commas."""
    run = world.run(world.workspace())
    answer = world.ask("GET", f"runs/{run.id}", query_string={"include": ["plan", "apply,workspace"]})
    assert {found["type"] for found in answer.json["included"]} == {"plans", "applies", "workspaces"}


def test_a_view_that_says_nothing_is_named() -> None:
    def view() -> None:
        pass

    with pytest.raises(LookupError, match="view"):
        operation_of(view)


def _with(change: Callable[[dict[str, Any]], Any]) -> Callable[..., dict[str, Any]]:
    def changed(*args: Any, **named: Any) -> dict[str, Any]:
        found = resource(*args, **named)
        change(found)
        return found

    return changed


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda found: found["attributes"].update(mood="fine"), "'mood' was unexpected"),
        (lambda found: found["attributes"].pop("author"), "'author' is a required property"),
        (lambda found: found["attributes"].update(body=1), "1 is not of type 'string'"),
        (lambda found: found["attributes"].update({"created-at": "2026-03-04T12:00:00+00:00"}), "does not match 'Z"),
        (lambda found: found["relationships"].update(mood={"data": None}), "'mood' was unexpected"),
        (lambda found: found["relationships"]["run"]["data"].update(type="walks"), "'walks' is not one of"),
        (lambda found: found.update(type="users"), "'users' is not one of"),
        (lambda found: found.update(mood="fine"), "'mood' was unexpected"),
    ],
)
def test_an_answer_that_is_not_described_fails_the_test_that_got_it(
    world: World, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], Any], complaint: str
) -> None:
    run = world.run(world.workspace())
    world.services.comments.add(run.id, "ada", "hello")
    monkeypatch.setattr(run_comments, "resource", _with(change))
    with pytest.raises(AssertionError, match=r"GET /api/v2/runs/.*/comments → 200: \$\.data\[0\]") as caught:
        world.ask("GET", f"runs/{run.id}/comments")
    assert complaint in str(caught.value)


def test_a_status_that_is_not_described_fails_the_test_that_got_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.run(world.workspace())
    monkeypatch.setattr(run_comments, "paged", lambda *_: nothing(204))
    with pytest.raises(AssertionError, match="→ 204: the description knows only 200, 400"):
        world.ask("GET", f"runs/{run.id}/comments")


def test_what_is_included_is_looked_at_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = world.run(world.workspace())
    changed = _with(lambda found: found["attributes"].pop("log-read-url"))
    monkeypatch.setattr("handlers.api.stage_documents.resource", changed)
    with pytest.raises(AssertionError, match=r"\$\.attributes: 'log-read-url' is a required property"):
        world.ask("GET", f"runs/{run.id}", query_string={"include": "plan"})
