"""Does a pull request still hold a workspace when its apply came to nothing? Only what has begun can be half done."""

from bot.run import Run, RunKind, RunStatus
from handlers.jobs import Job
from handlers.reactions.reports import report_held
from handlers.services import Services

_ON_THE_WAY = (RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, RunStatus.APPLYING)


def give_hold_back(services: Services, run: Run) -> list[Job]:
    """Free the workspace if the run was approved, and cancelled or refused before its apply began.

    Others would else wait for a pull request that "has applied". Not if another run of that one holds it too.
    """
    if run.kind is not RunKind.SAVED_PLAN or not run.is_final or RunStatus.CONFIRMED.value not in run.times:
        return []
    hold = services.workspaces.hold(run.workspace_id)
    if hold is None or (hold.repository_id, hold.pull_number) != (run.repository_id, run.pull_number):
        return []
    for other in services.runs.of_pull(hold.repository_id, hold.pull_number):
        began_at = other.times.get(RunStatus.APPLYING.value)
        has_begun = began_at is not None and began_at >= hold.since
        if other.workspace_id == run.workspace_id and (has_begun or other.status in _ON_THE_WAY):
            return []
    services.workspaces.free_hold(run.workspace_id)
    return report_held(services, run.workspace_id)
