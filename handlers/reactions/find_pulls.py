"""Which pull request brought this pushed commit? The host is asked, and again for two minutes: it may know later."""

from handlers.jobs import Job, Verb
from handlers.reactions.reports import report_commit
from handlers.services import Services

# Squashed, rebased and late: hosts link a commit to its pull request some seconds after the push. Seconds to wait.
ASK_AGAIN_AFTER = (3, 7, 15, 30, 65)


def find_pulls(services: Services, ident: str) -> list[Job]:
    """`ident` is repository/commit/attempt. Raises OutsideTrouble: then the sweep and the reconcile ask again."""
    repository_id, commit_sha, attempt = ident.split("/")
    repository = services.repositories.get(repository_id)
    host = services.host_of(repository)
    found = host.merged_pulls_of(repository, commit_sha)
    for pull in found:
        services.pulls.know(repository.id, pull)
        services.pulls.brought(repository.id, commit_sha, pull.number)
    if services.pulls.that_brought(repository.id, commit_sha):
        return report_commit(services, repository, commit_sha)
    if int(attempt) < len(ASK_AGAIN_AFTER):
        following = f"{repository_id}/{commit_sha}/{int(attempt) + 1}"
        return [Job(Verb.FIND_PULLS, following, ASK_AGAIN_AFTER[int(attempt)])]
    services.pulls.nobody_brought(repository.id, commit_sha)
    return report_commit(services, repository, commit_sha)
