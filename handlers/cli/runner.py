"""How does a runner run? It pulls in `bot/` only: no database, no master key, no VCS credential."""

import os

import click

from bot.runner.loop import run_consumer
from bot.runner.settings import RunnerSettings


@click.command()
def runner() -> None:
    """Execute plans and applies of one pool, each in a sandbox."""
    run_consumer(RunnerSettings.from_environment(os.environ))
