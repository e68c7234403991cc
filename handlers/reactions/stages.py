"""What happens when a runner claims a stage, and when it ends? The run moves in the same transaction."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bot.errors import Refused
from bot.ids import BlobId
from bot.messages.facts import Trouble
from bot.plan_summary import PlanSummary
from bot.run import Run, RunStatus, Stage
from bot.run_machine import RunEvent
from bot.stage_words import Outcome
from bot.state import StateConflict
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.by_itself import consent
from handlers.reactions.decisions import lock_for_unknown_outcome, refuse_apply, refuse_unless_current
from handlers.reactions.late_results import take_late_result
from handlers.reactions.moves import move
from handlers.run_names import names_now
from handlers.services import Services
from storage.stage_jobs import StageJob
from storage.state_versions import ReceivedState

MOST_PLAN_TRIES = 3  # a plan whose runner vanished is repeated, but not for ever


@dataclass(frozen=True)
class StageResult:
    """What a runner says of a stage that it worked on. Checked by the door that read it."""

    outcome: Outcome
    exit_code: int | None = None
    has_changes: bool = False
    summary: PlanSummary = field(default_factory=PlanSummary)
    plan_digest: str = ""
    engine: str = ""
    engine_version: str = ""
    error: str = ""
    notes: tuple[str, ...] = ()
    apply_started: bool = True  # a runner that doesn't say so may have begun

    @property
    def was_killed(self) -> bool:
        """An engine that left by itself wrote its state; one that was killed may not have."""
        if not self.apply_started:
            return False
        return self.exit_code is None or self.exit_code < 0

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "summary": self.summary.as_json(), "notes": list(self.notes)}


def claim(services: Services, job: StageJob, runner: str, nonce: str = "") -> tuple[str | None, list[Job]]:
    """Give a stage to a runner: the job token, or None if it is gone, somebody's, or not to be done any more.

    An apply is checked here for the last time, in the transaction that enters `applying` (invariant 5).
    """
    lease = timedelta(seconds=services.settings.lease_seconds)
    with services.records.write():
        again = services.jobs.claim_again(job.id, lease, nonce)
        if again is not None:
            return again, []
        run = services.runs.get(job.run_id)
        workspace = services.workspaces.get(run.workspace_id)
        if job.stage is Stage.APPLY and run.status is RunStatus.APPLY_QUEUED:
            try:
                refuse_unless_current(services, run, workspace)
            except Refused as refused:
                services.jobs.withdraw(job.id)
                return None, refuse_apply(services, run, workspace, refused)
        token = services.jobs.claim(job.id, runner, lease, nonce)
        if token is None:
            return None, []
        jobs = _started(services, run, workspace, job, runner)
    return token, jobs


def _started(services: Services, run: Run, workspace: Workspace, job: StageJob, runner: str) -> list[Job]:
    where = f"on runner {runner}"
    if job.stage is Stage.APPLY:
        return move(services, run, RunEvent.APPLY_STARTED, f"applying {where}")[1]
    services.jobs.keep_names(job.id, names_now(services, workspace))
    # The state is noted before the plan reads it: if it moves meanwhile, the apply is refused, never the reverse.
    planned_on = workspace.current_state_version_id
    return move(services, run, RunEvent.PLAN_STARTED, f"planning {where}", planned_on=planned_on)[1]


def end_stage(services: Services, job: StageJob, result: StageResult) -> list[Job]:
    """Take a stage's result: log sealed first, then job, run and reports in one transaction.

    A result that comes twice changes nothing. One of an apply that was given up for lost is a late result.
    """
    errored_state = _errored_state(services, job)
    sealed, size = services.logs.seal(job.id)
    with services.records.write():
        fresh = services.jobs.find(job.id)
        kept = _longer(fresh, sealed, size)
        if fresh is not None and services.jobs.finish(fresh, result.as_json(), *kept):
            if fresh.log_blob_id is not None:
                services.dropped.note(sealed if kept[0] == fresh.log_blob_id else fresh.log_blob_id)
            jobs = _run_goes_on(services, fresh, result, errored_state)
        else:
            services.dropped.note(sealed)  # no row names it: the job is closed, or gone with its workspace
            jobs = []
    services.logs.forget(job.id)
    return jobs


def _longer(job: StageJob | None, sealed: BlobId, size: int) -> tuple[BlobId, int]:
    """The log that was sealed now; or the one of a lost apply from before, if not all of it was sent again."""
    if job is not None and job.log_blob_id is not None and job.log_size > size:
        return job.log_blob_id, job.log_size
    return sealed, size


def _run_goes_on(
    services: Services, job: StageJob, result: StageResult, errored_state: ReceivedState | Refused | None
) -> list[Job]:
    run = services.runs.get(job.run_id)
    for note in result.notes:
        services.timeline.add(run.id, note)
    if run.is_final:
        is_settled = not result.was_killed
        return take_late_result(services, run, job, result.outcome, errored_state, is_settled=is_settled)
    if job.stage is Stage.PLAN:
        return _plan_ended(services, run, result)
    return _apply_ended(services, run, result, errored_state)


def _errored_state(services: Services, job: StageJob) -> ReceivedState | Refused | None:
    """The state that the engine left behind because it could not save it, if the runner handed one in."""
    fresh = services.jobs.find(job.id)
    if fresh is None or fresh.errored_state_blob_id is None:
        return None
    try:
        return services.states.received(fresh.errored_state_blob_id)
    except Refused as refused:
        return refused


def _plan_ended(services: Services, run: Run, result: StageResult) -> list[Job]:
    if run.cancel_requested_at is not None or result.outcome is Outcome.CANCELED:
        return move(services, run, RunEvent.CANCELED, "its engine stopped")[1]
    if result.outcome is not Outcome.SUCCEEDED:
        facts: dict[str, Any] = {"error": result.error, "trouble": _whose(result)}
        return move(services, run, RunEvent.PLAN_FAILED, f"plan failed: {result.error}", **facts)[1]
    # The engine's exit code says whether there is anything to apply; the summary may know no resource of it.
    moves_only = result.has_changes and not result.summary.has_changes
    summary = replace(result.summary, state_changed=True) if moves_only else result.summary
    return _planned(services, run, result, {"summary": summary, "plan_digest": result.plan_digest})


def _planned(services: Services, run: Run, result: StageResult, facts: dict[str, Any]) -> list[Job]:
    """It is confirmed at once where it is to be applied by itself, and whoever asked for that may still do it."""
    given = consent(services, run, has_changes=result.has_changes)
    if not result.has_changes and (given is None or given.refusal):
        after, jobs = move(services, run, RunEvent.PLANNED_NOTHING, "planned: no changes", **facts)
    else:
        if given is not None and given.refusal:
            facts["auto_apply"] = False  # it waits for people: they are told of it as of any other that does
        after, jobs = move(services, run, RunEvent.PLANNED_CHANGES, f"planned: {facts['summary'].sentence}", **facts)
    if given is None:
        return jobs
    if given.refusal:
        waits = "; somebody else has to confirm it" if result.has_changes else ""
        services.timeline.add(run.id, given.refusal + waits)
        return jobs
    by = {"confirmed_by": given.by, "confirmed_by_id": given.by_id}
    jobs += move(services, after, RunEvent.CONFIRMED, given.text, **by)[1]
    return [*jobs, Job(Verb.WORK_QUEUE, run.workspace_id)]


def _apply_ended(
    services: Services, run: Run, result: StageResult, errored_state: ReceivedState | Refused | None
) -> list[Job]:
    error = result.error
    if errored_state is not None:
        error = " ".join(filter(None, [error, _take_errored_state(services, run, errored_state)]))
    if result.outcome is Outcome.SUCCEEDED:
        return move(services, run, RunEvent.APPLY_SUCCEEDED, "applied")[1]
    facts: dict[str, Any] = {"error": error, "trouble": _whose(result)}
    if result.was_killed:
        lock_for_unknown_outcome(services, run)
        facts["trouble"] = Trouble.OUTCOME_UNKNOWN
    if result.outcome is Outcome.CANCELED:
        return move(services, run, RunEvent.CANCELED, "its engine stopped in the middle of the apply", **facts)[1]
    return move(services, run, RunEvent.APPLY_FAILED, f"apply failed: {error}", **facts)[1]


def _whose(result: StageResult) -> Trouble:
    return Trouble.OURS if result.outcome in (Outcome.NO_ENGINE, Outcome.TROUBLE) else Trouble.NONE


def _take_errored_state(services: Services, run: Run, state: ReceivedState | Refused) -> str:
    """The state that the engine could not save: it becomes current if it follows the current one."""
    if isinstance(state, Refused):
        lock_for_unknown_outcome(services, run)
        return f"What was handed in as the state that it could not save is none: {state.reason}."
    try:
        services.states.take(run.workspace_id, state, run_id=run.id, commit_sha=run.commit_sha)
    except StateConflict as conflict:
        services.states.keep_late(run.workspace_id, state, run.id, run.commit_sha)
        lock_for_unknown_outcome(services, run)
        return f"The state that it could not save is kept, but it does not follow the current one: {conflict.reason}."
    return "The state that it could not save by itself was saved from its runner."


def lose_if_silent(services: Services, job_id: str) -> list[Job]:
    """Give a stage up unless its runner has been heard of, or has ended it, since the sweep looked."""
    job = services.jobs.find(job_id)
    return lose(services, job) if job else []


def lose(services: Services, job: StageJob) -> list[Job]:
    """Give a stage up whose runner has been silent for longer than its lease.

    A plan is repeated by another runner. An apply is never repeated by itself, and never called a success.
    """
    with services.records.write():
        if not services.jobs.lose(job):
            return []
        run = services.runs.get(job.run_id)
        if run.is_final:
            return []
        if job.stage is Stage.APPLY:
            return _apply_lost(services, run, job)
        return _plan_lost(services, run, job)


def _apply_lost(services: Services, run: Run, job: StageJob) -> list[Job]:
    reason = f"runner {job.runner} vanished in the middle of the apply; nobody knows how far it came"
    lock_for_unknown_outcome(services, run)
    return move(services, run, RunEvent.APPLY_LOST, reason, error=reason, trouble=Trouble.OUTCOME_UNKNOWN)[1]


def _plan_lost(services: Services, run: Run, job: StageJob) -> list[Job]:
    if run.cancel_requested_at is not None:
        return move(services, run, RunEvent.CANCELED, "its runner is gone")[1]
    tries = services.jobs.count(run.id, Stage.PLAN)
    if tries >= MOST_PLAN_TRIES:
        reason = f"runner {job.runner} vanished; {tries} runners in all could not finish this plan"
        return move(services, run, RunEvent.PLAN_FAILED, reason, error=reason, trouble=Trouble.OURS)[1]
    _, jobs = move(services, run, RunEvent.PLAN_LOST, f"runner {job.runner} vanished; another one plans it again")
    return [*jobs, Job(Verb.NUDGE_RUNNER, services.jobs.add(run.id, Stage.PLAN))]


def engine_of(services: Services, job: StageJob) -> tuple[str, str]:
    """(engine, version): what the workspace asks for; once the run was begun with one, exactly that."""
    begun_with = services.jobs.engine_of(job.run_id)
    if begun_with is not None:
        return begun_with
    manifest = services.runs.manifest(job.run_id)
    return manifest.engine, manifest.engine_version
