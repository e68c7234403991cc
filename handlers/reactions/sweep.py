"""What was dropped? Every minute and at every start the rows are looked through, and what waits is nudged again."""

from datetime import timedelta

from handlers.jobs import Job, Verb
from handlers.reactions.find_pulls import ASK_AGAIN_AFTER
from handlers.services import Services

SEARCH_TAKES = timedelta(seconds=sum(ASK_AGAIN_AFTER) + 60)  # after that, nobody looks for the pull request any more

MOST_NUDGED = 50
AT_START = "start"  # the ident of a worker's first sweep


def sweep(services: Services, occasion: str = "") -> list[Job]:
    """Find what no job speaks of any more (invariant 1). Doing it twice, or while all is well, changes nothing.

    `AT_START`: nobody knows how long nobody listened, so every host is asked now, however lately it was asked, and
    no runner is taken for silent before it could speak.
    """
    # Little is done here but looking: one row that can't be dealt with must not keep the others from being found.
    jobs = _give_time(services) if occasion == AT_START else _of_the_silent(services)
    jobs += [Job(Verb.HANDLE_DELIVERIES, lane) for lane in services.inbox.waiting_lanes()]
    jobs += [Job(Verb.WORK_QUEUE, workspace_id) for workspace_id in services.runs.workspaces_with_unfinished()]
    # Those at the front are enough: their own nudges are in the queue, and more would pile up there each minute.
    jobs += [Job(Verb.NUDGE_RUNNER, stage_job.id) for stage_job in services.jobs.queued(limit=MOST_NUDGED)]
    jobs += [Job(Verb.STAGE_ENDED, run_id) for run_id in services.runs.follow_ups()]
    jobs += [Job(Verb.PLAN_AGAIN, workspace_id) for workspace_id in services.runs.workspaces_with_outdated()]
    jobs += [Job(Verb.SEND, lane) for lane in services.outbox.due_lanes()]
    jobs += [Job(Verb.NOTIFY, ident) for ident in services.notifications.due_configurations()]
    last_try = len(ASK_AGAIN_AFTER)
    for repository_id, commit_sha in services.pulls.not_looked_for(services.now() - SEARCH_TAKES):
        jobs.append(Job(Verb.FIND_PULLS, f"{repository_id}/{commit_sha}/{last_try}"))
    patience = 0 if occasion == AT_START else services.settings.reconcile_minutes
    before = services.now() - timedelta(minutes=patience)
    jobs += [Job(Verb.RECONCILE, repository.id) for repository in services.repositories.to_reconcile(before)]
    jobs += [Job(Verb.REMOVE_WORKSPACE, workspace_id) for workspace_id in services.leaving.all()]
    if services.dropped.has_any():
        jobs.append(Job(Verb.REMOVE_BLOBS))
    return [*jobs, Job(Verb.FORGET_OLD)]


def _of_the_silent(services: Services) -> list[Job]:
    return [Job(Verb.LOSE_STAGE, stage_job.id) for stage_job in services.jobs.expired()]


def _give_time(services: Services) -> list[Job]:
    """No lease could be renewed while no server was there: each claimed stage has a whole one from now on.

    A runner that stays silent is found at that lease's end, without waiting for the sweep after it.
    """
    seconds = services.settings.lease_seconds
    claimed = services.jobs.give_time(timedelta(seconds=seconds))
    return [Job(Verb.LOSE_STAGE, job_id, delay_seconds=seconds) for job_id in claimed]
