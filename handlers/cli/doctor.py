"""Is everything here that is needed? One line per thing, with what to do about it."""

import os
import shutil
from pathlib import Path

import click

from bot.errors import RunlockError
from bot.runner.sandbox import find_sandbox
from bot.runner.settings import RunnerSettings
from bot.settings import Settings


@click.command()
def doctor() -> None:
    """Check this machine: data folder, Git, engine, sandbox."""
    settings = Settings.from_environment(os.environ)
    problems = [
        _say("data folder", _writable(settings.data), f"{settings.data.resolve()}", "make it writable for this user"),
        _say("git", shutil.which("git") is not None, shutil.which("git") or "", "install Git"),
        _engine(),
        _sandbox(settings),
    ]
    if any(problems):
        raise SystemExit(1)


def _writable(folder: Path) -> bool:
    existing = next(parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.exists())
    return os.access(existing, os.W_OK)


def _engine() -> bool:
    found = shutil.which("terraform") or shutil.which("tofu") or ""
    return _say("engine", bool(found), found, "install terraform or tofu, or let a runner download one")


def _sandbox(settings: Settings) -> bool:
    environment = {**os.environ, "RUNLOCK_RUNNER_POOL_TOKEN": "only looking", "RUNLOCK_DATA": str(settings.data)}
    try:
        find_sandbox(RunnerSettings.from_environment(environment).sandbox)
    except RunlockError as error:
        return _say("sandbox", False, "", str(error))
    return _say("sandbox", True, "bubblewrap works", "")


def _say(what: str, is_well: bool, found: str, remedy: str) -> bool:
    """Print the line; True if there is a problem."""
    click.echo(f"{'ok     ' if is_well else 'PROBLEM'}  {what}: {found if is_well else remedy}")
    return not is_well
