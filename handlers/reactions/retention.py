"""What need not be remembered any longer? Looked through once a day."""

from datetime import timedelta

import structlog

from bot.connection import Repository
from bot.errors import OutsideTrouble, Refused
from handlers.services import Services

DAILY = timedelta(days=1)
log = structlog.get_logger()


def forget_old(services: Services) -> None:
    """Once a day: forget what old deliveries said, and what hosts were told about commits that are over."""
    days = services.settings.retention_days
    if days and services.chores.take("retention", DAILY):
        before = services.now() - timedelta(days=days)
        bodies, rows = services.inbox.forget_bodies(before), services.outbox.forget_told(before)
        services.notifications.forget_over(before)
        log.info("old deliveries were emptied and old reports removed", deliveries=bodies, reports=rows)


def remove_dropped(services: Services) -> None:
    """Each time: the blobs that nothing names any more, some hundreds at once."""
    try:
        services.dropped.remove()
    except OSError as trouble:  # a full or broken disk, a store that is away: the notes stay for the next time
        log.warning("blobs that are no longer needed were not removed", reason=trouble.strerror or str(trouble))


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
