"""A site admin keeps the versions of Terraform with HashiCorp's Python SDK and with terrasnek."""

from __future__ import annotations

from typing import Any

import pytest
from pytfe import TFEClient
from pytfe.errors import NotFound, TFEError
from pytfe.models import WorkspaceCreateOptions
from pytfe.models.admin_version import (
    TerraformVersionCreateOptions,
    TerraformVersionUpdateOptions,
    ToolVersionArchitecture,
)
from terrasnek.api import TFC

from tests.clients.conftest import Desk

URL, SHA = "https://mirror.test/terraform.zip", "ab" * 32


@pytest.fixture
def admin(desk: Desk) -> Desk:
    """The same desk; its owner is a site admin."""
    people = desk.server.services.people
    (owner,) = people.owners(desk.organization.id)
    people.make_site_admin(owner.id, is_one=True)
    return desk


def test_a_version_from_its_making_to_its_end(admin: Desk, client: TFEClient) -> None:
    versions = client.admin.terraform_versions
    made = versions.create(TerraformVersionCreateOptions(version="1.2.3", url=URL, sha=SHA, beta=True))
    assert made.id
    assert (made.version, made.url, made.sha, made.enabled, made.beta) == ("1.2.3", URL, SHA, True, True)
    assert made.created_at
    assert versions.read(made.id) == made
    assert made.id in [each.id for each in versions.list()]
    reason = TerraformVersionUpdateOptions(deprecated=True, deprecated_reason="old")
    assert versions.update(made.id, reason).deprecated_reason == "old"
    arm = ToolVersionArchitecture(url=f"{URL}?arm", sha=SHA, os="linux", arch="arm64")
    changed = versions.update(made.id, TerraformVersionUpdateOptions(archs=[arm]))
    assert (changed.archs, changed.url) == ([arm], None)
    versions.delete(made.id)
    with pytest.raises(NotFound):
        versions.read(made.id)


def test_a_disabled_version_is_not_for_workspaces(admin: Desk, client: TFEClient) -> None:
    versions, name = client.admin.terraform_versions, admin.organization.name
    made = versions.create(TerraformVersionCreateOptions(version="1.2.4", url=URL, sha=SHA))
    assert made.id
    workspace = client.workspaces.create(name, WorkspaceCreateOptions(name="old", terraform_version="1.2.4"))
    assert versions.read(made.id).usage == 1
    with pytest.raises(TFEError, match="1 workspace is set to Terraform"):
        versions.delete(made.id)
    versions.update(made.id, TerraformVersionUpdateOptions(enabled=False))
    with pytest.raises(TFEError, match="is disabled on this site"):
        client.workspaces.create(name, WorkspaceCreateOptions(name="new", terraform_version="1.2.4"))
    client.workspaces.delete_by_id(workspace.id)
    versions.delete(made.id)


def test_nobody_else_finds_it(desk: Desk, client: TFEClient) -> None:
    with pytest.raises(NotFound):
        list(client.admin.terraform_versions.list())
    assert client.users.read_current().is_site_admin is False


def test_with_terrasnek(admin: Desk) -> None:
    api: Any = TFC(admin.token, url=admin.server.address, skip_version_check=True)
    api.set_org(admin.organization.name)
    attributes = {"version": "1.2.5", "url": URL, "sha": SHA, "official": False, "enabled": True, "beta": False}
    made = api.admin_terraform_versions.create({"data": {"type": "terraform-versions", "attributes": attributes}})
    ident = made["data"]["id"]
    assert attributes.items() <= api.admin_terraform_versions.show(ident)["data"]["attributes"].items()
    assert ident in [each["id"] for each in api.admin_terraform_versions.list_all()["data"]]
    off = {"data": {"type": "terraform-versions", "attributes": {"enabled": False}}}
    assert api.admin_terraform_versions.update(ident, off)["data"]["attributes"]["enabled"] is False
    api.admin_terraform_versions.destroy(ident)
    assert ident not in [each["id"] for each in api.admin_terraform_versions.list()["data"]]
