"""Does a change of a state leave plans behind that are to be made again? Asked at the write and when a lock comes off.

What is to be done stands in the rows: a plan that a pull request keeps, on another state than its workspace's current
one. So the write notes nothing, and a nudge that is lost is one that the sweep gives. A plan that was approved is
refused when the queue is worked next, or at its turn; then its pull request is owed another one (`follow_ups`).
"""

from datetime import timedelta

from bot.ids import WorkspaceId
from bot.run import Run, RunKind, RunStatus
from handlers.jobs import Job, Verb
from handlers.services import Services

# People who move things about in a state do so several times in a row. They'd rather have one plan of the end of it.
QUIET_FOR = timedelta(seconds=5)


def nudge_outdated(services: Services, workspace_id: WorkspaceId) -> list[Job]:
    """To be returned after somebody has written the state, or unlocked it. Under a lock, more is coming."""
    if services.workspaces.get(workspace_id).is_locked or not services.runs.outdated(workspace_id):
        return []
    return [Job(Verb.PLAN_AGAIN, workspace_id, delay_seconds=QUIET_FOR.total_seconds())]


def lost_its_state(services: Services, run: Run) -> bool:
    """Whether this plan's apply is to be refused because the state moved, and its pull request still wants a plan."""
    if run.kind is not RunKind.SAVED_PLAN or run.pull_number is None or run.repository_id is None:
        return False
    if RunStatus.APPLYING.value in run.times or is_of_current_state(services, run):
        return False
    pull = services.pulls.find(run.repository_id, run.pull_number)
    return pull is not None and pull.is_open and pull.head_sha == run.commit_sha


def is_of_current_state(services: Services, run: Run) -> bool:
    return services.workspaces.get(run.workspace_id).current_state_version_id == run.planned_on


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
