"""What should a commit show now? Statuses, requests for approval and results, worked out from all its runs."""

from collections.abc import Sequence

from bot.connection import Provider, Repository
from bot.messages.facts import NoLines
from bot.messages.statuses import StatusScope, statuses_for
from bot.run import Run, RunKind, RunStatus
from bot.vcs.code_host import CommitStatus, StatusState
from bot.workspace import Workflow
from handlers.reactions.gathering import (
    Gatherer,
    commit_url,
    host_words,
    listeners,
    serves_several_organizations,
    still_meant,
)
from handlers.reactions.reports import PATIENCE_SECONDS
from handlers.services import Services
from storage.outbox import Channel, Wanted, commit_lane, pull_lane

_BEING_PLANNED = (RunStatus.PLAN_QUEUED, RunStatus.PLANNING)
_BEING_APPLIED = (RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, RunStatus.APPLYING)


def refresh_commit(services: Services, refresh: Wanted) -> list[str]:
    """Want what the commit should show; the lanes that have something to send now.

    Its statuses are of all runs there are of it, through whichever connection. What is asked and answered is each
    connection's own: its people, its runs.
    """
    repository = services.repositories.get(refresh.repository_id)
    commit_sha = str(refresh.content["commit_sha"])
    twins = services.repositories.twins(repository)
    own = {twin.id: services.runs.at_commit(twin.id, commit_sha) for twin in twins}
    runs = sorted((run for twin in twins for run in own[twin.id]), key=lambda run: run.queue_sequence)
    lanes = {refresh.lane}
    # Worked out before the transaction: hundreds of runs take a while to read, and a writer must not be kept waiting.
    number, statuses = _statuses(services, repository, twins, refresh, runs)
    with services.records.write():
        _want_statuses(services, repository, refresh, number, statuses)
        for twin in twins:
            lanes |= _want_check_run(services, twin, commit_sha, own[twin.id])
            for lane, number, of_thread in _threads(services, twin, commit_sha, own[twin.id]):
                _want_approval(services, twin, lane, number, commit_sha, of_thread)
                _want_result(services, twin, lane, number, commit_sha, of_thread)
                lanes.add(lane)
    return sorted(lanes)


def _statuses(
    services: Services, repository: Repository, twins: Sequence[Repository], refresh: Wanted, runs: Sequence[Run]
) -> tuple[int | None, Sequence[CommitStatus]]:
    """What the commit should show, and the number of the pull request of which it is the head."""
    commit_sha = str(refresh.content["commit_sha"])
    pulls = [pull for twin in twins for pull in services.pulls.open(twin.id) if pull.head_sha == commit_sha]
    workspaces = listeners(services, repository)
    why_none = str(refresh.content.get("why_none") or "NONE_AFFECTED")
    scope = StatusScope(
        lines=Gatherer(services).lines(still_meant(services, runs)),
        said=services.outbox.slots_in(repository.id, refresh.lane, Channel.STATUS),
        url=commit_url(services, repository, commit_sha),
        is_pull_head=bool(pulls),
        no_lines=NoLines[why_none],
        with_organization=serves_several_organizations(services, repository),
        applies_before_merge=any(w.vcs_workflow is Workflow.APPLY_BEFORE_MERGE for w in workspaces),
        words=host_words(services, repository),
    )
    return pulls[0].number if pulls else None, statuses_for(scope)


def _want_statuses(
    services: Services,
    repository: Repository,
    refresh: Wanted,
    number: int | None,
    statuses: Sequence[CommitStatus],
) -> None:
    for status in statuses:
        content = {
            "commit_sha": refresh.content["commit_sha"],
            "state": status.state.value,
            "description": status.description,
            "target_url": status.target_url,
            "pull_number": number,
            "lasts": status.lasts,
        }
        patience = PATIENCE_SECONDS if _is_still_pending(services, repository, refresh.lane, status) else 0
        services.outbox.want(
            refresh.connection_id,
            repository.id,
            refresh.lane,
            Channel.STATUS,
            status.context,
            content,
            patience_seconds=patience,
        )


def _want_check_run(services: Services, repository: Repository, commit_sha: str, runs: Sequence[Run]) -> set[str]:
    """A GitHub App shows its own runs as one check run with buttons, beside the statuses; the lane that has it."""
    if not runs or services.connections.get(repository.connection_id).provider is not Provider.GITHUB_APP:
        return set()
    lane = commit_lane(repository.id, commit_sha)
    services.outbox.want(
        repository.connection_id,
        repository.id,
        lane,
        Channel.CHECK,
        "runs",
        {"commit_sha": commit_sha},
        again=True,
        patience_seconds=PATIENCE_SECONDS if any(run.status in _BEING_PLANNED for run in runs) else 0,
    )
    return {lane}


def _is_still_pending(services: Services, repository: Repository, lane: str, status: CommitStatus) -> bool:
    """Whether only the words of a pending status change: those may wait, its end may not."""
    known = services.outbox.find(repository.id, lane, Channel.STATUS, status.context)
    if known is None or not known.sent_version or status.state is not StatusState.PENDING:
        return False
    return bool(known.content["state"] == StatusState.PENDING)


def _threads(
    services: Services, repository: Repository, commit_sha: str, runs: Sequence[Run]
) -> list[tuple[str, int | None, list[Run]]]:
    """Where these runs are talked about: (lane, pull number or None for the commit, runs)."""
    threads: list[tuple[str, int | None, list[Run]]] = []
    pushed = [run for run in runs if run.kind is RunKind.NORMAL]
    if pushed and services.pulls.was_looked_for(repository.id, commit_sha):
        numbers = services.pulls.that_brought(repository.id, commit_sha)
        threads += [(pull_lane(repository.id, number), number, pushed) for number in numbers]
        if not numbers:
            threads.append((commit_lane(repository.id, commit_sha), None, pushed))
    saved: dict[int, list[Run]] = {}
    for run in runs:
        if run.kind is RunKind.SAVED_PLAN and run.pull_number is not None:
            saved.setdefault(run.pull_number, []).append(run)
    threads += [(pull_lane(repository.id, number), number, own) for number, own in saved.items()]
    return threads


def _want_approval(
    services: Services, repository: Repository, lane: str, number: int | None, commit_sha: str, runs: Sequence[Run]
) -> None:
    """One new comment for the runs that wait for a decision and that no comment has asked for yet.

    It waits while any of them is being planned, so that a push to many workspaces asks once, not often.
    """
    if any(run.status in _BEING_PLANNED for run in runs):
        return
    waiting = [run for run in runs if run.needs_decision]
    _want_comment(services, repository, lane, number, commit_sha, "approval", waiting)


def _want_result(
    services: Services, repository: Repository, lane: str, number: int | None, commit_sha: str, runs: Sequence[Run]
) -> None:
    """One new comment for the applies that have ended, once none is under way."""
    if any(run.status in _BEING_APPLIED for run in runs):
        return
    ended = [run for run in runs if run.is_final and RunStatus.CONFIRMED.value in run.times]
    _want_comment(services, repository, lane, number, commit_sha, "result", ended)


def _want_comment(
    services: Services,
    repository: Repository,
    lane: str,
    number: int | None,
    commit_sha: str,
    kind: str,
    runs: Sequence[Run],
) -> None:
    said = services.outbox.comments_in(repository.id, lane, f"{kind}/")
    covered = {run_id for comment in said for run_id in comment.content["run_ids"]}
    fresh = [run.id for run in runs if run.id not in covered]
    if not fresh:
        return
    content = {"kind": kind, "pull_number": number, "commit_sha": commit_sha, "run_ids": fresh}
    services.outbox.want(repository.connection_id, repository.id, lane, Channel.COMMENT, f"{kind}/{fresh[0]}", content)
