"""A configuration that nobody needs any more is put away: its run stays, and nothing can run it again."""

from typing import Any

import pytest

from bot.errors import Refused
from bot.run import RunStatus
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.asked_runs import Wish, make_asked_run
from handlers.reactions.sweep import sweep
from handlers.tasks import perform
from storage.blobs import BlobMissing
from tests.fakes.door_world import SHA, World
from tests.fakes.uploads import MAIN, archive, expected, runs_of, shown, upload


@pytest.fixture
def alone(world: World) -> Workspace:
    return world.services.workspaces.add(world.organization.id, "alone")


def put_away(world: World, version_id: str) -> tuple[int, str]:
    answer = world.ask("POST", f"configuration-versions/{version_id}/actions/archive")
    return answer.status_code, answer.json["errors"][0]["detail"] if answer.status_code != 202 else ""


def run_of(workspace: Workspace, version: dict[str, Any]) -> dict[str, Any]:
    relationships = {
        "workspace": {"data": {"type": "workspaces", "id": workspace.id}},
        "configuration-version": {"data": {"type": "configuration-versions", "id": version["id"]}},
    }
    return {"data": {"type": "runs", "relationships": relationships}}


def test_what_no_run_needs_any_more_is_archived(world: World, alone: Workspace) -> None:
    old, newest = (expected(world, alone, auto_queue_runs=False) for _ in range(2))
    upload(world, old, archive(("main.tf", MAIN)))
    upload(world, newest, archive(("main.tf", MAIN)))
    blob_id = world.services.configurations.get(old["id"]).blob_id
    made = world.ask("POST", "runs", run_of(alone, old)).json["data"]["id"]
    assert put_away(world, old["id"]) == (
        409,
        f"{made} still needs {old['id']}: discard or cancel it first",
    )
    assert world.services.blobs.read(blob_id)
    assert world.ask("POST", f"runs/{made}/actions/cancel").status_code == 202
    assert put_away(world, old["id"]) == (202, "")
    assert shown(world, old)["status"] == "archived"
    assert Job(Verb.REMOVE_BLOBS) in sweep(world.services)  # also if who archived it came no further
    perform(world.services, Job(Verb.REMOVE_BLOBS))
    assert world.ask("GET", f"configuration-versions/{old['id']}/download").status_code == 404
    with pytest.raises(BlobMissing):
        world.services.blobs.read(blob_id)
    refused = world.ask("POST", "runs", run_of(alone, old))
    assert (refused.status_code, "archived" in refused.text) == (422, True)
    assert world.ask("GET", f"runs/{made}").status_code == 200
    assert put_away(world, old["id"])[0] == 409
    assert world.ask("POST", "runs", run_of(alone, newest)).status_code == 201


def test_what_a_workspace_runs_by_itself_is_not_archived(world: World, alone: Workspace) -> None:
    version = expected(world, alone, auto_queue_runs=False)
    assert put_away(world, version["id"]) == (409, f"{version['id']} is pending, not uploaded")
    upload(world, version, archive(("main.tf", MAIN)))
    status, words = put_away(world, version["id"])
    assert (status, "upload another one first" in words) == (409, True)
    assert shown(world, version)["status"] == "uploaded"


def test_what_came_from_a_repository_is_not_archived(world: World) -> None:
    workspace = world.workspace()
    assert workspace.repository_id
    blob_id = world.services.blobs.put(b"an archive")
    version = world.services.configurations.add(
        workspace.repository_id, SHA, submodules=False, blob_id=blob_id, message="", author="ada"
    )
    world.run(workspace, RunStatus.APPLIED, configuration_version_id=version.id)
    status, words = put_away(world, version.id)
    assert (status, "came from a repository" in words) == (409, True)
    assert world.services.blobs.read(blob_id) == b"an archive"


def test_archived_while_a_run_of_it_is_made(world: World, alone: Workspace) -> None:
    """Whoever read the configuration before it was put away makes no run of nothing."""
    upload(world, expected(world, alone, auto_queue_runs=False), archive(("main.tf", MAIN)))
    version = world.services.configurations.newest_upload(alone.id)
    assert version is not None
    world.services.configurations.archive(version.id)
    with pytest.raises(Refused, match="archived"):
        make_asked_run(world.services, alone, Wish("ada", "tfe-api", may_apply=True, version=version))
    assert runs_of(world, alone) == []
