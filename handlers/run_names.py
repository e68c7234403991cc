"""What do a run's engine's names stand for? It goes on using those that its plan began with, and so does its token.

Whoever has such a name by now is not what the run means by it: its own organization and its own workspace are.
"""

from urllib.parse import urlsplit

from bot.ids import OrganizationId
from bot.run import Run
from bot.run_names import RunNames
from bot.workspace import Workspace
from handlers.services import Services
from storage.people import Organization


def names_now(services: Services, workspace: Workspace) -> RunNames:
    """What a plan that begins now will know."""
    return RunNames(
        hostname=urlsplit(services.settings.address).netloc,
        organization=workspace.organization_name,
        workspace=workspace.name,
        project=services.projects.get(workspace.project_id).name,
    )


def names_of(services: Services, run: Run) -> RunNames:
    """What the run's stages know, each of them."""
    return services.jobs.names_of(run.id) or names_now(services, services.workspaces.get(run.workspace_id))


def organization_as_asked(services: Services, run: Run | None, name: str) -> Organization | None:
    """The organization of that name; to a run, its own by the name that it knows. `run`: whose token asks."""
    if run is not None and names_of(services, run).is_organization(name):
        own = services.workspaces.get(run.workspace_id)
        return services.people.organization_by_id(own.organization_id)
    return services.people.organization(name)


def workspace_as_asked(
    services: Services, run: Run | None, organization_id: OrganizationId, name: str
) -> Workspace | None:
    """The workspace of that name in the organization; to a run, its own by the name that it knows."""
    if run is not None and names_of(services, run).is_workspace(name):
        own = services.workspaces.get(run.workspace_id)
        if own.organization_id == organization_id:
            return own
    return services.workspaces.by_name(organization_id, name)
