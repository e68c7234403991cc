"""Who goes next in this workspace? `work_queue` starts whatever may start, and nothing else."""

from enum import IntEnum

from bot.errors import Refused
from bot.ids import WorkspaceId
from bot.run import Run, RunKind, RunStatus, Stage
from bot.run_machine import RunEvent
from bot.run_queue import in_order, next_to_start, plans_outside_queue
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.decisions import refuse_apply, refuse_if_state_moved
from handlers.reactions.moves import move
from handlers.reactions.reports import report
from handlers.services import Services

MOST_TOLD = 10  # of those who wait: the places of the others are read on the page


class Priority(IntEnum):
    """Who gets a free runner first, as in TFE (tfe-contract 1.5)."""

    OTHER_PLAN = 0  # plan-only and saved-plan runs
    NORMAL_PLAN = 1
    APPLY = 2


def work_queue(services: Services, workspace_id: WorkspaceId) -> list[Job]:
    """Start the plans that wait for nothing, and the head of the queue if its turn has come.

    What waits in it approved and can't be applied any more leaves it first, so that whoever waits for that is told.
    Safe to call at any time and twice: it looks at the rows, in one write transaction.
    """
    jobs: list[Job] = []
    with services.records.write():
        workspace = services.workspaces.get(workspace_id)
        runs = services.runs.unfinished(workspace_id)
        jobs += _refuse_outdated(services, workspace, runs)
        if jobs:
            runs = services.runs.unfinished(workspace_id)
        for run in plans_outside_queue(runs):
            jobs += _start_plan(services, run)
        head = _confirmed_head(runs) or next_to_start(runs, locked=workspace.is_locked)
        if head is not None and head.status is RunStatus.CONFIRMED:
            jobs += _start_apply(services, head)
        elif head is not None:
            jobs += _start_plan(services, head)
        if head is not None:
            jobs += _tell_those_behind(services, head, runs)
    return jobs


def _refuse_outdated(services: Services, workspace: Workspace, runs: list[Run]) -> list[Job]:
    """A saved plan that was approved, and whose state has moved while it waited: it is not left to its turn.

    Somebody may sit at a terminal for it, and those before it may wait for people.
    """
    jobs: list[Job] = []
    for run in runs:
        if run.kind is RunKind.SAVED_PLAN and run.status is RunStatus.CONFIRMED:
            try:
                refuse_if_state_moved(run, workspace)
            except Refused as refused:
                jobs += refuse_apply(services, run, workspace, refused)
    return jobs


def _tell_those_behind(services: Services, head: Run, runs: list[Run]) -> list[Job]:
    """The queue has moved: the next ones' places are other places now."""
    behind = [run for run in in_order(runs) if run.id != head.id and not run.holds_workspace]
    return [job for run in behind[:MOST_TOLD] for job in report(services, run)]


def _confirmed_head(runs: list[Run]) -> Run | None:
    """A normal run that was approved: it holds the workspace already, so its turn has come."""
    queue = in_order(runs)
    if queue and queue[0].kind is RunKind.NORMAL and queue[0].status is RunStatus.CONFIRMED:
        return queue[0]
    return None


def _start_plan(services: Services, run: Run) -> list[Job]:
    _, jobs = move(services, run, RunEvent.TURN_REACHED, "waits for a runner to plan it")
    job_id = services.jobs.add(run.id, Stage.PLAN)
    priority = Priority.NORMAL_PLAN if run.kind is RunKind.NORMAL else Priority.OTHER_PLAN
    return [*jobs, Job(Verb.NUDGE_RUNNER, job_id, priority=priority)]


def _start_apply(services: Services, run: Run) -> list[Job]:
    _, jobs = move(services, run, RunEvent.APPLY_TURN_REACHED, "waits for a runner to apply it")
    job_id = services.jobs.add(run.id, Stage.APPLY)
    return [*jobs, Job(Verb.NUDGE_RUNNER, job_id, priority=Priority.APPLY)]
