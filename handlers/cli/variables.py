"""How are variables set from the command line?"""

from typing import TextIO

import click

from bot.manifest import Category
from bot.messages.escape import one_line
from handlers.cli.common import find_workspace, only_organization, organization_option, with_services
from handlers.services import Services


@click.group()
def var() -> None:
    """Set and list a workspace's variables."""


@var.command("set")
@click.argument("workspace")
@click.argument("key")
@click.argument("value", required=False)
@click.option("--value-file", type=click.File(), help="Read the value from a file (- is standard input): for secrets.")
@click.option("--env", is_flag=True, help="An environment variable instead of a Terraform variable.")
@click.option("--hcl", is_flag=True, help="The value is an HCL expression, not text.")
@click.option("--sensitive", is_flag=True, help="Never show the value again.")
@click.option("--description", default="", help="What it is for.")
@organization_option
@with_services
def set_variable(
    services: Services,
    workspace: str,
    key: str,
    value: str | None,
    value_file: TextIO | None,
    organization: str | None,
    *,
    env: bool,
    hcl: bool,
    sensitive: bool,
    description: str,
) -> None:
    """Set a variable. Runs that exist keep the value that they were made with."""
    if (value is None) == (value_file is None):
        raise click.UsageError("give the value, or --value-file")
    text = value if value is not None else str(value_file.read()).rstrip("\n") if value_file else ""
    found = find_workspace(services, only_organization(services, organization), workspace)
    category = Category.ENVIRONMENT if env else Category.TERRAFORM
    services.variables.set(found.id, key, text, category, hcl=hcl, sensitive=sensitive, description=description)
    click.echo(f"{key} is set in {found.name}; it counts for runs that are made from now on")


@var.command("list")
@click.argument("workspace")
@organization_option
@with_services
def list_variables(services: Services, workspace: str, organization: str | None) -> None:
    """The workspace's variables; sensitive values are not shown."""
    found = find_workspace(services, only_organization(services, organization), workspace)
    for each in services.variables.all(found.id):
        value = "(sensitive)" if each.shown_value is None else one_line(each.shown_value)
        click.echo(f"{each.category.value:<9}  {each.key} = {value}{'  (HCL)' if each.hcl else ''}")


@var.command("unset")
@click.argument("workspace")
@click.argument("key")
@click.option("--env", is_flag=True, help="The environment variable of that name, not the Terraform variable.")
@organization_option
@with_services
def unset(services: Services, workspace: str, key: str, organization: str | None, *, env: bool) -> None:
    """Remove a variable."""
    found = find_workspace(services, only_organization(services, organization), workspace)
    category = Category.ENVIRONMENT if env else Category.TERRAFORM
    for each in services.variables.all(found.id):
        if (each.key, each.category) == (key, category):
            services.variables.remove(each.id)
            click.echo(f"{key} is gone from {found.name}")
            return
    raise click.ClickException(f"{found.name} has no {category.value} variable named {key}")
