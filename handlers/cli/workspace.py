"""How are workspaces made, changed, looked at and locked from the command line?"""

import getpass
from pathlib import Path
from typing import Any

import click

from bot.connection import Provider
from bot.errors import Refused
from bot.messages.escape import one_line
from bot.run_queue import in_order
from bot.workspace import Workspace
from handlers.cli.common import enqueue, find_workspace, only_organization, organization_option, with_services
from handlers.cli.workspace_options import OPTIONS, given_settings, option_name, spoken, workspace_options
from handlers.reactions.decisions import lock as lock_workspace
from handlers.reactions.decisions import unlock as unlock_workspace
from handlers.reactions.joining import VcsChoice, change_workspace, create_workspace, webhook_url
from handlers.services import Services
from storage.people import Organization

repository_option = click.option("--repository", default="", help="acme/infra, or the path of a plain repository.")
connection_option = click.option("--connection", default=None, help="The connection's id; needed if there are several.")


@click.group()
def workspace() -> None:
    """Make, change, show, list, lock and unlock workspaces."""


@workspace.command("create")
@click.argument("name")
@repository_option
@connection_option
@workspace_options
@organization_option
@with_services
def create(
    services: Services,
    name: str,
    repository: str,
    connection: str | None,
    organization: str | None,
    **options: Any,
) -> None:
    """Make a workspace, and let it listen to a repository."""
    found = only_organization(services, organization)
    choice = _choice(services, found, repository, connection)
    made, secret = create_workspace(services, found, name, given_settings(options), choice)
    click.echo(f"Workspace {made.slug} ({made.id})")
    _tell_secret(choice, secret)


@workspace.command("set")
@click.argument("name")
@repository_option
@connection_option
@click.option("--no-repository", is_flag=True, help="Listen to no repository any more.")
@click.option("--rename", default=None, metavar="NAME", help="Give it another name.")
@workspace_options
@organization_option
@with_services
def set_settings(
    services: Services,
    name: str,
    repository: str,
    connection: str | None,
    organization: str | None,
    *,
    no_repository: bool,
    rename: str | None,
    **options: Any,
) -> None:
    """Change a workspace's settings. What is not given stays; runs that exist keep what they are locked to."""
    settings = given_settings(options)
    if not (settings or repository or no_repository or rename is not None):
        raise click.UsageError("say what to set; runlock workspace set --help lists it")
    if repository and no_repository:
        raise click.UsageError("--repository and --no-repository can't be combined")
    found = only_organization(services, organization)
    before = find_workspace(services, found, name)
    choice = _choice(services, found, repository, connection)
    after, secret = change_workspace(
        services, found, before, settings, name=rename, vcs=choice, leave_vcs=no_repository
    )
    for line in _differences(services, before, after) or ["nothing had to be changed"]:
        click.echo(f"{after.name}: {line}")
    _tell_secret(choice, secret)


@workspace.command("show")
@click.argument("name")
@organization_option
@with_services
def show(services: Services, name: str, organization: str | None) -> None:
    """A workspace: what it listens to, its settings, its lock."""
    each = find_workspace(services, only_organization(services, organization), name)
    click.echo(f"{each.slug} ({each.id}): {_doing(services, each)}")
    for fact, value in [*_vcs_facts(services, each), *_settings(each)]:
        click.echo(f"  {fact:<22}  {value}")


@workspace.command("list")
@organization_option
@with_services
def list_workspaces(services: Services, organization: str | None) -> None:
    """The workspaces, and what they are doing."""
    for each in services.workspaces.of_organization(only_organization(services, organization).id):
        click.echo(f"{each.name:<30}  {_doing(services, each)}")


@workspace.command("lock")
@click.argument("name")
@click.option("--reason", default="", help="Why; people read it wherever they wait.")
@organization_option
@with_services
def lock(services: Services, name: str, reason: str, organization: str | None) -> None:
    """Keep the workspace's runs pending."""
    found = find_workspace(services, only_organization(services, organization), name)
    enqueue(services, lock_workspace(services, found.id, getpass.getuser(), reason))
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


def _choice(
    services: Services, organization: Organization, repository: str, connection: str | None
) -> VcsChoice | None:
    """The repository to join, through the named connection or the only one. Raises Refused."""
    if not repository:
        if connection:
            raise Refused("--connection says how a repository is reached: name it with --repository")
        return None
    known = services.connections.all(organization.id)
    if not known:
        raise Refused("there is no connection to a code host; runlock connect makes one")
    chosen = [each for each in known if connection in (None, each.id)]
    if len(chosen) != 1:
        listed = ", ".join(f"{each.id} ({each.name})" for each in known)
        raise Refused(f"say which connection with --connection: {one_line(listed)}")
    is_plain = chosen[0].provider is Provider.GIT
    return VcsChoice(chosen[0], str(Path(repository).resolve()) if is_plain else repository)


def _tell_secret(choice: VcsChoice | None, secret: str) -> None:
    if secret and choice and choice.connection.provider is not Provider.GIT:
        click.echo(f"Webhook secret of {choice.identifier}, shown this once: {secret}")


def _doing(services: Services, each: Workspace) -> str:
    """Its run that is under way, else the newest: those that wait behind it say nothing of how it is."""
    queue = in_order(services.runs.unfinished(each.id))
    latest = services.runs.find(each.latest_run_id) if each.latest_run_id else None
    run = queue[0] if queue else latest
    state = run.status.value.replace("_", " ") if run else "no run yet"
    reason = f": {one_line(each.lock_reason)}" if each.lock_reason else ""
    return f"{state}, locked by {each.locked_by}{reason}" if each.is_locked else state


def _repository(services: Services, each: Workspace) -> str:
    return services.repositories.get(each.repository_id).path if each.repository_id else "none"


def _vcs_facts(services: Services, each: Workspace) -> list[tuple[str, str]]:
    if each.repository_id is None:
        return [("repository", "none")]
    repository = services.repositories.get(each.repository_id)
    connection = services.connections.get(repository.connection_id)
    facts = [
        ("repository", one_line(repository.path)),
        ("default branch", one_line(repository.default_branch) or "unknown"),
        ("connection", f"{connection.id} ({one_line(connection.name)})"),
        ("webhook", webhook_url(services, connection)),
    ]
    if connection.provider is not Provider.GITHUB_APP:
        facts.append(("webhook registered", spoken(repository.webhook_registered)))
    hold = services.workspaces.hold(each.id)
    return [*facts, ("held by", f"pull request #{hold.pull_number}")] if hold else facts


def _settings(each: Workspace) -> list[tuple[str, str]]:
    return [(option_name(setting), spoken(getattr(each, setting))) for setting in OPTIONS]


def _differences(services: Services, before: Workspace, after: Workspace) -> list[str]:
    """What was changed, one line per thing: `auto-apply is yes, was no`."""
    old = dict([("name", before.name), ("repository", _repository(services, before)), *_settings(before)])
    new = dict([("name", after.name), ("repository", _repository(services, after)), *_settings(after)])
    return [f"{name} is {new[name]}, was {old[name]}" for name in new if new[name] != old[name]]
