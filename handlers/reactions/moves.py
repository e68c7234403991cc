"""How does a run move? Table, row, timeline and reports, in one transaction."""

from dataclasses import replace
from typing import Any

from bot.errors import Refused
from bot.run import Run, RunStatus
from bot.run_machine import IllegalMove, RunEvent, advance
from handlers.jobs import Job, Verb
from handlers.reactions.holds import give_hold_back
from handlers.reactions.notifying import note_step
from handlers.reactions.outdated import QUIET_FOR, lost_its_state
from handlers.reactions.reports import report
from handlers.services import Services


def move(
    services: Services, run: Run, event: RunEvent, text: str, *, actor: str = "", **changes: Any
) -> tuple[Run, list[Job]]:
    """Move a run and tell of it. `changes` are further fields of the run, saved with the move.

    Raises Refused if the table has no way, and RunMoved if somebody else moved it first.
    """
    after = advance(run, event, services.now())
    if isinstance(after, IllegalMove):
        raise Refused(after.reason)
    after = replace(after, **changes)
    with services.records.write():
        services.runs.move(run, after)
        services.timeline.add(run.id, text, actor)
        jobs = report(services, after) + note_step(services, after, actor)
        if after.is_final:
            jobs += [Job(Verb.WORK_QUEUE, after.workspace_id), *give_hold_back(services, after)]
        jobs += _follow_up(services, after, event)
    return after, jobs


def _follow_up(services: Services, run: Run, event: RunEvent) -> list[Job]:
    """An apply that ended, however it did, may have changed the state that other plans were made on.

    A plan that was being made meanwhile is out of date as soon as it is there. One that was approved, and whose apply
    is refused before it began because the state has moved, leaves its pull request without a plan.
    """
    if run.is_final and RunStatus.APPLYING.value in run.times:
        services.runs.owe_follow_up(run.id)
        return [Job(Verb.STAGE_ENDED, run.id)]
    if event is RunEvent.APPLY_REFUSED and lost_its_state(services, run):
        services.runs.owe_follow_up(run.id)
        return [Job(Verb.STAGE_ENDED, run.id, delay_seconds=QUIET_FOR.total_seconds())]
    if run.status is RunStatus.PLANNED_AND_SAVED and services.runs.outdated(run.workspace_id):
        return [Job(Verb.PLAN_AGAIN, run.workspace_id)]
    return []
