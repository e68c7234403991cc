"""What can be done from the command line? `runlock COMMAND`; each command's module is loaded when it is called.

Loading late keeps `runlock runner` free of everything that remembers: it pulls in `bot/` only.
"""

import importlib
from collections.abc import Mapping

import click

from handlers.logs import configure_logs

# command → module and the click command in it
COMMANDS: Mapping[str, str] = {
    "serve": "handlers.cli.serve:serve",
    "web": "handlers.cli.processes:web",
    "worker": "handlers.cli.processes:worker",
    "runner": "handlers.cli.runner:runner",
    "init": "handlers.cli.setup:init",
    "login-link": "handlers.cli.setup:login_link",
    "connect": "handlers.cli.connect:connect",
    "workspace": "handlers.cli.workspace:workspace",
    "var": "handlers.cli.variables:var",
    "run": "handlers.cli.runs:run",
    "apply": "handlers.cli.runs:apply",
    "discard": "handlers.cli.runs:discard",
    "demo": "handlers.cli.demo:demo",
    "replay": "handlers.cli.deliveries:replay",
    "explain": "handlers.cli.deliveries:explain",
    "settings": "handlers.cli.setup:settings",
    "doctor": "handlers.cli.doctor:doctor",
}


class LateGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(cls=LateGroup)
@click.version_option(package_name="runlock")
def main() -> None:
    """Runlock runs Terraform and OpenTofu for a team."""
    configure_logs()
