"""Workspaces: made, joined to a repository, changed, removed, locked."""

import io
from pathlib import Path
from typing import Any

import pytest

from bot.connection import Connection, Provider
from bot.run import RunKind, RunStatus, Stage
from handlers.jobs import Job, Verb
from handlers.reactions.sweep import sweep
from handlers.tasks import perform
from storage.configuration_versions import Upload
from tests.fakes.door_world import World
from tests.fakes.github import FakeGitHub
from tests.handlers.api.state_world import a_state

WORKSPACES = "organizations/acme/workspaces"


def attributes(**given: Any) -> dict[str, Any]:
    return {"data": {"type": "workspaces", "attributes": {name.replace("_", "-"): v for name, v in given.items()}}}


def joined(connection: Connection, identifier: str, **more: Any) -> dict[str, Any]:
    return {"identifier": identifier, "oauth-token-id": "ot-" + connection.id.removeprefix("oc-"), **more}


def test_a_workspace_without_a_repository(world: World) -> None:
    made = world.ask("POST", WORKSPACES, attributes(name="prod"))
    assert made.status_code == 201
    data = made.json["data"]
    assert data["type"] == "workspaces"
    assert data["attributes"]["name"] == "prod"
    assert data["attributes"]["created-at"].endswith("Z")
    assert data["attributes"]["vcs-repo"] is None
    assert data["attributes"]["terraform-version"] == "latest"
    assert data["attributes"]["execution-mode"] == "remote"
    assert data["attributes"]["locked"] is False
    assert data["attributes"]["queue-all-runs"] is True
    # Without this object the real CLI ends in a panic.
    assert data["attributes"]["permissions"]["can-queue-run"] is True
    assert data["relationships"]["organization"]["data"] == {"id": "acme", "type": "organizations"}
    assert data["relationships"]["current-run"]["data"] is None


def test_every_setting_goes_in_and_comes_out(world: World) -> None:
    given = {
        "working_directory": "envs/prod",
        "trigger_prefixes": ["modules"],
        "file_triggers_enabled": True,
        "speculative_enabled": False,
        "queue_all_runs": False,
        "auto_apply": True,
        "terraform_version": "~> 1.11.0",
        "engine": "tofu",
        "vcs_workflow": "apply-before-merge",
        "apply_requirements": ["approved", "undiverged"],
        "apply_permission": "maintain",
        "author_may_apply": False,
        "auto_merge": True,
    }
    made = world.ask("POST", WORKSPACES, attributes(name="prod", **given))
    assert made.status_code == 201
    again = world.ask("GET", f"workspaces/{made.json['data']['id']}")
    shown = again.json["data"]["attributes"]
    assert {name: shown[name.replace("_", "-")] for name in given} == given


def test_by_id_and_by_name_are_the_same(world: World) -> None:
    workspace = world.services.workspaces.add(world.organization.id, "prod")
    by_id, by_name = world.ask("GET", f"workspaces/{workspace.id}"), world.ask("GET", f"{WORKSPACES}/prod")
    assert by_id.json == by_name.json
    changed = world.ask("PATCH", f"{WORKSPACES}/prod", attributes(auto_apply=True))
    assert changed.json["data"]["attributes"]["auto-apply"] is True
    assert world.ask("PATCH", f"workspaces/{workspace.id}", attributes(name="live")).status_code == 200
    assert world.ask("GET", f"{WORKSPACES}/prod").status_code == 404
    assert world.ask("DELETE", f"{WORKSPACES}/live").status_code == 204
    assert world.ask("GET", f"workspaces/{workspace.id}").status_code == 404


def test_list_searches_and_includes(world: World) -> None:
    for name in ("net-prod", "net-test", "dns"):
        world.services.workspaces.add(world.organization.id, name)
    answer = world.ask("GET", WORKSPACES, query_string={"search[name]": "NET", "include": "organization"})
    assert [w["attributes"]["name"] for w in answer.json["data"]] == ["net-prod", "net-test"]
    assert [i["id"] for i in answer.json["included"]] == ["acme"]


@pytest.mark.parametrize(
    "given",
    [
        {"name": None},
        {"name": "a b"},
        {"name": "taken"},
        {"name": "TAKEN"},
        {"name": "w", "trigger_prefixes": ["a"], "trigger_patterns": ["b"]},
        {"name": "w", "working_directory": "../x"},
        {"name": "w", "working_directory": "/x"},
        {"name": "w", "vcs_repo": {"tags-regex": "(", "identifier": "a/b", "oauth-token-id": "ot-x"}},
        {"name": "w", "vcs_repo": {"identifier": "a/b", "oauth-token-id": "ot-nothing"}},
        {"name": "w", "vcs_repo": {"identifier": "a/b"}},
        {"name": "w", "vcs_repo": {"identifier": 3, "oauth-token-id": "ot-x"}},
        {"name": "w", "vcs_repo": "a/b"},
        {"name": "w", "execution_mode": "agent"},
        {"name": "w", "execution_mode": "agent", "agent_pool_id": "apool-1"},
        {"name": "w", "execution_mode": "elsewhere"},
        {"name": "w", "global_remote_state": "yes"},
        {"name": "w", "engine": "other"},
        {"name": "w", "auto_apply": "yes"},
    ],
)
def test_bad_workspaces_are_refused_and_not_made(world: World, given: dict[str, Any]) -> None:
    world.services.workspaces.add(world.organization.id, "taken")
    answer = world.ask("POST", WORKSPACES, attributes(**given))
    assert answer.status_code == 422
    assert answer.json["errors"][0]["detail"]
    assert len(world.services.workspaces.of_organization(world.organization.id)) == 1


def test_unknown_attributes_are_left_alone(world: World) -> None:
    answer = world.ask(
        "POST", WORKSPACES, attributes(name="w", description="x", source_name="y", setting_overwrites={})
    )
    assert answer.status_code == 201


def test_joining_a_plain_repository_installs_its_hook(world: World) -> None:
    connection, repository = world.git_connection(), world.git_repository()
    body = attributes(name="prod", vcs_repo=joined(connection, str(repository), branch="main"))
    made = world.ask("POST", WORKSPACES, body)
    assert made.status_code == 201
    vcs = made.json["data"]["attributes"]["vcs-repo"]
    assert vcs["identifier"] == str(repository)
    assert vcs["branch"] == "main"
    assert vcs["webhook-url"] == f"http://localhost:8080/webhooks/{connection.id}"
    assert vcs["webhook-registered"] is True
    secret = world.services.repositories.all()[0].webhook_secret
    assert vcs["webhook-secret"] == secret
    assert (repository / "hooks" / "post-receive").exists()
    # The secret is shown this once.
    assert secret not in world.ask("GET", f"{WORKSPACES}/prod").text
    assert secret not in world.ask("PATCH", f"{WORKSPACES}/prod", attributes(auto_apply=True)).text


def test_joining_at_github_registers_the_webhook(world: World, tmp_path: Path) -> None:
    with FakeGitHub(tmp_path / "github") as host:
        repo = host.create_repository("acme/infra", files={"main.tf": ""})
        connection = world.services.connections.add(
            world.organization.id,
            Provider.GITHUB_ENTERPRISE,
            name="GitHub",
            http_url=host.url,
            api_url=host.api_url,
            token=host.token,
        )
        first = world.ask("POST", WORKSPACES, attributes(name="one", vcs_repo=joined(connection, "acme/infra")))
        second = world.ask("POST", WORKSPACES, attributes(name="two", vcs_repo=joined(connection, "acme/infra")))
        missing = world.ask("POST", WORKSPACES, attributes(name="three", vcs_repo=joined(connection, "acme/none")))
        assert host.violations == []
    assert (first.status_code, second.status_code, missing.status_code) == (201, 201, 422)
    assert [hook.url for hook in repo.hooks] == [f"http://localhost:8080/webhooks/{connection.id}"]
    assert first.json["data"]["attributes"]["vcs-repo"]["webhook-secret"] == repo.hooks[0].secret
    assert len(world.services.repositories.all()) == 1
    assert "acme/none" in missing.json["errors"][0]["detail"]


def test_leaving_and_changing_the_repository(world: World) -> None:
    connection, one, two = world.git_connection(), world.git_repository("one"), world.git_repository("two")
    world.ask("POST", WORKSPACES, attributes(name="prod", vcs_repo=joined(connection, str(one))))
    same = world.ask("PATCH", f"{WORKSPACES}/prod", attributes(vcs_repo={"branch": "live"}))
    assert same.json["data"]["attributes"]["vcs-repo"]["branch"] == "live"
    assert "webhook-secret" not in same.json["data"]["attributes"]["vcs-repo"]
    moved = world.ask("PATCH", f"{WORKSPACES}/prod", attributes(vcs_repo=joined(connection, str(two))))
    assert moved.json["data"]["attributes"]["vcs-repo"]["identifier"] == str(two)
    assert moved.json["data"]["attributes"]["vcs-repo"]["webhook-secret"]
    left = world.ask("PATCH", f"{WORKSPACES}/prod", attributes(vcs_repo=None))
    assert left.json["data"]["attributes"]["vcs-repo"] is None


def test_another_organizations_connection_is_not_there(world: World) -> None:
    other = world.services.people.add_organization("other", "o@x.test")
    foreign = world.services.connections.add(other.id, Provider.GIT, name="git", http_url="", api_url="")
    body = attributes(name="prod", vcs_repo=joined(foreign, str(world.git_repository())))
    assert world.ask("POST", WORKSPACES, body).status_code == 422
    world.services.people.make_owner(other.id, world.owner.id)
    assert world.ask("POST", WORKSPACES, body).status_code == 422


def test_a_busy_workspace_is_not_removed(world: World) -> None:
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.PLANNED)
    refused = world.ask("DELETE", f"workspaces/{workspace.id}")
    assert refused.status_code == 409
    assert run.id in refused.json["errors"][0]["detail"]
    assert world.ask("POST", f"runs/{run.id}/actions/discard").status_code == 202
    assert world.ask("DELETE", f"workspaces/{workspace.id}").status_code == 204


def test_a_plan_that_is_kept_for_later_goes_with_its_workspace(world: World) -> None:
    workspace = world.workspace()
    world.run(workspace, RunStatus.PLANNED_AND_SAVED, kind=RunKind.SAVED_PLAN)
    assert world.ask("POST", f"workspaces/{workspace.id}/actions/safe-delete", {}).status_code == 204


def test_nothing_is_left_of_a_removed_workspace(world: World) -> None:
    workspace, other = world.workspace(), world.workspace("other")
    kept = world.stage(world.run(other, RunStatus.PLANNED), Stage.PLAN, b"kept", finished=True)
    run = world.run(workspace, RunStatus.DISCARDED)
    world.stage(run, Stage.PLAN, b"gone", finished=True)
    upload = world.services.configurations.expect(workspace.id, Upload(source="tfe-api", author="ada"))
    world.services.configurations.uploaded(upload.id, world.services.blobs.put(b"gone as well"))
    states = world.services.states
    state = a_state(1, outputs={"greeting": {"value": "hello", "type": "string"}})
    states.take(workspace.id, states.intake.receive(io.BytesIO(state)), run_id=None)
    blobs = world.services.settings.server_folder / "blobs"
    assert len(list(blobs.rglob("blob-*"))) == 5  # two logs, an archive, a state and its outputs

    assert world.ask("DELETE", f"workspaces/{workspace.id}").status_code == 204
    assert Job(Verb.REMOVE_BLOBS) in sweep(world.services)
    perform(world.services, Job(Verb.REMOVE_BLOBS))

    (left,) = blobs.rglob("blob-*")
    assert left.name == world.services.jobs.get(kept).log_blob_id


def test_current_run_is_the_head_of_the_queue(world: World) -> None:
    workspace = world.workspace()
    world.run(workspace, RunStatus.PLANNING, kind=RunKind.PLAN_ONLY)
    head = world.run(workspace)
    world.run(workspace)
    answer = world.ask("GET", f"workspaces/{workspace.id}", query_string={"include": "current_run.plan"})
    assert answer.json["data"]["relationships"]["current-run"]["data"]["id"] == head.id
    assert {i["type"] for i in answer.json["included"]} == {"runs", "plans"}


def lock(world: World, workspace_id: str, verb: str, **more: Any) -> tuple[int, str]:
    answer = world.ask("POST", f"workspaces/{workspace_id}/actions/{verb}", **more)
    assert answer.json is not None
    return answer.status_code, answer.json["errors"][0]["detail"] if "errors" in answer.json else ""


def test_lock_and_unlock(world: World) -> None:
    workspace = world.workspace()
    answer = world.ask("POST", f"workspaces/{workspace.id}/actions/lock", {"reason": "moving"})
    assert answer.json["data"]["attributes"]["locked"] is True
    assert answer.json["data"]["attributes"]["locked-reason"] == "moving"
    status, said = lock(world, workspace.id, "lock")
    assert status == 409
    assert "is locked by User ada" in said
    assert lock(world, workspace.id, "unlock")[0] == 200
    assert [job.verb for job in world.enqueued] == [Verb.WORK_QUEUE]
    status, said = lock(world, workspace.id, "unlock")
    assert status == 409
    assert "already unlocked" in said


def test_only_the_holder_unlocks_others_use_force(world: World) -> None:
    workspace = world.workspace()
    world.services.workspaces.lock(workspace.id, "grace", "mine")
    status, said = lock(world, workspace.id, "unlock")
    assert status == 409
    assert "is locked by User grace" in said
    assert lock(world, workspace.id, "force-unlock")[0] == 200
    assert not world.services.workspaces.get(workspace.id).is_locked


def test_a_lock_of_runlock_itself_is_taken_off_by_any_person(world: World) -> None:
    workspace = world.workspace()
    world.services.workspaces.lock(workspace.id, "Runlock", "outcome of run-x unknown")
    assert lock(world, workspace.id, "unlock")[0] == 200


@pytest.mark.parametrize("verb", ["lock", "unlock", "force-unlock"])
def test_what_a_run_holds_no_person_locks_or_unlocks(world: World, verb: str) -> None:
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.APPLYING)
    status, said = lock(world, workspace.id, verb)
    assert status == 409
    assert f"is locked by Run {run.id}" in said
    shown = world.ask("GET", f"workspaces/{workspace.id}").json["data"]
    assert shown["attributes"]["locked"] is True
    assert shown["relationships"]["locked-by"]["data"] == {"id": run.id, "type": "runs"}
