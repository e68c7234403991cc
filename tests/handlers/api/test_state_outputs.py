"""A state's outputs: listed without what is sensitive, and told one by one."""

from __future__ import annotations

import json

from tests.handlers.api.state_world import LINEAGE, OUTPUTS, Prod, a_state


def test_outputs_are_listed_without_what_is_sensitive(prod: Prod) -> None:
    ident = prod.stored(a_state(1, outputs=OUTPUTS))
    for path in (f"{prod.path}/current-state-version-outputs", f"state-versions/{ident}/outputs"):
        answer = prod.get(path)
        found = {each["attributes"]["name"]: each["attributes"] for each in answer.json["data"]}
        assert {name: each["value"] for name, each in found.items()} == {
            "address": "10.0.0.1",
            "count": 3,
            "names": ["a", "b"],
            "password": None,
        }
        assert (found["names"]["type"], found["names"]["detailed-type"]) == ("array", ["list", "string"])
        assert found["password"]["sensitive"] is True
        assert "hunter2" not in answer.text


def test_one_output_is_told_even_if_it_is_sensitive(prod: Prod) -> None:
    ident = prod.stored(a_state(1, outputs=OUTPUTS))
    document = prod.get(f"state-versions/{ident}", query_string={"include": "outputs"}).json
    assert "hunter2" not in json.dumps(document)
    ids = [each["id"] for each in document["data"]["relationships"]["outputs"]["data"]]
    assert ids == [each["id"] for each in document["included"]]
    shown = [prod.get(f"state-version-outputs/{each}").json["data"]["attributes"] for each in ids]
    assert [each["value"] for each in shown if each["name"] == "password"] == ["hunter2"]
    for wrong in (ids[0][:-4] + "ffff", "wsout-", "wsout-x", ident, ids[0] + "zz"):
        assert prod.get(f"state-version-outputs/{wrong}").status_code == 404


def test_numbers_are_told_as_the_state_has_them(prod: Prod) -> None:
    """Terraform's have as many digits as they like; what writes JSON fast knows 64 bits."""
    numbers = {"large": 2**70, "below": -(2**64), "small": 0.1, "short": 1.5e300, "none": 0}
    prod.stored(a_state(1, outputs={name: {"value": value, "type": "number"} for name, value in numbers.items()}))
    answer = prod.get(f"{prod.path}/current-state-version-outputs")
    assert {each["attributes"]["name"]: each["attributes"]["value"] for each in answer.json["data"]} == numbers
    assert str(2**70) in answer.text


def test_all_outputs_come_at_once_unless_a_page_is_asked_for(prod: Prod) -> None:
    outputs = {f"o{number:03}": {"value": number, "type": "number"} for number in range(150)}
    prod.stored(a_state(1, outputs=outputs))
    path = f"{prod.path}/current-state-version-outputs"
    assert len(prod.get(path).json["data"]) == 150
    page = prod.get(path, query_string={"page[number]": "2", "page[size]": "100"})
    assert len(page.json["data"]) == 50
    assert page.json["meta"]["pagination"]["total-pages"] == 2


def test_outputs_of_a_state_of_terraform_0_11(prod: Prod) -> None:
    old = {
        "version": 3,
        "serial": 1,
        "lineage": LINEAGE,
        "modules": [
            {"path": ["root", "child"], "outputs": {"inner": {"value": "no", "type": "string", "sensitive": False}}},
            {
                "path": ["root"],
                "outputs": {"subnet_id": {"value": "subnet-1", "type": "string", "sensitive": False}},
                "resources": {},
            },
        ],
    }
    prod.stored(json.dumps(old).encode())
    (output,) = prod.get(f"{prod.path}/current-state-version-outputs").json["data"]
    assert (output["attributes"]["name"], output["attributes"]["value"]) == ("subnet_id", "subnet-1")
