"""What a run's engine finds: its state and, where it can, the workspace's name; with each engine at hand."""

import shutil
from pathlib import Path

import pytest

from tests.clients.conftest import ENGINES, Desk

NAME = """
output "name" {
  value = terraform.workspace
}
output "greeting" {
  value = "hello"
}
"""
SPOKEN = {"terraform": "Terraform", "tofu": "OpenTofu"}


def tofu_at_hand() -> Path | None:
    """Where runs would find OpenTofu: no package has it, so on many machines there is none."""
    found = shutil.which("tofu")
    return Path(found) if found else next((ENGINES / "tofu").glob("*/tofu"), None)


# Terraform before 1.1 has no `cloud` block, and over `http` every workspace is called "default"; so it is for OpenTofu.
CASES = [
    ("terraform", "1.0.3", "default"),
    ("terraform", "1.11.4", "prod"),
    ("terraform", "1.15.5", "prod"),
    pytest.param(
        *("tofu", "", "default"),
        marks=pytest.mark.skipif(
            tofu_at_hand() is None, reason=f"no OpenTofu: neither `tofu` on PATH nor in {ENGINES.name}/tofu/VERSION"
        ),
    ),
]


@pytest.mark.parametrize(("engine", "version", "name"), CASES)
def test_runs_from_the_first_to_the_last(desk: Desk, engine: str, version: str, name: str) -> None:
    terminal, services = desk.terminal, desk.server.services
    # 1.0.3 can't read a `cloud` block, which the client sends along with the configuration.
    block = terminal.remote if version == "1.0.3" else terminal.cloud
    declared = block(desk.organization.name, 'name = "prod"')
    terminal.write(declared, NAME)
    terminal.run("init", "-no-color").ok()
    workspace = services.workspaces.by_name(desk.organization.id, "prod")
    assert workspace is not None
    services.workspaces.change(workspace.id, {"engine": engine, "engine_version": version})

    said = terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert f"{SPOKEN[engine]} v{version}" in said.text
    assert terminal.run("output", "-no-color", "-raw", "name").ok().text == name
    first = services.states.current(workspace.id)
    assert first is not None
    assert first.run_id == services.runs.of_workspace(workspace.id)[0].id

    terminal.write(declared, NAME.replace("hello", "bye"))
    assert '"hello" -> "bye"' in terminal.run("plan", "-no-color").ok().text
    assert services.states.current(workspace.id) == first
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert terminal.run("output", "-no-color", "-raw", "greeting").ok().text == "bye"
    second = services.states.current(workspace.id)
    assert second is not None
    assert (second.lineage, second.serial > first.serial) == (first.lineage, True)

    terminal.run("destroy", "-no-color", "-auto-approve").ok()
    assert terminal.run("output", "-no-color", "-json").ok().text.strip() == "{}"


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
