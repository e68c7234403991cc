"""The seed's own engine, Terraform 0.11.11, with the backend of its days."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from bot.workspace import Workspace
from tests.fakes.live_server import LiveServer
from tests.fakes.terraform_cli import ATLAS_READER, Terminal

ENGINE = Path(__file__).parents[2] / ".venv/engines/terraform/0.11.11/terraform"
# Of what 0.11.11 can do without a provider's binary.
CONFIGURATION = """
variable "greeting" {
  default = "hello"
}
output "subnet_id" {
  value = "subnet-${var.greeting}"
}
output "secret" {
  value     = "s3cr3t"
  sensitive = true
}
"""
pytestmark = pytest.mark.engine


class Old:
    """An organization with the workspaces vpc-prod and app, and a terminal of 2018."""

    def __init__(self, server: LiveServer, folder: Path, name: str) -> None:
        services = server.services
        self.server, self.name, self.folder = server, name, folder
        self.organization, _, self.token = server.organization(name)
        self.vpc = services.workspaces.add(self.organization.id, "vpc-prod")
        self.app = services.workspaces.add(self.organization.id, "app")
        self.terminal = self.at(self.vpc, CONFIGURATION)

    def at(self, workspace: Workspace, configuration: str) -> Terminal:
        terminal = Terminal(self.server, self.token, self.folder / workspace.name, str(ENGINE))
        terminal.environment.update({"ATLAS_TOKEN": self.token, "ATLAS_ADDRESS": self.server.address})
        terminal.write(f'backend "atlas" {{\n  name = "{workspace.slug}"\n}}', configuration)
        # This engine reads no CLI configuration with a `host` block.
        terminal.environment["TF_CLI_CONFIG_FILE"] = "/dev/null"
        terminal.run("init", "-no-color").ok()
        return terminal

    def url(self, workspace: Workspace) -> str:
        return f"{self.server.address}/api/v1/terraform/state/{workspace.slug}"

    def put(self, workspace: Workspace, raw: bytes, *, token: str = "", run: str = "", md5: str = "") -> int:
        digest = md5 or base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()
        headers = {"X-Atlas-Token": token or self.token, "Content-MD5": digest}
        params = {"atlas_run_id": run}
        return requests.put(self.url(workspace), data=raw, headers=headers, params=params, timeout=10).status_code

    def current(self, workspace: Workspace) -> dict[str, object]:
        version = self.server.services.states.current(workspace.id)
        assert version is not None
        found: dict[str, object] = json.loads(self.server.services.states.read(version))
        return found


@pytest.fixture
def old(server: LiveServer, tmp_path: Path) -> Old:
    return Old(server, tmp_path, f"old-{tmp_path.name}"[:40].replace("_", "-"))


def test_init_apply_and_apply_again(old: Old) -> None:
    first = old.terminal.run("apply", "-no-color", "-auto-approve").ok()
    assert "subnet_id = subnet-hello" in first.text
    assert old.current(old.vpc)["version"] == 3
    old.terminal.run("apply", "-no-color", "-auto-approve", "-var", "greeting=again").ok()
    versions = old.server.services.states.of_workspace(old.vpc.id)
    assert versions[0].serial > versions[-1].serial
    assert len({version.lineage for version in versions}) == 1
    outputs = {output.name: output for output in old.server.services.states.outputs(versions[0])}
    assert outputs["subnet_id"].value == "subnet-again"
    assert outputs["secret"].sensitive


def test_the_seeds_data_source_reads_another_workspace(old: Old) -> None:
    old.terminal.run("apply", "-no-color", "-auto-approve").ok()
    app = old.at(old.app, ATLAS_READER % old.name)
    assert "seen = subnet-hello" in app.run("apply", "-no-color", "-auto-approve").ok().text


def test_a_state_of_another_organization_is_not_there(old: Old, server: LiveServer) -> None:
    old.terminal.run("apply", "-no-color", "-auto-approve").ok()
    _, _, foreign = server.organization(old.name + "-rivals")
    assert requests.get(old.url(old.vpc), headers={"X-Atlas-Token": foreign}, timeout=10).status_code == 404
    assert requests.get(old.url(old.vpc), headers={"X-Atlas-Token": "wrong"}, timeout=10).status_code == 401
    assert requests.get(old.url(old.vpc), timeout=10).status_code == 401


class Between:
    """Stands between an engine and the server, and does something right before the first state is written."""

    def __init__(self, server: LiveServer, before_write: Callable[[], None]) -> None:
        between, todo = self, [before_write]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass_on()

            def do_PUT(self) -> None:
                if todo:
                    todo.pop()()
                self._pass_on()

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                kept = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                answer = requests.request(self.command, server.address + self.path, data=body, headers=kept, timeout=10)
                between.answers.append((self.command, answer.status_code))
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                pass

        self.answers: list[tuple[str, int]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Between:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_who_is_overtaken_keeps_an_errored_state(old: Old) -> None:
    """Somebody else writes between an apply's reading and its writing: 409, and nothing of theirs is lost."""
    old.terminal.run("apply", "-no-color", "-auto-approve").ok()
    overtaking = old.current(old.vpc)
    overtaking["serial"] = int(str(overtaking["serial"])) + 1
    overtaking["modules"][0]["outputs"]["theirs"] = {"sensitive": False, "type": "string", "value": "kept"}  # type: ignore[index]

    def overtake() -> None:
        assert old.put(old.vpc, json.dumps(overtaking).encode()) == 200

    with Between(old.server, overtake) as between:
        old.terminal.environment["ATLAS_ADDRESS"] = between.address
        old.terminal.run("init", "-no-color", "-reconfigure").ok()
        said = old.terminal.run("apply", "-no-color", "-auto-approve", "-var", "greeting=late")
    assert said.code == 1
    assert ("PUT", 409) in between.answers
    assert ("PUT", 200) not in between.answers
    assert (old.terminal.work / "errored.tfstate").exists()
    assert old.current(old.vpc) == overtaking


def test_the_wire(old: Old) -> None:
    def state(serial: int, lineage: str = "lineage-1", **more: object) -> bytes:
        modules = [{"path": ["root"], "outputs": {}, "resources": {}, "depends_on": []}]
        return json.dumps({"version": 3, "serial": serial, "lineage": lineage, "modules": modules, **more}).encode()

    headers = {"X-Atlas-Token": old.token}
    assert requests.get(old.url(old.app), headers=headers, timeout=10).status_code == 204
    assert old.put(old.app, state(1)) == 200
    assert old.put(old.app, state(1)) == 200  # the same again
    assert old.put(old.app, state(1, other=1)) == 409
    assert old.put(old.app, state(0)) == 409
    assert old.put(old.app, state(2, lineage="lineage-2")) == 409
    assert old.put(old.app, state(2), md5=base64.b64encode(b"0" * 16).decode()) == 400
    assert old.put(old.app, state(2), md5="no sum") == 400
    assert old.put(old.app, b"not json") == 400
    assert old.put(old.app, state(2), run="run-nothere") == 400
    old.server.services.workspaces.lock(old.app.id, "grace", "mine")
    assert old.put(old.app, state(2)) == 423
    assert requests.delete(old.url(old.app), headers=headers, timeout=10).status_code == 423
    read = requests.get(old.url(old.app), headers=headers, params={"atlas_run_id": ""}, timeout=10)
    assert read.content == state(1)
    digest = base64.b64encode(hashlib.md5(state(1), usedforsecurity=False).digest()).decode()
    assert read.headers["Content-MD5"] == digest
    old.server.services.workspaces.unlock(old.app.id)
    assert requests.delete(old.url(old.app), headers=headers, timeout=10).status_code == 200
    assert requests.get(old.url(old.app), headers=headers, timeout=10).status_code == 204
    assert len(old.server.services.states.of_workspace(old.app.id)) == 1
