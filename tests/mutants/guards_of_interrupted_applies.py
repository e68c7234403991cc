"""Which guards keep an interrupted apply from being repeated or called a success (invariant 9)?"""

from tests.mutants.mutant import Mutant, R, S, mutant

INTERRUPTED_APPLIES: tuple[Mutant, ...] = (
    # 9. An apply that was interrupted is never repeated by itself, and never called a success.
    mutant(
        9,
        "the workspace of a lost apply is locked",
        R + "stages.py",
        "    lock_for_unknown_outcome(services, run)\n    return move(services, run, RunEvent.APPLY_LOST",
        "    return move(services, run, RunEvent.APPLY_LOST",
        S + "test_interrupted_applies.py::test_a_runner_vanishes_in_the_middle_of_an_apply",
    ),
    mutant(
        9,
        "the lease decides",
        "storage/stage_jobs.py",
        "SELECT * FROM stage_jobs WHERE status = 'claimed' AND lease_until < ?",
        "SELECT * FROM stage_jobs WHERE status = 'claimed' AND lease_until > ?",
        S + "test_interrupted_applies.py::test_a_runner_vanishes_in_the_middle_of_an_apply",
        S + "test_interrupted_applies.py::test_a_living_runner_is_not_given_up",
    ),
    mutant(
        9,
        "an engine that was killed leaves the outcome unknown",
        R + "stages.py",
        "    if result.was_killed:\n",
        "    if result.was_killed is None:\n",
        S + "test_interrupted_applies.py::test_an_engine_that_is_killed_leaves_the_outcome_unknown",
    ),
    mutant(
        9,
        "a late state counts only while nobody has unlocked",
        R + "late_results.py",
        "    if services.workspaces.unlocked_since(run.workspace_id, ended):\n",
        "    if ended is None:\n",
        S + "test_interrupted_applies.py::test_a_late_state_after_somebody_unlocked_is_only_kept",
    ),
    mutant(
        9,
        "a late state counts only if it follows",
        R + "late_results.py",
        "        is_newer = check_follows(current.facts if current else None, version.facts)\n",
        "        is_newer = check_follows(None, version.facts)\n",
        S + "test_interrupted_applies.py::test_a_late_state_that_does_not_follow_is_only_kept",
    ),
    mutant(
        9,
        "an apply killed by force locks its workspace",
        R + "decisions.py",
        "        if run.status is RunStatus.APPLYING:\n            lock_for_unknown_outcome(services, run)\n",
        "",
        S + "test_interrupted_applies.py::test_an_apply_cancelled_by_force_locks",
    ),
    mutant(
        9,
        "a plan is repeated, but not for ever",
        R + "stages.py",
        "MOST_PLAN_TRIES = 3",
        "MOST_PLAN_TRIES = 30",
        S + "test_interrupted_applies.py::test_a_vanished_plan_is_planned_again_three_times_in_all",
    ),
    mutant(
        9,
        "an engine that is killed in its sandbox is a killed engine",
        "bot/runner/engine_process.py",
        "    return -(code - 128) if code > 128 else code\n",
        "    return code\n",
        S + "test_killed_engines.py::test_an_engine_killed_in_its_sandbox_leaves_the_outcome_unknown",
    ),
)
