"""What need not be remembered any longer? Looked through once a day."""

from datetime import timedelta

import structlog

from bot.connection import Repository
from bot.errors import OutsideTrouble, Refused
from handlers.jobs import Job, Verb
from handlers.reactions.pulls import end_run
from handlers.services import Services
from storage.stage_jobs import StageJob

DAILY = timedelta(days=1)
GIVEN_UP_AFTER = timedelta(days=7)  # of silence: the log of an apply whose runner may still come back is kept open
log = structlog.get_logger()


def forget_old(services: Services) -> list[Job]:
    """Once a day: remove what nobody can use any more, and forget what is over for as long as the settings say."""
    if not services.chores.take("retention", DAILY):
        return []
    _forget_leftovers(services)
    days = services.settings.retention_days
    return [Job(Verb.FIND_UNNAMED_BLOBS), *(_forget_past(services, days) if days else [])]


def find_unnamed_blobs(services: Services) -> list[Job]:
    """Compare the blobs with the rows: what a kill left between the two, more than a day ago, is removed."""
    before = services.now() - DAILY
    noted, unfinished = services.dropped.note_unnamed(before), services.blobs.remove_unfinished(before)
    log.info("blobs were compared with the rows", unnamed=noted, unfinished=unfinished)
    return [Job(Verb.REMOVE_BLOBS)] if noted else []


def _forget_leftovers(services: Services) -> None:
    """Links and codes that ran out, and live logs that a kill or a lost runner left behind."""
    tokens = services.tokens.forget_expired()
    logs = services.logs.all()  # before the rows are asked: a log that begins meanwhile is not looked at
    closed = set(logs) - services.jobs.open_among(logs)
    for job_id in closed:
        services.logs.forget(job_id)
    for job in services.jobs.silent_among(set(logs) - closed, services.now() - GIVEN_UP_AFTER):
        _seal_log(services, job)
    log.info("expired tokens and left live logs were removed", tokens=tokens, logs=len(closed))


def _seal_log(services: Services, job: StageJob) -> None:
    """The log of an apply that was lost long ago becomes a blob. Its runner may still send it again from its start."""
    blob_id, size = services.logs.seal(job.id)
    with services.records.write():
        fresh = services.jobs.find(job.id)
        is_kept = fresh is not None and size > fresh.log_size and services.jobs.keep_log(fresh, blob_id, size)
        replaced = fresh.log_blob_id if fresh is not None and is_kept else blob_id
        if replaced is not None:
            services.dropped.note(replaced)
    services.logs.forget(job.id)


def _forget_past(services: Services, days: int) -> list[Job]:
    """Forget what old deliveries said, and what hosts were told about commits that are over.

    A plan that somebody kept for as long (`plan -out`) is given up, as in TFE.
    """
    jobs: list[Job] = []
    before = services.now() - timedelta(days=days)
    bodies, rows = services.inbox.forget_bodies(before), services.outbox.forget_told(before)
    services.notifications.forget_over(before)
    for run in services.runs.kept_by_nobody_else(before):
        jobs += end_run(services, run, f"nobody has applied it for {days} days")
    log.info("old deliveries were emptied and old reports removed", deliveries=bodies, reports=rows)
    return jobs


def tidy_mirror(services: Services, repository: Repository) -> None:
    """Once a day: pack the repository's mirror. It may take minutes, in which others go on reading."""
    if not services.chores.take(f"tidy {repository.id}", DAILY):
        return
    try:
        mirror = services.mirror(repository)
        if mirror.folder.is_dir():
            mirror.tidy()
    except (OutsideTrouble, Refused) as trouble:
        log.warning("a mirror was not tidied", repository=repository.path, reason=trouble.reason)
