"""What do the commands share? The services of this machine, an organization, and errors as one sentence."""

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from bot.errors import NotFound, Refused, RunlockError
from bot.settings import Settings
from bot.workspace import Workspace
from handlers.jobs import Job
from handlers.services import Services, open_services
from handlers.tasks import open_queues
from storage.people import Organization

F = TypeVar("F", bound=Callable[..., Any])


def with_services(command: F) -> F:
    """Open the services for a command, and tell what goes wrong on purpose as one sentence."""

    @functools.wraps(command)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        try:
            services = open_services(Settings.from_environment(os.environ))
        except RunlockError as error:
            raise click.ClickException(str(error)) from error
        try:
            return command(services, *arguments, **options)
        except RunlockError as error:
            raise click.ClickException(str(error)) from error
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
