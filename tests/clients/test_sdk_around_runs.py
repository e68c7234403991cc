"""Somebody looks after organizations, projects, access and runs with HashiCorp's Python SDK, beside the main way."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytfe import TFEClient
from pytfe.errors import TFEError
from pytfe.models import (
    CommentCreateOptions,
    OrganizationCreateOptions,
    OrganizationUpdateOptions,
    RunCreateOptions,
    RunIncludeOpt,
    RunReadOptions,
    WorkspaceCreateOptions,
)
from pytfe.models.project import ProjectCreateOptions
from pytfe.models.team import TeamCreateOptions
from pytfe.models.team_workspace_access import TeamWorkspaceAccessAddOptions, TeamWorkspaceAccessType
from pytfe.models.workspace import Workspace, WorkspaceLockOptions

from tests.clients.conftest import Desk, uploaded, wait_until


@pytest.fixture
def workspace(desk: Desk, client: TFEClient) -> Workspace:
    made = client.workspaces.create(
        desk.organization.name, WorkspaceCreateOptions(name="by-sdk", terraform_version="1.11.4")
    )
    return Workspace(id=made.id)


def test_runs_of_an_organization_and_what_becomes_of_one_that_waits(
    desk: Desk, client: TFEClient, workspace: Workspace, tmp_path: Path
) -> None:
    version = client.configuration_versions.read(
        uploaded(client, workspace, tmp_path / "configuration", auto_queue_runs=False)
    )
    first, second = (
        client.runs.create(RunCreateOptions(workspace=workspace, configuration_version=version)).id for _ in range(2)
    )
    wait_until(client, first, lambda run: run.status.value == "planned")
    listed = [run.id for run in client.runs.list_for_organization(desk.organization.name)]
    assert sorted(listed) == sorted([first, second])

    client.runs.cancel(second)
    assert client.runs.read(second).status.value == "canceled"
    with pytest.raises(TFEError):
        client.runs.force_cancel(second)

    comment = client.comments.create(first, CommentCreateOptions(body="looks good"))
    assert client.comments.read(comment.id).body == "looks good"
    client.runs.apply(first)
    wait_until(client, first, lambda run: run.status.value == "applied")
    read = client.runs.read_with_options(first, RunReadOptions(include=[RunIncludeOpt.RUN_CREATED_BY]))
    assert read.created_by is not None
    assert read.confirmed_by is not None
    assert read.created_by.id == read.confirmed_by.id


def test_an_organization_from_its_making_to_its_end(desk: Desk, client: TFEClient) -> None:
    name = f"{desk.organization.name}-more"
    made = client.organizations.create(OrganizationCreateOptions(name=name, email="ops@more.test"))
    assert made.name == name
    entitlements = client.organizations.read_entitlements(name)
    assert entitlements.operations
    changed = client.organizations.update(name, OrganizationUpdateOptions(email="all@more.test"))
    assert changed.email == "all@more.test"
    client.organizations.delete(name)
    with pytest.raises(TFEError):
        client.organizations.read(name)


def test_a_workspace_moves_to_another_project(desk: Desk, client: TFEClient, workspace: Workspace) -> None:
    project = client.projects.create(desk.organization.name, ProjectCreateOptions(name="Payments"))
    assert client.projects.read(project.id).name == "Payments"
    client.projects.move_workspaces(project.id, [str(workspace.id)])
    moved = client.workspaces.read_by_id(str(workspace.id))
    assert moved.project is not None
    assert moved.project.id == project.id


def test_access_is_read_and_taken_away(desk: Desk, client: TFEClient, workspace: Workspace) -> None:
    team = client.teams.create(desk.organization.name, TeamCreateOptions(name="ops"))
    given = client.team_workspace_accesses.add(
        TeamWorkspaceAccessAddOptions(
            team_id=team.id, workspace_id=str(workspace.id), access=TeamWorkspaceAccessType.READ
        )
    )
    assert client.team_workspace_accesses.read(given.id).access is TeamWorkspaceAccessType.READ
    client.team_workspace_accesses.remove(given.id)
    assert list(client.team_workspace_accesses.list(str(workspace.id))) == []


def test_a_lock_is_broken(client: TFEClient, workspace: Workspace) -> None:
    client.workspaces.lock(str(workspace.id), WorkspaceLockOptions(reason="hands off"))
    assert client.workspaces.read_by_id(str(workspace.id)).locked
    client.workspaces.force_unlock(str(workspace.id))
    assert not client.workspaces.read_by_id(str(workspace.id)).locked
