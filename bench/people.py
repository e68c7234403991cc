"""Who is in a database that holds a lot of everything? People, their teams and tokens, other organizations, hosts."""

from bot.connection import Provider
from bot.permissions import Level, access_of
from bot.workspace import Workspace
from handlers.services import Services
from storage.people import Organization
from storage.tokens import TokenKind

PEOPLE, TEAMS, IN_EACH_TEAM = 1_000, 100, 200
ELSEWHERE = 150  # other organizations that the owner is in


def add_people(services: Services, organization: Organization, busiest: Workspace) -> dict[str, str]:
    """A thousand people, and a hundred teams of two hundred of them, which were given the busiest workspace.

    What the arguments of paths are to be.
    """
    ada = services.people.user_named("ada")
    assert ada is not None
    names = {"user_id": ada.id}
    with services.records.write():
        services.people.make_site_admin(ada.id, is_one=True)
        people = [services.people.add_user(f"user-{n:04}", f"user-{n:04}@acme.test") for n in range(PEOPLE)]
        for user in people:
            services.people.join(organization.id, user.id)
        for n in range(TEAMS):
            team = services.teams.add(organization.id, f"team-{n:03}")
            services.teams.join(team.id, [ada.id, *(user.id for user in people[:IN_EACH_TEAM])])
            services.team_access.give(team.id, busiest.id, access_of(Level.READ))
            services.tokens.issue(TokenKind.TEAM, team.id, "", None)
            names["team_id"] = team.id
        for n in range(150):
            services.tokens.issue(TokenKind.USER, ada.id, f"token {n}", None)
            services.tokens.issue(TokenKind.TEAM, names["team_id"], f"token {n}", None)
        for n in range(ELSEWHERE):
            other = services.people.add_organization(f"other-{n:03}", "ops@other.test")
            services.people.make_owner(other.id, ada.id)
    return names | add_connections(services, organization)


def add_connections(services: Services, organization: Organization) -> dict[str, str]:
    with services.records.write():
        for n in range(150):
            made = services.connections.add(
                organization.id,
                Provider.GITHUB,
                name=f"GitHub {n}",
                http_url="https://github.test",
                api_url="https://api.github.test",
                token="t0ken",
            )
    return {"client_id": made.id}
