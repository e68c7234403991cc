"""What if a pushed commit is to be planned once more? Its runs are made anew, unless a newer commit has some."""

from collections.abc import Sequence

from bot.messages import replies
from bot.run import APPROVED, AT_A_RUNNER, Run, RunKind, TriggerReason
from bot.workspace import Workspace
from handlers.jobs import Job
from handlers.reactions.answering import Asked, answer
from handlers.reactions.gathering import Gatherer
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import create_run
from handlers.reactions.pulls import end_run
from handlers.services import Services


def was_pushed(run: Run) -> bool:
    return run.kind is RunKind.NORMAL and run.trigger_reason in (TriggerReason.PUSH, TriggerReason.TAG)


def plan_pushed_again(
    services: Services, asked: Asked, runs: list[Run], refused: Sequence[str] = ()
) -> tuple[str, list[Job]]:
    """Plan each of these pushed runs' commits again. Raises OutsideTrouble before anything was done.

    `refused` is what the answer says besides: why others are not.
    """
    jobs: list[Job] = []
    planned: list[str] = []
    reasons = list(refused)
    for run in runs:
        workspace = services.workspaces.get(run.workspace_id)
        reason = _why_not(services, run, workspace, asked.key)
        if reason:
            reasons.append(reason)
            continue
        planned.append(workspace.name)
        if not run.is_final and run.delivery != asked.key:
            jobs += end_run(services, run, f"planned again, as {asked.who} asked")
        jobs += create_run(services, workspace, RunKind.NORMAL, _request(asked, run))[1]
    said = [replies.planning(planned, runs[0].commit_sha)] if planned else []
    sentence = f"planned again: {', '.join(planned)}" if planned else "nothing was planned again"
    return sentence, [*jobs, *answer(services, asked, "\n\n".join([*said, *reasons]))]


def _why_not(services: Services, run: Run, workspace: Workspace, key: str) -> str:
    """A finished answer; empty if it may be planned again."""
    if run.status in APPROVED:
        return replies.already_approved(Gatherer(services).line(run))
    if run.status in AT_A_RUNNER and run.delivery != key:
        return replies.still_planning(Gatherer(services).lines([run]))
    newest = services.runs.newest_push_run(run.workspace_id, run.branch) if run.branch else None
    if newest is not None and newest.commit_sha != run.commit_sha:
        return replies.newer_commit(workspace.name, run.branch, newest.commit_sha)
    return ""


def _request(asked: Asked, run: Run) -> RunRequest:
    """The same once more. It is asked for by a comment, so it waits for an approval even where pushes don't."""
    return RunRequest(
        repository=asked.repository,
        commit_sha=run.commit_sha,
        trigger_reason=run.trigger_reason,
        delivery=asked.key,
        branch=run.branch,
        tag=run.tag,
        created_by=asked.who,
        sender=asked.comment.author,
        message=run.message,
    )
