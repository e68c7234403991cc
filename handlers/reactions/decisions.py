"""What follows from a person's decision? Confirm, discard, cancel, lock, unlock: the same for every door.

Whether the person may is asked by the door, at the moment of doing. Whether the run can is asked here,
in the transaction that does it. Each raises Refused with the reason.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.errors import NotAllowed, Refused
from bot.ids import RunId, WorkspaceId
from bot.messages.escape import one_line, shortened
from bot.run import AT_A_RUNNER, AWAITING_DECISION, Run, RunKind, RunStatus, Stage
from bot.run_machine import RunEvent, can
from bot.run_queue import in_order, position
from bot.stage_words import Signal
from bot.workspace import Requirement, Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.moves import move
from handlers.reactions.outdated import lost_its_state, nudge_outdated
from handlers.reactions.removing import check_stays
from handlers.reactions.reports import report, report_held
from handlers.services import Services
from handlers.state.holding import holder_words

LONGEST_REASON = 200  # characters of why somebody has locked, where that is said beside other things
COOL_OFF = timedelta(seconds=10)  # between an interrupt and the right to kill, as TFE has it


def confirm(services: Services, run_id: RunId, who: str, *, user_id: str = "") -> list[Job]:
    """Approve a plan: exactly the one that was reviewed will be applied. `user_id`: of a user of ours."""
    with services.records.write():
        run = services.runs.get(run_id)
        workspace = services.workspaces.get(run.workspace_id)
        _check_confirmable(services, run, workspace)
        changes: dict[str, Any] = {"confirmed_by": who, "confirmed_by_id": user_id}
        if run.kind is RunKind.SAVED_PLAN:
            # It joins the queue now: behind whoever came before, not at the place of its creation.
            changes["queue_sequence"] = services.runs.next_sequence()
            _take_hold(services, run)
        _, jobs = move(services, run, RunEvent.CONFIRMED, "confirmed", actor=who, **changes)
        if run.kind is RunKind.SAVED_PLAN:
            jobs += report_held(services, run.workspace_id)
    return [*jobs, Job(Verb.WORK_QUEUE, run.workspace_id)]


def _check_confirmable(services: Services, run: Run, workspace: Workspace) -> None:
    if not can(run, RunEvent.CONFIRMED):
        raise Refused(_why_not_confirmable(run))
    check_stays(services, workspace)
    refuse_unless_current(services, run, workspace)
    _refuse_under_lock(run, workspace)


def _refuse_under_lock(run: Run, workspace: Workspace) -> None:
    """A plan of `plan -out` under a manual lock: whoever applies it sits at a terminal that would say nothing.

    A pull request's plan is accepted and waits for the lock: its answer and its comment say so. A normal run holds its
    workspace already, so nobody could have locked it. A lock of one's own counts, too: under it no run begins.
    """
    if run.kind is RunKind.SAVED_PLAN and run.pull_number is None and workspace.is_locked:
        reason = shortened(one_line(workspace.lock_reason), LONGEST_REASON)
        why = f" ({reason})" if reason else ""
        raise Refused(f"{workspace.name} is locked by {holder_words(workspace)}{why}: apply it once that is unlocked")


def _why_not_confirmable(run: Run) -> str:
    if run.kind is RunKind.PLAN_ONLY and run.pull_number is not None:
        return f"{run.id} only plans: merge the pull request, and its push makes the run that applies"
    if run.kind is RunKind.PLAN_ONLY:
        return f"{run.id} only plans: start a run that isn't plan-only"
    if run.status is RunStatus.PLANNED_AND_FINISHED:
        return f"{run.id} found nothing to change, so there is nothing to apply"
    if run.is_final:
        return f"{run.id} is {run.status.value.replace('_', ' ')} already"
    if run.status in (RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, RunStatus.APPLYING):
        by = f" by {run.confirmed_by}" if run.confirmed_by else ""
        return f"{run.id} has been confirmed{by} already"
    return f"{run.id} has no plan yet"


def refuse_unless_current(services: Services, run: Run, workspace: Workspace) -> None:
    """Invariant 5: what was reviewed is what will be applied. Asked at the approval and again at the claim."""
    refuse_if_state_moved(run, workspace)
    if run.pull_number is None or run.repository_id is None:
        return
    hold = services.workspaces.hold(workspace.id)
    if hold and (hold.repository_id, hold.pull_number) != (run.repository_id, run.pull_number):
        raise Refused(f"{workspace.name} waits for #{hold.pull_number}, which has applied and is not merged yet")
    pull = services.pulls.find(run.repository_id, run.pull_number)
    if run.kind is RunKind.SAVED_PLAN and pull is not None:
        if not pull.is_open:
            raise Refused(f"pull request #{pull.number} is closed")
        if pull.head_sha != run.commit_sha:
            raise Refused(f"pull request #{pull.number} has a newer commit than {run.commit_sha[:7]}; plan again")
        wants_fresh_base = Requirement.UNDIVERGED in workspace.apply_requirements
        if wants_fresh_base and run.base_sha and pull.base_sha and pull.base_sha != run.base_sha:
            raise Refused(f"the branch that #{pull.number} goes into has moved since {run.id} was planned; plan again")


def refuse_if_state_moved(run: Run, workspace: Workspace) -> None:
    """Of what must be so for an apply, that which never comes right again by itself."""
    if workspace.current_state_version_id != run.planned_on:
        raise Refused(f"the state of {workspace.name} has changed since {run.id} was planned; plan again")


def refuse_apply(services: Services, run: Run, workspace: Workspace, refused: Refused) -> list[Job]:
    """End what was approved and may not be applied. Where another plan follows by itself, nobody is asked for one."""
    reason = refused.reason
    if lost_its_state(services, run):
        reason = f"the state of {workspace.name} has changed since {run.id} was planned; it is planned again"
    return move(services, run, RunEvent.APPLY_REFUSED, f"not applied: {reason}", error=reason)[1]


def _take_hold(services: Services, run: Run) -> None:
    if run.repository_id is not None and run.pull_number is not None:
        services.workspaces.take_hold(run.workspace_id, run.repository_id, run.pull_number)


def discard(services: Services, run_id: RunId, who: str, why: str = "") -> list[Job]:
    """Give a plan up; the queue moves on."""
    with services.records.write():
        run = services.runs.get(run_id)
        if not can(run, RunEvent.DISCARDED):
            raise Refused(_why_not_discardable(run))
        _, jobs = move(services, run, RunEvent.DISCARDED, why or "discarded", actor=who)
    return jobs


def _why_not_discardable(run: Run) -> str:
    status = run.status.value.replace("_", " ")
    if run.is_final:
        return f"{run.id} is {status}: there is nothing to discard"
    return f"{run.id} is {status}: it can be cancelled, not discarded"


def cancel(services: Services, run_id: RunId, who: str, why: str = "") -> list[Job]:
    """Stop a run: at once if no runner has it, else by an interrupt to its engine, like Ctrl-C."""
    with services.records.write():
        run = services.runs.get(run_id)
        if run.is_final or run.status in AWAITING_DECISION:
            raise Refused(f"{run.id} is {run.status.value.replace('_', ' ')}: there is nothing to cancel")
        if run.status in AT_A_RUNNER:
            return _ask_runner_to_stop(services, run, who, why)
        job = services.jobs.of_run(run.id, _stage_of(run))
        if job is not None:
            services.jobs.withdraw(job.id)
        _, jobs = move(services, run, RunEvent.CANCELED, why or "cancelled", actor=who)
    return jobs


def _ask_runner_to_stop(services: Services, run: Run, who: str, why: str) -> list[Job]:
    if run.cancel_requested_at is not None:
        raise Refused(f"{run.id} has been told to stop already; it can be killed {_seconds(COOL_OFF)} s after that")
    job = services.jobs.of_run(run.id, _stage_of(run))
    if job is not None:
        services.jobs.signal(job.id, Signal.INTERRUPT)
    after = replace(run, cancel_requested_at=services.now())
    services.runs.move(run, after)
    services.timeline.add(run.id, why or "cancel asked for; its engine is interrupted", who)
    return report(services, after)


def force_cancel(services: Services, run_id: RunId, who: str) -> list[Job]:
    """Kill a run that an interrupt did not stop, and free its workspace at once.

    A killed apply may have changed things that no state knows of: its workspace is locked (invariant 9).
    """
    with services.records.write():
        run = services.runs.get(run_id)
        if run.status not in AT_A_RUNNER or run.cancel_requested_at is None:
            raise Refused(f"{run.id} can be killed only after it was cancelled and did not stop")
        if services.now() < run.cancel_requested_at + COOL_OFF:
            raise Refused(f"{run.id} has {_seconds(COOL_OFF)} s to stop by itself; try again then")
        job = services.jobs.of_run(run.id, _stage_of(run))
        if job is not None:
            services.jobs.signal(job.id, Signal.KILL)
        if run.status is RunStatus.APPLYING:
            lock_for_unknown_outcome(services, run)
        _, jobs = move(
            services, run, RunEvent.CANCELED, "cancelled by force: its engine is killed", actor=who, forced=True
        )
    return jobs


def force_execute(services: Services, run_id: RunId, who: str) -> list[Job]:
    """Let a pending run go next: what is before it in the queue and not yet approved is discarded.

    Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#forcefully-execute-a-run
    """
    with services.records.write():
        run = services.runs.get(run_id)
        queue = in_order(services.runs.unfinished(run.workspace_id))
        before = queue[: position(queue, run.id) - 1]
        if run.status is not RunStatus.PENDING or not before or not before[0].holds_workspace:
            raise NotAllowed(f"{run.id} does not wait behind another run")  # TFE answers this with 403, not 409
        jobs: list[Job] = []
        for other in before:
            if not can(other, RunEvent.DISCARDED):
                raise Refused(
                    f"{other.id}, before it, is {other.status.value.replace('_', ' ')}: it can't be discarded"
                )
            jobs += move(services, other, RunEvent.DISCARDED, f"discarded, so that {run.id} goes next", actor=who)[1]
    return [*jobs, Job(Verb.WORK_QUEUE, run.workspace_id)]


def lock_for_unknown_outcome(services: Services, run: Run) -> None:
    """Nothing starts in this workspace until a person has looked, or the runner hands its result in."""
    if not services.workspaces.get(run.workspace_id).is_locked:
        services.workspaces.lock(run.workspace_id, "Runlock", unknown_outcome(run))


def unknown_outcome(run: Run) -> str:
    """The reason of the lock that an apply of unknown outcome leaves."""
    return f"outcome of {run.id} unknown"


def lock(
    services: Services,
    workspace_id: WorkspaceId,
    who: str,
    reason: str,
    *,
    holder_id: str = "",
    lock_id: str = "",
    info: str = "",
) -> list[Job]:
    """Keep runs pending. A run that is under way holds the workspace already; it is decided or cancelled first."""
    with services.records.write():
        holder = next((run for run in services.runs.unfinished(workspace_id) if run.holds_workspace), None)
        if holder is not None:
            name = services.workspaces.get(workspace_id).name
            raise Refused(f"{name} is held by {holder.id}, which is {holder.status.value.replace('_', ' ')}")
        services.workspaces.lock(workspace_id, who, reason, holder_id, lock_id, info)
    return []


def unlock(services: Services, workspace_id: WorkspaceId) -> list[Job]:
    """Take the manual lock off; the queue goes on, and what was planned before the state changed is planned again."""
    services.workspaces.unlock(workspace_id)
    return [Job(Verb.WORK_QUEUE, workspace_id), *nudge_outdated(services, workspace_id)]


def _stage_of(run: Run) -> Stage:
    return Stage.APPLY if run.status in (RunStatus.APPLY_QUEUED, RunStatus.APPLYING) else Stage.PLAN


def _seconds(span: timedelta) -> int:
    return int(span.total_seconds())
