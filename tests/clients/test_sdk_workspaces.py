"""Somebody keeps workspaces, projects, tags, variable sets and run triggers with HashiCorp's Python SDK."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytfe import TFEClient, TFEConfig
from pytfe.errors import TFEError
from pytfe.models import ReadRunQueueOptions, WorkspaceCreateOptions
from pytfe.models.common import Tag, TagBinding
from pytfe.models.project import Project, ProjectAddTagBindingsOptions, ProjectCreateOptions, ProjectUpdateOptions
from pytfe.models.run_trigger import RunTriggerCreateOptions, RunTriggerFilterOp, RunTriggerListOptions
from pytfe.models.variable import CategoryType, VariableCreateOptions
from pytfe.models.variable_set import (
    VariableSetApplyToProjectsOptions,
    VariableSetApplyToWorkspacesOptions,
    VariableSetCreateOptions,
    VariableSetRemoveFromWorkspacesOptions,
    VariableSetUpdateOptions,
    VariableSetVariableCreateOptions,
    VariableSetVariableUpdateOptions,
)
from pytfe.models.workspace import (
    ExecutionMode,
    Workspace,
    WorkspaceAddRemoteStateConsumersOptions,
    WorkspaceAddTagBindingsOptions,
    WorkspaceAddTagsOptions,
    WorkspaceListOptions,
    WorkspaceRemoveTagsOptions,
    WorkspaceUpdateOptions,
    WorkspaceUpdateRemoteStateConsumersOptions,
)

from tests.clients.conftest import Desk


@pytest.fixture
def client(desk: Desk) -> Iterator[TFEClient]:
    config = TFEConfig(address=desk.server.address, token=desk.token, max_retries=0, ca_bundle=None)
    client = TFEClient(config)
    yield client
    client._transport._sync.close()


@pytest.fixture
def name(desk: Desk) -> str:
    return desk.organization.name


def make(client: TFEClient, organization: str, name: str) -> Workspace:
    return client.workspaces.create(organization, WorkspaceCreateOptions(name=name))


def test_workspaces_from_their_making_to_their_end(client: TFEClient, name: str) -> None:
    made = client.workspaces.create(
        name, WorkspaceCreateOptions(name="net-prod", execution_mode=ExecutionMode.LOCAL, description="the net")
    )
    assert (made.name, made.execution_mode, made.description) == ("net-prod", ExecutionMode.LOCAL, "the net")
    make(client, name, "net-test")
    make(client, name, "dns")
    assert [w.name for w in client.workspaces.list(name)] == ["dns", "net-prod", "net-test"]
    assert [w.name for w in client.workspaces.list(name, WorkspaceListOptions(search="net"))] == [
        "net-prod",
        "net-test",
    ]
    found = client.workspaces.list(name, WorkspaceListOptions(wildcard_name="*-test"))
    assert [w.name for w in found] == ["net-test"]
    changed = client.workspaces.update_by_id(
        made.id, WorkspaceUpdateOptions(name="net-live", global_remote_state=False)
    )
    assert (changed.name, changed.global_remote_state) == ("net-live", False)
    assert client.workspaces.read("net-live", organization=name).id == made.id
    client.workspaces.safe_delete_by_id(made.id)
    client.workspaces.safe_delete("net-test", organization=name)
    client.workspaces.delete("dns", organization=name)
    assert list(client.workspaces.list(name)) == []


def test_projects_and_their_tags(client: TFEClient, name: str) -> None:
    made = client.projects.create(name, ProjectCreateOptions(name="Payments", description="money"))
    assert [p.name for p in client.projects.list(name)] == ["Default Project", "Payments"]
    bindings = ProjectAddTagBindingsOptions(tag_bindings=[TagBinding(key="env", value="prod")])
    client.projects.add_tag_bindings(made.id, bindings)
    assert [(b.key, b.value) for b in client.projects.list_tag_bindings(made.id)] == [("env", "prod")]
    assert client.projects.update(made.id, ProjectUpdateOptions(name="Money")).name == "Money"
    inside = client.workspaces.create(name, WorkspaceCreateOptions(name="w", project=Project(id=made.id)))
    assert inside.project is not None
    assert inside.project.id == made.id
    listed = client.workspaces.list(name, WorkspaceListOptions(project_id=made.id))
    assert [w.name for w in listed] == ["w"]
    assert [b.key for b in client.workspaces.list_effective_tag_bindings(inside.id)] == ["env"]
    with pytest.raises(TFEError):
        client.projects.delete(made.id)
    client.workspaces.delete_by_id(inside.id)
    client.projects.delete(made.id)
    assert [p.name for p in client.projects.list(name)] == ["Default Project"]


def test_tags(client: TFEClient, name: str) -> None:
    workspace = make(client, name, "w")
    client.workspaces.add_tags(workspace.id, WorkspaceAddTagsOptions(tags=[Tag(name="core"), Tag(name="net")]))
    assert [tag.name for tag in client.workspaces.list_tags(workspace.id)] == ["core", "net"]
    client.workspaces.remove_tags(workspace.id, WorkspaceRemoveTagsOptions(tags=[Tag(name="net")]))
    assert client.workspaces.read_by_id(workspace.id).tag_names == ["core"]
    options = WorkspaceAddTagBindingsOptions(tag_bindings=[TagBinding(key="env", value="prod")])
    client.workspaces.add_tag_bindings(workspace.id, options)
    found = {b.key: b.value for b in client.workspaces.list_tag_bindings(workspace.id)}
    assert found == {"core": "", "env": "prod"}
    assert [w.name for w in client.workspaces.list(name, WorkspaceListOptions(tags="core"))] == ["w"]
    client.workspaces.delete_all_tag_bindings(workspace.id)
    assert list(client.workspaces.list_tag_bindings(workspace.id)) == []


def test_remote_state_consumers(client: TFEClient, name: str) -> None:
    target, reader, other = (make(client, name, each) for each in ("target", "reader", "other"))
    client.workspaces.add_remote_state_consumers(
        target.id, WorkspaceAddRemoteStateConsumersOptions(workspaces=[reader])
    )
    assert [w.name for w in client.workspaces.list_remote_state_consumers(target.id)] == ["reader"]
    options = WorkspaceUpdateRemoteStateConsumersOptions(workspaces=[other])
    client.workspaces.update_remote_state_consumers(target.id, options)
    assert [w.name for w in client.workspaces.list_remote_state_consumers(target.id)] == ["other"]


def test_variable_sets(client: TFEClient, name: str) -> None:
    workspace = make(client, name, "w")
    made = client.variable_sets.create(name, VariableSetCreateOptions(name="cloud", global_=False, priority=True))
    assert (made.name, made.global_, made.priority) == ("cloud", False, True)
    assert made.id is not None
    variable = client.variable_set_variables.create(
        made.id, VariableSetVariableCreateOptions(key="region", value="eu", category=CategoryType.TERRAFORM)
    )
    assert variable.id is not None
    changed = client.variable_set_variables.update(
        made.id, variable.id, VariableSetVariableUpdateOptions(value="us", sensitive=True)
    )
    assert (changed.key, changed.value) == ("region", None)
    assert [v.key for v in client.variable_set_variables.list(made.id)] == ["region"]
    client.variable_sets.apply_to_workspaces(made.id, VariableSetApplyToWorkspacesOptions(workspaces=[workspace]))
    assert [s.id for s in client.variable_sets.list_for_workspace(workspace.id)] == [made.id]
    own = VariableCreateOptions(key="zone", value="a", category=CategoryType.TERRAFORM)
    client.variables.create(workspace.id, own)
    assert sorted(v.key for v in client.variables.list_all(workspace.id)) == ["region", "zone"]
    assert [v.key for v in client.variables.list(workspace.id)] == ["zone"]
    client.variable_sets.remove_from_workspaces(made.id, VariableSetRemoveFromWorkspacesOptions(workspaces=[workspace]))
    assert list(client.variable_sets.list_for_workspace(workspace.id)) == []
    project = next(iter(client.projects.list(name)))
    client.variable_sets.apply_to_projects(made.id, VariableSetApplyToProjectsOptions(projects=[project]))
    assert [s.id for s in client.variable_sets.list_for_project(project.id)] == [made.id]
    assert client.variable_sets.update(made.id, VariableSetUpdateOptions(name="all", global_=True)).global_ is True
    assert [s.name for s in client.variable_sets.list(name)] == ["all"]
    client.variable_set_variables.delete(made.id, variable.id)
    client.variable_sets.delete(made.id)
    assert list(client.variable_sets.list(name)) == []


def test_run_triggers(client: TFEClient, name: str) -> None:
    network, app = make(client, name, "network"), make(client, name, "app")
    made = client.run_triggers.create(app.id, RunTriggerCreateOptions(sourceable=network))
    assert (made.sourceable_name, made.workspace_name) == ("network", "app")
    for workspace, direction in (
        (app, RunTriggerFilterOp.RUN_TRIGGER_INBOUND),
        (network, RunTriggerFilterOp.RUN_TRIGGER_OUTBOUND),
    ):
        listed = client.run_triggers.list(workspace.id, RunTriggerListOptions(run_trigger_type=direction))
        assert [trigger.id for trigger in listed] == [made.id]
    with pytest.raises(TFEError, match="already"):
        client.run_triggers.create(app.id, RunTriggerCreateOptions(sourceable=network))
    assert client.run_triggers.read(made.id).id == made.id
    client.run_triggers.delete(made.id)


def test_organizations_and_what_their_workers_do(client: TFEClient, name: str) -> None:
    assert name in [organization.name for organization in client.organizations.list()]
    assert client.organizations.read(name).name == name
    assert (client.organizations.read_capacity(name).pending, client.organizations.read_capacity(name).running) == (
        0,
        0,
    )
    assert list(client.organizations.read_run_queue(name, ReadRunQueueOptions()).items) == []
