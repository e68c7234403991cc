"""Somebody looks after a state with the real `terraform`: pull, push, mv, rm, output, force-unlock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.workspace import ExecutionMode, Workspace
from storage.state_versions import StateStatus, StateVersion
from tests.clients.conftest import Desk
from tests.fakes.terraform_cli import Terminal

OTHER_LINEAGE = "5f7a8f0e-1111-2222-3333-444455556666"


@pytest.fixture
def local_desk(ready_desk: Desk) -> Desk:
    """Applied by the CLI itself: only its state is kept here."""
    services = ready_desk.server.services
    services.workspaces.change(prod(ready_desk).id, {"execution_mode": ExecutionMode.LOCAL})
    ready_desk.terminal.run("apply", "-no-color", "-auto-approve").ok()
    return ready_desk


def prod(desk: Desk) -> Workspace:
    found = desk.server.services.workspaces.by_name(desk.organization.id, "prod")
    assert found is not None
    return found


def versions(desk: Desk) -> list[StateVersion]:
    return desk.server.services.states.of_workspace(prod(desk).id)


def test_list_show_and_pull(local_desk: Desk) -> None:
    terminal = local_desk.terminal
    assert terminal.run("state", "list", "-no-color").ok().text.split() == ["terraform_data.one", "terraform_data.two"]
    assert '"two"' in terminal.run("state", "show", "-no-color", "terraform_data.two").ok().text
    state = terminal.state()
    assert state["outputs"]["greeting"]["value"] == "hello"
    newest = versions(local_desk)[0]
    assert (state["serial"], state["lineage"]) == (newest.serial, newest.lineage)
    assert newest.engine_version.startswith("1.")
    # Terraform sends the JSON form beside it where it can.
    assert newest.status is StateStatus.FINALIZED


def test_mv_and_rm_make_versions(local_desk: Desk) -> None:
    terminal, before = local_desk.terminal, versions(local_desk)
    terminal.run("state", "mv", "-no-color", "terraform_data.two", "terraform_data.three").ok()
    assert "terraform_data.three" in terminal.run("state", "list", "-no-color").ok().text
    terminal.run("state", "rm", "-no-color", "terraform_data.three").ok()
    assert terminal.run("state", "list", "-no-color").ok().text.split() == ["terraform_data.one"]
    after = versions(local_desk)
    assert len(after) == len(before) + 2
    assert after[0].previous_id == after[1].id
    assert not prod(local_desk).is_locked


def test_taint_and_untaint(local_desk: Desk) -> None:
    terminal = local_desk.terminal
    terminal.run("taint", "-no-color", "terraform_data.two").ok()
    assert "terraform_data.two is tainted, so must be replaced" in terminal.run("plan", "-no-color").ok().text
    terminal.run("untaint", "-no-color", "terraform_data.two").ok()
    assert "No changes." in terminal.run("plan", "-no-color").ok().text
    assert not prod(local_desk).is_locked


def test_push(local_desk: Desk, tmp_path: Path) -> None:
    terminal, state = local_desk.terminal, local_desk.terminal.state()
    file = tmp_path / "pushed.tfstate"

    def push(*flags: str, **changes: Any) -> tuple[int, str]:
        file.write_text(json.dumps(state | changes))
        said = terminal.run("state", "push", "-no-color", *flags, str(file))
        return said.code, said.text

    assert push(serial=state["serial"] - 1)[0] == 1
    assert push(lineage=OTHER_LINEAGE, serial=99)[0] == 1
    assert terminal.state() == state
    changed = state | {"outputs": {"pushed": {"value": "yes", "type": "string"}}}
    assert push(**changed)[0] == 1  # the same serial with another content
    assert push(outputs=changed["outputs"], serial=state["serial"] + 1)[0] == 0
    assert "yes" in terminal.run("output", "-no-color").ok().text
    assert not prod(local_desk).is_locked
    # The cloud block of 1.11 keeps `-force` to itself, so that another lineage is a conflict like any.
    assert push("-force", lineage=OTHER_LINEAGE, serial=1)[0] == 1
    assert terminal.state()["outputs"] == changed["outputs"]


def test_the_remote_backend_pushes_by_force(local_desk: Desk, tmp_path: Path) -> None:
    terminal, file = local_desk.terminal, tmp_path / "pushed.tfstate"
    file.write_text(json.dumps(terminal.state() | {"lineage": OTHER_LINEAGE, "serial": 1}))
    remote = Terminal(local_desk.server, local_desk.token, tmp_path / "remote")
    remote.write(remote.remote(local_desk.organization.name, 'name = "prod"'))
    remote.run("init", "-no-color").ok()
    remote.run("state", "push", "-no-color", "-force", str(file)).ok()
    assert terminal.state()["lineage"] == OTHER_LINEAGE
    assert len(versions(local_desk)) == 2


def test_push_into_an_empty_workspace(ready_desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "pushed.tfstate"
    first = {"version": 4, "serial": 7, "lineage": OTHER_LINEAGE}
    file.write_text(json.dumps(first | {"outputs": {"x": {"value": 1, "type": "number"}}, "resources": []}))
    ready_desk.terminal.run("state", "push", "-no-color", str(file)).ok()
    assert ready_desk.terminal.state()["outputs"] == {"x": {"value": 1, "type": "number"}}


def test_outputs_also_sensitive_ones(local_desk: Desk) -> None:
    terminal = local_desk.terminal
    shown = terminal.run("output", "-no-color").ok().text
    assert 'greeting = "hello"' in shown
    assert "s3cr3t" not in shown
    assert terminal.run("output", "-no-color", "-raw", "secret").ok().text == "s3cr3t-hello"
    assert json.loads(terminal.run("output", "-json").ok().text)["secret"]["value"] == "s3cr3t-hello"


def test_more_outputs_than_a_page_holds(local_desk: Desk) -> None:
    terminal, many = local_desk.terminal, 130
    blocks = "\n".join(f'output "o{number:03}" {{\n  value = {number}\n}}' for number in range(many))
    terminal.write(terminal.cloud(local_desk.organization.name, 'name = "prod"'), blocks)
    terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert len(json.loads(terminal.run("output", "-json").ok().text)) == many


def test_force_unlock_of_somebodys_lock(local_desk: Desk) -> None:
    server, terminal, workspace = local_desk.server, local_desk.terminal, prod(local_desk)
    server.services.workspaces.lock(workspace.id, "grace", "on the phone")
    refused = terminal.run("state", "rm", "-no-color", "terraform_data.two")
    assert refused.code == 1
    assert "terraform_data.two" in terminal.run("state", "list", "-no-color").ok().text
    terminal.run("force-unlock", "-no-color", "-force", workspace.slug).ok()
    terminal.run("state", "rm", "-no-color", "terraform_data.two").ok()


def test_a_lock_that_is_stolen_in_between(local_desk: Desk) -> None:
    """Somebody forces the lock away and takes it while an apply waits for its answer: nothing of theirs is lost."""
    terminal, services = local_desk.terminal, local_desk.server.services
    workspace, before = prod(local_desk), terminal.state()
    applying = terminal.start("apply", "-no-color", "-var", "greeting=stolen")
    applying.wait_for("Enter a value:")
    assert services.workspaces.get(workspace.id).is_locked
    services.workspaces.unlock(workspace.id)
    services.workspaces.lock(workspace.id, "grace", "mine now")
    applying.type("yes")
    said = applying.end()
    assert said.code == 1
    assert "Error saving state: error uploading state: conflict" in said.text
    assert "is locked by User grace" in said.text
    assert (terminal.work / "errored.tfstate").exists()
    current = services.states.current(workspace.id)
    assert current is not None
    assert json.loads(services.states.read(current)) == before
    # What was not saved is pushed once the workspace is one's own again.
    services.workspaces.unlock(workspace.id)
    terminal.run("state", "push", "-no-color", "errored.tfstate").ok()
    assert terminal.state()["outputs"]["greeting"]["value"] == "stolen"


def test_remote_state_of_another_workspace(local_desk: Desk, tmp_path: Path) -> None:
    """`terraform_remote_state` by the `remote` backend, with a person's token."""
    reader = Terminal(local_desk.server, local_desk.token, tmp_path / "reader")
    config = (
        f'hostname = "{local_desk.server.netloc}", organization = "{local_desk.organization.name}", '
        'workspaces = { name = "prod" }'
    )
    source = f'data "terraform_remote_state" "prod" {{\n  backend = "remote"\n  config  = {{ {config} }}\n}}\n'
    reader.write("", source + 'output "seen" {\n  value = data.terraform_remote_state.prod.outputs.greeting\n}\n')
    reader.run("init", "-no-color").ok()
    assert 'seen = "hello"' in reader.run("apply", "-no-color", "-auto-approve").ok().text
