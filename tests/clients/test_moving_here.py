"""Somebody moves a workspace here whose state lay in a file, as docs/move-a-workspace-here.md tells."""

from tests.clients.conftest import Desk
from tests.fakes.terraform_cli import CONFIGURATION


def test_init_takes_a_local_state_along(desk: Desk) -> None:
    terminal = desk.terminal
    terminal.write('backend "local" {}', CONFIGURATION)
    terminal.run("init", "-no-color").ok()
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    before = terminal.state()

    terminal.write(terminal.cloud(desk.organization.name, 'name = "prod"'), CONFIGURATION)
    said = terminal.run("init", "-no-color", answer="yes\n").ok()

    assert "migrat" in said.text
    services = desk.server.services
    workspace = services.workspaces.by_name(desk.organization.id, "prod")
    assert workspace is not None
    assert len(services.states.of_workspace(workspace.id)) == 1
    after = terminal.state()
    assert (after["resources"], after["outputs"]) == (before["resources"], before["outputs"])
    assert terminal.run("plan", "-no-color", "-detailed-exitcode").code == 0
