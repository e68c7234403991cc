"""Which pull request brought this pushed commit? The host is asked, and again for two minutes: it may know later."""

import structlog

from bot.connection import Repository
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
        if _is_final(trouble) and int(attempt) >= len(ASK_AGAIN_AFTER):
            return _give_up(services, repository, commit_sha, trouble.reason)
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


def _is_final(trouble: OutsideTrouble | Refused) -> bool:
    return isinstance(trouble, Refused) or trouble.permanent


def _give_up(services: Services, repository: Repository, commit_sha: str, reason: str) -> list[Job]:
    """The host won't tell: the runs say so, and people are asked at the commit itself."""
    for run in services.runs.at_commit(repository.id, commit_sha):
        services.timeline.add(run.id, f"its pull request is not known: {reason}")
    services.pulls.nobody_brought(repository.id, commit_sha)
    return report_commit(services, repository, commit_sha)


def _again(repository_id: str, commit_sha: str, attempt: int) -> list[Job]:
    if attempt >= len(ASK_AGAIN_AFTER):
        return []
    return [Job(Verb.FIND_PULLS, f"{repository_id}/{commit_sha}/{attempt + 1}", ASK_AGAIN_AFTER[attempt])]
