"""Does a change of a state leave plans behind that are to be made again? Asked at the write and when a lock comes off.

What is to be done stands in the rows: a plan that a pull request keeps, on another state than its workspace's current
one. So the write notes nothing, and a nudge that is lost is one that the sweep gives.
"""

from datetime import timedelta

from bot.ids import WorkspaceId
from bot.run import RunStatus
from handlers.jobs import Job, Verb
from handlers.services import Services

# People who move things about in a state do so several times in a row. They'd rather have one plan of the end of it.
QUIET_FOR = timedelta(seconds=5)


def nudge_outdated(services: Services, workspace_id: WorkspaceId) -> list[Job]:
    """To be returned after somebody has written the state, or unlocked it. Under a lock, more is coming."""
    if services.workspaces.get(workspace_id).is_locked or not services.runs.outdated(workspace_id):
        return []
    return [Job(Verb.PLAN_AGAIN, workspace_id, delay_seconds=QUIET_FOR.total_seconds())]


def is_quiet(services: Services, workspace_id: WorkspaceId) -> bool:
    """Whether the state stays as it is for now, as far as one can see.

    Not while it is locked (nothing could be applied either), while a run is applied, or within moments of a person's
    write: each of them is followed by a nudge of its own.
    """
    if services.workspaces.get(workspace_id).is_locked:
        return False
    if any(run.status is RunStatus.APPLYING for run in services.runs.unfinished(workspace_id)):
        return False
    current = services.states.current(workspace_id)
    return current is None or not current.created_by or current.created_at <= services.now() - QUIET_FOR
