"""How does a workspace go? Marked at once, so that nothing starts in it; then its past in portions; then itself."""

import time

from bot.errors import NotFound, Refused
from bot.ids import RunId, WorkspaceId
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.reports import heads_with_runs, report
from handlers.services import Services


def check_stays(services: Services, workspace: Workspace) -> None:
    """Raises Refused for a workspace that is being removed; in the transaction that begins something in it."""
    if services.leaving.has(workspace.id):
        raise Refused(f"{workspace.name} is being removed")


def finish_removing(services: Services, workspace_id: WorkspaceId) -> list[Job]:
    """Remove what is left of a workspace that is leaving. Twice at once, or after it is gone, does no harm.

    A process that ends in the middle leaves the mark, by which the sweep finds it.
    """
    if not services.leaving.has(workspace_id):
        return []
    try:
        workspace = services.workspaces.get(workspace_id)
    except NotFound:
        return []  # somebody else has finished it at this moment
    # Pull requests that wait for its runs must not wait for ever: they are told in the write that takes the runs.
    at_heads = heads_with_runs(services, workspace)
    _remove_past(services, workspace_id, {run.id for run in at_heads})
    with services.records.write():
        if not services.leaving.has(workspace_id):
            return []  # somebody else has finished it meanwhile
        services.dropped.note_workspace(workspace_id)
        services.workspaces.remove(workspace_id)
        jobs = [job for run in at_heads for job in report(services, run)]
    return [*jobs, Job(Verb.REMOVE_BLOBS)]


def _remove_past(services: Services, workspace_id: WorkspaceId, kept: set[RunId]) -> None:
    began = time.monotonic()
    while services.leaving.remove_some(workspace_id, kept):
        # As long again for others: whoever waits in another process only looks now and then whether it may write.
        time.sleep(time.monotonic() - began)
        began = time.monotonic()
