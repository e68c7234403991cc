"""What follows from `apply`? The plans that the person has seen, and only those, are confirmed."""

from collections.abc import Sequence
from datetime import datetime

from bot.comment_commands import Command
from bot.errors import Refused
from bot.messages import replies
from bot.permissions import may_apply
from bot.run import Run, RunKind, RunStatus
from bot.workspace import Requirement, Workspace
from handlers.jobs import Job
from handlers.reactions.answering import Asked, answer
from handlers.reactions.choosing import chosen
from handlers.reactions.decisions import confirm
from handlers.reactions.gathering import Gatherer, host_words
from handlers.services import Services

OWN_PREFIX = "runlock/"  # our own statuses never stand in the way of our own apply
_ON_THE_WAY = (RunStatus.PENDING, RunStatus.PLAN_QUEUED, RunStatus.PLANNING)
_APPROVED = (RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, RunStatus.APPLYING)


def apply(services: Services, asked: Asked, command: Command) -> tuple[str, list[Job]]:
    """Confirm what was chosen, or say why not. The host is asked first; then one transaction does it all."""
    choice = chosen(services, asked, command)
    if isinstance(choice, str):
        return "nothing chosen", answer(services, asked, choice)
    runs = [run for run in choice if run.needs_decision]
    if not runs:
        return "nothing to apply", answer(services, asked, _why_nothing(services, choice))
    refusal = _refusal(services, asked, runs, is_named=bool(command.targets))
    if refusal:
        return "not applied", answer(services, asked, refusal)
    return _confirm_all(services, asked, runs)


def _confirm_all(services: Services, asked: Asked, runs: Sequence[Run]) -> tuple[str, list[Job]]:
    """Two people comment `apply` at once: the first confirms, the second is told who did."""
    jobs: list[Job] = []
    reasons: list[str] = []
    with services.records.write():
        if not services.pulls.comment_is_new(asked.repository.id, asked.key):
            return "the comment was acted on already", []
        for run in runs:
            try:
                jobs += confirm(services, run.id, asked.who)
            except Refused as refused:
                reasons.append(replies.refused(refused.reason))
        done = [run for run in (services.runs.get(run.id) for run in runs) if run.confirmed_by]
        said = [replies.approved(Gatherer(services).lines(done))] if done else []
        jobs += answer(services, asked, "\n\n".join([*said, *reasons]))
    return f"confirmed {len(done)} of {len(runs)}", jobs


def _why_nothing(services: Services, runs: Sequence[Run]) -> str:
    gatherer = Gatherer(services)
    coming = [run for run in runs if run.status in _ON_THE_WAY and run.kind is not RunKind.PLAN_ONLY]
    if coming:
        return replies.still_planning(gatherer.lines(coming))
    approved = [run for run in runs if run.status in _APPROVED]
    if approved:
        return "\n\n".join(replies.already_approved(line) for line in gatherer.lines(approved))
    readable = [run for run in runs if run.kind is RunKind.PLAN_ONLY and run.has_changes]
    if readable and len(readable) == len([run for run in runs if run.has_changes]):
        return replies.refused("these plans are for reading: merge first, and the merged commit is planned and applied")
    return replies.nothing_to_apply()


def _refusal(services: Services, asked: Asked, runs: Sequence[Run], *, is_named: bool) -> str:
    """Why this person may not apply these plans now; empty if they may."""
    for run in runs:
        workspace = services.workspaces.get(run.workspace_id)
        reason = (
            _not_allowed(services, asked, run, workspace)
            or ("" if is_named else _not_seen(services, asked, run))
            or _requirements(services, asked, run, workspace)
        )
        if reason:
            return reason
    return ""


def _not_allowed(services: Services, asked: Asked, run: Run, workspace: Workspace) -> str:
    if not may_apply(asked.role, workspace.apply_permission):
        return replies.not_allowed(asked.who, workspace.name, workspace.apply_permission)
    number = asked.thread.pull_number or run.pull_number
    pull = services.pulls.find(asked.repository.id, number) if number else None
    is_author = pull is not None and pull.author.host_id == asked.comment.author.host_id
    if is_author and not workspace.author_may_apply:
        return replies.own_pull(host_words(services, asked.repository))
    return ""


def _not_seen(services: Services, asked: Asked, run: Run) -> str:
    """A bare `apply` is for plans that stood here before it was written; both times are the host's."""
    posted_at: datetime | None = services.pulls.plan_posted_at(run.id)
    if posted_at is not None and posted_at <= asked.comment.created_at:
        return ""
    line = Gatherer(services).line(run)
    return replies.plan_changed(line, posted_at or run.times.get(run.status.value, run.created_at))


def _requirements(services: Services, asked: Asked, run: Run, workspace: Workspace) -> str:
    """What a pull request must have before its plan may be applied, asked of the host at this moment."""
    if run.kind is not RunKind.SAVED_PLAN or run.pull_number is None:
        return ""
    host = services.host_of(asked.repository)
    pull = host.read_pull(asked.repository, run.pull_number)
    if pull is None or not pull.is_open:
        return replies.pull_is_over(host_words(services, asked.repository))
    if pull.head_sha != run.commit_sha:
        return replies.head_moved(run.commit_sha, pull.head_sha)
    facts = host.merge_facts(asked.repository, pull, OWN_PREFIX)
    missing = {
        Requirement.APPROVED: not facts.is_approved,
        Requirement.MERGEABLE: not facts.is_mergeable,
        Requirement.UNDIVERGED: not facts.is_undiverged,
    }
    needed = [requirement for requirement in workspace.apply_requirements if missing[requirement]]
    if not needed:
        return ""
    words = list(facts.reasons) or [f"it must be {requirement.value}" for requirement in needed]
    return replies.requirements_missing(Gatherer(services).line(run), words)
