"""What does somebody see first? What waits for them, and how every workspace of theirs is."""

from dataclasses import dataclass

from bot.ids import WorkspaceId
from bot.run import AWAITING_DECISION, Run
from bot.run_queue import in_order
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.services import Services
from storage.people import Organization
from storage.run_filter import RunFilter

MOST_WAITING = 20  # runs that wait for approval; the workspaces below show the rest


@dataclass(frozen=True)
class WorkspaceLine:
    workspace: Workspace
    run: Run | None  # the one at the head of its queue, else the latest


@dataclass(frozen=True)
class OrganizationPart:
    organization: Organization
    lines: list[WorkspaceLine]
    waiting: list[WorkspaceLine]  # for approval


@dataclass(frozen=True)
class HomeView:
    parts: list[OrganizationPart]

    @property
    def waiting(self) -> list[WorkspaceLine]:
        return [line for part in self.parts for line in part.waiting]


def home_view(services: Services, asker: Asker) -> HomeView:
    busy = set(services.runs.workspaces_with_unfinished())
    return HomeView([_part(services, asker, organization, busy) for organization in asker.organizations()])


def _part(services: Services, asker: Asker, organization: Organization, busy: set[WorkspaceId]) -> OrganizationPart:
    """With the workspaces whose runs the person may see."""
    visible = asker.visible_workspaces(organization.id, with_runs=True)
    all_of_them = services.workspaces.of_organization(organization.id)
    workspaces = [workspace for workspace in all_of_them if visible is None or workspace.id in visible]
    lines = [WorkspaceLine(workspace, _current_run(services, workspace, busy)) for workspace in workspaces]
    wanted = RunFilter(organization_id=organization.id, visible_in=visible, statuses=sorted(AWAITING_DECISION))
    named = {workspace.id: workspace for workspace in workspaces}
    runs, _ = services.runs.search(wanted, limit=MOST_WAITING)
    waiting = [WorkspaceLine(named[run.workspace_id], run) for run in runs if run.workspace_id in named]
    return OrganizationPart(organization, lines, waiting)


def _current_run(services: Services, workspace: Workspace, busy: set[WorkspaceId]) -> Run | None:
    queue = in_order(services.runs.unfinished(workspace.id)) if workspace.id in busy else []
    if queue:
        return queue[0]
    return services.runs.find(workspace.latest_run_id) if workspace.latest_run_id else None
