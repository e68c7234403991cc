"""What did we miss while we were away? Heads, open pull requests and comments are compared with what we know."""

from datetime import timedelta

import structlog

from bot.connection import Repository
from bot.errors import OutsideTrouble
from bot.events import NOBODY, Commented, HostRepository, PullAction, Pushed
from bot.mapping import tracked_branch
from bot.vcs.code_host import CodeHost, Thread
from handlers.jobs import Job
from handlers.reactions.comments import on_comment
from handlers.reactions.deliveries import come_back
from handlers.reactions.pulls import on_pull_changed
from handlers.reactions.pushes import on_push
from handlers.services import Services

log = structlog.get_logger()

NO_COMMIT = "0" * 40
OVERLAP = timedelta(minutes=5)  # the hosts' clocks and ours may differ; what was seen before does nothing


def reconcile(services: Services, repository_id: str) -> list[Job]:
    """Do what a lost delivery would have done. What is known already does nothing, so this can run at any time."""
    repository = services.repositories.get(repository_id)
    lane = f"{repository.connection_id}/{repository.host_id}"
    lease_id = services.inbox.claim_lane(lane)
    if lease_id is None:
        return []  # a delivery is being handled; the next sweep asks again
    began = services.now()
    jobs: list[Job] = []
    try:
        host = services.host_of(repository)
        jobs = [*_heads(services, repository, host), *_pulls(services, repository, host)]
        services.repositories.mark_reconciled(repository.id, began)
    except OutsideTrouble as trouble:
        # The host is away; nothing is marked, so the next sweep asks again.
        log.info("reconcile put off", repository=repository.path, reason=trouble.reason)
    finally:
        services.inbox.release_lane(lane, lease_id)
    return [*jobs, *come_back(services, lane)]


def _heads(services: Services, repository: Repository, host: CodeHost) -> list[Job]:
    jobs: list[Job] = []
    workspaces = [w for w in services.workspaces.of_repository(repository.id) if not w.tags_regex]
    for branch in sorted({tracked_branch(w, repository.default_branch) for w in workspaces}):
        head = host.branch_head(repository, branch)
        if head is None:
            continue
        for workspace in (w for w in workspaces if tracked_branch(w, repository.default_branch) == branch):
            newest = services.runs.newest_push_run(workspace.id, branch)
            before = services.pulls.branch_seen(repository.id, branch)
            if before is None or before == head or (newest and newest.commit_sha == head):
                continue
            jobs += on_push(services, repository, _missed_push(repository, branch, before, head), f"missed-{head}")[1]
            break
        services.pulls.saw_branch(repository.id, branch, head)
    return jobs


def _missed_push(repository: Repository, branch: str, before: str, head: str) -> Pushed:
    told = HostRepository(repository.host_id, repository.path, repository.clone_url, repository.default_branch)
    return Pushed(told, branch, before, head, forced=False, changed_paths=None, sender=NOBODY)


def _pulls(services: Services, repository: Repository, host: CodeHost) -> list[Job]:
    jobs: list[Job] = []
    open_now = {pull.number: pull for pull in host.open_pulls(repository)}
    for pull in services.pulls.open(repository.id):
        if pull.number not in open_now:
            closed = host.read_pull(repository, pull.number)
            if closed is not None:
                jobs += on_pull_changed(services, repository, closed, PullAction.CLOSED, NOBODY, "")[1]
    for pull in open_now.values():
        known = services.pulls.find(repository.id, pull.number)
        changed = known is None or not known.is_open or known.head_sha != pull.head_sha
        retargeted = known is not None and known.base_branch != pull.base_branch
        if changed or retargeted:
            action = PullAction.RETARGETED if retargeted else PullAction.UPDATED
            key = f"missed-{pull.number}-{pull.head_sha}-{pull.base_branch}"
            jobs += on_pull_changed(services, repository, pull, action, pull.author, key)[1]
        jobs += _comments(services, repository, host, pull.number)
    return jobs


def _comments(services: Services, repository: Repository, host: CodeHost, number: int) -> list[Job]:
    """Commands that were written while nobody listened; each acts once, by its id."""
    since = repository.reconciled_at - OVERLAP if repository.reconciled_at else None
    if since is None:
        return []  # the first look: what was said before we came was not said to us
    jobs: list[Job] = []
    for comment in host.comments(repository, Thread(pull_number=number), since):
        if comment.created_at < since or services.outbox.is_ours(repository.id, comment.id):
            continue
        told = HostRepository(repository.host_id, repository.path, repository.clone_url, repository.default_branch)
        event = Commented(told, comment.id, comment.author, comment.body, pull_number=number)
        jobs += on_comment(services, repository, event)[1]
    return jobs
