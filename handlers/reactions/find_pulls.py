"""Which pull request brought this pushed commit? The host is asked, and again for two minutes: it may know later."""

import structlog

from bot.errors import OutsideTrouble, Refused
from handlers.jobs import Job, Verb
from handlers.reactions.reports import report_commit
from handlers.services import Services

# Squashed, rebased and late: hosts link a commit to its pull request some seconds after the push. Seconds to wait.
ASK_AGAIN_AFTER = (3, 7, 15, 30, 65)
log = structlog.get_logger()


def find_pulls(services: Services, ident: str) -> list[Job]:
    """`ident` is repository/commit/attempt. What no attempt could answer is asked again by the sweep."""
    repository_id, commit_sha, attempt = ident.split("/")
    repository = services.repositories.get(repository_id)
    host = services.host_of(repository)
    try:
        found = host.merged_pulls_of(repository, commit_sha)
    except (OutsideTrouble, Refused) as trouble:
        log.warning("the pull request of a commit is not known yet", commit=commit_sha, reason=trouble.reason)
        return _again(repository_id, commit_sha, int(attempt))
    for pull in found:
        services.pulls.know(repository.id, pull)
        services.pulls.brought(repository.id, commit_sha, pull.number)
    if services.pulls.that_brought(repository.id, commit_sha):
        return report_commit(services, repository, commit_sha)
    if int(attempt) < len(ASK_AGAIN_AFTER):
        return _again(repository_id, commit_sha, int(attempt))
    services.pulls.nobody_brought(repository.id, commit_sha)
    return report_commit(services, repository, commit_sha)


def _again(repository_id: str, commit_sha: str, attempt: int) -> list[Job]:
    if attempt >= len(ASK_AGAIN_AFTER):
        return []
    return [Job(Verb.FIND_PULLS, f"{repository_id}/{commit_sha}/{attempt + 1}", ASK_AGAIN_AFTER[attempt])]
