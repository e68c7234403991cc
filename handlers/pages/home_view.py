"""What does somebody see first? What waits for them, and how each workspace of theirs is, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.run import AWAITING_DECISION, Run
from bot.run_queue import in_order
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.services import Services
from storage.people import Organization
from storage.run_filter import RunFilter
from storage.workspace_filter import WorkspaceFilter

WORKSPACES_PER_PAGE = 100  # of all organizations together
MOST_ORGANIZATIONS = 100  # of one person's; nobody is known to have more
MOST_WAITING = 20  # runs of an organization that wait for approval; the workspaces below show the rest


@dataclass(frozen=True)
class WorkspaceLine:
    workspace: Workspace
    run: Run | None  # the one at the head of its queue, else the latest


@dataclass(frozen=True)
class OrganizationPart:
    organization: Organization
    lines: list[WorkspaceLine]  # those on this page
    total: int  # workspaces that the person may see runs of
    waiting: list[WorkspaceLine]  # for approval, on whatever page its workspace is; told on the first


@dataclass(frozen=True)
class HomeView:
    parts: list[OrganizationPart]
    page: int
    pages: int

    @property
    def shown(self) -> list[OrganizationPart]:
        """Those with something on this page; the first one also tells of organizations that have nothing yet."""
        return [part for part in self.parts if part.lines or (self.page == 1 and not part.total)]

    @property
    def waiting(self) -> list[WorkspaceLine]:
        return [line for part in self.parts for line in part.waiting]


def home_view(services: Services, asker: Asker, page: int) -> HomeView:
    parts, skipped, room = [], (page - 1) * WORKSPACES_PER_PAGE, WORKSPACES_PER_PAGE
    for organization in asker.organizations(limit=MOST_ORGANIZATIONS, offset=0)[0]:
        # The workspaces whose runs the person may see.
        visible = asker.visible_workspaces(organization.id, with_runs=True)
        wanted = WorkspaceFilter(organization.id, visible_to=visible)
        workspaces, total = services.workspaces.search(wanted, limit=room, offset=skipped)
        skipped, room = max(0, skipped - total), room - len(workspaces)
        runs = RunFilter(organization_id=organization.id, visible_in=visible, statuses=sorted(AWAITING_DECISION))
        waiting = _waiting(services, runs) if page == 1 else []
        parts.append(OrganizationPart(organization, _lines(services, workspaces), total, waiting))
    return HomeView(parts, page, max(1, -(-sum(part.total for part in parts) // WORKSPACES_PER_PAGE)))


def _lines(services: Services, workspaces: Sequence[Workspace]) -> list[WorkspaceLine]:
    queues = services.runs.unfinished_of_each([workspace.id for workspace in workspaces])
    latest = services.runs.with_ids([workspace.latest_run_id for workspace in workspaces if workspace.latest_run_id])
    found = []
    for workspace in workspaces:
        queue = in_order(queues.get(workspace.id, []))
        run = queue[0] if queue else latest.get(workspace.latest_run_id) if workspace.latest_run_id else None
        found.append(WorkspaceLine(workspace, run))
    return found


def _waiting(services: Services, wanted: RunFilter) -> list[WorkspaceLine]:
    runs, _ = services.runs.search(wanted, limit=MOST_WAITING)
    workspaces = services.workspaces.with_ids({run.workspace_id for run in runs})
    named = {workspace.id: workspace for workspace in workspaces}
    return [WorkspaceLine(named[run.workspace_id], run) for run in runs if run.workspace_id in named]
