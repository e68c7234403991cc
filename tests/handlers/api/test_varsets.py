"""Variable sets: made, given, taken, and what a run gets of them."""

from typing import Any

import pytest

from bot.ids import VariableSetId
from bot.permissions import Flag, Level, RunsAccess, StateAccess, WorkspaceAccess, access_of
from bot.workspace import Workspace
from handlers.reactions.run_variables import run_variables
from tests.fakes.door_world import World

VARSETS = "organizations/acme/varsets"


def a_set(world: World, name: str, relationships: dict[str, Any] | None = None, **attributes: Any) -> str:
    body = {
        "data": {
            "type": "varsets",
            "attributes": {"name": name, **attributes},
            "relationships": relationships or {},
        }
    }
    made = world.ask("POST", VARSETS, body)
    assert made.status_code == 201, made.text
    ident: str = made.json["data"]["id"]
    return ident


def put(world: World, set_id: str, key: str, value: str, **more: Any) -> str:
    body = {"data": {"type": "vars", "attributes": {"key": key, "value": value, "category": "terraform", **more}}}
    made = world.ask("POST", f"varsets/{set_id}/relationships/vars", body)
    assert made.status_code == 201, made.text
    ident: str = made.json["data"]["id"]
    return ident


def relate(world: World, method: str, set_id: str, kind: str, *idents: str) -> int:
    body = {"data": [{"type": kind, "id": ident} for ident in idents]}
    return world.ask(method, f"varsets/{set_id}/relationships/{kind}", body).status_code


def run_gets(world: World, workspace: Workspace) -> dict[str, str]:
    return {variable.key: variable.value for variable in run_variables(world.services, workspace.id)}


@pytest.fixture
def workspace(world: World) -> Workspace:
    return world.workspace("prod")


def test_a_set_is_made_shown_changed_and_removed(world: World, workspace: Workspace) -> None:
    relationships = {
        "workspaces": {"data": [{"type": "workspaces", "id": workspace.id}]},
        "projects": {"data": [{"type": "projects", "id": workspace.project_id}]},
        "vars": {"data": [{"type": "vars", "attributes": {"key": "region", "value": "eu", "category": "terraform"}}]},
    }
    ident = a_set(world, "cloud", relationships, description="d", priority=True)
    data = world.ask("GET", f"varsets/{ident}", query_string={"include": "workspaces,projects,vars"}).json
    attributes = data["data"]["attributes"]
    assert (attributes["name"], attributes["global"], attributes["priority"]) == ("cloud", False, True)
    assert (attributes["var-count"], attributes["workspace-count"], attributes["project-count"]) == (1, 1, 1)
    assert attributes["updated-at"].endswith("Z")
    assert {i["type"] for i in data["included"]} == {"workspaces", "projects", "vars"}
    body = {"data": {"attributes": {"global": True, "name": "all"}, "relationships": {"workspaces": {"data": []}}}}
    changed = world.ask("PATCH", f"varsets/{ident}", body).json["data"]
    assert (changed["attributes"]["name"], changed["attributes"]["global"]) == ("all", True)
    assert changed["attributes"]["description"] == "d"
    assert changed["relationships"]["workspaces"]["data"] == []
    assert [p["id"] for p in changed["relationships"]["projects"]["data"]] == [workspace.project_id]
    assert world.ask("DELETE", f"varsets/{ident}").status_code == 204
    assert world.ask("GET", f"varsets/{ident}").status_code == 404


def test_lists_of_sets(world: World, workspace: Workspace) -> None:
    world.services.projects.add(world.organization.id, "Other")
    own, everywhere, of_project = a_set(world, "own"), a_set(world, "all", **{"global": True}), a_set(world, "project")
    unused = a_set(world, "unused")
    assert relate(world, "POST", own, "workspaces", workspace.id) == 204
    assert relate(world, "POST", of_project, "projects", workspace.project_id) == 204

    def listed(path: str, **query: str) -> list[str]:
        return [found["id"] for found in world.ask("GET", path, query_string=query).json["data"]]

    assert listed(VARSETS) == [everywhere, own, of_project, unused]
    assert listed(VARSETS, q="U") == [unused]
    assert listed(f"workspaces/{workspace.id}/varsets") == [everywhere, own, of_project]
    assert listed(f"projects/{workspace.project_id}/varsets") == [everywhere, of_project]
    assert relate(world, "DELETE", own, "workspaces", workspace.id, "ws-none") == 204
    assert listed(f"workspaces/{workspace.id}/varsets") == [everywhere, of_project]


def test_a_run_gets_what_reaches_its_workspace(world: World, workspace: Workspace) -> None:
    everywhere, own = a_set(world, "all", **{"global": True}), a_set(world, "own")
    for ident, text in ((everywhere, "all"), (own, "own")):
        put(world, ident, "region", text)
        put(world, ident, text, text)
    assert run_gets(world, workspace) == {"region": "all", "all": "all"}
    relate(world, "POST", own, "workspaces", workspace.id)
    assert run_gets(world, workspace) == {"region": "own", "own": "own", "all": "all"}
    world.services.variables.set(workspace.id, "region", "the workspace's")
    assert run_gets(world, workspace)["region"] == "the workspace's"
    world.ask("PATCH", f"varsets/{everywhere}", {"data": {"attributes": {"priority": True}}})
    assert run_gets(world, workspace)["region"] == "all"
    other = world.services.people.add_organization("other", "o@x.test")
    assert run_gets(world, world.services.workspaces.add(other.id, "theirs")) == {}


def test_a_set_given_twice_over_counts_by_its_narrowest_reach(world: World, workspace: Workspace) -> None:
    both, project_only = a_set(world, "z both", **{"global": True}), a_set(world, "a project")
    put(world, both, "region", "both")
    put(world, project_only, "region", "project")
    relate(world, "POST", project_only, "projects", workspace.project_id)
    assert run_gets(world, workspace)["region"] == "project"
    relate(world, "POST", both, "workspaces", workspace.id)
    assert run_gets(world, workspace)["region"] == "both"


def test_all_vars_say_where_each_comes_from(world: World, workspace: Workspace) -> None:
    ident = a_set(world, "all", **{"global": True})
    put(world, ident, "region", "set")
    secret = put(world, ident, "password", "hunter2", sensitive=True)
    own = world.services.variables.set(workspace.id, "region", "own")
    answer = world.ask("GET", f"workspaces/{workspace.id}/all-vars")
    found = {variable["id"]: variable for variable in answer.json["data"]}
    assert set(found) == {secret, own.id}
    assert found[secret]["relationships"]["varset"]["data"]["id"] == ident
    assert found[secret]["attributes"]["value"] is None
    assert found[own.id]["relationships"]["configurable"]["data"]["id"] == workspace.id
    assert "hunter2" not in answer.text


def test_variables_of_a_set(world: World) -> None:
    ident, other = a_set(world, "one"), a_set(world, "two")
    made = put(world, ident, "region", "eu")
    path = f"varsets/{ident}/relationships/vars"
    assert [v["id"] for v in world.ask("GET", path).json["data"]] == [made]
    assert world.ask("PATCH", f"{path}/{made}", {"value": "us"}).json["data"]["attributes"]["value"] == "us"
    assert world.ask("GET", f"{path}/{made}").json["data"]["relationships"]["varset"]["data"]["id"] == ident
    assert world.ask("GET", f"varsets/{other}/relationships/vars/{made}").status_code == 404
    twice = world.ask("POST", path, {"key": "region", "value": "x"})
    assert twice.status_code == 422
    assert world.ask("POST", path, {"key": "TF_DATA_DIR", "value": "x", "category": "env"}).status_code == 422
    assert world.ask("DELETE", f"{path}/{made}").status_code == 204
    assert world.ask("GET", path).json["data"] == []


def test_a_sensitive_value_is_sealed_and_never_comes_out(world: World) -> None:
    ident = a_set(world, "one")
    made = put(world, ident, "password", "hunter2", sensitive=True)
    for answer in (
        world.ask("GET", f"varsets/{ident}/relationships/vars"),
        world.ask("GET", f"varsets/{ident}", query_string={"include": "vars"}),
        world.ask("PATCH", f"varsets/{ident}/relationships/vars/{made}", {"sensitive": False}),
    ):
        assert "hunter2" not in answer.text
    assert world.services.set_variables.get(made).value == "hunter2"
    stored = world.services.records.value("SELECT value FROM variable_set_variables WHERE id = ?", (made,))
    assert b"hunter2" not in stored


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"name": ""}, 422),
        ({"name": None}, 422),
        ({"name": "x" * 91}, 422),
        ({"name": "taken"}, 422),
        ({"name": "a\nb"}, 422),
        ({"name": "a", "global": "yes"}, 422),
        ({"name": 3}, 422),
    ],
)
def test_bad_sets(world: World, given: dict[str, Any], status: int) -> None:
    a_set(world, "taken")
    assert world.ask("POST", VARSETS, {"data": {"attributes": given}}).status_code == status
    assert len(world.ask("GET", VARSETS).json["data"]) == 1


def test_all_of_a_new_set_or_none(world: World) -> None:
    bad = {"vars": {"data": [{"attributes": {"key": "good", "value": ""}}, {"attributes": {"key": "1 bad"}}]}}
    body = {"data": {"attributes": {"name": "half"}, "relationships": bad}}
    assert world.ask("POST", VARSETS, body).status_code == 422
    assert world.ask("GET", VARSETS).json["data"] == []


def test_nothing_crosses_organizations(world: World, workspace: Workspace) -> None:
    ident, token = a_set(world, "one"), world.stranger()
    variable = put(world, ident, "region", "eu")
    other = world.services.people.add_organization("other", "o@x.test")
    foreign = world.services.workspaces.add(other.id, "theirs")
    assert relate(world, "POST", ident, "workspaces", workspace.id, foreign.id) == 422
    assert relate(world, "POST", ident, "projects", foreign.project_id) == 422
    assert world.services.variable_sets.recipients([ident]).workspaces == {}
    asked = [
        *((method, f"varsets/{ident}") for method in ("GET", "PATCH", "DELETE")),
        *((method, VARSETS) for method in ("GET", "POST")),
        *((method, f"varsets/{ident}/relationships/vars") for method in ("GET", "POST")),
        *((method, f"varsets/{ident}/relationships/vars/{variable}") for method in ("GET", "PATCH", "DELETE")),
        *((method, f"varsets/{ident}/relationships/workspaces") for method in ("POST", "DELETE")),
        *((method, f"varsets/{ident}/relationships/projects") for method in ("POST", "DELETE")),
        ("GET", f"workspaces/{workspace.id}/varsets"),
        ("GET", f"workspaces/{workspace.id}/all-vars"),
        ("GET", f"projects/{workspace.project_id}/varsets"),
    ]
    for method, path in asked:
        answer = world.ask(method, path, None if method == "GET" else {}, token=token)
        assert answer.status_code == 404, (method, path)
    assert world.services.set_variables.get(variable).value == "eu"


def test_the_list_of_older_clients(world: World, workspace: Workspace) -> None:
    world.services.variables.set(workspace.id, "region", "eu")
    query = {"filter[organization][name]": "acme", "filter[workspace][name]": "prod"}
    for path in ("vars", "vars/"):
        listed = world.ask("GET", path, query_string=query).json["data"]
        assert [variable["attributes"]["key"] for variable in listed] == ["region"]
    stranger = world.stranger()
    assert world.ask("GET", "vars", query_string=query, token=stranger).status_code == 404
    assert world.ask("GET", "vars", query_string={"filter[organization][name]": "acme"}).status_code == 400
    relationships = {"workspace": {"data": {"type": "workspaces", "id": workspace.id}}}
    body = {"data": {"attributes": {"key": "zone", "value": "a"}, "relationships": relationships}}
    assert world.ask("POST", "vars", body).status_code == 201
    assert world.services.variables.all(workspace.id)[-1].key == "zone"
    by_id = f"vars/{world.services.variables.all(workspace.id)[-1].id}"
    assert world.ask("PATCH", by_id, {"value": "b"}, token=stranger).status_code == 404
    assert world.ask("PATCH", by_id, {"value": "b"}).json["data"]["attributes"]["value"] == "b"
    assert world.ask("DELETE", by_id, data=b"null").status_code == 204
    assert world.ask("DELETE", by_id).status_code == 404


def a_reader(world: World, *flags: Flag, **access: WorkspaceAccess) -> str:
    """The token of a member whose team has these flags, and this access to the workspaces of these names."""
    services, number = world.services, len(world.services.people.users())
    user = services.people.add_user(f"reader-{number}", f"reader-{number}@acme.test")
    services.people.join(world.organization.id, user.id)
    team = services.teams.add(world.organization.id, f"readers-{number}", flags=flags)
    services.teams.join(team.id, [user.id])
    for name, given in access.items():
        workspace = services.workspaces.by_name(world.organization.id, name)
        assert workspace is not None
        services.team_access.give(team.id, workspace.id, given)
    return world.token_of(user)


def tells(world: World, set_id: str, token: str) -> set[bool]:
    """Whether the set's one value comes out: in its list, by its own id, with the set, with the list of sets."""
    (made,) = world.services.set_variables.all(VariableSetId(set_id))
    path, query = f"varsets/{set_id}/relationships/vars", {"include": "vars"}
    values = [world.ask("GET", each, token=token) for each in (path, f"{path}/{made.id}")]
    sets = [world.ask("GET", each, token=token, query_string=query) for each in (f"varsets/{set_id}", VARSETS)]
    assert [answer.status_code for answer in sets] == [200, 200]
    assert {answer.status_code for answer in values} in ({200}, {403})
    return {made.value in answer.text for answer in (*values, *sets)}


VALUES, NO_VALUES = access_of(Level.READ), WorkspaceAccess(Level.CUSTOM, RunsAccess.APPLY, state=StateAccess.WRITE)


@pytest.mark.parametrize(
    ("access", "flags", "told"),
    [
        ({}, [], set()),
        ({"other": VALUES}, [], {"everywhere"}),
        ({"prod": NO_VALUES}, [], set()),
        ({"prod": VALUES}, [], {"own", "project's", "everywhere"}),
        ({"prod": access_of(Level.ADMIN)}, [], {"own", "project's", "everywhere"}),
        ({}, [Flag.MANAGE_PROJECTS, Flag.MANAGE_POLICIES, Flag.MANAGE_VCS_SETTINGS], set()),
        ({}, [Flag.READ_WORKSPACES], {"own", "project's", "everywhere", "nobody's"}),
        ({}, [Flag.MANAGE_WORKSPACES], {"own", "project's", "everywhere", "nobody's"}),
    ],
)
def test_values_are_told_to_who_reads_variables_where_the_set_reaches(
    world: World, access: dict[str, WorkspaceAccess], flags: list[Flag], told: set[str]
) -> None:
    workspace, other = world.workspace("prod"), world.workspace("other")
    project = world.services.projects.add(world.organization.id, "platform")
    world.services.projects.move_workspaces(project, [workspace.id])
    sets = {name: a_set(world, name) for name in ("own", "project's", "nobody's")}
    sets["everywhere"] = a_set(world, "everywhere", **{"global": True})
    for name, ident in sets.items():
        put(world, ident, "secret", f"the value of {name}")
    assert relate(world, "POST", sets["own"], "workspaces", workspace.id) == 204
    assert relate(world, "POST", sets["project's"], "projects", project.id) == 204
    token = a_reader(world, *flags, **access)
    assert other.project_id != project.id
    assert {name: tells(world, ident, token) for name, ident in sets.items()} == {name: {name in told} for name in sets}


def test_a_set_names_only_the_workspaces_that_its_reader_sees(world: World, workspace: Workspace) -> None:
    hidden = world.workspace("hidden")
    ident = a_set(world, "shared")
    assert relate(world, "POST", ident, "workspaces", workspace.id, hidden.id) == 204
    for token, seen in ((a_reader(world, prod=VALUES), [workspace.id]), (world.token, [workspace.id, hidden.id])):
        for path in (f"varsets/{ident}", VARSETS, f"workspaces/{workspace.id}/varsets"):
            answer = world.ask("GET", path, token=token)
            found = answer.json["data"] if path == f"varsets/{ident}" else answer.json["data"][0]
            named = [each["id"] for each in found["relationships"]["workspaces"]["data"]]
            assert sorted(named) == sorted(seen)
            assert found["attributes"]["workspace-count"] == len(seen)
