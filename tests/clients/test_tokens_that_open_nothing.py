"""Somebody comes with a token that is over, or somebody else's: what the real `terraform` then says."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.run import Stage
from storage.tokens import TokenKind
from tests.clients.conftest import Desk
from tests.fakes.terraform_cli import Said, Terminal


def said_to(desk: Desk, token: str, folder: Path) -> Said:
    """What `init` says in front of the workspace `prod` with that token."""
    other = Terminal(desk.server, token, folder)
    other.write(other.cloud(desk.organization.name, 'name = "prod"'))
    return other.run("init", "-no-color")


@pytest.mark.parametrize("stage", list(Stage))
def test_of_a_run_that_is_over(ready_desk: Desk, tmp_path: Path, stage: Stage) -> None:
    ready_desk.terminal.run("apply", "-no-color", "-auto-approve").ok()
    services = ready_desk.server.services
    workspace = services.workspaces.by_name(ready_desk.organization.id, "prod")
    assert workspace is not None
    (run,) = services.runs.of_workspace(workspace.id)
    said = said_to(ready_desk, services.tokens.for_run(run.id, stage), tmp_path / "other")
    assert said.code == 1
    assert "unauthorized" in said.text.lower(), said.text


def test_of_another_organization(ready_desk: Desk, tmp_path: Path) -> None:
    _, _, token = ready_desk.server.organization(f"other-{ready_desk.organization.name}")
    said = said_to(ready_desk, token, tmp_path / "other")
    assert said.code == 1
    assert f'organization "{ready_desk.organization.name}"' in said.text, said.text


def test_that_has_expired(ready_desk: Desk, tmp_path: Path) -> None:
    services = ready_desk.server.services
    asker = services.people.user_named(f"{ready_desk.organization.name}-owner")
    assert asker is not None
    token = services.tokens.give(TokenKind.USER, asker.id, "of yesterday", -timedelta(seconds=1))
    said = said_to(ready_desk, token, tmp_path / "other")
    assert said.code == 1
    assert "unauthorized" in said.text.lower(), said.text
