"""Run triggers and remote-state consumers: what workspaces may do to each other."""

from typing import Any

import pytest

from bot.permissions import Level, WorkspaceAccess, access_of
from bot.workspace import Workspace
from storage.between_workspaces import MOST_SOURCES, Direction
from tests.fakes.door_world import World


@pytest.fixture
def target(world: World) -> Workspace:
    return world.workspace("app")


@pytest.fixture
def source(world: World) -> Workspace:
    return world.workspace("network")


def trigger(world: World, target: Workspace, source_id: str) -> Any:
    relationships = {"sourceable": {"data": {"type": "workspaces", "id": source_id}}}
    return world.ask("POST", f"workspaces/{target.id}/run-triggers", {"data": {"relationships": relationships}})


def listed(world: World, workspace: Workspace, direction: str) -> list[str]:
    query = {"filter[run-trigger][type]": direction}
    return [
        t["id"] for t in world.ask("GET", f"workspaces/{workspace.id}/run-triggers", query_string=query).json["data"]
    ]


def test_a_trigger_is_made_found_and_removed(world: World, target: Workspace, source: Workspace) -> None:
    made = trigger(world, target, source.id)
    assert made.status_code == 201
    data = made.json["data"]
    assert data["attributes"]["workspace-name"] == "app"
    assert data["attributes"]["sourceable-name"] == "network"
    assert data["relationships"]["sourceable"]["data"] == {"id": source.id, "type": "workspaces"}
    assert (listed(world, target, "inbound"), listed(world, target, "outbound")) == ([data["id"]], [])
    assert (listed(world, source, "inbound"), listed(world, source, "outbound")) == ([], [data["id"]])
    shown = world.ask("GET", f"run-triggers/{data['id']}", query_string={"include": "workspace,sourceable"}).json
    assert {i["id"] for i in shown["included"]} == {target.id, source.id}
    assert world.ask("DELETE", f"run-triggers/{data['id']}").status_code == 204
    assert listed(world, target, "inbound") == []


@pytest.mark.parametrize("direction", ["", "sideways"])
def test_the_list_needs_its_direction(world: World, target: Workspace, direction: str) -> None:
    query = {"filter[run-trigger][type]": direction}
    assert world.ask("GET", f"workspaces/{target.id}/run-triggers", query_string=query).status_code == 400


def test_what_is_refused(world: World, target: Workspace, source: Workspace) -> None:
    other = world.services.people.add_organization("other", "o@x.test")
    world.services.people.make_owner(other.id, world.owner.id)
    foreign = world.services.workspaces.add(other.id, "theirs")
    for ident, words in ((target.id, "itself"), (foreign.id, "no workspace"), ("ws-none", "no workspace")):
        refused = trigger(world, target, ident)
        assert refused.status_code == 422
        assert words in refused.json["errors"][0]["detail"]
    assert trigger(world, target, source.id).status_code == 201
    assert "already" in trigger(world, target, source.id).json["errors"][0]["detail"]
    assert world.ask("POST", f"workspaces/{target.id}/run-triggers", {}).status_code == 422
    assert len(listed(world, target, "inbound")) == 1


def test_at_most_twenty_sources(world: World, target: Workspace) -> None:
    for number in range(MOST_SOURCES):
        assert trigger(world, target, world.workspace(f"s{number}").id).status_code == 201
    refused = trigger(world, target, world.workspace("more").id)
    assert refused.status_code == 422
    assert "20" in refused.json["errors"][0]["detail"]


def test_a_trigger_goes_with_either_workspace(world: World, target: Workspace, source: Workspace) -> None:
    made = trigger(world, target, source.id).json["data"]["id"]
    world.services.workspaces.remove(source.id)
    assert world.ask("GET", f"run-triggers/{made}").status_code == 404
    assert listed(world, target, "inbound") == []


def consumers(world: World, workspace: Workspace) -> list[str]:
    path = f"workspaces/{workspace.id}/relationships/remote-state-consumers"
    return [found["attributes"]["name"] for found in world.ask("GET", path).json["data"]]


def relate(world: World, method: str, workspace: Workspace, *idents: str) -> int:
    path = f"workspaces/{workspace.id}/relationships/remote-state-consumers"
    return world.ask(method, path, {"data": [{"type": "workspaces", "id": ident} for ident in idents]}).status_code


def test_consumers_are_added_replaced_and_removed(world: World, target: Workspace, source: Workspace) -> None:
    third = world.workspace("third")
    assert relate(world, "POST", source, target.id, third.id) == 204
    assert relate(world, "POST", source, target.id) == 204
    assert consumers(world, source) == ["app", "third"]
    assert relate(world, "DELETE", source, third.id) == 204
    assert consumers(world, source) == ["app"]
    assert relate(world, "PATCH", source, third.id) == 204
    assert consumers(world, source) == ["third"]
    assert relate(world, "PATCH", source, target.id, "ws-none") == 422
    assert consumers(world, source) == ["third"]


def test_who_shares_state_with_whom(world: World, target: Workspace, source: Workspace) -> None:
    services = world.services
    other = services.people.add_organization("other", "o@x.test")
    foreign = services.workspaces.add(other.id, "theirs")
    shared = services.consumers.is_shared
    assert shared(source, target)
    assert not shared(source, foreign)
    body = {"data": {"attributes": {"global-remote-state": False}}}
    shown = world.ask("PATCH", f"workspaces/{source.id}", body).json["data"]["attributes"]
    assert shown["global-remote-state"] is False
    closed = services.workspaces.get(source.id)
    assert not shared(closed, target)
    relate(world, "POST", source, target.id)
    assert shared(closed, target)
    assert not shared(closed, services.workspaces.get(foreign.id))


def test_what_is_not_yours_is_not_there(world: World, target: Workspace, source: Workspace) -> None:
    made, token = trigger(world, target, source.id).json["data"]["id"], world.stranger()
    asked = [
        *((method, f"run-triggers/{made}") for method in ("GET", "DELETE")),
        *((method, f"workspaces/{target.id}/run-triggers") for method in ("GET", "POST")),
        *(
            (method, f"workspaces/{target.id}/relationships/remote-state-consumers")
            for method in ("GET", "POST", "PATCH", "DELETE")
        ),
    ]
    for method, path in asked:
        answer = world.ask(method, path, None if method == "GET" else {}, token=token)
        assert answer.status_code == 404, (method, path)
    assert listed(world, target, "inbound") == [made]


def a_member(world: World, access: WorkspaceAccess, *workspaces: Workspace) -> str:
    """Somebody whose team was given that access to these workspaces."""
    services = world.services
    mia = services.people.add_user("mia", "mia@acme.test")
    services.people.join(world.organization.id, mia.id)
    team = services.teams.add(world.organization.id, "team")
    services.teams.join(team.id, [mia.id])
    for workspace in workspaces:
        services.team_access.give(team.id, workspace.id, access)
    return world.token_of(mia)


@pytest.mark.parametrize("level", [Level.READ, Level.ADMIN])
@pytest.mark.parametrize("direction", Direction)
def test_a_trigger_with_a_workspace_that_is_not_seen_is_not_there(
    world: World, target: Workspace, source: Workspace, direction: Direction, level: Level
) -> None:
    hidden = world.workspace("hidden")
    ends = [(target, each) if direction is Direction.INBOUND else (each, target) for each in (source, hidden)]
    told, untold = (world.services.triggers.add(*pair).id for pair in ends)
    token = a_member(world, access_of(level), target, source)
    query = {"filter[run-trigger][type]": direction, "include": "workspace,sourceable"}
    answer = world.ask("GET", f"workspaces/{target.id}/run-triggers", query_string=query, token=token)
    assert [each["id"] for each in answer.json["data"]] == [told]
    assert answer.json["meta"]["pagination"]["total-count"] == 1
    assert hidden.id not in answer.text
    assert "hidden" not in answer.text
    for method in ("GET", "DELETE"):
        assert world.ask(method, f"run-triggers/{untold}", token=token).status_code == 404
    assert world.ask("GET", f"run-triggers/{untold}").status_code == 200


def test_a_consumer_that_is_not_seen_is_not_counted(world: World, target: Workspace, source: Workspace) -> None:
    others = [world.workspace(name) for name in ("a", "z")]
    world.services.consumers.add(target.id, [source.id, *(other.id for other in others)])
    token = a_member(world, access_of(Level.READ), target, source)
    path = f"workspaces/{target.id}/relationships/remote-state-consumers"
    answer = world.ask("GET", path, token=token, query_string={"page[size]": "1"})
    assert [each["id"] for each in answer.json["data"]] == [source.id]
    assert answer.json["meta"]["pagination"]["total-count"] == 1
    assert world.ask("GET", path).json["meta"]["pagination"]["total-count"] == 3
