"""A person at a terminal with the real `terraform`: a folder, a CLI configuration that knows our address, a token."""

import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.live_server import LiveServer

PATIENCE_SECONDS = 90
# For Terraform 0.11, as the seed has it ("Accessing state from other workspaces") but for the resource of a provider:
# no address and no token are written down. The organization's name is to be filled in.
ATLAS_READER = """
data "terraform_remote_state" "vpc" {
  backend = "atlas"
  config {
    name = "%s/vpc-prod"
  }
}
output "seen" {
  value = "${data.terraform_remote_state.vpc.subnet_id}"
}
"""
CONFIGURATION = """
variable "greeting" {
  default = "hello"
}
resource "terraform_data" "one" {
  input = var.greeting
}
resource "terraform_data" "two" {
  input = "two"
}
output "greeting" {
  value = terraform_data.one.output
}
output "secret" {
  value     = "s3cr3t-${var.greeting}"
  sensitive = true
}
"""


@dataclass(frozen=True)
class Said:
    """What one command came to; `text` is both of its streams, as a terminal shows them."""

    code: int
    text: str

    def ok(self) -> "Said":
        assert self.code == 0, f"exit code {self.code}:\n{self.text}"
        return self


@dataclass
class Terminal:
    server: LiveServer
    token: str
    folder: Path
    binary: str = "terraform"
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "home").mkdir(exist_ok=True)
        services = dict.fromkeys(("tfe.v2", "tfe.v2.1", "tfe.v2.2", "state.v2"), f"{self.server.address}/api/v2/")
        (self.folder / "cli.tfrc").write_text(
            f'host "{self.server.netloc}" {{\n  services = {_hcl(services)}\n}}\n'
            f'credentials "{self.server.netloc}" {{\n  token = "{self.token}"\n}}\n'
        )

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def write(self, backend: str, configuration: str = CONFIGURATION) -> None:
        """The configuration in the work folder, with a `terraform` block that holds `backend`."""
        self.work.mkdir(exist_ok=True)
        (self.work / "main.tf").write_text(f"terraform {{\n{backend}\n}}\n{configuration}")

    def cloud(self, organization: str, workspaces: str) -> str:
        """A `cloud` block; `workspaces` is what stands in its workspaces block."""
        return (
            f'cloud {{\n  hostname = "{self.server.netloc}"\n  organization = "{organization}"\n'
            f"  workspaces {{\n    {workspaces}\n  }}\n}}"
        )

    def remote(self, organization: str, workspaces: str) -> str:
        return f'backend "remote" {self.cloud(organization, workspaces).removeprefix("cloud ")}'

    def run(self, *arguments: str, answer: str = "", seconds: float = PATIENCE_SECONDS, **extra: str) -> Said:
        done = subprocess.run(
            [self.binary, *arguments],
            cwd=self.work,
            env=self._environment(extra),
            input=answer,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        return Said(done.returncode, done.stdout)

    def start(self, *arguments: str) -> "Running":
        process = subprocess.Popen(
            [self.binary, *arguments],
            cwd=self.work,
            env=self._environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return Running(process)

    def _environment(self, extra: dict[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.folder / "home"),
            "TF_CLI_CONFIG_FILE": str(self.folder / "cli.tfrc"),
            "CHECKPOINT_DISABLE": "1",
            **self.environment,
            **extra,
        }

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("state", "pull").ok().text)
        return found


def _hcl(table: dict[str, str]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in table.items()) + "}"


class Running:
    """A command that is still at it: what it has said so far, and a keyboard."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self._said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        return "".join(self._said)

    def wait_for(self, words: str, seconds: float = PATIENCE_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < deadline, f"{words!r} was never said:\n{self.text}"
            assert self.process.poll() is None or words in self.text, f"it ended without {words!r}:\n{self.text}"
            time.sleep(0.05)

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, seconds: float = PATIENCE_SECONDS) -> Said:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        self.process.stdin.close()
        self.process.stdout.close()
        return Said(code, self.text)

    def _read(self) -> None:
        assert self.process.stdout is not None
        while character := self.process.stdout.read(1):
            self._said.append(character)
