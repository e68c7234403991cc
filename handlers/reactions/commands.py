"""What does each command do? Which runs it means, whether its author may, and then the deed, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from bot.comment_commands import Command, CommandVerb
from bot.errors import Refused
from bot.events import PullAction, PullRequest
from bot.host_roles import may_apply, may_plan
from bot.ids import RunId
from bot.mapping import WantRun, decide
from bot.messages import replies
from bot.needs import Needs
from bot.run import APPROVED, AT_A_RUNNER, AWAITING_DECISION, Run, RunKind
from bot.run_machine import RunEvent, can
from bot.workspace import ApplyPermission, Workspace
from handlers.jobs import Job
from handlers.reactions.answering import Asked, answer
from handlers.reactions.applying import apply
from handlers.reactions.choosing import chosen, runs_here
from handlers.reactions.decisions import cancel, discard
from handlers.reactions.gathering import Gatherer, host_words, newest_each
from handlers.reactions.linked import split_by_user, user_refusal
from handlers.reactions.pulls import free_holds, look_again, plan_pull, pull_event
from handlers.reactions.pushed_again import plan_pushed_again, was_pushed
from handlers.services import Services

Result = tuple[str, list[Job]]


def carry_out(services: Services, asked: Asked, command: Command) -> Result:
    """Do what a command asks, once; a refusal is answered. Raises OutsideTrouble before anything was done."""
    match command.verb:
        case CommandVerb.PLAN:
            return _plan(services, asked, command)
        case CommandVerb.APPLY:
            return apply(services, asked, command)
        case CommandVerb.DISCARD:
            return _end(services, asked, command, discard, _is_discardable)
        case CommandVerb.CANCEL:
            return _end(services, asked, command, cancel, _is_cancelable)
        case CommandVerb.UNLOCK:
            return _unlock(services, asked)
        case CommandVerb.OVERRIDE:
            return "nothing to override", answer(services, asked, replies.nothing_to(CommandVerb.OVERRIDE))
        case CommandVerb.EXPLAIN:
            return _explain(services, asked, command)
        case CommandVerb.HELP:
            return "help was given", answer(services, asked, replies.help_text())
        case _:
            assert_never(command.verb)


def _plan(services: Services, asked: Asked, command: Command) -> Result:
    """Plan a pull request's head again, in the workspaces that were chosen."""
    words = host_words(services, asked.repository)
    if not may_plan(asked.role):
        body = replies.not_allowed(asked.who, asked.repository.path, ApplyPermission.WRITE)
        return "not allowed to plan", answer(services, asked, body)
    number = asked.thread.pull_number
    pull = services.host_of(asked.repository).read_pull(asked.repository, number) if number is not None else None
    if pull is None or not pull.is_open:
        return _plan_pushed(services, asked, command)
    if pull.from_fork and not services.settings.forks:
        return "a fork is not planned", answer(services, asked, replies.fork_refused(words))
    pull, tracking, facts = look_again(services, asked.repository, pull)
    wanted = [w for w in tracking if _is_chosen(w, command)]
    if not wanted:
        return "no workspace chosen", answer(services, asked, replies.nothing_chosen(command))
    wanted, refused = split_by_user(services, asked, wanted, Needs.RUNS_PLAN)
    if not wanted:
        return "not allowed to plan", answer(services, asked, "\n\n".join(refused))
    approved = _approved_at_head(services, asked, pull, wanted)
    reasons = refused + [replies.already_approved(line) for line in Gatherer(services).lines(approved)]
    wanted = [w for w in wanted if w.id not in {run.workspace_id for run in approved}]
    if not wanted:
        return "approved already", answer(services, asked, "\n\n".join(reasons))
    event = pull_event(asked.repository, pull, PullAction.UPDATED)
    will_run = {d.workspace_id for d in decide(event, wanted, facts) if isinstance(d, WantRun)}
    sentence, jobs = plan_pull(
        services, asked.repository, pull, PullAction.UPDATED, wanted, facts, asked.key, asked.comment.author
    )
    names = [w.name for w in wanted if w.id in will_run]
    said = replies.planning(names, pull.head_sha) if names else replies.refused(sentence)
    return sentence, [*jobs, *answer(services, asked, "\n\n".join([said, *reasons]))]


def _approved_at_head(services: Services, asked: Asked, pull: PullRequest, workspaces: list[Workspace]) -> list[Run]:
    """What somebody has approved is not planned again under their hands; `cancel` takes it back first."""
    chosen_ids = {workspace.id for workspace in workspaces}
    return [
        run
        for run in services.runs.of_pull(asked.repository.id, pull.number)
        if run.status in APPROVED and run.workspace_id in chosen_ids and run.commit_sha == pull.head_sha
    ]


def _plan_pushed(services: Services, asked: Asked, command: Command) -> Result:
    """After the merge, and at a commit, `plan` means the runs of what was pushed."""
    runs = newest_each([run for run in runs_here(services, asked) if was_pushed(run)])
    if not runs:
        is_pull = asked.thread.pull_number is not None
        body = replies.pull_is_over(host_words(services, asked.repository))
        return "nothing to plan", answer(services, asked, body if is_pull else replies.nothing_to(CommandVerb.PLAN))
    workspaces = [w for w in (services.workspaces.get(run.workspace_id) for run in runs) if _is_chosen(w, command)]
    if not workspaces:
        return "no workspace chosen", answer(services, asked, replies.nothing_chosen(command))
    allowed, refused = split_by_user(services, asked, workspaces, Needs.RUNS_PLAN)
    if not allowed:
        return "not allowed to plan", answer(services, asked, "\n\n".join(refused))
    ids = {workspace.id for workspace in allowed}
    return plan_pushed_again(services, asked, [run for run in runs if run.workspace_id in ids], refused)


def _is_chosen(workspace: Workspace, command: Command) -> bool:
    by_name = not command.workspaces or workspace.name in command.workspaces
    by_folder = not command.directories or workspace.working_directory in command.directories
    return by_name and by_folder


def _end(
    services: Services,
    asked: Asked,
    command: Command,
    deed: Callable[[Services, RunId, str], list[Job]],
    fits: Callable[[Run], bool],
) -> Result:
    """Discard or cancel the chosen runs that can be."""
    choice = chosen(services, asked, command)
    if isinstance(choice, str):
        return "nothing chosen", answer(services, asked, choice)
    runs = [run for run in choice if fits(run)]
    if not runs:
        is_approved = command.verb is CommandVerb.DISCARD and any(run.status in APPROVED for run in choice)
        body = replies.approved_already() if is_approved else replies.nothing_to(command.verb)
        return f"nothing to {command.verb}", answer(services, asked, body)
    refusal = _refusal(services, asked, runs)
    if refusal:
        return "not allowed", answer(services, asked, refusal)
    jobs: list[Job] = []
    reasons: list[str] = []
    with services.records.write():
        if not services.pulls.comment_is_new(asked.repository.id, asked.key):
            return "the comment was acted on already", []
        for run in runs:
            try:
                jobs += deed(services, run.id, asked.who)
            except Refused as refused:
                reasons.append(refused.reason)
        lines = Gatherer(services).lines(services.runs.get(run.id) for run in runs)
        said = replies.discarded if command.verb is CommandVerb.DISCARD else replies.cancelled
        body = "\n\n".join([replies.refused(reason) for reason in reasons]) or said(lines)
        jobs += answer(services, asked, body)
    return f"{command.verb}: {', '.join(run.id for run in runs)}", jobs


def _is_discardable(run: Run) -> bool:
    return can(run, RunEvent.DISCARDED)


def _is_cancelable(run: Run) -> bool:
    if run.is_final or run.status in AWAITING_DECISION:
        return False
    return run.status not in AT_A_RUNNER or run.cancel_requested_at is None


def _refusal(services: Services, asked: Asked, runs: Sequence[Run]) -> str:
    """Why this person may not end these runs; empty if they may. A plan that nobody could apply takes less."""
    for run in runs:
        workspace = services.workspaces.get(run.workspace_id)
        if run.kind is RunKind.PLAN_ONLY:
            if not may_plan(asked.role):
                return replies.not_allowed(asked.who, workspace.name, ApplyPermission.WRITE)
        elif not may_apply(asked.role, workspace.apply_permission):
            return replies.not_allowed(asked.who, workspace.name, workspace.apply_permission)
        needs = Needs.RUNS_PLAN if run.kind is RunKind.PLAN_ONLY else Needs.RUNS_APPLY
        refusal = user_refusal(services, asked, workspace, needs)
        if refusal:
            return refusal
    return ""


def _unlock(services: Services, asked: Asked) -> Result:
    """Give up what this pull request holds, and nothing else."""
    number = asked.thread.pull_number
    for workspace in services.workspaces.held_by(asked.repository.id, number or 0):
        if not may_apply(asked.role, workspace.apply_permission):
            body = replies.not_allowed(asked.who, workspace.name, workspace.apply_permission)
            return "not allowed to unlock", answer(services, asked, body)
        refusal = user_refusal(services, asked, workspace, Needs.RUNS_APPLY)
        if refusal:
            return "not allowed to unlock", answer(services, asked, refusal)
    with services.records.write():
        freed, jobs = free_holds(services, asked.repository, number) if number is not None else ([], [])
        if not freed:
            return "nothing to unlock", answer(services, asked, replies.nothing_to_unlock())
        names = [services.workspaces.get(workspace_id).name for workspace_id in freed]
        jobs += answer(services, asked, replies.unlocked(names))
    return f"unlocked {', '.join(names)}", jobs


def _explain(services: Services, asked: Asked, command: Command) -> Result:
    """Say for every workspace of the repository whether it runs here, and why."""
    runs = {run.workspace_id: run for run in newest_each(runs_here(services, asked))}
    number = asked.thread.pull_number
    pull = services.host_of(asked.repository).read_pull(asked.repository, number) if number is not None else None
    reasons: dict[str, tuple[bool, str]] = {}
    workspaces = [w for w in services.workspaces.of_repository(asked.repository.id) if _is_chosen(w, command)]
    if pull is not None and pull.is_open:
        pull, _, facts = look_again(services, asked.repository, pull)
        facts = replace(facts, is_asked_for=False)  # why it runs by itself, or doesn't
        event = pull_event(asked.repository, pull, PullAction.UPDATED)
        for decision in decide(event, workspaces, facts):
            reasons[decision.workspace_id] = (isinstance(decision, WantRun), decision.reason)
    gatherer = Gatherer(services)
    found = []
    for workspace in workspaces:
        run = runs.get(workspace.id)
        runs_now, reason = reasons.get(workspace.id, (run is not None, run.message if run else "nothing ran here"))
        line = gatherer.line(run) if run else None
        found.append(replies.Explanation(workspace.name, runs_now, reason, line))
    return "explained", answer(services, asked, replies.explain(found, host_words(services, asked.repository)))
