"""Lists of runs: of a workspace in the order of its queue, of an organization, and narrowed."""

import pytest

from bot.run import RunKind, RunStatus, TriggerReason
from bot.run_options import RunOptions
from bot.workspace import Workspace
from tests.fakes.door_world import SHA, World


def test_positions_in_a_workspaces_queue(world: World) -> None:
    workspace = world.workspace()
    runs = [world.run(workspace, RunStatus.PLANNING), world.run(workspace), world.run(workspace)]
    found = world.ask("GET", f"workspaces/{workspace.id}/runs").json["data"]
    assert [(run["id"], run["attributes"]["position-in-queue"]) for run in found] == [
        (runs[2].id, 3),
        (runs[1].id, 2),
        (runs[0].id, 1),
    ]


FILTERS: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["saved", "destroy", "applied", "pending"]),
    ({"filter[status]": "", "search[user]": "", "filter[operation]": ""}, ["saved", "destroy", "applied", "pending"]),
    ({"filter[operation]": "plan_only"}, ["speculative"]),
    ({"filter[operation]": "plan_only,save_plan"}, ["speculative", "saved"]),
    ({"filter[operation]": "destroy"}, ["destroy"]),
    ({"filter[operation]": "plan_and_apply"}, ["applied", "pending"]),
    ({"filter[operation]": "empty_apply"}, []),
    ({"filter[status]": "pending,applied"}, ["applied", "pending"]),
    ({"filter[status]": "assessing"}, []),
    ({"filter[status_group]": "final"}, ["applied"]),
    ({"filter[status_group]": "discardable"}, ["saved", "destroy"]),
    ({"filter[status_group]": "non_final"}, ["saved", "destroy", "pending"]),
    ({"filter[source]": "tfe-api"}, ["pending"]),
    ({"filter[source]": "tfe-configuration-version"}, ["saved", "destroy", "applied"]),
    ({"search[user]": "GRACE"}, ["applied"]),
    ({"search[commit]": SHA[:7].upper()}, ["saved", "destroy", "applied", "pending"]),
    ({"search[commit]": "%"}, []),
    ({"search[basic]": "dest"}, ["destroy"]),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
def test_lists_are_narrowed(world: World, query: dict[str, str], expected: list[str]) -> None:
    workspace = world.workspace()
    world.run(workspace, message="pending", trigger_reason=TriggerReason.MANUAL)
    world.run(workspace, RunStatus.APPLIED, message="applied", created_by="grace")
    world.run(workspace, RunStatus.PLANNED, message="destroy", is_destroy=True)
    world.run(workspace, RunStatus.PLANNED_AND_SAVED, message="saved", kind=RunKind.SAVED_PLAN)
    world.run(workspace, RunStatus.PLANNED_AND_FINISHED, message="speculative", kind=RunKind.PLAN_ONLY)
    for path in (f"workspaces/{workspace.id}/runs", "organizations/acme/runs"):
        answer = world.ask("GET", path, query_string=query)
        assert [run["attributes"]["message"] for run in answer.json["data"]] == expected
        assert answer.json["meta"]["pagination"]["total-count"] == len(expected)


OPERATIONS: list[tuple[str, list[str]]] = [
    ("plan_and_apply", ["ordinary"]),
    ("refresh_only", ["refresh"]),
    ("empty_apply", ["empty"]),
    ("destroy", ["destroy"]),
    ("save_plan", ["saved"]),
    ("plan_only", ["destroy in a plan only", "look"]),
    ("destroy,plan_only", ["destroy in a plan only", "look", "destroy"]),
    ("plan_and_apply,destroy", ["destroy", "ordinary"]),
    ("", ["saved", "destroy", "empty", "refresh", "ordinary"]),
    ("no_such", []),
]


@pytest.mark.parametrize(("named", "expected"), OPERATIONS)
def test_every_run_is_found_by_its_one_operation(world: World, named: str, expected: list[str]) -> None:
    workspace = world.workspace()
    world.run(workspace, message="ordinary")
    world.run(workspace, message="refresh", options=RunOptions(refresh_only=True))
    world.run(workspace, message="empty", options=RunOptions(allows_empty_apply=True))
    world.run(workspace, message="destroy", is_destroy=True)
    world.run(workspace, message="saved", kind=RunKind.SAVED_PLAN, options=RunOptions(refresh_only=True))
    world.run(workspace, message="look", kind=RunKind.PLAN_ONLY)
    world.run(workspace, message="destroy in a plan only", kind=RunKind.PLAN_ONLY, is_destroy=True)
    assert listed(world, workspace, {"filter[operation]": named}) == expected


SOURCES: list[tuple[str, list[str]]] = [
    ("tfe-api", ["old", "api"]),
    ("terraform+cloud", ["cli"]),
    ("tfe-configuration-version", ["tag", "push", "upload"]),
    ("tfe-run-trigger", ["trigger"]),
    ("tfe-api,terraform+cloud", ["old", "cli", "api"]),
    ("tfe-module", []),
]


@pytest.mark.parametrize(("named", "expected"), SOURCES)
def test_runs_are_found_by_the_source_that_they_show(world: World, named: str, expected: list[str]) -> None:
    workspace, by_hand = world.workspace(), TriggerReason.MANUAL
    world.run(workspace, message="api", trigger_reason=by_hand, source="tfe-api")
    world.run(workspace, message="cli", trigger_reason=by_hand, source="terraform+cloud")
    world.run(workspace, message="upload", trigger_reason=by_hand, source="tfe-configuration-version")
    world.run(workspace, message="push")
    world.run(workspace, message="tag", trigger_reason=TriggerReason.TAG)
    world.run(workspace, message="trigger", trigger_reason=TriggerReason.RUN_TRIGGER)
    world.run(workspace, message="old", trigger_reason=by_hand)
    assert listed(world, workspace, {"filter[source]": named}) == expected
    runs = world.ask("GET", f"workspaces/{workspace.id}/runs").json["data"]
    shown = [run["attributes"] for run in runs]
    assert [run["message"] for run in shown if run["source"] in named.split(",")] == expected


def listed(world: World, workspace: Workspace, query: dict[str, str]) -> list[str]:
    """The messages of the runs that both lists have, newest first."""
    found = [
        [run["attributes"]["message"] for run in world.ask("GET", path, query_string=query).json["data"]]
        for path in (f"workspaces/{workspace.id}/runs", "organizations/acme/runs")
    ]
    assert found[0] == found[1]
    return found[0]


def test_the_organizations_runs_of_some_workspaces(world: World) -> None:
    one, two = world.workspace("one"), world.workspace("two")
    world.run(one), world.run(two)
    answer = world.ask("GET", "organizations/acme/runs", query_string={"filter[workspace_names]": "two,three"})
    assert [run["relationships"]["workspace"]["data"]["id"] for run in answer.json["data"]] == [two.id]
    included = world.ask("GET", "organizations/acme/runs", query_string={"include": "workspace"})
    assert {found["id"] for found in included.json["included"]} == {one.id, two.id}


@pytest.mark.parametrize("name", ["filter[timeframe]", "filter[agent_pool_names]"])
def test_a_narrowing_that_is_not_here_is_not_ignored(world: World, name: str) -> None:
    workspace = world.workspace()
    for path in ("organizations/acme/runs", f"workspaces/{workspace.id}/runs"):
        assert world.ask("GET", path, query_string={name: "2025"}).status_code == 400
        assert world.ask("GET", path, query_string={name: ""}).status_code == 200  # as the SDK sends it
