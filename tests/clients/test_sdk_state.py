"""Somebody looks after states with HashiCorp's Python SDK: upload, list, download, outputs, rollback."""

from __future__ import annotations

import hashlib
import json

import pytest
from pytfe import TFEClient
from pytfe.errors import NotFound, TFEError
from pytfe.models import StateVersionCreateOptions, StateVersionListOptions, WorkspaceCreateOptions
from pytfe.models.workspace import WorkspaceLockOptions

from tests.clients.conftest import Desk


@pytest.fixture
def workspace_id(desk: Desk, client: TFEClient) -> str:
    made = client.workspaces.create(desk.organization.name, WorkspaceCreateOptions(name="by-sdk"))
    return str(made.id)


def a_state(serial: int, more_outputs: int = 0) -> bytes:
    outputs = {
        "name": {"value": f"v{serial}", "type": "string"},
        "key": {"value": "s3cr3t", "type": "string", "sensitive": True},
        **{f"o{number}": {"value": number, "type": "number"} for number in range(more_outputs)},
    }
    return json.dumps({"version": 4, "serial": serial, "lineage": "l", "outputs": outputs, "resources": []}).encode()


def told(raw: bytes) -> StateVersionCreateOptions:
    md5 = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    return StateVersionCreateOptions(serial=json.loads(raw)["serial"], md5=md5, lineage="l")


def test_states(desk: Desk, client: TFEClient, workspace_id: str) -> None:
    versions = client.state_versions
    with pytest.raises(NotFound):
        versions.read_current(workspace_id)
    with pytest.raises(TFEError, match="not locked"):
        versions.upload(workspace_id, raw_state=a_state(1), options=told(a_state(1)))
    client.workspaces.lock(workspace_id, WorkspaceLockOptions(reason="looking after it"))
    first = versions.upload(workspace_id, raw_state=a_state(1), raw_json_state=b"{}", options=told(a_state(1)))
    assert (first.status, first.serial, first.resources_processed) == ("finalized", 1, True)
    second = versions.upload(workspace_id, raw_state=a_state(2), options=told(a_state(2)))
    assert versions.read_current(workspace_id).id == second.id
    assert versions.download(first.id) == a_state(1)
    assert versions.download_current(workspace_id) == a_state(2)

    listed = versions.list(StateVersionListOptions(organization=desk.organization.name, workspace="by-sdk"))
    assert [each.id for each in listed] == [second.id, first.id]

    outputs = {each.name: each for each in client.state_version_outputs.read_current(workspace_id)}
    assert outputs["name"].value == "v2"
    assert outputs["key"].value is None
    assert client.state_version_outputs.read(outputs["key"].id).value == "s3cr3t"
    assert [each.value for each in versions.list_outputs(first.id) if each.name == "name"] == ["v1"]

    back = versions.rollback(workspace_id, first.id)
    assert back.serial == 3
    assert json.loads(versions.download_current(workspace_id)) == json.loads(a_state(1)) | {"serial": 3}
    with pytest.raises(TFEError, match="older"):
        versions.upload(workspace_id, raw_state=a_state(2), options=told(a_state(2)))
    client.workspaces.unlock(workspace_id)


def test_a_list_with_a_state_of_very_many_outputs(desk: Desk, client: TFEClient, workspace_id: str) -> None:
    versions = client.state_versions
    client.workspaces.lock(workspace_id, WorkspaceLockOptions(reason="looking after it"))
    few, many = (
        versions.upload(workspace_id, raw_state=state, options=told(state)) for state in (a_state(1), a_state(2, 1_000))
    )
    options = StateVersionListOptions(organization=desk.organization.name, workspace="by-sdk")
    listed = {each.id: each for each in versions.list(options)}
    assert [(ident, each.serial, each.status) for ident, each in listed.items()] == [
        (many.id, 2, "finalized"),
        (few.id, 1, "finalized"),
    ]
    assert len(listed[few.id].relationships["outputs"]["data"]) == 2
    assert listed[many.id].relationships["outputs"] == {
        "links": {"related": f"/api/v2/state-versions/{many.id}/outputs"}
    }
    assert listed[many.id].related("outputs") == []
    assert len(list(versions.list_outputs(many.id))) == 1_002
    assert len(versions.read_current(workspace_id).relationships["outputs"]["data"]) == 1_002
