"""Which organizations are there, what may they do, and how busy are they?"""

from flask import Response

from bot.errors import Refused
from bot.needs import Needs
from bot.organization import check_organization
from bot.run import AT_A_RUNNER, AT_WORK
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import nothing, one, paged, resource
from handlers.api.operations import SEARCH, empties, makes, pages, shows
from handlers.api.organization_documents import organization_resource, organization_resources
from handlers.api.requests import Body, asked, asked_page, read_body
from handlers.api.run_documents import RunDocuments
from storage.run_filter import IN_TURN, RunFilter


@pages("organizations", SEARCH)
def index(ask: Ask) -> Response:
    page = asked_page()
    found, total = ask.asker.organizations(search=asked("q"), limit=page.size, offset=page.offset)
    return paged(organization_resources(ask.asker, found), page, total)


@makes("organizations", takes="organization")
def create(ask: Ask) -> Response:
    """A new organization, owned by whoever made it."""
    name, email = _checked(read_body())
    with ask.services.records.write():
        organization = ask.services.people.add_organization(name, email)
        ask.services.people.make_owner(organization.id, ask.asker.user.id)
    return one(organization_resource(ask.asker, organization), status=201)


@shows("organizations")
def show(ask: Ask, name: str) -> Response:
    return one(organization_resource(ask.asker, ask.asker.organization(name)))


@shows("organizations", takes="organization")
def change(ask: Ask, name: str) -> Response:
    """A new name or address; what isn't given stays. A new name is in every address of the organization."""
    organization, body = ask.asker.organization(name), read_body()
    wanted, email = body.text("name") or organization.name, body.text("email", most=254) or organization.email
    check_organization(wanted, email)
    with ask.services.records.write():
        changed = ask.services.people.change_organization(organization, wanted, email)
    return one(organization_resource(ask.asker, changed))


@empties()
def remove(ask: Ask, name: str) -> Response:
    """Only an empty one: what it holds is not lost by a slip."""
    organization = ask.asker.organization(name)
    with conflicts(), ask.services.records.write():
        if ask.services.workspaces.are_in(organization.id):
            raise Refused(f"{organization.name} still has workspaces: delete them first")
        if ask.services.connections.all(organization.id):
            raise Refused(f"{organization.name} still has VCS connections: delete them first")
        ask.services.people.remove_organization(organization.id)
    return nothing()


@shows("entitlement-sets")
def entitlements(ask: Ask, name: str) -> Response:
    """What is offered. Without `operations` the CLI would run everything on its own machine (tfe-contract 2.2)."""
    organization = ask.asker.organization(name)
    attributes = {
        "operations": True,
        "state-storage": True,
        "vcs-integrations": True,
        "agents": False,
        "audit-logging": False,
        "cost-estimation": False,
        "private-module-registry": False,
        "run-tasks": False,
        "self-serve-billing": False,
        "sentinel": False,
        "sso": False,
        "teams": True,
        "user-limit": None,
    }
    link = f"organizations/{organization.name}/entitlement-set"
    return one(resource("entitlement-sets", organization.id, attributes, link=link))


@shows("organization-capacity")
def capacity(ask: Ask, name: str) -> Response:
    """How many runs the workers have, and how many wait for one."""
    organization = ask.asker.organization(name)
    total, running = (
        ask.services.runs.count(RunFilter(organization_id=organization.id, statuses=sorted(statuses)))
        for statuses in (AT_WORK, AT_A_RUNNER)
    )
    return one(resource("organization-capacity", name, {"pending": total - running, "running": running}))


@pages("runs")
def queue(ask: Ask, name: str) -> Response:
    """The workers' queue: what runs, then applies, then plans of normal runs, then the others.

    What the asker may not see is left out, and so not counted in the places.
    """
    organization = ask.asker.organization(name)
    visible = ask.asker.visible_workspaces(organization.id, with_runs=True)
    wanted = RunFilter(organization_id=organization.id, visible_in=visible, statuses=sorted(AT_WORK))
    page = asked_page()
    runs, total = ask.services.runs.search(wanted, limit=page.size, offset=page.offset, order=IN_TURN)
    documents, shown = RunDocuments(ask.asker, runs), enumerate(runs, start=page.offset + 1)
    return paged([documents.resource(run, position=position) for position, run in shown], page, total)


def _checked(body: Body) -> tuple[str, str]:
    return check_organization(body.text("name"), body.text("email", most=254))


RULES: tuple[Rule, ...] = (
    ("GET", "/organizations", index, Needs.TOKEN),
    ("POST", "/organizations", create, Needs.USER),
    ("GET", "/organizations/<name>", show, Needs.MEMBER),
    ("PATCH", "/organizations/<name>", change, Needs.OWNER),
    ("DELETE", "/organizations/<name>", remove, Needs.OWNER),
    ("GET", "/organizations/<name>/entitlement-set", entitlements, Needs.ENTITLEMENTS),
    ("GET", "/organizations/<name>/capacity", capacity, Needs.MEMBER),
    ("GET", "/organizations/<name>/runs/queue", queue, Needs.MEMBER),
)
