"""What follows from an apply's end, or a person's write, beside the queue? Runs elsewhere, plans again, a merge."""

import structlog

from bot.errors import OutsideTrouble
from bot.events import HostUser, PullAction
from bot.ids import RepositoryId, WorkspaceId
from bot.run import Run, RunKind, RunStatus
from bot.workspace import Workflow
from handlers.jobs import Job, Verb
from handlers.reactions.gathering import newest_each
from handlers.reactions.outdated import is_of_current_state, is_quiet
from handlers.reactions.pulls import end_run, look_again, plan_pull
from handlers.reactions.run_triggers import trigger_runs
from handlers.services import Services
from storage.outbox import Channel, pull_lane

log = structlog.get_logger()

OURSELVES = HostUser("", "Runlock")


def after_stage(services: Services, run_id: str) -> list[Job]:
    """Make the runs that an apply triggers elsewhere, and plan again what was planned on another state.

    What the host can't be asked now stays owed, and the sweep comes back for it.
    """
    run = services.runs.get(run_id)
    if RunStatus.APPLYING.value not in run.times:
        return _finish_replacing(services, run)
    triggered, is_done = trigger_runs(services, run)
    jobs = [*_want_merge(services, run), *triggered]
    if is_done:
        services.runs.followed_up(run.id)  # what is out of date stands in the rows by itself
    return [*jobs, *plan_again(services, run.workspace_id)]


def plan_again(services: Services, workspace_id: WorkspaceId) -> list[Job]:
    """Make the plans anew that pull requests keep and that were made on another state than the workspace has now.

    One that somebody keeps without a pull request is given up: it can't be applied any more, nor does it hold anything.
    Those that are being made are looked at when they are there.
    """
    if not is_quiet(services, workspace_id) or services.leaving.has(workspace_id):
        return []
    jobs: list[Job] = []
    for run in services.runs.outdated(workspace_id):
        if run.status is RunStatus.PLANNED_AND_SAVED:
            jobs += _replace(services, run)
    return jobs


def _finish_replacing(services: Services, ended: Run) -> list[Job]:
    """A plan that was ended as out of date, and whose successor was not made in the same breath.

    Or one that was approved and whose apply was refused: its successor waits until the state stays as it is, and is
    not made if the state is again the one that was planned on.
    """
    later = services.runs.of_pull(RepositoryId(ended.repository_id or ""), ended.pull_number or 0)
    if any(r.workspace_id == ended.workspace_id and r.queue_sequence > ended.queue_sequence for r in later):
        services.runs.followed_up(ended.id)  # made, or somebody had another one made meanwhile
        return []
    if ended.status is RunStatus.ERRORED:
        if not is_quiet(services, ended.workspace_id):
            return []  # the sweep comes back for it
        if is_of_current_state(services, ended):
            services.runs.followed_up(ended.id)
            return []
    return _replace(services, ended)


def _replace(services: Services, stale: Run) -> list[Job]:
    try:
        return _end_and_plan(services, stale)
    except OutsideTrouble as trouble:
        log.warning("an outdated plan is not made again yet", run=stale.id, reason=trouble.reason)
        return []


def _end_and_plan(services: Services, stale: Run) -> list[Job]:
    """Raises OutsideTrouble, before or after the old plan was ended."""
    workspace = services.workspaces.get(stale.workspace_id)
    if stale.pull_number is None:  # `plan -out`: its maker alone knows whether another one is wanted
        return end_run(services, stale, f"the state of {workspace.name} has changed: make another plan")
    repository = services.repositories.get(RepositoryId(stale.repository_id or ""))
    pull = services.pulls.find(repository.id, stale.pull_number)
    changed = f"the state of {workspace.name} has changed"
    if pull is None or not pull.is_open or pull.head_sha != stale.commit_sha:
        services.runs.followed_up(stale.id)
        return end_run(services, stale, changed)
    pull, tracking, facts = look_again(services, repository, pull)
    own = [candidate for candidate in tracking if candidate.id == workspace.id]
    with services.records.write():
        jobs = end_run(services, stale, f"{changed}; it is planned again" if own else changed)
        # From here on nothing else tells that its pull request has lost its plan.
        services.runs.owe_follow_up(stale.id)
    key = f"after-{stale.id}"  # one plan again per plan that went out of date
    _, more = plan_pull(services, repository, pull, PullAction.UPDATED, own, facts, key, OURSELVES)
    services.runs.followed_up(stale.id)
    return [*jobs, *more]


def _want_merge(services: Services, run: Run) -> list[Job]:
    """Ask for the merge when every workspace of the pull request has been applied, and all want it."""
    if run.pull_number is None or run.repository_id is None or run.kind is not RunKind.SAVED_PLAN:
        return []
    pull = services.pulls.find(run.repository_id, run.pull_number)
    if pull is None or not pull.is_open:
        return []  # or its connection was removed, and what we knew of its host with it
    repository = services.repositories.get(run.repository_id)
    at_head = [r for r in services.runs.of_pull(repository.id, pull.number) if r.commit_sha == pull.head_sha]
    runs = newest_each(at_head)
    workspaces = [services.workspaces.get(r.workspace_id) for r in runs]
    done = all(r.status in (RunStatus.APPLIED, RunStatus.PLANNED_AND_FINISHED) for r in runs)
    wanted = all(w.auto_merge and w.vcs_workflow is Workflow.APPLY_BEFORE_MERGE for w in workspaces)
    if not runs or not done or not wanted:
        return []
    lane = pull_lane(repository.id, pull.number)
    content = {"pull_number": pull.number, "head_sha": pull.head_sha, "run_ids": [r.id for r in runs]}
    services.outbox.want(repository.connection_id, repository.id, lane, Channel.MERGE, pull.head_sha, content)
    return [Job(Verb.SEND, lane)]
