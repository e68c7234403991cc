"""Which organizations are there, what may they do, and how busy are they?"""

from flask import Response

from bot.access import Needs
from bot.errors import Refused
from bot.organization import check_organization
from bot.run import AT_A_RUNNER, Run, RunKind, RunStatus
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import Resource, nothing, one, paged, resource
from handlers.api.requests import Body, asked, asked_page, read_body
from handlers.api.run_documents import RunDocuments
from storage.people import Organization
from storage.run_filter import RunFilter

_AT_WORK = (RunStatus.PLAN_QUEUED, RunStatus.APPLY_QUEUED, *sorted(AT_A_RUNNER))
_MOST_QUEUED = 1_000  # of the workers' queue; more is not a list that anybody reads


def index(ask: Ask) -> Response:
    found = [o for o in ask.asker.organizations() if asked("q").lower() in o.name.lower()]
    page = asked_page()
    shown = found[page.offset : page.offset + page.size]
    return paged([organization_resource(organization) for organization in shown], page, len(found))


def create(ask: Ask) -> Response:
    """A new organization, owned by whoever made it."""
    name, email = _checked(read_body())
    with ask.services.records.write():
        organization = ask.services.people.add_organization(name, email)
        ask.services.people.make_owner(organization.id, ask.asker.user.id)
    return one(organization_resource(organization), status=201)


def show(ask: Ask, name: str) -> Response:
    return one(organization_resource(ask.asker.organization(name)))


def remove(ask: Ask, name: str) -> Response:
    """Only an empty one: what it holds is not lost by a slip."""
    organization = ask.asker.organization(name)
    with conflicts(), ask.services.records.write():
        if ask.services.workspaces.of_organization(organization.id):
            raise Refused(f"{organization.name} still has workspaces: delete them first")
        if ask.services.connections.all(organization.id):
            raise Refused(f"{organization.name} still has VCS connections: delete them first")
        ask.services.people.remove_organization(organization.id)
    return nothing()


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
        "teams": False,
        "user-limit": None,
    }
    link = f"organizations/{organization.name}/entitlement-set"
    return one(resource("entitlement-sets", organization.id, attributes, link=link))


def capacity(ask: Ask, name: str) -> Response:
    """How many runs the workers have, and how many wait for one."""
    runs = _at_work(ask, ask.asker.organization(name))
    running = sum(run.status in AT_A_RUNNER for run in runs)
    return one(resource("organization-capacity", name, {"pending": len(runs) - running, "running": running}))


def queue(ask: Ask, name: str) -> Response:
    """The workers' queue: what runs, then applies, then plans of normal runs, then the others."""
    runs = sorted(_at_work(ask, ask.asker.organization(name)), key=_turn)
    page = asked_page()
    documents = RunDocuments(ask.services)
    shown = list(enumerate(runs, start=1))[page.offset : page.offset + page.size]
    return paged([documents.resource(run, position=position) for position, run in shown], page, len(runs))


def organization_resource(organization: Organization) -> Resource:
    attributes = {
        "name": organization.name,
        "email": organization.email,
        "external-id": organization.id,
        "created-at": to_text(organization.created_at),
        "collaborator-auth-policy": "password",
        "plan-expired": False,
        "cost-estimation-enabled": False,
        "permissions": {
            "can-create-workspace": True,
            "can-destroy": True,
            "can-manage-vcs-settings": True,
            "can-read-settings": True,
            "can-update": True,
            "can-create-team": False,
            "can-manage-run-tasks": False,
        },
    }
    link = f"organizations/{organization.name}"
    return resource("organizations", organization.name, attributes, link=link)


def _checked(body: Body) -> tuple[str, str]:
    return check_organization(body.text("name"), body.text("email", most=254))


def _at_work(ask: Ask, organization: Organization) -> list[Run]:
    wanted = RunFilter(organization_id=organization.id, statuses=_AT_WORK)
    return ask.services.runs.search(wanted, limit=_MOST_QUEUED)[0]


def _turn(run: Run) -> tuple[bool, bool, bool, int]:
    """As `StageJobs.queued` gives them out."""
    is_normal = run.kind is RunKind.NORMAL
    return (run.status not in AT_A_RUNNER, run.status is not RunStatus.APPLY_QUEUED, not is_normal, run.queue_sequence)


RULES: tuple[Rule, ...] = (
    ("GET", "/organizations", index, Needs.TOKEN),
    ("POST", "/organizations", create, Needs.USER),
    ("GET", "/organizations/<name>", show, Needs.MEMBER),
    ("DELETE", "/organizations/<name>", remove, Needs.OWNER),
    ("GET", "/organizations/<name>/entitlement-set", entitlements, Needs.MEMBER),
    ("GET", "/organizations/<name>/capacity", capacity, Needs.MEMBER),
    ("GET", "/organizations/<name>/runs/queue", queue, Needs.MEMBER),
)
