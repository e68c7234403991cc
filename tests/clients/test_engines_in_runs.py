"""What a run's engine finds: its state and, where it can, the workspace's name; with each engine at hand."""

import pytest

from tests.clients.conftest import Desk

NAME = """
output "name" {
  value = terraform.workspace
}
"""
# Terraform before 1.1 has no `cloud` block, and over `http` every workspace is called "default".
NAMES = {"1.0.3": "default", "1.11.4": "prod", "1.15.5": "prod"}


@pytest.mark.parametrize("version", NAMES)
def test_a_run_knows_its_workspaces_name(desk: Desk, version: str) -> None:
    terminal, services = desk.terminal, desk.server.services
    # 1.0.3 can't read a `cloud` block, which the client sends along with the configuration.
    block = terminal.remote if version == "1.0.3" else terminal.cloud
    terminal.write(block(desk.organization.name, 'name = "prod"'), NAME)
    terminal.run("init", "-no-color").ok()
    workspace = services.workspaces.by_name(desk.organization.id, "prod")
    assert workspace is not None
    services.workspaces.change(workspace.id, {"engine_version": version})

    said = terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert f"Terraform v{version}" in said.text
    assert terminal.run("output", "-no-color", "-raw", "name").ok().text == NAMES[version]
    current = services.states.current(workspace.id)
    assert current is not None
    assert current.run_id == services.runs.of_workspace(workspace.id)[0].id


def test_a_state_is_read_from_another_workspace_without_credentials(desk: Desk) -> None:
    terminal = desk.terminal
    terminal.write(terminal.cloud(desk.organization.name, 'name = "network"'), 'output "vpc" {\n  value = "vpc-1"\n}\n')
    terminal.run("init", "-no-color").ok()
    terminal.run("apply", "-no-color", "-auto-approve").ok()

    reader = f"""
data "terraform_remote_state" "network" {{
  backend = "remote"
  config = {{
    hostname     = "{desk.server.netloc}"
    organization = "{desk.organization.name}"
    workspaces   = {{ name = "network" }}
  }}
}}
output "vpc" {{
  value = data.terraform_remote_state.network.outputs.vpc
}}
"""
    (terminal.work / ".terraform" / "terraform.tfstate").unlink()
    terminal.write(terminal.cloud(desk.organization.name, 'name = "app"'), reader)
    terminal.run("init", "-no-color").ok()
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert terminal.run("output", "-no-color", "-raw", "vpc").ok().text == "vpc-1"


def test_another_organizations_state_is_not_there(desk: Desk) -> None:
    other, _, _ = desk.server.organization(f"other-{desk.organization.name}")
    desk.server.services.workspaces.add(other.id, "secret")
    reader = f"""
data "terraform_remote_state" "secret" {{
  backend = "remote"
  config = {{
    hostname     = "{desk.server.netloc}"
    organization = "{other.name}"
    workspaces   = {{ name = "secret" }}
  }}
}}
"""
    desk.terminal.write(desk.terminal.cloud(desk.organization.name, 'name = "app"'), reader)
    desk.terminal.run("init", "-no-color").ok()
    said = desk.terminal.run("plan", "-no-color")
    assert said.code == 1
    assert f'organization "{other.name}"' in said.text
