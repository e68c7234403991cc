"""Somebody sets up a folder with the real `terraform`: by name, by tags, by project; and looks after workspaces."""

from pathlib import Path

from tests.clients.conftest import Desk
from tests.fakes.terraform_cli import Terminal


def test_a_missing_workspace_is_made_and_a_known_one_is_found(desk: Desk) -> None:
    said = desk.terminal.run("init", "-no-color").ok()
    assert "has been successfully initialized!" in said.text
    assert "prod" in desk.terminal.run("workspace", "show").ok().text
    assert "has been successfully initialized!" in desk.terminal.run("init", "-no-color").ok().text


def test_an_unknown_organization_is_said_to_be_unknown(desk: Desk) -> None:
    desk.terminal.write(desk.terminal.cloud("nobody", 'name = "prod"'))
    said = desk.terminal.run("init", "-no-color")
    assert said.code == 1
    assert 'organization "nobody"' in said.text


def test_a_wrong_token_is_said_to_be_wrong(desk: Desk, tmp_path: Path) -> None:
    stranger = Terminal(desk.server, "wrong.runlock.token", tmp_path / "stranger")
    stranger.write(stranger.cloud(desk.organization.name, 'name = "prod"'))
    said = stranger.run("init", "-no-color")
    assert said.code == 1
    assert "unauthorized" in said.text.lower()


def test_workspaces_by_tags_are_made_listed_and_selected(desk: Desk) -> None:
    terminal = desk.terminal
    terminal.write(terminal.cloud(desk.organization.name, 'tags = ["app", "eu"]'))
    terminal.run("init", "-no-color", answer="blue\n").ok()
    terminal.run("workspace", "new", "-no-color", "green").ok()
    said = terminal.run("workspace", "list", "-no-color").ok()
    assert "blue" in said.text
    assert "green" in said.text
    terminal.run("workspace", "select", "-no-color", "blue").ok()
    assert terminal.run("workspace", "show", "-no-color").ok().text.strip() == "blue"
    terminal.run("workspace", "delete", "-no-color", "green").ok()
    assert "green" not in terminal.run("workspace", "list", "-no-color").ok().text


def test_a_workspace_chosen_by_the_environment(desk: Desk) -> None:
    terminal = desk.terminal
    terminal.write(terminal.cloud(desk.organization.name, 'tags = ["app"]'))
    terminal.run("init", "-no-color", answer="blue\n").ok()
    terminal.run("workspace", "new", "-no-color", "green").ok()
    terminal.run("workspace", "select", "-no-color", "blue").ok()
    terminal.run("apply", "-no-color", "-auto-approve", TF_WORKSPACE="green").ok()
    services = desk.server.services
    found = services.workspaces.of_organization(desk.organization.id)
    assert {each.name: len(services.runs.of_workspace(each.id)) for each in found} == {"blue": 0, "green": 1}


def test_workspaces_by_keys_and_values(desk: Desk) -> None:
    terminal = desk.terminal
    terminal.write(terminal.cloud(desk.organization.name, 'tags = { team = "net", tier = "1" }'))
    terminal.run("init", "-no-color", answer="keyed\n").ok()
    assert "keyed" in terminal.run("workspace", "list", "-no-color").ok().text


def test_a_project_is_made_with_its_workspace(desk: Desk) -> None:
    terminal = desk.terminal
    terminal.write(terminal.cloud(desk.organization.name, 'project = "payments"\n    name = "ledger"'))
    terminal.run("init", "-no-color").ok()
    terminal.run("plan", "-no-color").ok()


def test_the_remote_backend_by_name(desk: Desk) -> None:
    terminal = desk.terminal
    terminal.write(terminal.remote(desk.organization.name, 'name = "old-style"'))
    terminal.run("init", "-no-color").ok()
    assert "Plan: 2 to add" in terminal.run("plan", "-no-color").ok().text
    said = terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert "Apply complete! Resources: 2 added" in said.text
    assert terminal.run("output", "-no-color", "-raw", "greeting").ok().text == "hello"


def test_the_remote_backend_by_prefix(desk: Desk) -> None:
    terminal = desk.terminal
    terminal.write(terminal.remote(desk.organization.name, 'prefix = "app-"'))
    terminal.run("init", "-no-color", answer="\n")
    terminal.run("workspace", "new", "-no-color", "dev").ok()
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert "dev" in terminal.run("workspace", "list", "-no-color").ok().text
    workspace = desk.server.services.workspaces.by_name(desk.organization.id, "app-dev")
    assert workspace is not None


def test_local_execution_keeps_only_the_state_here(ready_desk: Desk) -> None:
    services, terminal = ready_desk.server.services, ready_desk.terminal
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    services.workspaces.change(workspace.id, {"execution_mode": "local"})

    said = terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert "Apply complete! Resources: 2 added" in said.text
    assert services.runs.of_workspace(workspace.id) == []
    assert terminal.state()["serial"] >= 1
    assert terminal.run("destroy", "-no-color", "-auto-approve").ok()


def test_a_console_and_an_import(ready_desk: Desk) -> None:
    terminal = ready_desk.terminal
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert '"hello"' in terminal.run("console", "-no-color", answer="terraform_data.one.output\n").ok().text
    terminal.run("state", "rm", "-no-color", "terraform_data.two").ok()
    said = terminal.run("import", "-no-color", "terraform_data.two", "0123-4567").ok()
    assert "Import successful!" in said.text
    assert "terraform_data.two" in terminal.run("state", "list", "-no-color").ok().text


def test_a_structured_log_is_drawn_by_the_client(ready_desk: Desk) -> None:
    services, terminal = ready_desk.server.services, ready_desk.terminal
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    services.workspaces.change(workspace.id, {"structured_run_output": True})

    said = terminal.run("apply", "-no-color", answer="yes\n").ok()
    assert "# terraform_data.one will be created" in said.text
    assert "Plan: 2 to add, 0 to change, 0 to destroy." in said.text
    assert "Apply complete! Resources: 2 added" in said.text
    assert '"@level"' not in said.text
