"""Somebody imports what exists and has the configuration for it generated, with the real `terraform`."""

from tests.clients.conftest import Desk

IMPORT = """
import {
  to = terraform_data.found
  id = "made-elsewhere"
}
"""


def test_the_configuration_of_what_is_imported_is_written_here(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    (terminal.work / "import.tf").write_text(IMPORT)
    said = terminal.run("plan", "-no-color", "-generate-config-out=found.tf").ok()
    assert "1 to import" in said.text
    written = (terminal.work / "found.tf").read_text()
    assert 'resource "terraform_data" "found"' in written

    said = terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert "Apply complete! Resources: 1 imported" in said.text
    assert "terraform_data.found" in terminal.run("state", "list").ok().text


def test_without_it_the_plan_says_what_is_missing(ready_desk: Desk) -> None:
    (ready_desk.terminal.work / "import.tf").write_text(IMPORT)
    said = ready_desk.terminal.run("plan", "-no-color")
    assert said.code == 1
    assert "Configuration for import target does not exist" in said.text


def test_the_plan_says_that_it_generated_something(ready_desk: Desk) -> None:
    (ready_desk.terminal.work / "import.tf").write_text(IMPORT)
    ready_desk.terminal.run("plan", "-no-color", "-generate-config-out=found.tf").ok()
    services = ready_desk.server.services
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    (run,) = services.runs.of_workspace(workspace.id)
    assert run.summary is not None
    assert run.summary.generated_configuration
