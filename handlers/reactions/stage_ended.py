"""What follows from an apply's end, beside the queue? Runs elsewhere, plans that are out of date, a merge."""

import structlog

from bot.connection import Repository
from bot.errors import OutsideTrouble
from bot.events import PullAction
from bot.run import Run, RunKind, RunStatus
from bot.workspace import Workflow
from handlers.jobs import Job, Verb
from handlers.reactions.gathering import newest_each
from handlers.reactions.pulls import end_run, look_again, plan_pull
from handlers.reactions.run_triggers import trigger_runs
from handlers.services import Services
from storage.outbox import Channel, pull_lane

log = structlog.get_logger()


def after_apply(services: Services, run_id: str) -> list[Job]:
    """Make the runs that it triggers elsewhere, and plan pull requests again that were planned on another state.

    What the host can't be asked now stays owed, and the sweep comes back for it.
    """
    run = services.runs.get(run_id)
    triggered, is_done = trigger_runs(services, run)
    jobs = [*_want_merge(services, run), *triggered]
    put_off = not is_done
    for other in services.runs.unfinished(run.workspace_id):
        if other.kind is RunKind.SAVED_PLAN and other.status is RunStatus.PLANNED_AND_SAVED:
            try:
                jobs += _plan_again(services, other)
            except OutsideTrouble as trouble:
                put_off = True
                log.warning("an outdated plan is not made again yet", run=other.id, reason=trouble.reason)
    if not put_off:
        services.runs.followed_up(run.id)
    return jobs


def _plan_again(services: Services, stale: Run) -> list[Job]:
    workspace = services.workspaces.get(stale.workspace_id)
    if workspace.current_state_version_id == stale.planned_on or stale.repository_id is None:
        return []
    repository = services.repositories.get(stale.repository_id)
    pull = services.pulls.find(repository.id, stale.pull_number or 0)
    why = f"the state of {workspace.name} has changed; it is planned again"
    if pull is None or not pull.is_open or pull.head_sha != stale.commit_sha:
        return end_run(services, stale, why)
    pull, tracking, facts = look_again(services, repository, pull)
    jobs = end_run(services, stale, why)
    own = [candidate for candidate in tracking if candidate.id == workspace.id]
    key = f"after-{stale.id}"  # one plan again per plan that went out of date
    _, more = plan_pull(services, repository, pull, PullAction.UPDATED, own, facts, key, "Runlock")
    return [*jobs, *more]


def _want_merge(services: Services, run: Run) -> list[Job]:
    """Ask for the merge when every workspace of the pull request has been applied, and all want it."""
    if run.pull_number is None or run.repository_id is None or run.kind is not RunKind.SAVED_PLAN:
        return []
    repository: Repository = services.repositories.get(run.repository_id)
    pull = services.pulls.find(repository.id, run.pull_number)
    if pull is None or not pull.is_open:
        return []
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
