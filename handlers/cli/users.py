"""How are users made, and linked to their accounts at the hosts, from the command line?"""

import click

from bot.errors import NotFound, Refused
from bot.messages.escape import one_line
from bot.organization import check_email, check_username
from handlers.cli.common import only_organization, organization_option, with_services
from handlers.services import Services
from storage.people import User


@click.group()
def user() -> None:
    """Make and list users, and link them to their accounts at the hosts."""


@user.command("add")
@click.argument("name")
@click.option("--email", required=True, help="The person's e-mail address.")
@click.option("--team", "teams", multiple=True, metavar="NAME", help="A team to be in; may be given several times.")
@organization_option
@with_services
def add(services: Services, name: str, email: str, teams: tuple[str, ...], organization: str | None) -> None:
    """Make a user, who is a member of the organization."""
    found = only_organization(services, organization)
    check_username(name)
    check_email(email)
    wanted = []
    for each in teams:
        team = services.teams.by_name(found.id, each)
        if team is None:
            raise NotFound(f"there is no team named {each} in {found.name}")
        wanted.append(team)
    with services.records.write():
        if services.people.user_named(name):
            raise Refused(f"there is a user named {name} already")
        made = services.people.add_user(name, email)
        services.people.join(found.id, made.id)
        for team in wanted:
            services.teams.join(team.id, [made.id])
    click.echo(f"User {made.username} ({made.id}), a member of {found.name}")


@user.command("link")
@click.argument("username")
@click.argument("connection_id", metavar="CONNECTION")
@click.argument("host_user_id", metavar="HOST_USER_ID")
@with_services
def link(services: Services, username: str, connection_id: str, host_user_id: str) -> None:
    """Say that an account at a host is this user's: its comments then need the user's permission too.

    HOST_USER_ID is the host's own number for the account, which stays when the account is renamed: the id that
    GitHub shows at /users/NAME of its API, and GitLab at /users?username=NAME.
    """
    found, connection = _user(services, username), services.connections.get(connection_id)
    if not (host_user_id.isascii() and host_user_id.isdecimal()):
        raise Refused("HOST_USER_ID is the account's number at the host, not its name")
    services.host_accounts.link(connection.id, host_user_id, found.id)
    click.echo(f"Account {host_user_id} at {one_line(connection.name)} is {found.username}'s")


@user.command("unlink")
@click.argument("username")
@click.argument("connection_id", metavar="CONNECTION")
@click.argument("host_user_id", metavar="HOST_USER_ID")
@with_services
def unlink(services: Services, username: str, connection_id: str, host_user_id: str) -> None:
    """Take such a link back: the account's comments then need the role at the host only."""
    found, connection = _user(services, username), services.connections.get(connection_id)
    if not services.host_accounts.unlink(connection.id, host_user_id, found.id):
        raise NotFound(f"account {host_user_id} at {connection.name} is not linked to {found.username}")
    click.echo(f"Account {host_user_id} at {one_line(connection.name)} is nobody's now")


@user.command("site-admin")
@click.argument("who", metavar="EMAIL")
@click.option("--remove", is_flag=True, help="Take it back.")
@with_services
def site_admin(services: Services, who: str, *, remove: bool) -> None:
    """Let a user administer the site: the versions of Terraform that there are. It opens nothing else to them.

    A username does for EMAIL, and has to where several users have the same address.
    """
    found = services.people.users_with_email(who) if "@" in who else [_user(services, who)]
    if len(found) != 1:
        names = ", ".join(each.username for each in found)
        raise Refused(f"{who} is the address of {names}: say which" if names else f"nobody here has the address {who}")
    services.people.make_site_admin(found[0].id, is_one=not remove)
    click.echo(f"{found[0].username} ({one_line(found[0].email)}) {'is no' if remove else 'is a'} site admin")


@user.command("list")
@organization_option
@with_services
def list_users(services: Services, organization: str | None) -> None:
    """The organization's users, their teams, and their accounts at the hosts."""
    found = only_organization(services, organization)
    for membership in services.people.members(found.id):
        each = membership.user
        teams = ",".join(team.name for team in services.teams.of_user(found.id, each.id)) or "-"
        accounts = services.host_accounts.of_user(each.id)
        linked = " ".join(f"{account.connection_id}:{account.host_user_id}" for account in accounts)
        site_admin = "  (site admin)" if each.is_site_admin else ""
        click.echo(f"{each.username:<20}  {one_line(each.email):<30}  {teams:<20}  {linked}".rstrip() + site_admin)


def _user(services: Services, username: str) -> User:
    found = services.people.user_named(username)
    if found is None:
        raise NotFound(f"there is no user named {username}")
    return found
