"""The same with terrasnek, which sends `null` where it has nothing to say, and slashes at the end of its paths."""

from __future__ import annotations

from typing import Any

import pytest
from terrasnek.api import TFC

from tests.clients.conftest import Desk


@pytest.fixture
def api(desk: Desk) -> Any:
    found = TFC(desk.token, url=desk.server.address, skip_version_check=True)
    found.set_org(desk.organization.name)
    return found


def workspace(api: Any, name: str) -> str:
    made = api.workspaces.create({"data": {"type": "workspaces", "attributes": {"name": name}}})
    ident: str = made["data"]["id"]
    return ident


def named(ident: str, kind: str = "workspaces") -> dict[str, Any]:
    return {"data": [{"type": kind, "id": ident}]}


def test_workspaces(api: Any) -> None:
    one, two = workspace(api, "one"), workspace(api, "two")
    listed = api.workspaces.list_all(search={"name": "o"})["data"]
    assert [each["attributes"]["name"] for each in listed] == ["one", "two"]
    api.workspaces.add_remote_state_consumers(one, named(two))
    assert [each["id"] for each in api.workspaces.get_remote_state_consumers(one)["data"]] == [two]
    api.workspaces.replace_remote_state_consumers(one, {"data": []})
    assert api.workspaces.get_remote_state_consumers(one)["data"] == []
    api.workspaces.add_tags(one, {"data": [{"type": "tags", "attributes": {"name": "core"}}]})
    assert [each["attributes"]["name"] for each in api.workspaces.list_all_tags(one)["data"]] == ["core"]
    api.workspaces.remove_tags(one, {"data": [{"type": "tags", "attributes": {"name": "core"}}]})
    api.workspaces.safe_destroy(workspace_id=one)
    api.workspaces.safe_destroy(workspace_name="two")
    assert api.workspaces.list_all()["data"] == []


def test_projects(api: Any) -> None:
    made = api.projects.create({"data": {"type": "projects", "attributes": {"name": "Payments"}}})["data"]["id"]
    one = workspace(api, "one")
    api.projects.move_workspaces_into_project(made, named(one))
    assert api.workspaces.show(workspace_id=one)["data"]["relationships"]["project"]["data"]["id"] == made
    api.projects.update(made, {"data": {"type": "projects", "attributes": {"name": "Money"}}})
    names = [each["attributes"]["name"] for each in api.projects.list_all()["data"]]
    assert names == ["Default Project", "Money"]
    api.workspaces.destroy(workspace_id=one)
    api.projects.destroy(made)


def test_variables_and_sets(api: Any) -> None:
    one = workspace(api, "one")
    attributes = {"key": "region", "value": "eu", "category": "terraform", "hcl": False, "sensitive": False}
    api.workspace_vars.create(one, {"data": {"type": "vars", "attributes": attributes}})
    (variable,) = api.vars.list(workspace_name="one")["data"]
    changed = api.vars.update(variable["id"], {"data": {"type": "vars", "attributes": {"value": "us"}}})
    assert changed["data"]["attributes"]["value"] == "us"
    api.vars.destroy(variable["id"])
    assert api.workspace_vars.list(one)["data"] == []
    made = api.var_sets.create(
        {"data": {"type": "varsets", "attributes": {"name": "cloud", "description": "", "global": False}}}
    )["data"]["id"]
    api.var_sets.add_var_to_varset(made, {"data": {"type": "vars", "attributes": attributes}})
    (shared,) = api.var_sets.list_vars_in_varset(made)["data"]
    api.var_sets.apply_varset_to_workspace(made, named(one))
    assert [each["id"] for each in api.var_sets.list_all_for_workspace(one)["data"]] == [made]
    api.var_sets.remove_varset_from_workspace(made, named(one))
    api.var_sets.delete_var_from_varset(made, shared["id"])
    api.var_sets.update(made, {"data": {"type": "varsets", "attributes": {"name": "all", "global": True}}})
    assert [each["attributes"]["name"] for each in api.var_sets.list_all_for_org()["data"]] == ["all"]
    api.var_sets.destroy(made)


def test_run_triggers(api: Any) -> None:
    source, target = workspace(api, "network"), workspace(api, "app")
    payload = {"data": {"relationships": {"sourceable": {"data": {"id": source, "type": "workspaces"}}}}}
    made = api.run_triggers.create(target, payload)["data"]["id"]
    filters = [{"keys": ["run-trigger", "type"], "value": "inbound"}]
    assert [each["id"] for each in api.run_triggers.list_all(target, filters=filters)["data"]] == [made]
    assert api.run_triggers.show(made)["data"]["attributes"]["sourceable-name"] == "network"
    api.run_triggers.destroy(made)
    assert api.run_triggers.list_all(target, filters=filters)["data"] == []
