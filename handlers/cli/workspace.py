"""How are workspaces made, listed and locked from the command line?"""

import getpass
from pathlib import Path
from typing import Any

import click

from bot.connection import Provider
from bot.errors import Refused
from handlers.cli.common import enqueue, find_workspace, only_organization, organization_option, with_services
from handlers.reactions.decisions import lock as lock_workspace
from handlers.reactions.decisions import unlock as unlock_workspace
from handlers.reactions.joining import VcsChoice, create_workspace
from handlers.services import Services


@click.group()
def workspace() -> None:
    """Make, list, lock and unlock workspaces."""


@workspace.command("create")
@click.argument("name")
@click.option("--repository", default="", help="acme/infra, or the path of a plain repository.")
@click.option("--connection", default=None, help="The connection's id; needed if there are several.")
@click.option("--branch", default="", help="The tracked branch; else the repository's default branch.")
@click.option("--tags-regex", default="", help="Run for tags that match, instead of for pushes.")
@click.option("--working-directory", default="")
@click.option("--trigger-prefix", "trigger_prefixes", multiple=True)
@click.option("--trigger-pattern", "trigger_patterns", multiple=True)
@click.option("--auto-apply", is_flag=True)
@click.option("--engine", type=click.Choice(["terraform", "tofu"]), default="terraform", show_default=True)
@click.option("--engine-version", default="", help="A version or constraint; else whatever is found.")
@click.option(
    "--vcs-workflow", type=click.Choice(["apply-after-merge", "apply-before-merge"]), default="apply-after-merge"
)
@click.option("--apply-permission", type=click.Choice(["write", "maintain", "admin"]), default="write")
@organization_option
@with_services
def create(
    services: Services,
    name: str,
    repository: str,
    connection: str | None,
    organization: str | None,
    **settings: Any,
) -> None:
    """Make a workspace, and let it listen to a repository."""
    found = only_organization(services, organization)
    choice = None
    if repository:
        connections = services.connections.all(found.id)
        chosen = [c for c in connections if connection in (None, c.id)]
        if len(chosen) != 1:
            raise Refused("say which connection with --connection: " + ", ".join(c.id for c in connections))
        is_plain = chosen[0].provider is Provider.GIT
        choice = VcsChoice(chosen[0], str(Path(repository).resolve()) if is_plain else repository)
    made, secret = create_workspace(services, found, name, settings, choice)
    click.echo(f"Workspace {made.slug} ({made.id})")
    if secret and choice and choice.connection.provider is not Provider.GIT:
        click.echo(f"Webhook secret of {repository}, shown this once: {secret}")


@workspace.command("list")
@organization_option
@with_services
def list_workspaces(services: Services, organization: str | None) -> None:
    """The workspaces, and what they are doing."""
    for each in services.workspaces.of_organization(only_organization(services, organization).id):
        latest = services.runs.find(each.latest_run_id) if each.latest_run_id else None
        state = latest.status.value.replace("_", " ") if latest else "no run yet"
        locked = f"  locked by {each.locked_by}: {each.lock_reason}" if each.is_locked else ""
        click.echo(f"{each.name:<30}  {state}{locked}")


@workspace.command("lock")
@click.argument("name")
@click.option("--reason", default="")
@organization_option
@with_services
def lock(services: Services, name: str, reason: str, organization: str | None) -> None:
    """Keep the workspace's runs pending."""
    found = find_workspace(services, only_organization(services, organization), name)
    lock_workspace(services, found.id, getpass.getuser(), reason)
    click.echo(f"{found.name} is locked; its runs stay pending")


@workspace.command("unlock")
@click.argument("name")
@organization_option
@with_services
def unlock(services: Services, name: str, organization: str | None) -> None:
    """Let the queue go on."""
    found = find_workspace(services, only_organization(services, organization), name)
    enqueue(services, unlock_workspace(services, found.id))
    click.echo(f"{found.name} is unlocked")
