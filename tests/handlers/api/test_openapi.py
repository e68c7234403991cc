"""The description of the API: valid, and of every rule that there is."""

import re

from openapi_spec_validator import validate

from handlers.api.openapi import description
from handlers.api.rules import RULES
from tests.fakes.door_world import World


def test_the_description_is_valid_and_served(world: World) -> None:
    answer = world.app.test_client().get("/api/v2/openapi.json")
    assert answer.status_code == 200
    validate(answer.json)


def test_every_rule_is_described_with_what_it_needs() -> None:
    described = {
        (method.upper(), path): operation["x-needs"]
        for path, operations in description()["paths"].items()
        for method, operation in operations.items()
    }
    assert described == {
        (method, re.sub(r"<(?:[^:>]+:)?(\w+)>", r"{\1}", path)): needs.value for method, path, _, needs in RULES
    }


def test_every_operation_says_what_it_does() -> None:
    for operations in description()["paths"].values():
        for operation in operations.values():
            assert len(operation["summary"]) > 5
