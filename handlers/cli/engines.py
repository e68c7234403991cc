"""How does a site admin say from the command line which versions of Terraform there are?"""

from dataclasses import replace

import click

from bot.errors import NotFound, Refused
from bot.messages.escape import one_line
from bot.terraform_version import (
    FIRST_PLATFORM,
    PLATFORMS,
    TerraformVersion,
    check_archive,
    check_archives,
    check_reason,
    check_version,
)
from handlers.cli.common import with_services
from handlers.services import Services

architectures = [arch for _, arch in PLATFORMS]


@click.group()
def engine() -> None:
    """Say which versions of Terraform may be used, and where some are taken from."""


@engine.command("list")
@with_services
def list_versions(services: Services) -> None:
    """The registered versions, the newest first. Any other version may be used as well."""
    usage = services.engine_versions.usage()
    for each in services.engine_versions.all():
        used = usage.get(each.number, 0)
        click.echo(f"{each.version:<20}  {_standing(each):<20}  {used:>6} workspaces  {_places(each)}".rstrip())


@engine.command("add")
@click.argument("version")
@click.option("--url", default="", help="The address of a zip with the binary; needs --sha.")
@click.option("--sha", default="", help="The SHA-256 sum of that zip; a runner takes nothing else.")
@click.option("--arch", type=click.Choice(architectures), default=FIRST_PLATFORM[1], help="Whose binary that is.")
@click.option("--beta", is_flag=True, help="Show it as a beta.")
@with_services
def add(services: Services, version: str, url: str, sha: str, arch: str, *, beta: bool) -> None:
    """Register a version, or the zip for another architecture of one that is registered."""
    if bool(url) != bool(sha):
        raise click.UsageError("--url and --sha belong together")
    written = check_version(version)
    archives = (check_archive(FIRST_PLATFORM[0], arch, url.strip(), sha.strip()),) if url else ()
    candidate = TerraformVersion("", written, services.now(), archives=archives, beta=beta)
    with services.records.write():
        known = services.engine_versions.of_number(candidate.number)
        if known is None:
            made = services.engine_versions.add(candidate)
        else:
            if not archives:
                raise Refused(f"Terraform {known.version} is registered already")
            both = check_archives([*known.archives, *archives])
            made = services.engine_versions.change(known, replace(known, archives=both, beta=known.beta or beta))
    click.echo(f"Terraform {made.version} ({made.id}): {_standing(made)}; {_places(made) or 'taken as any other'}")


@engine.command("disable")
@click.argument("version")
@with_services
def disable(services: Services, version: str) -> None:
    """Let nobody choose a version, and no run begin with it. Runs that were begun with it go on."""
    with services.records.write():
        known = _known(services, version) or services.engine_versions.add(_unknown(services, version))
        made = services.engine_versions.change(known, replace(known, enabled=False))
    used = services.engine_versions.usage().get(made.number, 0)
    waiting = f"; workspaces that are set to it, and can't run now: {used}" if used else ""
    click.echo(f"Terraform {made.version} is disabled{waiting}")


@engine.command("enable")
@click.argument("version")
@with_services
def enable(services: Services, version: str) -> None:
    """Let a version be used again."""
    known = _registered(services, version)
    services.engine_versions.change(known, replace(known, enabled=True))
    click.echo(f"Terraform {known.version} is enabled")


@engine.command("deprecate")
@click.argument("version")
@click.option("--reason", default="", help="What each run with it says besides.")
@click.option("--remove", is_flag=True, help="It is deprecated no more.")
@with_services
def deprecate(services: Services, version: str, reason: str, *, remove: bool) -> None:
    """Let each run with a version say that it should not be used any more."""
    if reason and remove:
        raise click.UsageError("--reason and --remove can't be combined")
    why = check_reason(reason)
    with services.records.write():
        known = _registered(services, version) if remove else _known(services, version)
        known = known or services.engine_versions.add(_unknown(services, version))
        services.engine_versions.change(known, replace(known, deprecated=not remove, deprecated_reason=why))
    click.echo(f"Terraform {known.version} is {'deprecated no more' if remove else 'deprecated'}")


@engine.command("remove")
@click.argument("version")
@with_services
def remove(services: Services, version: str) -> None:
    """Forget a version that no workspace is set to: it is taken as any other then, and may be used."""
    known = _registered(services, version)
    services.engine_versions.remove(known.id)
    click.echo(f"Terraform {known.version} is not registered any more")


def _unknown(services: Services, version: str) -> TerraformVersion:
    """A version of which nothing was said: it is taken as any other."""
    return TerraformVersion("", check_version(version), services.now())


def _known(services: Services, version: str) -> TerraformVersion | None:
    return services.engine_versions.of_number(_unknown(services, version).number)


def _registered(services: Services, version: str) -> TerraformVersion:
    found = _known(services, version)
    if found is None:
        raise NotFound(f"Terraform {version} is not registered; runlock engine list shows what is")
    return found


def _standing(version: TerraformVersion) -> str:
    words = ["enabled" if version.enabled else "disabled"]
    words += ["deprecated"] if version.deprecated else []
    words += ["beta"] if version.beta else []
    return ", ".join(words)


def _places(version: TerraformVersion) -> str:
    return "  ".join(f"{'/'.join(each.platform)}: {one_line(each.url)}" for each in version.archives)
