"""What follows from `apply`? The plans that the person has seen, and only those, are confirmed."""

from collections.abc import Sequence
from datetime import datetime

from bot.comment_commands import Command
from bot.errors import Refused
from bot.host_roles import may_apply
from bot.messages import replies
from bot.needs import Needs
from bot.run import APPROVED, Run, RunKind, RunStatus
from bot.workspace import Workspace
from handlers.jobs import Job
from handlers.reactions.answering import Asked, answer
from handlers.reactions.choosing import chosen
from handlers.reactions.decisions import confirm
from handlers.reactions.gathering import Gatherer, host_words, newest_each
from handlers.reactions.linked import user_refusal
from handlers.reactions.requirements import Requirements
from handlers.services import Services

_ON_THE_WAY = (RunStatus.PENDING, RunStatus.PLAN_QUEUED, RunStatus.PLANNING)


def apply(services: Services, asked: Asked, command: Command) -> tuple[str, list[Job]]:
    """Confirm what was chosen and may be applied, and say why not of the rest.

    The host is asked first; then one transaction does it all.
    """
    choice = chosen(services, asked, command)
    if isinstance(choice, str):
        return "nothing chosen", answer(services, asked, choice)
    runs = [run for run in choice if run.needs_decision]
    if not runs:
        return "nothing to apply", answer(services, asked, _why_nothing(services, asked, choice))
    refusals = Refusals(services, asked, runs, is_named=bool(command.targets))
    reasons = {run.id: refusals.why(run) for run in runs}
    ready = [run for run in runs if not reasons[run.id]]
    refused = list(dict.fromkeys(filter(None, reasons.values())))
    if not ready:
        return "not applied", answer(services, asked, "\n\n".join(refused))
    return _confirm_all(services, asked, ready, refused)


def _confirm_all(
    services: Services, asked: Asked, runs: Sequence[Run], refused: Sequence[str]
) -> tuple[str, list[Job]]:
    """Two people comment `apply` at once: the first confirms, the second is told who did."""
    jobs: list[Job] = []
    reasons = list(refused)
    with services.records.write():
        if not services.pulls.comment_is_new(asked.repository.id, asked.key):
            return "the comment was acted on already", []
        for run in runs:
            try:
                jobs += confirm(services, run.id, asked.who)
            except Refused as refusal:
                reasons.append(replies.refused(refusal.reason))
        done = [run for run in (services.runs.get(run.id) for run in runs) if run.confirmed_by]
        said = [replies.approved(Gatherer(services).lines(done))] if done else []
        jobs += answer(services, asked, "\n\n".join([*said, *reasons]))
    return f"confirmed {len(done)} of {len(runs) + len(refused)}", jobs


def _why_nothing(services: Services, asked: Asked, runs: Sequence[Run]) -> str:
    gatherer = Gatherer(services)
    coming = [run for run in runs if run.status in _ON_THE_WAY and run.kind is not RunKind.PLAN_ONLY]
    if coming:
        return replies.still_planning(gatherer.lines(coming))
    approved = [run for run in runs if run.status in APPROVED]
    if approved:
        return "\n\n".join(replies.already_approved(line) for line in gatherer.lines(approved))
    number = asked.thread.pull_number
    pull = services.pulls.find(asked.repository.id, number) if number is not None else None
    at_head = [run for run in newest_each(runs) if pull and pull.is_open and run.commit_sha == pull.head_sha]
    if any(run.kind is RunKind.PLAN_ONLY and run.has_changes for run in at_head):
        return replies.refused("these plans are for reading: merge first, and the merged commit is planned and applied")
    return replies.nothing_to_apply()


class Refusals:
    """Why a person may not apply a plan now."""

    def __init__(self, services: Services, asked: Asked, runs: Sequence[Run], *, is_named: bool) -> None:
        self._services = services
        self._asked = asked
        self._runs = runs
        self._is_named = is_named
        self._words = host_words(services, asked.repository)
        self._requirements = Requirements(services, asked.repository)

    def why(self, run: Run) -> str:
        """A finished answer; empty if the plan may be applied."""
        workspace = self._services.workspaces.get(run.workspace_id)
        return (
            self._not_allowed(run, workspace)
            or self._not_seen(run)
            or self._out_of_date(run, workspace)
            or self._requirements.why_not(run, workspace)
        )

    def _not_allowed(self, run: Run, workspace: Workspace) -> str:
        asked = self._asked
        if not may_apply(asked.role, workspace.apply_permission):
            return replies.not_allowed(asked.who, workspace.name, workspace.apply_permission)
        refusal = user_refusal(self._services, asked, workspace, Needs.RUNS_APPLY)
        if refusal:
            return refusal
        if not workspace.author_may_apply and asked.comment.author.host_id in self._authors(run):
            return replies.own_pull(self._words)
        return ""

    def _authors(self, run: Run) -> set[str]:
        """Who wrote what the run applies: the authors of its pull request, or of all that brought its commit."""
        pulls, repository_id = self._services.pulls, self._asked.repository.id
        numbers = {run.pull_number, self._asked.thread.pull_number, *pulls.that_brought(repository_id, run.commit_sha)}
        found = [pulls.find(repository_id, number) for number in numbers if number]
        return {pull.author.host_id for pull in found if pull is not None}

    def _not_seen(self, run: Run) -> str:
        """A bare `apply` is for plans that stood here before it was written; both times are the host's.

        Within one second nobody reads a plan, and GitHub's times have no fractions: the same time is too late.
        """
        if self._is_named:
            return ""
        posted_at: datetime | None = self._services.pulls.plan_posted_at(run.id)
        if posted_at is not None and posted_at < self._asked.comment.created_at:
            return ""
        line = Gatherer(self._services).line(run)
        return replies.plan_changed(line, posted_at or run.times.get(run.status.value, run.created_at), self._runs)

    def _out_of_date(self, run: Run, workspace: Workspace) -> str:
        """What we know by ourselves; it is asked again when the plan is confirmed and when a runner claims it."""
        line = Gatherer(self._services).line(run)
        if line.held_by_pull is not None:
            return replies.waits_for_pull(line, self._words)
        return replies.state_moved(line) if workspace.current_state_version_id != run.planned_on else ""
