"""How does an installation begin? First organization, first owner, first token, first session."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import click

from bot.errors import Refused
from bot.organization import check_organization, check_username
from bot.settings import described
from handlers.cli.common import only_organization, organization_option, with_services
from handlers.services import Services
from storage.tokens import LINK_LIFETIME, TokenKind


@click.command()
@click.option("--organization", required=True, help="The name of the first organization.")
@click.option("--email", required=True, help="The e-mail address of its first owner.")
@click.option("--user", default=None, metavar="NAME", help="The owner's name; else the address up to its @.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Write the token there instead of showing it.")
@with_services
def init(services: Services, organization: str, email: str, user: str | None, token_file: Path | None) -> None:
    """Make the first organization and its owner; gives a user API token, once."""
    check_organization(organization, email)
    if services.people.organization(organization):
        raise Refused(f"there is an organization named {organization} already")
    username = email.partition("@")[0] if user is None else check_username(user)
    _check_owner(services, username, email)
    with _token_place(token_file) as place:
        token = _first_owner(services, organization, username, email)
        click.echo(f"Organization {organization}, owner {username} ({email}).")
        if place is None:
            click.echo(f"API token, shown this once: {token}")
        else:
            place.write(token + "\n")
            click.echo(f"The API token is in {token_file}.")


@contextlib.contextmanager
def _token_place(token_file: Path | None) -> Iterator[TextIO | None]:
    """The file for the token, opened before there is one, readable for this user only. Raises Refused."""
    if token_file is None:
        yield None
        return
    try:
        handle = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise Refused(f"the token can't be written to {token_file}: {error.strerror}") from error
    with os.fdopen(handle, "w") as file:
        os.fchmod(handle, 0o600)  # it may have been there before
        yield file


def _check_owner(services: Services, username: str, email: str) -> None:
    """Raises Refused for a name that somebody else has: the token would be theirs. The same address is the same one."""
    known = services.people.user_named(username)
    if known is not None and known.email.casefold() != email.casefold():
        raise Refused(f"the user {username} has another address; give this owner another name with --user NAME")


def _first_owner(services: Services, organization: str, username: str, email: str) -> str:
    """Make the organization and its owner; the owner's new token. The site's first user is its admin."""
    with services.records.write():
        _check_owner(services, username, email)
        is_first = not services.people.are_any()
        made = services.people.add_organization(organization, email)
        user = services.people.add_user(username, email)
        if is_first:
            services.people.make_site_admin(user.id, is_one=True)
        services.people.make_owner(made.id, user.id)
        return services.tokens.give(TokenKind.USER, user.id, "made by runlock init")


@click.command("login-link")
@click.option("--user", default=None, help="Whose session; needed if there are several users.")
@organization_option
@with_services
def login_link(services: Services, user: str | None, organization: str | None) -> None:
    """A link that opens one session in a browser, once."""
    found = only_organization(services, organization)
    members = [membership.user for membership in services.people.members(found.id)]
    chosen = [each for each in members if each.username == user] if user else services.people.owners(found.id)
    if len(chosen) != 1:
        names = ", ".join(each.username for each in members)
        raise Refused(f"say whose session with --user NAME: {names}" if names else f"{found.name} has no members")
    token = services.tokens.give(TokenKind.LOGIN_LINK, chosen[0].id, "login link", LINK_LIFETIME)
    minutes = int(LINK_LIFETIME.total_seconds() // 60)
    click.echo(f"{services.settings.address.rstrip('/')}/login/{token}")
    click.echo(f"It works once, within {minutes} minutes.", err=True)


@click.command()
def settings() -> None:
    """List every setting, its default, and what it is for."""
    for name, default, sentence in described():
        click.echo(f"{name}  (default: {default or 'none'})\n    {sentence}")
