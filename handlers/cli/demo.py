"""How does it feel? A push, a plan, an approval and an apply on this machine, with real Git and a real engine."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from bot.run import Run, RunStatus, Stage
from bot.settings import Settings
from handlers.reactions.gathering import log_tail, run_url
from handlers.services import Services, open_services
from storage.tokens import LINK_LIFETIME, TokenKind

FOLDER = Path(".demo")
PATIENCE_SECONDS = 120
CONFIGURATION = """\
terraform {
  required_version = ">= 1.4"
}

variable "greeting" {
  type = string
}

resource "terraform_data" "hello" {
  input = var.greeting
}

output "greeting" {
  value = terraform_data.hello.output
}
"""


@dataclass(frozen=True)
class Theatre:
    """Where the demo plays: its folder and its environment."""

    environment: Mapping[str, str]
    folder: Path

    def runlock(self, *arguments: str) -> None:
        """Run a command as a person would, and show it."""
        click.secho(f"$ {shlex.join(['runlock', *arguments])}", bold=True)
        self._run([sys.executable, "-m", "handlers.cli", *arguments], self.folder)

    def git(self, *arguments: str, where: str = "", show: bool = False) -> None:
        if show:
            click.secho(f"$ {shlex.join(['git', *arguments])}", bold=True)
        self._run(["git", *arguments], self.folder / where, quiet=not show)

    def _run(self, command: list[str], folder: Path, *, quiet: bool = False) -> None:
        output = subprocess.DEVNULL if quiet else None
        spoken = shlex.join(["runlock", *command[3:]] if command[0] == sys.executable else command)
        environment = dict(self.environment)
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, stdout=output, stderr=output, timeout=PATIENCE_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise click.ClickException(f"`{spoken}` did not end within {PATIENCE_SECONDS} s") from error
        if done.returncode:
            raise click.ClickException(f"`{spoken}` failed; see above, and {FOLDER}/serve.log")


@click.command()
@click.option("--keep", is_flag=True, help="Leave the server running.")
def demo(*, keep: bool) -> None:
    """Push, plan, approve, apply, and read the state back. Everything stays under .demo/."""
    began = time.monotonic()
    stage = _prepare()
    settings = Settings.from_environment(stage.environment)
    with _server(stage, settings, keep=keep):
        services = open_services(settings)
        try:
            _play(stage, services, keep=keep)
        finally:
            services.close()
        click.secho(f"\nDone in {time.monotonic() - began:.0f} seconds.", bold=True)
        if keep:
            click.echo(f"The server goes on at {settings.address}; stop it with: kill $(cat {FOLDER}/serve.pid)")


def _prepare() -> Theatre:
    _refuse_while_the_last_one_runs()
    shutil.rmtree(FOLDER, ignore_errors=True)
    folder = FOLDER.resolve()
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    author = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _PERSON.items()}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("RUNLOCK_", "GIT_"))},
        **author,
        "RUNLOCK_DATA": str(folder / "data"),
        "RUNLOCK_ADDRESS": f"http://localhost:{port}",
        "RUNLOCK_PORT": str(port),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    return Theatre(environment, folder)


def _refuse_while_the_last_one_runs() -> None:
    """A demo that was left running works in the folder that this one is about to empty."""
    try:
        pid = int((FOLDER / "serve.pid").read_text())
        command = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return
    if command[1:4] == [b"-m", b"handlers.cli", b"serve"]:
        raise click.ClickException(f"the last demo's server is still running; stop it with: kill {pid}")


_PERSON = {"NAME": "Ada Demo", "EMAIL": "ada@example.com"}


@contextlib.contextmanager
def _server(stage: Theatre, settings: Settings, *, keep: bool) -> Iterator[None]:
    """`runlock serve` in the background, its output in a file."""
    _say("Starting the server: web, worker and one runner, on the embedded default")
    with open(stage.folder / "serve.log", "wb") as output:
        command = [sys.executable, "-m", "handlers.cli", "serve"]
        server = subprocess.Popen(
            command, env=dict(stage.environment), stdout=output, stderr=output, start_new_session=True
        )
    (stage.folder / "serve.pid").write_text(f"{server.pid}\n")
    try:
        _wait_until_ready(f"http://127.0.0.1:{settings.port}/readyz", server)
        yield
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE_SECONDS)


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    raise click.ClickException(f"the server did not start; see {FOLDER}/serve.log")


def _play(stage: Theatre, services: Services, *, keep: bool) -> None:
    _say("An organization, a repository, a workspace, a variable")
    stage.git("init", "--quiet", "--bare", "--initial-branch=main", "infra.git")
    stage.git("clone", "--quiet", "infra.git", "work")
    stage.runlock("init", "--organization", "demo", "--email", "ada@example.com", "--token-file", "token")
    stage.runlock("connect", "git", "infra.git")
    stage.runlock("workspace", "create", "hello", "--repository", "infra.git")
    stage.runlock("var", "set", "hello", "greeting", "Hello from Runlock")
    _say("A person pushes a commit; what Runlock does with it comes back as remote: lines")
    (stage.folder / "work" / "main.tf").write_text(CONFIGURATION)
    stage.git("add", "main.tf", where="work")
    stage.git("commit", "--quiet", "--message", "Say hello", where="work")
    stage.git("push", "origin", "HEAD:main", where="work", show=True)
    _approve(stage, services, keep=keep)


def _approve(stage: Theatre, services: Services, *, keep: bool) -> None:
    run = _wait_for(services, RunStatus.PLANNED)
    _say("The run is locked to its commit and its variables, and waits; this is what would be done")
    stage.runlock("run", "show", run.id)
    _show_log(services, run, Stage.PLAN)
    _say("A person approves: exactly this plan is applied")
    stage.runlock("apply", run.id)
    run = _wait_for(services, RunStatus.APPLIED)
    _show_log(services, run, Stage.APPLY)
    _say("The state, read back from the server")
    token = (stage.folder / "token").read_text().strip()
    click.echo(_read_state(services, token))
    workspace = services.workspaces.get(run.workspace_id)
    click.echo(f"\nThe run: {run_url(services, workspace, run)}")
    if not keep:
        click.echo("To look at it in a browser, leave the server running: DEMO_KEEP=1 make demo")
        return
    owner = services.people.owners(workspace.organization_id)[0]
    link = services.tokens.give(TokenKind.LOGIN_LINK, owner.id, "demo", LINK_LIFETIME)
    click.echo(f"To look at it in a browser: {services.settings.address}/login/{link}")


def _wait_for(services: Services, status: RunStatus) -> Run:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        run = services.runs.recent(limit=1)[0]
        if run.status is status:
            return run
        if run.is_final:
            raise click.ClickException(f"{run.id} became {run.status.value}: {run.error}; see {FOLDER}/serve.log")
        time.sleep(0.1)
    raise click.ClickException(f"no run became {status.value} in {PATIENCE_SECONDS} s; see {FOLDER}/serve.log")


def _show_log(services: Services, run: Run, stage: Stage) -> None:
    job = services.jobs.of_run(run.id, stage)
    if job is not None:
        for line in log_tail(services, job).strip().splitlines()[-18:]:
            click.echo(f"    {line}")


def _read_state(services: Services, token: str) -> str:
    """Over HTTP, as any program with a token would."""
    url = f"http://127.0.0.1:{services.settings.port}/api/http-state/demo/hello"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        state = json.load(answer)
    outputs = ", ".join(f"{name} = {output['value']!r}" for name, output in state["outputs"].items())
    resources = ", ".join(f"{each['type']}.{each['name']}" for each in state["resources"])
    return f"GET {url}\nserial {state['serial']}, resources: {resources}, outputs: {outputs}"


def _say(sentence: str) -> None:
    click.secho(f"\n== {sentence}", fg="cyan", bold=True)
