"""What should a commit show now? Statuses, requests for approval and results, worked out from all its runs."""

from collections.abc import Sequence

from bot.connection import Repository
from bot.messages.facts import NoLines
from bot.messages.statuses import StatusScope, statuses_for
from bot.run import Run, RunKind, RunStatus
from bot.vcs.code_host import CommitStatus, StatusState
from bot.workspace import Workflow
from handlers.reactions.gathering import Gatherer, commit_url, host_words, serves_several_organizations
from handlers.reactions.reports import PATIENCE_SECONDS
from handlers.services import Services
from storage.outbox import Channel, Wanted, commit_lane, pull_lane

_BEING_PLANNED = (RunStatus.PLAN_QUEUED, RunStatus.PLANNING)
_BEING_APPLIED = (RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, RunStatus.APPLYING)


def refresh_commit(services: Services, refresh: Wanted) -> list[str]:
    """Want what the commit should show; the lanes that have something to send now."""
    repository = services.repositories.get(refresh.repository_id)
    commit_sha = str(refresh.content["commit_sha"])
    runs = services.runs.at_commit(repository.id, commit_sha)
    lanes = {refresh.lane}
    with services.records.write():
        _want_statuses(services, repository, refresh, runs)
        for lane, number, of_thread in _threads(services, repository, commit_sha, runs):
            _want_approval(services, repository, lane, number, commit_sha, of_thread)
            _want_result(services, repository, lane, number, commit_sha, of_thread)
            lanes.add(lane)
    return sorted(lanes)


def _want_statuses(services: Services, repository: Repository, refresh: Wanted, runs: Sequence[Run]) -> None:
    commit_sha = str(refresh.content["commit_sha"])
    pulls = [pull for pull in services.pulls.open(repository.id) if pull.head_sha == commit_sha]
    workspaces = services.workspaces.of_repository(repository.id)
    why_none = str(refresh.content.get("why_none") or "NONE_AFFECTED")
    scope = StatusScope(
        lines=Gatherer(services).lines(runs),
        url=commit_url(services, repository, commit_sha),
        is_pull_head=bool(pulls),
        no_lines=NoLines[why_none],
        with_organization=serves_several_organizations(services, repository),
        applies_before_merge=any(w.vcs_workflow is Workflow.APPLY_BEFORE_MERGE for w in workspaces),
        words=host_words(services, repository),
    )
    for status in statuses_for(scope):
        content = {
            "commit_sha": commit_sha,
            "state": status.state.value,
            "description": status.description,
            "target_url": status.target_url,
            "pull_number": pulls[0].number if pulls else None,
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
