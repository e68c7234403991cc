"""Variables: sensitive values go in and never come out."""

from typing import Any

import pytest

from tests.fakes.door_world import World


@pytest.fixture
def path(world: World) -> str:
    return f"workspaces/{world.workspace().id}/vars"


def make(world: World, path: str, **given: Any) -> dict[str, Any]:
    answer = world.ask("POST", path, {"data": {"type": "vars", "attributes": given}})
    assert answer.status_code == 201
    data: dict[str, Any] = answer.json["data"]
    return data


def test_make_list_show_change_remove(world: World, path: str) -> None:
    made = make(world, path, key="region", value="eu", category="terraform", hcl=False, description="where")
    assert made["type"] == "vars"
    assert made["attributes"] == {
        "key": "region",
        "value": "eu",
        "category": "terraform",
        "hcl": False,
        "sensitive": False,
        "description": "where",
    }
    listed = world.ask("GET", path).json
    assert [v["id"] for v in listed["data"]] == [made["id"]]
    assert "meta" not in listed
    changed = world.ask("PATCH", f"{path}/{made['id']}", {"value": "us", "key": "area"})
    assert changed.json["data"]["id"] == made["id"]
    assert changed.json["data"]["attributes"]["key"] == "area"
    assert changed.json["data"]["attributes"]["description"] == "where"
    assert world.ask("GET", f"{path}/{made['id']}").json["data"]["attributes"]["value"] == "us"
    assert world.ask("DELETE", f"{path}/{made['id']}").status_code == 204
    assert world.ask("GET", f"{path}/{made['id']}").status_code == 404


def test_a_sensitive_value_never_comes_out(world: World, path: str) -> None:
    made = make(world, path, key="password", value="hunter2", category="env", sensitive=True)
    for answer in (
        world.ask("GET", path),
        world.ask("GET", f"{path}/{made['id']}"),
        world.ask("PATCH", f"{path}/{made['id']}", {"description": "the secret"}),
    ):
        assert "hunter2" not in answer.text
    refused = world.ask("PATCH", f"{path}/{made['id']}", {"sensitive": False})
    assert refused.status_code == 422
    assert "hunter2" not in refused.text
    assert world.services.variables.get(made["id"]).value == "hunter2"


def test_many_are_one_list(world: World, path: str) -> None:
    for number in range(25):
        make(world, path, key=f"v{number}", value="")
    assert len(world.ask("GET", path, query_string={"page[size]": "5"}).json["data"]) == 25


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"key": ""}, 422),
        ({"key": "a b"}, 422),
        ({"key": "1a"}, 422),
        ({"key": "-x"}, 422),
        ({"key": "a", "hcl": True, "value": "[1"}, 422),
        ({"key": "a", "hcl": True, "value": '"${b}"'}, 422),
        ({"key": "a", "hcl": True, "value": ""}, 422),
        ({"key": "TF_DATA_DIR", "category": "env"}, 422),
        ({"key": "TF_HTTP_ADDRESS", "category": "env"}, 422),
        ({"key": "a", "category": "policy-set"}, 422),
        ({"key": "a", "value": "x\0y"}, 422),
        ({"key": "a", "category": "env", "hcl": True}, 422),
        ({"key": "taken"}, 422),
        ({"key": "a", "value": 3}, 422),
        ({"key": "a", "value": "x" * 300_000}, 422),
        ({"key": "a", "hcl": "yes"}, 422),
    ],
)
def test_bad_variables(world: World, path: str, given: dict[str, Any], status: int) -> None:
    make(world, path, key="taken", value="first")
    assert world.ask("POST", path, given).status_code == status
    kept = world.ask("GET", path).json["data"]
    assert [v["attributes"]["value"] for v in kept] == ["first"]


def test_broken_hcl_does_not_come_by_a_change(world: World, path: str) -> None:
    made = make(world, path, key="zones", value="[1", hcl=False)
    for change in ({"hcl": True}, {"hcl": True, "value": "(1]"}):
        answer = world.ask("PATCH", f"{path}/{made['id']}", change)
        assert answer.status_code == 422
        assert "is not one complete value" in answer.json["errors"][0]["detail"]
    assert world.ask("PATCH", f"{path}/{made['id']}", {"hcl": True, "value": "[1]"}).status_code == 200


def test_a_key_that_another_has_is_taken(world: World, path: str) -> None:
    make(world, path, key="one", value="1")
    two = make(world, path, key="two", value="2")
    answer = world.ask("PATCH", f"{path}/{two['id']}", {"key": "one"})
    assert answer.status_code == 422
    assert "taken" in answer.json["errors"][0]["detail"]
    make(world, path, key="one", value="1", category="env")


def test_a_variable_belongs_to_its_workspace(world: World, path: str) -> None:
    made = make(world, path, key="one", value="1")
    other = world.services.workspaces.add(world.organization.id, "other")
    for method in ("GET", "PATCH", "DELETE"):
        assert world.ask(method, f"workspaces/{other.id}/vars/{made['id']}").status_code == 404
    assert world.services.variables.get(made["id"]).value == "1"
