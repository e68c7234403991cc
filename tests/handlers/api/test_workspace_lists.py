"""Lists of workspaces: paged, searched, narrowed by tags and projects, sorted."""

from dataclasses import replace
from typing import Any

import pytest

from bot.errors import Refused
from bot.run import RunKind, RunStatus, TriggerReason
from bot.workspace import Workspace
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import create_run
from storage.tags import Tagged
from tests.fakes.door_world import SHA, World

WORKSPACES = "organizations/acme/workspaces"


def names(world: World, **query: str) -> list[str]:
    """`query` with _ for the brackets of TFE: search_name → search[name]."""
    answer = world.ask("GET", WORKSPACES, query_string={_key(name): value for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    found = [workspace["attributes"]["name"] for workspace in answer.json["data"]]
    assert answer.json["meta"]["pagination"]["total-count"] >= len(found)
    return found


def _key(name: str) -> str:
    first, *rest = name.split("__")
    return first + "".join(f"[{part.replace('_', '-')}]" for part in rest)


def tagged(world: World, name: str, tags: dict[str, str], project: str | None = None) -> str:
    relationships: dict[str, Any] = {
        "tag-bindings": {
            "data": [
                {"type": "tag-bindings", "attributes": {"key": key, "value": value}} for key, value in tags.items()
            ]
        }
    }
    if project:
        relationships["project"] = {"data": {"type": "projects", "id": project}}
    body = {"data": {"type": "workspaces", "attributes": {"name": name}, "relationships": relationships}}
    made = world.ask("POST", WORKSPACES, body)
    assert made.status_code == 201, made.text
    ident: str = made.json["data"]["id"]
    return ident


@pytest.fixture
def tagged_world(world: World) -> World:
    tagged(world, "net-prod", {"env": "prod", "core": ""})
    tagged(world, "net-test", {"env": "test", "core": ""})
    tagged(world, "dns", {"env": "prod"})
    tagged(world, "odd", {})
    return world


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["dns", "net-prod", "net-test", "odd"]),
        ({"search__name": "NET"}, ["net-prod", "net-test"]),
        ({"search__name": ""}, ["dns", "net-prod", "net-test", "odd"]),
        ({"search__wildcard_name": "*-PROD"}, ["net-prod"]),
        ({"search__wildcard_name": "net*"}, ["net-prod", "net-test"]),
        ({"search__wildcard_name": "*et-*"}, ["net-prod", "net-test"]),
        ({"search__wildcard_name": "net"}, []),
        ({"search__wildcard_name": "n?t*"}, []),
        ({"search__wildcard_name": "[n]et*"}, []),
        ({"search__tags": "core"}, ["net-prod", "net-test"]),
        ({"search__tags": "CORE,env"}, ["net-prod", "net-test"]),
        ({"search__tags": "core,none"}, []),
        ({"search__exclude_tags": "core"}, ["dns", "odd"]),
        ({"search__tags": "env", "search__exclude_tags": "core"}, ["dns"]),
        ({"filter__tagged__0__key": "env"}, ["dns", "net-prod", "net-test"]),
        ({"filter__tagged__0__key": "env", "filter__tagged__0__value": "prod"}, ["dns", "net-prod"]),
        ({"filter__tagged__0__key": "env", "filter__tagged__0__value": ""}, ["dns", "net-prod", "net-test"]),
        (
            {"filter__tagged__0__key": "env", "filter__tagged__0__value": "prod", "filter__tagged__x1__key": "core"},
            ["net-prod"],
        ),
        ({"filter__tagged__0__value": "prod"}, ["dns", "net-prod", "net-test", "odd"]),
        ({"TagBindings": "", "filter__what": "x", "sort": ""}, ["dns", "net-prod", "net-test", "odd"]),
        ({"sort": "-name"}, ["odd", "net-test", "net-prod", "dns"]),
    ],
)
def test_a_list_is_narrowed(tagged_world: World, query: dict[str, str], found: list[str]) -> None:
    assert names(tagged_world, **query) == found


def test_pages_of_a_narrowed_list(tagged_world: World) -> None:
    query = {"search[tags]": "env", "page[size]": "2", "page[number]": "2"}
    answer = tagged_world.ask("GET", WORKSPACES, query_string=query)
    assert [w["attributes"]["name"] for w in answer.json["data"]] == ["net-test"]
    assert answer.json["meta"]["pagination"]["total-count"] == 3


def test_tags_of_another_organization_are_others(tagged_world: World) -> None:
    other = tagged_world.services.people.add_organization("other", "o@x.test")
    tagged_world.services.people.make_owner(other.id, tagged_world.owner.id)
    answer = tagged_world.ask("GET", "organizations/other/workspaces", query_string={"search[tags]": "env"})
    assert answer.json["data"] == []


def test_too_many_tags_are_refused(world: World) -> None:
    query = {"search[tags]": ",".join(f"t{number}" for number in range(60))}
    assert world.ask("GET", WORKSPACES, query_string=query).status_code == 400


def test_a_narrowing_that_is_not_here_is_not_ignored(world: World) -> None:
    assert world.ask("GET", WORKSPACES, query_string={"filter[current-run][status]": "errored"}).status_code == 400
    assert world.ask("GET", WORKSPACES, query_string={"sort": "nonsense"}).status_code == 400
    assert world.ask("GET", WORKSPACES, query_string={"filter[current-run][status]": ""}).status_code == 200


def test_a_project_narrows_and_lends_its_tags(world: World) -> None:
    project = world.services.projects.add(world.organization.id, "Payments")
    tags = world.services.workspace_tags
    tags.bind(Tagged.PROJECT, project.id, world.organization.id, {"env": "prod", "team": "pay"})
    tagged(world, "inside", {"env": "test"}, project.id)
    tagged(world, "outside", {"env": "prod"})
    assert names(world, filter__project__id=project.id) == ["inside"]
    assert names(world, filter__project__id="prj-none") == []
    assert names(world, search__tags="team") == ["inside"]
    assert names(world, search__exclude_tags="team") == ["outside"]
    pair = {"filter__tagged__0__key": "env"}
    # Its own value wins over the one that it would inherit.
    assert names(world, **pair, filter__tagged__0__value="prod") == ["outside"]
    assert names(world, **pair, filter__tagged__0__value="test") == ["inside"]
    assert names(world, filter__tagged__0__key="team", filter__tagged__0__value="pay") == ["inside"]


def test_sorted_by_the_latest_run_and_the_latest_state(world: World) -> None:
    for name in ("a", "b", "c"):
        workspace = world.workspace(name)
        if name != "a":
            world.clock.advance(minutes=1)
            world.run(workspace, RunStatus.APPLIED)
    assert names(world, sort="current-run.created-at") == ["a", "b", "c"]
    assert names(world, sort="-current-run.created-at") == ["c", "b", "a"]
    assert names(world, sort="-latest-change-at") == ["a", "b", "c"]


def test_what_is_included_belongs_to_the_page(world: World) -> None:
    project = world.services.projects.add(world.organization.id, "Payments")
    tagged(world, "one", {}, project.id)
    busy = world.workspace("two")
    head = world.run(busy, RunStatus.PLANNED)
    query = {"include": "organization,project,current_run"}
    included = world.ask("GET", WORKSPACES, query_string=query).json["included"]
    assert sorted((i["type"], i["id"]) for i in included) == sorted(
        [("organizations", "acme"), ("projects", project.id), ("projects", busy.project_id), ("runs", head.id)]
    )


def test_what_the_cli_reads_is_there(world: World) -> None:
    """tfe-contract 2.2: without one of these the CLI panics, or does something else than asked."""
    ident = tagged(world, "w", {"plain": "", "env": "prod"})
    attributes = world.ask("GET", f"workspaces/{ident}").json["data"]["attributes"]
    assert attributes["execution-mode"] == "remote"
    assert attributes["operations"] is True
    assert attributes["structured-run-output-enabled"] is False
    assert attributes["tag-names"] == ["plain"]
    assert attributes["global-remote-state"] is True
    assert attributes["auto-apply-run-trigger"] is False
    assert attributes["setting-overwrites"]["execution-mode"] is True
    assert isinstance(attributes["permissions"], dict)


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ({"execution-mode": "local"}, "local"),
        ({"operations": False}, "local"),
        ({"operations": True}, "remote"),
        ({"execution-mode": "remote", "operations": False}, "remote"),
    ],
)
def test_where_runs_happen(world: World, given: dict[str, Any], mode: str) -> None:
    made = world.ask("POST", WORKSPACES, {"data": {"attributes": {"name": "w", **given}}})
    assert made.json["data"]["attributes"]["execution-mode"] == mode
    assert made.json["data"]["attributes"]["operations"] is (mode == "remote")


def test_a_local_workspace_makes_no_runs(world: World) -> None:
    workspace = world.workspace("w", execution_mode="local")
    assert workspace.repository_id is not None
    repository = world.services.repositories.get(workspace.repository_id)
    assert world.services.workspaces.of_repository(repository.id) == []
    request = RunRequest(repository, SHA, TriggerReason.MANUAL, "manual-1")
    with pytest.raises(Refused, match="execution-mode local"):
        create_run(world.services, workspace, RunKind.NORMAL, request)
    assert world.services.runs.of_workspace(workspace.id) == []


def safe_delete(world: World, path: str) -> tuple[int, str]:
    answer = world.ask("POST", f"{path}/actions/safe-delete", data=b"null")
    return answer.status_code, answer.json["errors"][0]["detail"] if answer.status_code != 204 else ""


def put_state(world: World, workspace: Workspace, serial: int, resources: bytes) -> None:
    raw = b'{"version": 4, "serial": %d, "lineage": "l", "outputs": {}, "resources": [%b]}' % (serial, resources)
    world.services.states.store(workspace.id, raw, run_id=None)


def test_safe_delete_says_why_not(world: World) -> None:
    """Clients look for these words (tfe-contract 2.7)."""
    workspace = world.workspace("prod")
    world.services.workspaces.lock(workspace.id, "grace", "mine")
    status, said = safe_delete(world, f"workspaces/{workspace.id}")
    assert status == 409
    assert "locked" in said
    world.services.workspaces.unlock(workspace.id)
    run = world.run(workspace, RunStatus.PLANNING)
    status, said = safe_delete(world, f"{WORKSPACES}/prod")
    assert status == 409
    assert "being processed" in said
    world.services.runs.move(run, replace(run, status=RunStatus.ERRORED))
    holding = b'{"mode": "managed", "type": "x", "name": "y", "instances": [{}]}'
    put_state(world, workspace, 1, holding)
    status, said = safe_delete(world, f"workspaces/{workspace.id}")
    assert status == 409
    assert "not safe to delete" in said
    assert "1 resource" in said
    put_state(world, workspace, 2, holding.replace(b"managed", b"data"))
    assert safe_delete(world, f"{WORKSPACES}/prod") == (204, "")
    assert world.ask("GET", f"workspaces/{workspace.id}").status_code == 404


def test_a_workspace_may_move_to_another_project(world: World) -> None:
    workspace = world.workspace("prod")
    project = world.services.projects.add(world.organization.id, "Payments")
    other = world.services.people.add_organization("other", "o@x.test")
    foreign = world.services.projects.search(other.id, None, "", limit=1)[0][0]

    def move(ident: str) -> Any:
        relationships = {"project": {"data": {"type": "projects", "id": ident}}}
        return world.ask("PATCH", f"workspaces/{workspace.id}", {"data": {"relationships": relationships}})

    assert move(project.id).json["data"]["relationships"]["project"]["data"]["id"] == project.id
    assert move(foreign.id).status_code == 422
    assert move("prj-none").status_code == 422
    assert world.services.workspaces.get(workspace.id).project_id == project.id
