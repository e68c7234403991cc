"""Which consumer runs which job? The only place, with `bot/runner/loop.py`, that touches Huey.

A task carries a verb and an id. It is a nudge: lost, doubled or late, the rows still say what is to be done.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from bot.ids import WorkspaceId
from bot.runner.loop import nudge, open_queue
from bot.settings import OUTSIDE_QUEUE, REACTIONS_QUEUE, RUNNER_QUEUE
from handlers.jobs import Job, Verb
from handlers.reactions.deliveries import handle_deliveries
from handlers.reactions.find_pulls import find_pulls
from handlers.reactions.notifying import notify
from handlers.reactions.queue import work_queue
from handlers.reactions.reconcile import reconcile
from handlers.reactions.removing import finish_removing
from handlers.reactions.retention import find_unnamed_blobs, forget_old
from handlers.reactions.sending import send
from handlers.reactions.stage_ended import after_stage, plan_again
from handlers.reactions.stages import lose_if_silent
from handlers.reactions.sweep import sweep
from handlers.services import Services

log = structlog.get_logger()

# What talks to a network has a consumer of its own, so that a slow clone or host never starves the queue.
OUTSIDE = frozenset(
    {Verb.HANDLE_DELIVERIES, Verb.SEND, Verb.NOTIFY, Verb.FIND_PULLS, Verb.RECONCILE, Verb.STAGE_ENDED, Verb.PLAN_AGAIN}
    | {Verb.REMOVE_BLOBS, Verb.FIND_UNNAMED_BLOBS}  # they may be in an object store
)


def _remove_blobs(services: Services, _: str) -> list[Job]:
    services.dropped.remove()
    return []


# All verbs but `NUDGE_RUNNER`, which is for `Queues` and the runners.
REACTIONS: Mapping[Verb, Callable[[Services, str], list[Job]]] = {
    Verb.HANDLE_DELIVERIES: handle_deliveries,
    Verb.WORK_QUEUE: lambda services, ident: work_queue(services, WorkspaceId(ident)),
    Verb.STAGE_ENDED: after_stage,
    Verb.PLAN_AGAIN: lambda services, ident: plan_again(services, WorkspaceId(ident)),
    Verb.SEND: send,
    Verb.NOTIFY: notify,
    Verb.FIND_PULLS: find_pulls,
    Verb.RECONCILE: reconcile,
    Verb.LOSE_STAGE: lose_if_silent,
    Verb.REMOVE_WORKSPACE: lambda services, ident: finish_removing(services, WorkspaceId(ident)),
    Verb.FORGET_OLD: lambda services, _: forget_old(services),
    Verb.FIND_UNNAMED_BLOBS: lambda services, _: find_unnamed_blobs(services),
    Verb.REMOVE_BLOBS: _remove_blobs,
    Verb.SWEEP: sweep,
}


def perform(services: Services, job: Job) -> list[Job]:
    """Do one job now; the jobs that come next. Nudging a runner is not done here: it is for `Queues`."""
    return [] if job.verb is Verb.NUDGE_RUNNER else REACTIONS[job.verb](services, job.ident)


@dataclass
class Queues:
    """The three queues, and the tasks on two of them (the runners' tasks are in `bot/runner/loop.py`)."""

    reactions: Any
    outside: Any
    runners: Any
    tasks: dict[str, Callable[..., Any]]

    def enqueue(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            if job.verb is Verb.NUDGE_RUNNER:
                nudge(self.runners, job.ident, job.priority)
                continue
            name = OUTSIDE_QUEUE if job.verb in OUTSIDE else REACTIONS_QUEUE
            task = self.tasks[name]
            if job.delay_seconds > 0:
                task.schedule(args=(job.verb.value, job.ident), delay=job.delay_seconds)  # type: ignore[attr-defined]
            else:
                task(job.verb.value, job.ident)


def open_queues(services: Services) -> Queues:
    """Open the queues and register our tasks. The same in every process, so that names match."""
    settings = services.settings
    queues = Queues(
        reactions=open_queue(settings.queue_url(REACTIONS_QUEUE), REACTIONS_QUEUE),
        outside=open_queue(settings.queue_url(OUTSIDE_QUEUE), OUTSIDE_QUEUE),
        runners=open_queue(settings.queue_url(RUNNER_QUEUE), RUNNER_QUEUE),
        tasks={},
    )

    def work(verb: str, ident: str) -> None:
        try:
            queues.enqueue(perform(services, Job(Verb(verb), ident)))
        except Exception:
            # The row still says what is to be done; the sweep will nudge again. Said once, with its traceback.
            log.exception("job failed", verb=verb, ident=ident)

    for name, queue in ((REACTIONS_QUEUE, queues.reactions), (OUTSIDE_QUEUE, queues.outside)):
        queues.tasks[name] = queue.task(name=f"runlock_{name}")(work)
    return queues
