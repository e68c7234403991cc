"""What did we miss while we were away? Heads, open pull requests and comments are compared with what we know."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.connection import Repository
from bot.errors import OutsideTrouble, Refused
from bot.events import NOBODY, Commented, HostRepository, PullAction, PullRequest, Pushed, Tagged
from bot.mapping import tracked_branch
from bot.vcs.code_host import CodeHost, Thread
from handlers.jobs import Job
from handlers.reactions.comments import on_comment
from handlers.reactions.deliveries import come_back
from handlers.reactions.pulls import on_pull_changed
from handlers.reactions.pushes import on_push, on_tag
from handlers.reactions.retention import tidy_mirror
from handlers.services import Services

log = structlog.get_logger()

OVERLAP = timedelta(minutes=5)  # the hosts' clocks and ours may differ; what was seen before does nothing


def reconcile(services: Services, repository_id: str) -> list[Job]:
    """Do what a lost delivery would have done. What is known already does nothing, so this can run at any time."""
    repository = services.repositories.get(repository_id)
    lane = f"{repository.connection_id}/{repository.host_id}"
    began = services.now()
    jobs: list[Job] = []
    with services.inbox.lanes.turn(lane) as is_ours:
        if not is_ours:
            return []  # a delivery is being handled; the next sweep asks again
        try:
            jobs = _compare(services, repository, services.host_of(repository))
            services.repositories.mark_reconciled(repository.id, began)
        except (OutsideTrouble, Refused) as trouble:
            # The host is away, or what we know of it makes no sense; nothing is marked, so the next sweep asks again.
            log.info("reconcile put off", repository=repository.path, reason=trouble.reason)
    tidy_mirror(services, repository)  # deliveries don't wait for it
    return [*jobs, *come_back(services, lane)]


def _compare(services: Services, repository: Repository, host: CodeHost) -> list[Job]:
    host.check_identity(repository)
    open_now = {pull.number: pull for pull in host.open_pulls(repository)}
    jobs = _heads(services, repository, host)
    jobs += _tags(services, repository)
    jobs += _pulls(services, repository, host, open_now)
    for thread in _threads(services, repository, open_now):
        jobs += _comments(services, repository, host, thread)
    return jobs


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
            key = f"missed-{before}-{head}"
            push = _missed_push(repository, branch, before, head)
            try:
                jobs += on_push(services, repository, push, key)[1]
            except Refused as refused:
                log.info("a push left out", repository=repository.path, branch=branch, reason=refused.reason)
            break
        services.pulls.saw_branch(repository.id, branch, head)
    return jobs


def _tags(services: Services, repository: Repository) -> list[Job]:
    """Tags that are new or elsewhere. The first look starts nothing: they were there before anybody listened."""
    if not any(workspace.tags_regex for workspace in services.workspaces.of_repository(repository.id)):
        services.tags.forget(repository.id)
        return []
    found = services.mirror(repository).tag_heads()
    seen = services.tags.of(repository.id)
    jobs: list[Job] = []
    for tag, sha in [] if seen is None else sorted(set(found.items()) - set(seen.items())):
        try:
            tagged = Tagged(_told(repository), tag, sha, sender=NOBODY)
            jobs += on_tag(services, repository, tagged, f"missed-tag-{tag}-{sha}")[1]
        except (OutsideTrouble, Refused) as trouble:
            # A tag may stand on what is no commit. It stays unseen, and in nobody's way.
            log.info("a tag put off", repository=repository.path, tag=tag, reason=trouble.reason)
            del found[tag]
    if found != seen:
        services.tags.looked(repository.id, found)
    return jobs


def _told(repository: Repository) -> HostRepository:
    return HostRepository(repository.host_id, repository.path, repository.clone_url, repository.default_branch)


def _missed_push(repository: Repository, branch: str, before: str, head: str) -> Pushed:
    told = _told(repository)
    return Pushed(told, branch, before, head, forced=False, changed_paths=None, sender=NOBODY)


def _pulls(
    services: Services, repository: Repository, host: CodeHost, open_now: Mapping[int, PullRequest]
) -> list[Job]:
    jobs: list[Job] = []
    unsettled = services.pulls.unsettled(repository.id)  # whoever dealt with them was stopped half-way
    for number in sorted({pull.number for pull in services.pulls.open(repository.id)} | unsettled):
        if number not in open_now:
            closed = host.read_pull(repository, number) or _deleted(services, repository, number)
            jobs += on_pull_changed(services, repository, closed, PullAction.CLOSED, NOBODY, "")[1]
    for pull in open_now.values():
        known = services.pulls.find(repository.id, pull.number)
        changed = known is None or not known.is_open or known.head_sha != pull.head_sha
        retargeted = known is not None and known.base_branch != pull.base_branch
        is_ready = known is not None and known.is_draft and not pull.is_draft
        if changed or retargeted or is_ready or pull.number in unsettled:
            action = PullAction.RETARGETED if retargeted else PullAction.UPDATED
            key = f"missed-{pull.number}-{pull.head_sha}-{pull.base_branch}{'-ready' if is_ready else ''}"
            try:
                jobs += on_pull_changed(services, repository, pull, action, pull.author, key)[1]
            except Refused as refused:
                # It won't be done the next time either, and is in nobody's way.
                log.info("a pull request left out", repository=repository.path, reason=refused.reason)
                services.pulls.settled(repository.id, pull.number)
    return jobs


def _deleted(services: Services, repository: Repository, number: int) -> PullRequest:
    """What we knew of one that its host doesn't know any more: GitLab lets owners delete merge requests."""
    known = services.pulls.find(repository.id, number)
    if known is None:
        raise LookupError(f"{repository.path} has no pull request {number}, and yet it was noted")
    return replace(known, is_open=False)


def _threads(services: Services, repository: Repository, open_numbers: Iterable[int]) -> list[Thread]:
    """Where commands are written: open pull requests, and wherever unfinished runs are talked about.

    A run that applies after the merge is talked about in a closed pull request, or at its commit.
    """
    numbers, commits = set(open_numbers), set[str]()
    for run in services.runs.unfinished_of_repository(repository.id):
        brought = services.pulls.that_brought(repository.id, run.commit_sha)
        if run.pull_number is not None:
            numbers.add(run.pull_number)
        elif brought:
            numbers.update(brought)
        else:
            commits.add(run.commit_sha)
    by_pull = [Thread(pull_number=number) for number in sorted(numbers)]
    return [*by_pull, *(Thread(commit_sha=commit_sha) for commit_sha in sorted(commits))]


def _comments(services: Services, repository: Repository, host: CodeHost, thread: Thread) -> list[Job]:
    """Commands that were written while nobody listened; each acts once, by its id."""
    since = repository.reconciled_at - OVERLAP if repository.reconciled_at else None
    if since is None:
        return []  # the first look: what was said before we came was not said to us
    jobs: list[Job] = []
    for comment in host.comments(repository, thread, since):
        # Edited since: whoever may edit other people's comments must not speak in their names, and which
        # words were there at first nobody can tell us now. Its author can write it again.
        was_edited = comment.updated_at > comment.created_at
        if comment.created_at < since or was_edited or services.outbox.is_ours(repository.id, comment.id):
            continue
        event = Commented(
            _told(repository), comment.id, comment.author, comment.body, thread.pull_number, thread.commit_sha or None
        )
        jobs += on_comment(services, repository, event)[1]
    return jobs
