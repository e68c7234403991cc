"""Somebody drives a run with HashiCorp's Python SDK: configuration, run, plan, comment, apply, and what came of it."""

from pathlib import Path

import pytest
from pytfe import TFEClient
from pytfe.models import (
    CommentCreateOptions,
    RunCreateOptions,
    WorkspaceCreateOptions,
)
from pytfe.models.workspace import Workspace

from tests.clients.conftest import Desk, uploaded, wait_until


@pytest.fixture
def workspace(desk: Desk, client: TFEClient) -> Workspace:
    made = client.workspaces.create(
        desk.organization.name, WorkspaceCreateOptions(name="by-sdk", terraform_version="1.11.4")
    )
    return Workspace(id=made.id)  # the SDK can't send a whole one: it has times in it


def test_a_run_from_an_upload_to_its_outputs(client: TFEClient, workspace: Workspace, tmp_path: Path) -> None:
    version_id = uploaded(client, workspace, tmp_path / "configuration", auto_queue_runs=False)
    version = client.configuration_versions.read(version_id)
    run = client.runs.create(RunCreateOptions(workspace=workspace, configuration_version=version, message="by SDK"))
    planned = wait_until(client, run.id, lambda run: run.status.value == "planned")
    assert planned.has_changes
    assert planned.actions is not None
    assert planned.actions.is_confirmable

    assert planned.plan is not None
    plan = client.plans.read(planned.plan.id)
    assert (plan.status.value, plan.resource_additions) == ("finished", 2)
    whole = client.plans.read_json_output(plan.id)
    assert whole is not None
    assert len(whole["resource_changes"]) == 2

    client.comments.create(run.id, CommentCreateOptions(body="looks good"))
    assert [comment.body for comment in client.comments.list(run.id)] == ["looks good"]

    client.runs.apply(run.id)
    applied = wait_until(client, run.id, lambda run: run.status.value == "applied")
    assert applied.apply is not None
    assert client.applies.read(applied.apply.id).status.value == "finished"
    assert [event.action for event in client.run_events.list(run.id)]
    outputs = {each.name: each.value for each in client.state_version_outputs.read_current(workspace.id)}
    assert outputs["greeting"] == "hello"


def test_an_upload_that_queues_its_run_and_a_discard(client: TFEClient, workspace: Workspace, tmp_path: Path) -> None:
    uploaded(client, workspace, tmp_path / "configuration", auto_queue_runs=True)
    (run,) = list(client.runs.list(workspace.id))
    wait_until(client, run.id, lambda run: run.status.value == "planned")
    client.runs.discard(run.id)
    assert client.runs.read(run.id).status.value == "discarded"


def test_an_upload_where_everything_is_applied_by_itself(client: TFEClient, desk: Desk, tmp_path: Path) -> None:
    made = client.workspaces.create(
        desk.organization.name,
        WorkspaceCreateOptions(name="by-itself", terraform_version="1.11.4", auto_apply=True),
    )
    workspace = Workspace(id=made.id)
    uploaded(client, workspace, tmp_path / "configuration", auto_queue_runs=True)
    (run,) = list(client.runs.list(workspace.id))
    wait_until(client, run.id, lambda run: run.status.value == "applied")


def test_a_plan_without_changes_that_is_applied(client: TFEClient, workspace: Workspace, tmp_path: Path) -> None:
    version_id = uploaded(client, workspace, tmp_path / "configuration", auto_queue_runs=False)
    version = client.configuration_versions.read(version_id)

    def make(*, allow_empty_apply: bool, auto_apply: bool) -> str:
        options = RunCreateOptions(
            workspace=workspace,
            configuration_version=version,
            allow_empty_apply=allow_empty_apply,
            auto_apply=auto_apply,
        )
        return str(client.runs.create(options).id)

    first = make(allow_empty_apply=False, auto_apply=True)
    wait_until(client, first, lambda run: run.status.value == "applied")
    nothing = make(allow_empty_apply=False, auto_apply=True)
    wait_until(client, nothing, lambda run: run.status.value == "planned_and_finished")
    empty = make(allow_empty_apply=True, auto_apply=False)
    applied = wait_until(client, empty, lambda run: run.status.value == "applied")
    assert (applied.has_changes, applied.allow_empty_apply) == (False, True)


def test_a_run_that_goes_before_another(client: TFEClient, workspace: Workspace, tmp_path: Path) -> None:
    version_id = uploaded(client, workspace, tmp_path / "configuration", auto_queue_runs=False)
    version = client.configuration_versions.read(version_id)
    first = client.runs.create(RunCreateOptions(workspace=workspace, configuration_version=version))
    wait_until(client, first.id, lambda run: run.status.value == "planned")
    second = client.runs.create(RunCreateOptions(workspace=workspace, configuration_version=version))
    assert client.runs.read(second.id).status.value == "pending"

    client.runs.force_execute(second.id)
    assert client.runs.read(first.id).status.value == "discarded"
    wait_until(client, second.id, lambda run: run.status.value == "planned")
