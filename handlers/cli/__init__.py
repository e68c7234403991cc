"""What can be done from the command line? `runlock COMMAND`; each command's module is loaded when it is called.

Loading late keeps `runlock runner` free of everything that remembers: it pulls in `bot/` only.
"""

import importlib
import os
import shutil
from collections.abc import Mapping
from typing import Any

import click

from bot.errors import RunlockError
from handlers.logs import configure_logs

# command → module and the click command in it
COMMANDS: Mapping[str, str] = {
    "serve": "handlers.cli.serve:serve",
    "web": "handlers.cli.web:web",
    "worker": "handlers.cli.worker:worker",
    "runner": "handlers.cli.runner:runner",
    "init": "handlers.cli.setup:init",
    "login-link": "handlers.cli.setup:login_link",
    "user": "handlers.cli.users:user",
    "engine": "handlers.cli.engines:engine",
    "connect": "handlers.cli.connect:connect",
    "workspace": "handlers.cli.workspace:workspace",
    "var": "handlers.cli.variables:var",
    "run": "handlers.cli.runs:run",
    "apply": "handlers.cli.runs:apply",
    "discard": "handlers.cli.runs:discard",
    "cancel": "handlers.cli.runs:cancel",
    "demo": "handlers.cli.demo:demo",
    "replay": "handlers.cli.deliveries:replay",
    "explain": "handlers.cli.deliveries:explain",
    "settings": "handlers.cli.setup:settings",
    "doctor": "handlers.cli.doctor:doctor",
}


# What works where there is no Git: these say that it is missing, or don't need it.
WITHOUT_GIT = frozenset({"doctor", "settings", "runner"})


class LateGroup(click.Group):
    """A group that imports a command's module when the command is asked for, and tells its errors as one sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        if shutil.which("git") is None:
            # Else GitPython can't even be imported, and `runlock --help` would end in its traceback.
            os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name not in WITHOUT_GIT and shutil.which("git") is None:
            raise click.ClickException("Git isn't on PATH: install it; runlock doctor checks the rest")
        return name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RunlockError as error:
            raise click.ClickException(str(error)) from error


@click.command(cls=LateGroup)
@click.version_option(package_name="runlock")
def main() -> None:
    """Runlock runs Terraform and OpenTofu for a team."""
    configure_logs()
