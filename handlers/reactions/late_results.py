"""What if a runner comes back after its apply was given up? What it brings is kept, and trusted only where it fits."""

from bot.errors import Refused
from bot.run import Run, Stage
from bot.stage_words import Outcome
from bot.state import StateConflict, check_follows
from handlers.jobs import Job
from handlers.reactions.decisions import unknown_outcome, unlock
from handlers.services import Services
from storage.stage_jobs import StageJob
from storage.state_versions import ReceivedState


def take_late_result(
    services: Services,
    run: Run,
    job: StageJob,
    outcome: Outcome,
    state: ReceivedState | Refused | None,
    *,
    is_settled: bool,
) -> list[Job]:
    """Note a result that came after the run was final. The run's status stays: nobody rewrites history.

    The lock "outcome unknown" comes off when the runner's word and state settle the matter (its engine left
    by itself) and no person has unlocked in between; else it stays for a person.
    """
    if job.stage is Stage.PLAN:
        services.timeline.add(run.id, f"runner {job.runner} came back late; its plan is not used")
        return []
    services.timeline.add(run.id, f"runner {job.runner} came back late: the apply had {_spoken(outcome)}")
    if state is not None and not _take_state(services, run, state):
        return []
    workspace = services.workspaces.get(run.workspace_id)
    if not is_settled or workspace.lock_reason != unknown_outcome(run):
        return []
    services.timeline.add(run.id, "the outcome is known now; the workspace was unlocked")
    return unlock(services, workspace.id)


def _take_state(services: Services, run: Run, state: ReceivedState | Refused) -> bool:
    """Keep a late state; make it current only if serial and lineage fit and nobody has unlocked since."""
    if isinstance(state, Refused):
        services.timeline.add(run.id, f"what came late as a state is none: {state.reason}")
        return False
    version = services.states.keep_late(run.workspace_id, state, run.id, run.commit_sha)
    current = services.states.current(run.workspace_id)
    try:
        is_newer = check_follows(current.facts if current else None, version.facts)
    except StateConflict as conflict:
        services.timeline.add(run.id, f"the state that came late is kept, but not used: {conflict.reason}")
        return False
    if not is_newer:
        return True  # it is the current one already
    ended = max(run.times.values())
    if services.workspaces.unlocked_since(run.workspace_id, ended):
        services.timeline.add(
            run.id, "the state that came late is kept, but not used: the workspace was unlocked before"
        )
        return False
    services.states.make_current(version)
    services.runs.owe_follow_up(run.id)  # plans that were made on the state before are out of date
    services.timeline.add(run.id, f"the state that came late is current now (serial {version.serial})")
    return True


def _spoken(outcome: Outcome) -> str:
    return {Outcome.SUCCEEDED: "succeeded", Outcome.CANCELED: "been interrupted"}.get(outcome, "failed")
