"""People who use Runlock as a plain `http` backend, with locks, and a token of theirs as the password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from storage.tokens import TokenKind
from tests.fakes.live_server import LiveServer
from tests.fakes.terraform_cli import CONFIGURATION, Running, Terminal

ENGINES = Path(__file__).parents[2] / ".venv/engines/terraform"
OUTPUTS_ONLY = """
variable "greeting" {
  default = "hello"
}
output "greeting" {
  value = var.greeting
}
"""


class Team:
    """Two owners of one organization, each with a terminal in front of the same state."""

    def __init__(self, server: LiveServer, folder: Path, name: str, binary: str = "terraform") -> None:
        services = server.services
        self.server = server
        organization, _, token = server.organization(name)
        grace = services.people.add_user(f"{name}-grace", "grace@acme.test")
        services.people.make_owner(organization.id, grace.id)
        self.workspace = services.workspaces.add(organization.id, "prod")
        self.url = f"{server.address}/api/http-state/{name}/prod"
        self.ada = self._terminal(token, folder / "ada", binary)
        self.grace = self._terminal(services.tokens.give(TokenKind.USER, grace.id, "x"), folder / "grace", binary)

    def _terminal(self, token: str, folder: Path, binary: str) -> Terminal:
        terminal = Terminal(self.server, token, folder, binary)
        terminal.write('backend "http" {}', CONFIGURATION if binary == "terraform" else OUTPUTS_ONLY)
        names = dict.fromkeys(("ADDRESS", "LOCK_ADDRESS", "UNLOCK_ADDRESS"), self.url)
        settings = {**names, "USERNAME": "anybody", "PASSWORD": token, "RETRY_MAX": "0"}
        terminal.environment.update({f"TF_HTTP_{name}": value for name, value in settings.items()})
        terminal.run("init", "-no-color").ok()
        return terminal

    def states(self) -> int:
        return len(self.server.services.states.of_workspace(self.workspace.id))


@pytest.fixture
def team(server: LiveServer, tmp_path: Path) -> Team:
    return Team(server, tmp_path, name_from(tmp_path))


def name_from(folder: Path) -> str:
    """An organization's name that no other test takes."""
    return f"http-{folder.name}"[:60].replace("_", "-")


def waiting_apply(terminal: Terminal, greeting: str) -> Running:
    running = terminal.start("apply", "-no-color", "-var", f"greeting={greeting}")
    running.wait_for("Enter a value:")
    return running


@pytest.mark.parametrize("binary", ["terraform", str(ENGINES / "1.0.3/terraform")], ids=["1.11", "1.0.3"])
def test_one_works_while_the_other_waits(server: LiveServer, tmp_path: Path, binary: str) -> None:
    team = Team(server, tmp_path, name_from(tmp_path), binary)
    applying = waiting_apply(team.ada, "ada")
    refused = team.grace.run("apply", "-no-color", "-auto-approve", "-var", "greeting=grace")
    assert refused.code == 1
    assert "Error acquiring the state lock" in refused.text
    assert team.server.services.workspaces.get(team.workspace.id).lock_id in refused.text
    applying.type("yes")
    applying.end().ok()
    team.grace.run("plan", "-no-color", "-lock-timeout=5s").ok()
    current = server.services.states.current(team.workspace.id)
    assert current is not None
    assert [each.value for each in server.services.states.outputs(current) if each.name == "greeting"] == ["ada"]
    assert not team.server.services.workspaces.get(team.workspace.id).is_locked


def test_a_lock_that_was_left_is_forced_away(team: Team) -> None:
    applying = waiting_apply(team.ada, "ada")
    lock_id = team.server.services.workspaces.get(team.workspace.id).lock_id
    team.grace.run("force-unlock", "-no-color", "-force", lock_id).ok()
    team.grace.run("apply", "-no-color", "-auto-approve", "-var", "greeting=grace").ok()
    applying.type("yes")
    said = applying.end()
    assert said.code == 1, "what comes without its lock must not be taken"
    assert (team.ada.work / "errored.tfstate").exists()
    assert team.grace.state()["outputs"]["greeting"]["value"] == "grace"


def test_a_lock_of_ones_own_that_was_taken_anew(team: Team) -> None:
    """The same person at two terminals: a write under the lock that is gone is refused."""
    applying = waiting_apply(team.ada, "first")
    services = team.server.services
    services.workspaces.unlock(team.workspace.id)
    other = Terminal(team.server, team.ada.token, team.ada.folder / "second")
    other.write('backend "http" {}')
    other.environment.update(team.ada.environment)
    other.run("init", "-no-color").ok()
    second = waiting_apply(other, "second")
    applying.type("yes")
    assert applying.end().code == 1
    second.type("yes")
    second.end().ok()
    assert other.state()["outputs"]["greeting"]["value"] == "second"


def test_without_a_lock_address_people_still_do_not_write_under_anothers_lock(team: Team) -> None:
    for name in ("TF_HTTP_LOCK_ADDRESS", "TF_HTTP_UNLOCK_ADDRESS"):
        del team.grace.environment[name]
    team.grace.run("init", "-no-color", "-reconfigure").ok()
    applying = waiting_apply(team.ada, "ada")
    assert team.grace.run("apply", "-no-color", "-auto-approve", "-var", "greeting=grace").code == 1
    applying.type("yes")
    applying.end().ok()
    assert team.states() == 1


def test_what_a_run_of_the_server_holds_is_shown_to_who_waits(team: Team) -> None:
    team.server.services.workspaces.lock(team.workspace.id, "Runlock", "outcome of run-x unknown")
    refused = team.grace.run("plan", "-no-color")
    assert refused.code == 1
    assert "outcome of run-x unknown" in " ".join(refused.text.split())


def test_a_token_that_ends_in_between(team: Team) -> None:
    applying = waiting_apply(team.ada, "ada")
    team.server.services.records.change(
        "UPDATE tokens SET expires_at = '2020-01-01T00:00:00.000000Z' WHERE description = 'for a test'"
    )
    applying.type("yes")
    said = applying.end()
    assert said.code == 1
    assert (team.ada.work / "errored.tfstate").exists()
    assert team.states() == 0
    refused = team.ada.run("plan", "-no-color")
    assert refused.code == 1
    assert "auth" in refused.text.lower()


def test_locks_by_hand(team: Team) -> None:
    """The wire itself: 423 with the holder's lock, only its id opens it, an empty body forces."""

    def ask(method: str, terminal: Terminal, **more: object) -> requests.Response:
        return requests.request(method, team.url, auth=("x", terminal.token), timeout=10, **more)  # type: ignore[arg-type]

    lock = {"ID": "lock-1", "Operation": "apply", "Who": "ada@desk", "Info": "", "Version": "1", "Path": ""}
    assert ask("UNLOCK", team.ada, json=lock).status_code == 409
    assert ask("LOCK", team.ada, json=lock).status_code == 200
    for terminal in (team.ada, team.grace):
        held = ask("LOCK", terminal, json=lock | {"ID": "lock-2"})
        assert (held.status_code, held.json()["ID"]) == (423, "lock-1")
    assert ask("UNLOCK", team.grace, json=lock).status_code == 423
    assert ask("UNLOCK", team.ada, json=lock | {"ID": "lock-2"}).status_code == 423
    state = b'{"version": 4, "serial": 1, "lineage": "a", "outputs": {}, "resources": []}'
    for terminal, params in ((team.grace, {"ID": "lock-1"}), (team.ada, {"ID": "lock-2"}), (team.ada, {})):
        assert ask("POST", terminal, params=params, data=state).status_code == 423
        assert ask("DELETE", terminal, params=params).status_code == 423
    assert ask("POST", team.ada, params={"ID": "lock-1"}, data=state).status_code == 200
    for bad in (b"", b"[]", b"{}", b'{"ID": 5}', b'{"ID": ""}', b'{"ID": "' + b"x" * 300 + b'"}'):
        assert ask("LOCK", team.grace, data=bad or b" ").status_code == 400
    assert ask("UNLOCK", team.grace, data=b"").status_code == 200
    assert ask("POST", team.ada, params={"ID": "lock-1"}, data=state.replace(b"1", b"2")).status_code == 409
    assert ask("DELETE", team.ada).status_code == 200
    assert ask("GET", team.ada).status_code == 204
    assert team.states() == 1


def test_a_state_beyond_the_limit_is_refused_in_words(team: Team) -> None:
    team.ada.run("apply", "-no-color", "-auto-approve").ok()
    before = team.ada.state()

    def pieces() -> Iterator[bytes]:
        yield json.dumps(before | {"serial": 99}).encode()[:-1] + b', "padding": "'
        for _ in range(200):
            yield b"x" * 1_000_000
        yield b'"}'

    refused = requests.post(team.url, auth=("x", team.ada.token), data=pieces(), timeout=60)
    assert refused.status_code == 413
    assert "100 MB at most (RUNLOCK_LARGEST_STATE_MEGABYTES)" in refused.text
    assert team.ada.state() == before
