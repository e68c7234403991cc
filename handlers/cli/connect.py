"""How is a code host connected?"""

from pathlib import Path
from typing import TextIO

import click

from bot.connection import Provider
from bot.errors import Refused
from bot.messages.escape import one_line
from bot.vcs.git_hook import install_hook
from handlers.cli.common import enqueue, only_organization, organization_option, with_services
from handlers.reactions.joining import change_connection, webhook_url
from handlers.reactions.joining import connect as make_connection
from handlers.services import Services


@click.group()
def connect() -> None:
    """Connect plain Git, GitHub or GitLab, and list the connections."""


@connect.command("git")
@click.argument("path", type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path))
@organization_option
@with_services
def git(services: Services, path: Path, organization: str | None) -> None:
    """Connect a plain repository on this machine: pushes to it are delivered by its post-receive hook."""
    found = only_organization(services, organization)
    known = [c for c in services.connections.all(found.id) if c.provider is Provider.GIT]
    connection = known[0] if known else make_connection(services, found, Provider.GIT, "plain git")
    repository = services.repositories.know(connection.id, services.host(connection).find_repository(str(path)))
    install_hook(Path(repository.clone_url), webhook_url(services, connection), repository.webhook_secret)
    services.repositories.mark_webhook_registered(repository.id)
    click.echo(f"Connected {repository.path} (connection {connection.id}); its post-receive hook is in place.")


@connect.command("github")
@click.option("--url", default="https://github.com", help="The host's own address, for GitHub Enterprise Server.")
@click.option("--token-file", type=click.File(), help="A file with a personal access token.")
@click.option("--app-id", default="", help="A GitHub App's id, instead of a token.")
@click.option("--private-key-file", type=click.File(), help="The App's private key, PEM.")
@click.option("--webhook-secret-file", type=click.File(), help="The App's webhook secret; without, one is made.")
@click.option("--name", default="GitHub", show_default=True, help="What to call the connection.")
@organization_option
@with_services
def github(
    services: Services,
    url: str,
    name: str,
    organization: str | None,
    app_id: str,
    **files: TextIO | None,
) -> None:
    """Connect GitHub by a token or an App. Secrets come from files (- is standard input), never from arguments."""
    found = only_organization(services, organization)
    is_dot_com = url.rstrip("/") == "https://github.com"
    token = _content(files["token_file"])
    key = _content(files["private_key_file"])
    secret = _content(files["webhook_secret_file"])
    if bool(token) == bool(app_id) or bool(app_id) != bool(key):
        raise Refused("give either --token-file, or --app-id with --private-key-file")
    provider = Provider.GITHUB if is_dot_com else Provider.GITHUB_ENTERPRISE
    connection = make_connection(
        services,
        found,
        Provider.GITHUB_APP if app_id else provider,
        name,
        "" if is_dot_com else url,
        token=token,
        app_id=app_id,
        private_key=key,
        app_webhook_secret=secret,
    )
    click.echo(f"Connected GitHub as {connection.id}. Webhook address: {webhook_url(services, connection)}")
    if app_id and not secret:
        click.echo(f"The App's webhook secret, shown this once: {connection.app_webhook_secret}")


@connect.command("gitlab")
@click.option("--url", default="https://gitlab.com", help="The host's own address, for a GitLab of your own.")
@click.option("--token-file", type=click.File(), required=True, help="A file with an access token of scope api.")
@click.option("--name", default="GitLab", show_default=True, help="What to call the connection.")
@organization_option
@with_services
def gitlab(services: Services, url: str, name: str, organization: str | None, token_file: TextIO) -> None:
    """Connect GitLab by an access token. It comes from a file (- is standard input), never from an argument."""
    found = only_organization(services, organization)
    provider = Provider.GITLAB if url.rstrip("/") == "https://gitlab.com" else Provider.GITLAB_ENTERPRISE
    is_dot_com = provider is Provider.GITLAB
    connection = make_connection(services, found, provider, name, "" if is_dot_com else url, token=_content(token_file))
    click.echo(f"Connected GitLab as {connection.id}. Webhook address: {webhook_url(services, connection)}")


@connect.command("renew")
@click.argument("connection_id", metavar="CONNECTION")
@click.option("--token-file", type=click.File(), required=True, help="A file with the new access token.")
@with_services
def renew(services: Services, connection_id: str, token_file: TextIO) -> None:
    """Replace a connection's token, after it has ended or leaked. What could not be told is told now."""
    connection = services.connections.get(connection_id)
    token = _content(token_file)
    if not token:
        raise Refused("the file with the new token is empty")
    enqueue(services, change_connection(services, connection, token=token))
    click.echo(f"{connection.id} has a new token")


@connect.command("list")
@organization_option
@with_services
def list_connections(services: Services, organization: str | None) -> None:
    """The connections, their ids and the addresses for their webhooks."""
    for each in services.connections.all(only_organization(services, organization).id):
        place = each.http_url or "this machine"
        click.echo(
            f"{each.id}  {each.provider.value:<25}  {one_line(each.name)}  {place}  {webhook_url(services, each)}"
        )


def _content(file: TextIO | None) -> str:
    """A secret's text. Raises Refused for a file that holds none, never with what it holds."""
    if file is None:
        return ""
    try:
        content = str(file.read()).strip()
    except UnicodeDecodeError as error:
        raise Refused(f"{file.name} is not a text") from error
    if not content:
        raise Refused(f"{file.name} is empty")
    return content
