"""Projects, and how they and workspaces are tagged."""

from typing import Any

import pytest

from bot.workspace import Workspace
from tests.fakes.door_world import World

PROJECTS = "organizations/acme/projects"


def project(world: World, name: str, **more: Any) -> dict[str, Any]:
    made = world.ask("POST", PROJECTS, {"data": {"type": "projects", "attributes": {"name": name, **more}}})
    assert made.status_code == 201, made.text
    data: dict[str, Any] = made.json["data"]
    return data


def bindings(**tags: str) -> dict[str, Any]:
    return {"data": [{"type": "tag-bindings", "attributes": {"key": k, "value": v}} for k, v in tags.items()]}


def shown(world: World, path: str) -> dict[str, str]:
    found = world.ask("GET", path).json["data"]
    return {binding["attributes"]["key"]: binding["attributes"]["value"] for binding in found}


@pytest.fixture
def workspace(world: World) -> Workspace:
    return world.workspace("prod")


def test_every_organization_has_a_default_project(world: World) -> None:
    world.ask("POST", "organizations", {"name": "umbrella", "email": "u@x.test"})
    (found,) = world.ask("GET", "organizations/umbrella/projects").json["data"]
    assert found["attributes"]["name"] == "Default Project"
    assert found["attributes"]["is-default"] is True
    assert found["id"].startswith("prj-")
    made = world.ask("POST", "organizations/umbrella/workspaces", {"data": {"attributes": {"name": "w"}}})
    assert made.json["data"]["relationships"]["project"]["data"] == {"id": found["id"], "type": "projects"}
    assert world.ask("DELETE", f"projects/{found['id']}").status_code == 409


def test_a_project_is_made_found_changed_and_removed(world: World) -> None:
    made = project(world, "Pay ments", description="money")
    assert made["attributes"]["description"] == "money"
    assert made["attributes"]["created-at"].endswith("Z")
    for query, names in (
        ({"filter[names]": "pay ments,none"}, ["Pay ments"]),
        ({"filter[names]": ""}, ["Default Project", "Pay ments"]),
        ({"q": "MENT"}, ["Pay ments"]),
        ({"page[size]": "1", "page[number]": "2"}, ["Pay ments"]),
    ):
        listed = world.ask("GET", PROJECTS, query_string=query).json
        assert [p["attributes"]["name"] for p in listed["data"]] == names
    path = f"projects/{made['id']}"
    changed = world.ask("PATCH", path, {"data": {"attributes": {"name": "Money"}}})
    assert changed.json["data"]["attributes"]["name"] == "Money"
    assert changed.json["data"]["attributes"]["description"] == "money"
    assert world.ask("PATCH", path, {"data": {"attributes": {"name": "MONEY"}}}).status_code == 200
    assert world.ask("GET", path).json["data"]["attributes"]["workspace-count"] == 0
    assert world.ask("DELETE", path, data=b"null").status_code == 204
    assert world.ask("GET", path).status_code == 404


@pytest.mark.parametrize("name", [None, "", " ", "a/b", "x" * 91, "default project", "é"])
def test_bad_projects(world: World, name: object) -> None:
    answer = world.ask("POST", PROJECTS, {"data": {"attributes": {"name": name}}})
    assert answer.status_code == 422
    assert len(world.ask("GET", PROJECTS).json["data"]) == 1


def test_workspaces_move_together_or_not_at_all(world: World, workspace: Workspace) -> None:
    made, other = project(world, "Payments"), world.services.people.add_organization("other", "o@x.test")
    foreign = world.services.workspaces.add(other.id, "theirs")
    path = f"projects/{made['id']}/relationships/workspaces"

    def move(*idents: str) -> int:
        body = {"data": [{"type": "workspaces", "id": ident} for ident in idents]}
        return world.ask("POST", path, body).status_code

    assert move(workspace.id, foreign.id) == 422
    assert world.services.workspaces.get(workspace.id).project_id != made["id"]
    assert move(workspace.id) == 204
    assert world.services.workspaces.get(workspace.id).project_id == made["id"]
    assert world.ask("GET", f"projects/{made['id']}").json["data"]["attributes"]["workspace-count"] == 1
    assert world.ask("DELETE", f"projects/{made['id']}").status_code == 409


def test_what_is_not_yours_is_not_there(world: World, workspace: Workspace) -> None:
    made, token = project(world, "Payments"), world.stranger()
    asked = [
        *((method, f"projects/{made['id']}") for method in ("GET", "PATCH", "DELETE")),
        *((method, PROJECTS) for method in ("GET", "POST")),
        *((method, f"projects/{made['id']}/tag-bindings") for method in ("GET", "PATCH")),
        *((method, f"workspaces/{workspace.id}/tag-bindings") for method in ("GET", "PATCH")),
        *((method, f"workspaces/{workspace.id}/relationships/tags") for method in ("GET", "POST", "DELETE")),
        ("GET", f"workspaces/{workspace.id}/effective-tag-bindings"),
        ("POST", f"projects/{made['id']}/relationships/workspaces"),
        ("POST", f"workspaces/{workspace.id}/actions/safe-delete"),
    ]
    for method, path in asked:
        answer = world.ask(method, path, None if method == "GET" else {}, token=token)
        assert answer.status_code == 404, (method, path)


def test_bindings_are_added_and_given_other_values(world: World, workspace: Workspace) -> None:
    path = f"workspaces/{workspace.id}/tag-bindings"
    assert shown(world, path) == {}
    assert world.ask("PATCH", path, bindings(env="prod", core="")).status_code == 200
    assert world.ask("PATCH", path, bindings(ENV="test", team="net")).status_code == 200
    assert shown(world, path) == {"core": "", "env": "test", "team": "net"}
    assert world.ask("GET", f"workspaces/{workspace.id}").json["data"]["attributes"]["tag-names"] == ["core"]
    replaced = {"data": {"relationships": {"tag-bindings": bindings(only="this")}}}
    assert world.ask("PATCH", f"workspaces/{workspace.id}", replaced).status_code == 200
    assert shown(world, path) == {"only": "this"}
    assert world.ask("PATCH", f"workspaces/{workspace.id}", {"data": {"attributes": {}}}).status_code == 200
    assert shown(world, path) == {"only": "this"}
    emptied = {"data": {"relationships": {"tag-bindings": {"data": []}}}}
    assert world.ask("PATCH", f"workspaces/{workspace.id}", emptied).status_code == 200
    assert shown(world, path) == {}


def test_a_workspace_inherits_from_its_project(world: World, workspace: Workspace) -> None:
    path = f"projects/{workspace.project_id}/tag-bindings"
    assert world.ask("PATCH", path, bindings(env="prod", team="net")).status_code == 200
    world.ask("PATCH", f"workspaces/{workspace.id}/tag-bindings", bindings(env="test"))
    assert shown(world, f"workspaces/{workspace.id}/effective-tag-bindings") == {"env": "test", "team": "net"}
    assert shown(world, f"workspaces/{workspace.id}/tag-bindings") == {"env": "test"}
    assert shown(world, f"projects/{workspace.project_id}/effective-tag-bindings") == {"env": "prod", "team": "net"}


def test_all_effective_bindings_come_where_no_page_is_asked_for(world: World, workspace: Workspace) -> None:
    """Clients ask for none, and take what comes for all of them."""
    of_project, own = ({f"{whose}-{number}": "x" for number in range(80)} for whose in ("project", "own"))
    world.ask("PATCH", f"projects/{workspace.project_id}/tag-bindings", bindings(**of_project))
    world.ask("PATCH", f"workspaces/{workspace.id}/tag-bindings", bindings(**own))
    assert shown(world, f"workspaces/{workspace.id}/effective-tag-bindings") == of_project | own
    assert len(shown(world, f"workspaces/{workspace.id}/effective-tag-bindings?page[size]=7")) == 7


def test_plain_tags_of_older_clients(world: World, workspace: Workspace) -> None:
    path = f"workspaces/{workspace.id}/relationships/tags"
    world.ask("PATCH", f"workspaces/{workspace.id}/tag-bindings", bindings(env="prod"))
    added = {"data": [{"type": "tags", "attributes": {"name": name}} for name in ("core", "net", "ENV")]}
    assert world.ask("POST", path, added).status_code == 204
    listed = world.ask("GET", path).json
    assert [tag["attributes"]["name"] for tag in listed["data"]] == ["core", "env", "net"]
    assert listed["data"][0]["attributes"]["instance-count"] == 1
    # A key that has a value keeps it.
    assert shown(world, f"workspaces/{workspace.id}/tag-bindings")["env"] == "prod"
    other = world.workspace("other")
    by_id = {"data": [{"type": "tags", "id": listed["data"][0]["id"]}]}
    assert world.ask("POST", f"workspaces/{other.id}/relationships/tags", by_id).status_code == 204
    assert world.ask("GET", f"workspaces/{other.id}").json["data"]["attributes"]["tag-names"] == ["core"]
    gone = {"data": [by_id["data"][0], {"type": "tags", "attributes": {"name": "net"}}]}
    assert world.ask("DELETE", path, gone).status_code == 204
    assert [tag["attributes"]["name"] for tag in world.ask("GET", path).json["data"]] == ["env"]
    assert world.ask("POST", path, {"data": [{"type": "tags", "id": "tag-none"}]}).status_code == 422


def test_a_new_workspace_brings_plain_tags(world: World) -> None:
    relationships = {"tags": {"data": [{"type": "tags", "attributes": {"name": "core"}}]}}
    body = {"data": {"type": "workspaces", "attributes": {"name": "w"}, "relationships": relationships}}
    made = world.ask("POST", "organizations/acme/workspaces", body)
    assert made.json["data"]["attributes"]["tag-names"] == ["core"]


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [("", "x", 422), ("a,b", "x", 422), ("-a", "x", 422), ("a" * 256, "x", 422), ("a", "x" * 257, 422), ("a", 3, 422)],
)
def test_bad_tags(world: World, workspace: Workspace, key: str, value: Any, status: int) -> None:
    body = {"data": [{"type": "tag-bindings", "attributes": {"key": key, "value": value}}]}
    assert world.ask("PATCH", f"workspaces/{workspace.id}/tag-bindings", body).status_code == status
    assert shown(world, f"workspaces/{workspace.id}/tag-bindings") == {}


def test_too_many_tags_are_refused(world: World, workspace: Workspace) -> None:
    path = f"workspaces/{workspace.id}/tag-bindings"
    assert world.ask("PATCH", path, bindings(**{f"a{number}": "" for number in range(100)})).status_code == 200
    assert world.ask("PATCH", path, bindings(more="")).status_code == 422
    assert len(shown(world, path)) == 100


@pytest.mark.parametrize("body", [{"data": {}}, {"data": "x"}, {"data": [3]}, {"data": [{"attributes": 3}]}])
def test_lists_that_cannot_be_read(world: World, workspace: Workspace, body: Any) -> None:
    assert world.ask("PATCH", f"workspaces/{workspace.id}/tag-bindings", body).status_code == 400
