"""How does what we want to be true become true at the host? One sender per lane; only the newest is sent."""

import hashlib
from datetime import datetime, timedelta

from bot.connection import Repository
from bot.errors import NotFound, OutsideTrouble, Refused
from bot.events import PullRequest
from bot.vcs.code_host import CodeHost, CommitStatus, HostComment, StatusState, Thread
from handlers.jobs import Job, Verb
from handlers.reactions.refreshing import refresh_commit
from handlers.reactions.rendering import Rendered, marker, render, render_check_run
from handlers.services import Services
from storage.outbox import Channel, Wanted

FIRST_RETRY_SECONDS = 2.0
LONGEST_RETRY_SECONDS = 600.0
PERMANENT_RETRY_SECONDS = 3600.0  # a refused credential may be mended; until then an hour apart is polite
MOST_AT_ONCE = 50  # then the lane is left for a moment, so that others get their turn


def send(services: Services, lane: str) -> list[Job]:
    """Send what is due in a lane, oldest wish first, and come back for what is left."""
    lanes: set[str] = set()
    with services.outbox.lanes.turn(lane) as is_ours:
        if not is_ours:
            return []  # its sender looks again when it has left
        for _ in range(MOST_AT_ONCE):
            due = services.outbox.due(lane)
            if not due:
                break
            lanes.update(_deal_with(services, due[0]))
    jobs = [Job(Verb.SEND, other) for other in sorted(lanes - {lane})]
    left = services.outbox.seconds_until_due(lane)
    return jobs if left is None else [*jobs, Job(Verb.SEND, lane, left)]


def _deal_with(services: Services, wanted: Wanted) -> list[str]:
    """Send one wish, or put it off. The lanes that have something to send because of it."""
    if wanted.channel is Channel.REFRESH:
        services.outbox.begin(wanted, _backoff(wanted))
        lanes = refresh_commit(services, wanted)
        services.outbox.sent(wanted)
        return lanes
    wait = services.outbox.take_write(wanted.connection_id, wanted.repository_id)
    if wait > 0:
        services.outbox.later(wanted, wait, wanted.trouble)
        return []
    services.outbox.begin(wanted, _backoff(wanted))
    try:
        _send_one(services, wanted)
    except OutsideTrouble as trouble:
        _put_off(services, wanted, trouble)
    except Refused as refused:
        _put_off(services, wanted, OutsideTrouble(refused.reason, permanent=True))
    return []


def _backoff(wanted: Wanted) -> float:
    return min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * (1 << min(wanted.tries, 10)))


def _send_one(services: Services, wanted: Wanted) -> None:
    host = services.host(services.connections.get(wanted.connection_id))
    # Where a renaming was missed, another repository may have the name: it must not be told of our plans.
    host.check_identity(services.repositories.get(wanted.repository_id))
    match wanted.channel:
        case Channel.STATUS:
            _send_status(services, host, wanted)
        case Channel.COMMENT:
            _send_comment(services, host, wanted)
        case Channel.REACTION:
            repository = services.repositories.get(wanted.repository_id)
            thread = Thread(wanted.content.get("pull_number"), str(wanted.content.get("commit_sha") or ""))
            host.react(repository, thread, str(wanted.content["comment_id"]), str(wanted.content["reaction"]))
            services.outbox.sent(wanted)
        case Channel.MERGE:
            _merge(services, host, wanted)
        case Channel.CHECK:
            _send_check_run(services, host, wanted)
        case Channel.REFRESH:
            raise ValueError("a refresh is worked out, not sent")


def _send_status(services: Services, host: CodeHost, wanted: Wanted) -> None:
    repository = services.repositories.get(wanted.repository_id)
    content = wanted.content
    number = content.get("pull_number")
    pull = _pull_of_any(services, repository, number) if number else None
    status = CommitStatus(
        context=wanted.slot,
        state=StatusState(content["state"]),
        description=str(content["description"]),
        target_url=str(content["target_url"]),
        lasts=content.get("lasts") is True,
    )
    host.post_status(repository, str(content["commit_sha"]), status, pull=pull)
    services.outbox.sent(wanted)


def _pull_of_any(services: Services, repository: Repository, number: int) -> PullRequest | None:
    """The pull request as one of the repository's connections knows it: not each has heard of it yet."""
    found = (services.pulls.find(twin.id, number) for twin in services.repositories.twins(repository))
    return next((pull for pull in found if pull is not None), None)


def _send_check_run(services: Services, host: CodeHost, wanted: Wanted) -> None:
    """What it shows is worked out now, so its buttons cover what is true now."""
    repository = services.repositories.get(wanted.repository_id)
    check = render_check_run(services, repository, str(wanted.content["commit_sha"]))
    digest = hashlib.sha256(repr(check).encode()).hexdigest()
    if wanted.sent_digest == digest:
        services.outbox.sent(wanted, digest=digest)
        return
    services.outbox.sent(wanted, host.post_check_run(repository, check, wanted.remote_id), digest)


def _send_comment(services: Services, host: CodeHost, wanted: Wanted) -> None:
    """Create or edit. A create whose answer was lost is found by its marker and adopted, not repeated."""
    rendered = render(services, wanted, host.comment_limit)
    if rendered is None:
        services.outbox.sent(wanted)
        return
    digest = hashlib.sha256(rendered.body.encode()).hexdigest()
    if wanted.remote_id and wanted.sent_digest == digest:
        services.outbox.sent(wanted, digest=digest)
        return
    posted = _write(services, host, wanted, rendered)
    with services.records.write():
        services.outbox.sent(wanted, posted.id, digest)
        for run_id in rendered.plans:
            services.pulls.plan_was_posted(run_id, posted.id, posted.updated_at)


def _write(services: Services, host: CodeHost, wanted: Wanted, rendered: Rendered) -> HostComment:
    repository = services.repositories.get(wanted.repository_id)
    known_id = wanted.remote_id
    if not known_id and wanted.tries > 0:
        lost = _find_by_marker(services, host, wanted, rendered.thread)
        known_id = lost.id if lost else ""
    if known_id:
        try:
            return host.edit_comment(repository, rendered.thread, known_id, rendered.body)
        except NotFound:
            services.outbox.forget_remote(wanted)  # somebody deleted it; say it anew
    return host.create_comment(repository, rendered.thread, rendered.body)


def _find_by_marker(services: Services, host: CodeHost, wanted: Wanted, thread: Thread) -> HostComment | None:
    repository = services.repositories.get(wanted.repository_id)
    ours = marker(services, wanted)
    since: datetime = services.now() - timedelta(days=1)
    return next((c for c in host.comments(repository, thread, since) if c.body.rstrip().endswith(ours)), None)


def _merge(services: Services, host: CodeHost, wanted: Wanted) -> None:
    """Auto-merge after all is applied. If the host refuses, the run says why, and people merge by hand."""
    repository = services.repositories.get(wanted.repository_id)
    pull = services.pulls.find(repository.id, int(wanted.content["pull_number"]))
    if pull is not None and pull.is_open and pull.head_sha == wanted.content["head_sha"]:
        try:
            host.merge(repository, pull)
        except Refused as refused:
            for run_id in wanted.content["run_ids"]:
                services.timeline.add(run_id, f"#{pull.number} could not be merged: {refused.reason}")
    services.outbox.sent(wanted)


def _put_off(services: Services, wanted: Wanted, trouble: OutsideTrouble) -> None:
    """Try again later; what trying again can't mend is told on the runs it is about, instead of being lost."""
    if trouble.permanent:
        services.outbox.later(wanted, PERMANENT_RETRY_SECONDS, trouble.reason)
        _tell_runs(services, wanted, trouble.reason)
        return
    if trouble.retry_after is not None:
        services.outbox.pause(wanted.connection_id, trouble.retry_after)
    services.outbox.later(wanted, trouble.retry_after or _backoff(wanted))


def _tell_runs(services: Services, wanted: Wanted, reason: str) -> None:
    if wanted.trouble == reason:
        return  # said already, an hour ago
    commit_sha = wanted.content.get("commit_sha")
    run_ids = list(wanted.content.get("run_ids", ()))
    if not run_ids and commit_sha:
        twins = services.repositories.twins(services.repositories.get(wanted.repository_id))
        run_ids = [run.id for twin in twins for run in services.runs.at_commit(twin.id, str(commit_sha))]
    if not run_ids and wanted.content.get("pull_number"):
        runs = services.runs.of_pull(wanted.repository_id, int(wanted.content["pull_number"]))
        run_ids = [run.id for run in runs if not run.is_final]
    for run_id in run_ids[:50]:
        services.timeline.add(run_id, f"the code host could not be told: {reason}")
