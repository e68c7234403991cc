"""Organizations: made, listed, shown, removed when empty; what they offer and how busy they are."""

import pytest

from bot.run import RunKind, RunStatus
from tests.fakes.door_world import World


def test_account_details(world: World) -> None:
    answer = world.ask("GET", "account/details")
    assert answer.json["data"]["type"] == "users"
    assert answer.json["data"]["attributes"]["username"] == "ada"


def test_whoever_makes_an_organization_owns_it(world: World) -> None:
    token = world.stranger()
    made = world.ask(
        "POST", "organizations", {"data": {"attributes": {"name": "umbrella", "email": "u@x.test"}}}, token=token
    )
    assert made.status_code == 201
    assert made.json["data"]["id"] == "umbrella"
    assert made.json["data"]["attributes"]["created-at"].endswith("Z")
    assert world.ask("GET", "organizations/umbrella", token=token).status_code == 200
    assert world.ask("GET", "organizations/umbrella").status_code == 404
    listed = world.ask("GET", "organizations", token=token)
    assert [o["id"] for o in listed.json["data"]] == ["umbrella"]


@pytest.mark.parametrize(
    ("name", "email", "status"),
    [
        ("acme", "a@b.c", 422),
        ("ACME", "a@b.c", 422),
        ("", "a@b.c", 422),
        ("a b", "a@b.c", 422),
        ("x" * 41, "a@b.c", 422),
        ("new", "", 422),
        ("new", "nobody", 422),
        ("new", "a@b@c", 422),
        (3, "a@b.c", 422),
    ],
)
def test_bad_organizations(world: World, name: object, email: str, status: int) -> None:
    answer = world.ask("POST", "organizations", {"name": name, "email": email})
    assert answer.status_code == status
    assert answer.json["errors"][0]["detail"]


def test_only_an_empty_organization_is_removed(world: World) -> None:
    workspace = world.services.workspaces.add(world.organization.id, "prod")
    connection = world.git_connection()
    refused = world.ask("DELETE", "organizations/acme")
    assert refused.status_code == 409
    assert "workspaces" in refused.json["errors"][0]["detail"]
    world.services.workspaces.remove(workspace.id)
    assert "connections" in world.ask("DELETE", "organizations/acme").json["errors"][0]["detail"]
    world.services.connections.remove(connection.id)
    assert world.ask("DELETE", "organizations/acme", data=b"null").status_code == 204
    assert world.ask("GET", "organizations/acme").status_code == 404


def test_entitlements_let_the_cli_run_here(world: World) -> None:
    answer = world.ask("GET", "organizations/acme/entitlement-set")
    assert answer.json["data"]["type"] == "entitlement-sets"
    assert answer.json["data"]["attributes"]["operations"] is True


def test_the_workers_queue_and_the_capacity(world: World) -> None:
    statuses = [
        (RunStatus.PLAN_QUEUED, RunKind.PLAN_ONLY),
        (RunStatus.PLAN_QUEUED, RunKind.NORMAL),
        (RunStatus.APPLY_QUEUED, RunKind.NORMAL),
        (RunStatus.APPLYING, RunKind.NORMAL),
        (RunStatus.PENDING, RunKind.NORMAL),
        (RunStatus.APPLIED, RunKind.NORMAL),
    ]
    runs = [
        world.run(world.workspace(f"w{number}"), status, kind=kind) for number, (status, kind) in enumerate(statuses)
    ]
    queue = world.ask("GET", "organizations/acme/runs/queue").json["data"]
    assert [run["id"] for run in queue] == [runs[index].id for index in (3, 2, 1, 0)]
    assert [run["attributes"]["position-in-queue"] for run in queue] == [1, 2, 3, 4]
    capacity = world.ask("GET", "organizations/acme/capacity").json["data"]["attributes"]
    assert capacity == {"pending": 3, "running": 1}
