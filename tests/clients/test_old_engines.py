"""Engines of the seed's days: in runs, and at a terminal in front of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytfe import TFEClient
from pytfe.models import ConfigurationVersionCreateOptions, RunCreateOptions, WorkspaceCreateOptions
from pytfe.models.workspace import Workspace

from tests.clients.conftest import ENGINES, Desk, wait_until
from tests.fakes.terraform_cli import ATLAS_READER, Terminal

NETWORK = """
output "subnet_id" {
  value = "subnet-1"
}
"""
OUTPUT = """
output "greeting" {
  value = "hello"
}
"""
pytestmark = pytest.mark.engine


def applied(desk: Desk, client: TFEClient, name: str, folder: Path, configuration: str) -> dict[str, object]:
    """The outputs of a run with Terraform 0.11.11, to which a plan of outputs alone is one without changes."""
    made = client.workspaces.create(
        desk.organization.name, WorkspaceCreateOptions(name=name, terraform_version="0.11.11")
    )
    folder.mkdir()
    (folder / "main.tf").write_text(configuration)
    version = client.configuration_versions.create(made.id, ConfigurationVersionCreateOptions(auto_queue_runs=False))
    assert version.upload_url
    client.configuration_versions.upload(version.upload_url, str(folder))
    options = RunCreateOptions(
        workspace=Workspace(id=made.id),
        configuration_version=client.configuration_versions.read(version.id),
        allow_empty_apply=True,
    )
    run = client.runs.create(options)
    wait_until(client, run.id, lambda run: run.status.value == "applied")
    return {each.name: each.value for each in client.state_version_outputs.read_current(made.id)}


def test_a_run_reads_another_workspace_as_the_seed_does(desk: Desk, client: TFEClient, tmp_path: Path) -> None:
    applied(desk, client, "vpc-prod", tmp_path / "vpc", NETWORK)
    seen = applied(desk, client, "app", tmp_path / "app", ATLAS_READER % desk.organization.name)
    assert seen == {"seen": "subnet-1"}


def test_an_old_client_drives_a_run(desk: Desk, tmp_path: Path) -> None:
    """Terraform 1.0 knows no `cloud` block: it comes by the `remote` backend."""
    old = Terminal(desk.server, desk.token, tmp_path / "old", binary=str(ENGINES / "terraform/1.0.3/terraform"))
    old.write(old.remote(desk.organization.name, 'name = "prod"'), OUTPUT)
    old.run("init", "-no-color").ok()
    said = old.run("apply", "-no-color", answer="yes\n").ok()
    assert "Enter a value" in said.text
    assert "Apply complete!" in said.text
    assert old.run("output", "-no-color", "-raw", "greeting").ok().text == "hello"
