"""What comes with workspaces: who holds them, what they run, their state; each only for whom it may be seen."""

from typing import Any

import pytest

from bot.ids import BlobId
from bot.permissions import Level, RunsAccess, StateAccess, WorkspaceAccess, access_of
from bot.run import RunKind, RunStatus, Stage
from bot.workspace import Workspace
from handlers.api.workspace_includes import INCLUDES
from storage.configuration_versions import Upload
from storage.tags import Tagged
from storage.tokens import TokenKind
from tests.fakes.door_world import SHA, World
from tests.handlers.api.state_world import OUTPUTS, Prod, a_state

GRANTS = {
    "nothing": WorkspaceAccess(Level.CUSTOM),
    "runs": WorkspaceAccess(Level.CUSTOM, RunsAccess.READ),
    "outputs": WorkspaceAccess(Level.CUSTOM, state=StateAccess.READ_OUTPUTS),
    "state": WorkspaceAccess(Level.CUSTOM, state=StateAccess.READ),
}
WORKSPACES = "organizations/acme/workspaces"


def read(world: World, workspace: Workspace, include: str, **how: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(the workspace, what it includes), the same alone and in the list."""
    query = {"include": include}
    alone = world.ask("GET", f"workspaces/{workspace.id}", query_string=query, **how)
    assert alone.status_code == 200, alone.text
    listed = world.ask("GET", WORKSPACES, query_string=query, **how).json
    assert listed["data"] == [alone.json["data"]]
    assert listed.get("included") == alone.json.get("included")
    return alone.json["data"], alone.json.get("included", [])


def kinds(included: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((each["type"], each["id"]) for each in included)


def fetched(world: World, workspace: Workspace, commit_sha: str = SHA) -> str:
    """A configuration from the workspace's repository."""
    assert workspace.repository_id is not None
    found = world.services.configurations.add(
        workspace.repository_id, commit_sha, submodules=False, blob_id=BlobId("b"), message="Grow", author="Ada"
    )
    return found.id


def test_a_user_who_holds_the_lock_is_named_and_included(world: World) -> None:
    workspace = world.workspace()
    assert world.ask("POST", f"workspaces/{workspace.id}/actions/lock").status_code == 200
    document, included = read(world, workspace, "locked-by")
    assert document["relationships"]["locked-by"]["data"] == {"type": "users", "id": world.owner.id}
    assert kinds(included) == [("users", world.owner.id)]
    assert included[0]["attributes"]["username"] == "ada"


def test_a_team_that_holds_the_lock_is_named_and_included_for_whom_may_know_it(world: World) -> None:
    workspace, services = world.workspace(), world.services
    team = services.teams.add(world.organization.id, "ops")
    services.team_access.give(team.id, workspace.id, access_of(Level.WRITE))
    token = services.tokens.give(TokenKind.TEAM, team.id, "")
    assert world.ask("POST", f"workspaces/{workspace.id}/actions/lock", token=token).status_code == 200
    for how in ({}, {"token": token}):
        document, included = read(world, workspace, "locked_by", **how)
        assert document["relationships"]["locked-by"]["data"] == {"type": "teams", "id": team.id}
        assert kinds(included) == [("teams", team.id)]
    other = services.teams.add(world.organization.id, "dev")
    services.team_access.give(other.id, workspace.id, access_of(Level.READ))
    _, included = read(world, workspace, "locked_by", token=services.tokens.give(TokenKind.TEAM, other.id, ""))
    assert included == []


def test_a_run_that_holds_the_workspace_is_named_and_included(world: World) -> None:
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.PLANNING)
    document, included = read(world, workspace, "locked_by")
    assert document["relationships"]["locked-by"]["data"] == {"type": "runs", "id": run.id}
    assert kinds(included) == [("runs", run.id)]


@pytest.mark.parametrize("locked", [True, False])
def test_nobody_of_ours_holds_it(world: World, locked: bool) -> None:
    workspace = world.workspace()
    world.run(workspace)  # only waits: it holds nothing
    if locked:
        world.services.workspaces.lock(workspace.id, "Runlock", "outcome of run-x unknown")
    document, included = read(world, workspace, "locked_by")
    assert document["attributes"]["locked"] is locked
    assert document["relationships"]["locked-by"]["data"] is None
    assert included == []


def test_the_configuration_of_the_current_run_and_where_it_came_from(world: World) -> None:
    workspace = world.workspace()
    version = fetched(world, workspace)
    run = world.run(workspace, configuration_version_id=version)
    _, included = read(world, workspace, "current_run,current_run.configuration_version.ingress_attributes")
    ingress = "ia-" + version.removeprefix("cv-")
    assert kinds(included) == [("configuration-versions", version), ("ingress-attributes", ingress), ("runs", run.id)]
    by_kind = {each["type"]: each for each in included}
    related = by_kind["configuration-versions"]["relationships"]["ingress-attributes"]["data"]
    assert related == {"type": "ingress-attributes", "id": ingress}


def test_the_current_configuration_is_of_the_last_run_that_was_more_than_a_look(world: World) -> None:
    workspace = world.workspace()
    assert read(world, workspace, "current_configuration_version") == (read(world, workspace, "")[0], [])
    old, new = fetched(world, workspace, "1" * 40), fetched(world, workspace, "2" * 40)
    world.run(workspace, RunStatus.APPLIED, configuration_version_id=old)
    world.run(workspace, configuration_version_id=new, kind=RunKind.PLAN_ONLY)
    world.run(workspace, configuration_version_id=new, kind=RunKind.SAVED_PLAN)
    document, included = read(world, workspace, "current_configuration_version")
    expected = {"type": "configuration-versions", "id": old}
    assert document["relationships"]["current-configuration-version"]["data"] == expected
    assert kinds(included) == [("configuration-versions", old)]
    _, included = read(world, workspace, "current_configuration_version.ingress_attributes")
    assert [each["type"] for each in included] == ["configuration-versions", "ingress-attributes"]


def test_the_current_configuration_without_a_repository_is_the_newest_upload(world: World) -> None:
    services = world.services
    workspace = services.workspaces.add(world.organization.id, "alone")
    wanted = [Upload("tfe-api", "ada"), Upload("tfe-api", "ada"), Upload("tfe-api", "ada", speculative=True)]
    made = [services.configurations.expect(workspace.id, upload) for upload in wanted]
    for version in made:
        assert services.configurations.uploaded(version.id, BlobId("b"))
    services.configurations.expect(workspace.id, Upload("tfe-api", "ada"))  # and one that has not come yet
    document, included = read(world, workspace, "current_configuration_version")
    expected = {"type": "configuration-versions", "id": made[1].id}
    assert document["relationships"]["current-configuration-version"]["data"] == expected
    assert kinds(included) == [("configuration-versions", made[1].id)]


def test_a_current_state_with_very_many_outputs_tells_only_where_they_are(world: World, prod: Prod) -> None:
    many = {f"o{n:04}": {"value": n, "type": "number"} for n in range(1_001)}
    ident = prod.stored(a_state(1, outputs=many))
    _, (version,) = read(world, prod.workspace, "current_state_version")
    assert version["relationships"]["outputs"] == {"links": {"related": f"/api/v2/state-versions/{ident}/outputs"}}


def test_the_current_state_and_its_outputs(world: World, prod: Prod) -> None:
    assert read(world, prod.workspace, "current_state_version,outputs")[1] == []
    prod.lock()
    assert prod.create(a_state(1, outputs=OUTPUTS)).status_code == 201
    document, included = read(world, prod.workspace, "current-state-version,outputs")
    outputs = {each["attributes"]["name"]: each for each in included if each["type"] == "workspace-outputs"}
    assert set(outputs) == set(OUTPUTS)
    assert outputs["count"]["attributes"] == {"name": "count", "sensitive": False, "output-type": "number", "value": 3}
    assert outputs["password"]["attributes"]["value"] is None
    related = document["relationships"]
    assert related["outputs"]["data"] == [{"type": "workspace-outputs", "id": each["id"]} for each in outputs.values()]
    states = [(each["type"], each["id"]) for each in included if each["type"] == "state-versions"]
    assert states == [("state-versions", related["current-state-version"]["data"]["id"])]


def test_what_may_not_be_read_is_not_included(world: World, prod: Prod) -> None:
    services = world.services
    version = fetched(world, prod.workspace)
    prod.lock()
    assert prod.create(a_state(1, outputs=OUTPUTS)).status_code == 201
    assert world.ask("POST", f"{prod.path}/actions/unlock").status_code == 200
    world.run(prod.workspace, RunStatus.PLANNING, configuration_version_id=version)
    names = "current_run,current_run.plan,current_run.configuration_version.ingress_attributes,locked_by"
    names += ",current_configuration_version,current_state_version,outputs"
    seen: dict[str, set[str]] = {}
    for level, access in GRANTS.items():
        team = services.teams.add(world.organization.id, level)
        services.team_access.give(team.id, prod.workspace.id, access)
        token = services.tokens.give(TokenKind.TEAM, team.id, "")
        seen[level] = {each["type"] for each in read(world, prod.workspace, names, token=token)[1]}
    of_runs = {"runs", "plans", "configuration-versions", "ingress-attributes"}
    assert seen == {
        "nothing": set(),
        "runs": of_runs,
        "outputs": {"workspace-outputs"},
        "state": {"workspace-outputs", "state-versions"},
    }


@pytest.mark.parametrize("is_own", [True, False])
def test_a_run_is_sent_nothing_along_that_is_closed_to_it(world: World, prod: Prod, is_own: bool) -> None:
    """Invariant 12: it reads states, its own workspace's and its neighbours'."""
    prod.stored(a_state(1, outputs=OUTPUTS))
    tags, here = world.services.workspace_tags, prod.workspace
    tags.bind(Tagged.WORKSPACE, here.id, world.organization.id, {"env": "prod"})
    run = world.run(here if is_own else world.workspace("neighbour"), RunStatus.PLANNING)
    token, query = world.services.tokens.for_run(run.id, Stage.PLAN), {"include": ",".join(INCLUDES)}
    for path in (f"workspaces/{here.id}", f"{WORKSPACES}/{here.name}"):
        answer = world.ask("GET", path, query_string=query, token=token)
        assert {each["type"] for each in answer.json["included"]} == {"state-versions", "workspace-outputs"}
        assert "data" not in answer.json["data"]["relationships"]["effective-tag-bindings"]


def test_the_tags_that_count_with_those_of_the_project(world: World) -> None:
    workspace, tags = world.workspace(), world.services.workspace_tags
    tags.bind(Tagged.PROJECT, workspace.project_id, world.organization.id, {"env": "prod", "team": "net"})
    tags.bind(Tagged.WORKSPACE, workspace.id, world.organization.id, {"ENV": "test"})
    document, included = read(world, workspace, "effective_tag_bindings")
    assert {each["attributes"]["key"]: each["attributes"]["value"] for each in included} == {
        "env": "test",
        "team": "net",
    }
    named = document["relationships"]["effective-tag-bindings"]["data"]
    assert named == [{"id": each["id"], "type": "effective-tag-bindings"} for each in included]
    assert included == world.ask("GET", f"workspaces/{workspace.id}/effective-tag-bindings").json["data"]
    without = world.ask("GET", f"workspaces/{workspace.id}").json["data"]["relationships"]["effective-tag-bindings"]
    assert "data" not in without


def test_one_tag_with_another_value_elsewhere(world: World) -> None:
    """One type and id is one thing within an answer."""
    tags, prod, test = world.services.workspace_tags, world.workspace("prod"), world.workspace("test")
    for workspace in (prod, test):
        tags.bind(Tagged.WORKSPACE, workspace.id, world.organization.id, {"env": workspace.name})
    listed = world.ask("GET", WORKSPACES, query_string={"include": "effective_tag_bindings"}).json
    values = {each["id"]: each["attributes"]["value"] for each in listed["included"]}
    named = {
        document["attributes"]["name"]: values[document["relationships"]["effective-tag-bindings"]["data"][0]["id"]]
        for document in listed["data"]
    }
    assert named == {"prod": "prod", "test": "test"}


@pytest.mark.parametrize("name", ["readme", "current_assessment_result"])
def test_what_nothing_stands_behind_is_taken_and_includes_nothing(world: World, name: str) -> None:
    assert read(world, world.workspace(), name)[1] == []
