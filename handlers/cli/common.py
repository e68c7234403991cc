"""What do the commands share? The settings and services of this machine, and an organization."""

import functools
import os
import re
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import click

from bot.errors import NotFound, Refused
from bot.settings import BadSetting, Settings
from bot.workspace import Workspace
from handlers.jobs import Job
from handlers.services import Services, open_services
from handlers.tasks import open_queues
from storage.people import Organization

F = TypeVar("F", bound=Callable[..., Any])
BACKLOG = 1024  # connections that wait to be taken
_MASTER_KEY = re.compile(r"[0-9A-Fa-f]{64}")


def read_settings() -> Settings:
    """The settings of this environment. Raises BadSetting, never with a secret's value."""
    settings = Settings.from_environment(os.environ)
    if settings.secret_key and not _MASTER_KEY.fullmatch(settings.secret_key):
        raise BadSetting("RUNLOCK_SECRET_KEY must be 64 hex digits")
    return settings


def open_here(settings: Settings) -> Services:
    """The services over this machine's data folder. Raises Refused if this user may not use it."""
    try:
        return open_services(settings)
    except OSError as error:
        raise Refused(f"opening the data folder {settings.data.resolve()}: {error.strerror}") from error


def with_services(command: F) -> F:
    """Open the services for a command, and close them after it."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        services = open_here(read_settings())
        try:
            return command(services, *arguments, **options)
        finally:
            services.close()

    return wrapped  # type: ignore[return-value]


def enqueue(services: Services, jobs: list[Job]) -> None:
    """Hand jobs to the running server's consumers."""
    open_queues(services).enqueue(jobs)


def only_organization(services: Services, name: str | None) -> Organization:
    """The named organization, or the only one. Raises Refused when that can't be told."""
    if name:
        found = services.people.organization(name)
        if found is None:
            raise NotFound(f"there is no organization named {name}")
        return found
    known = services.people.organizations()
    if len(known) != 1:
        hint = (
            "runlock init --organization NAME --email EMAIL makes one"
            if not known
            else "say which: --organization NAME"
        )
        raise Refused(f"there are {len(known)} organizations; {hint}")
    return known[0]


def find_workspace(services: Services, organization: Organization, name: str) -> Workspace:
    found = services.workspaces.by_name(organization.id, name)
    if found is None:
        raise NotFound(f"there is no workspace named {name} in {organization.name}")
    return found


organization_option = click.option(
    "--organization", "-o", default=None, help="The organization; needed if there are several."
)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, to be shared: whichever process is free takes the next connection. Raises Refused."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Refused(f"listening on {host} port {port} (RUNLOCK_BIND, RUNLOCK_PORT): {error.strerror}") from error
    return listener
