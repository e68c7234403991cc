"""Which guards hold a run to what it was made of, and an apply to the reviewed plan (invariants 4 and 5)?"""

from tests.mutants.mutant import Mutant, R, S, mutant

THE_PLAN: tuple[Mutant, ...] = (
    # 4. A run never changes what it is locked to.
    mutant(
        4,
        "a run has the variables of its creation",
        "handlers/runner_api.py",
        "[variable.__dict__ for variable in manifest.variables]",
        "[variable.as_value.__dict__ for variable in services.variables.all(workspace.id)]",
        S + "test_locked_runs.py::test_a_variable_changed_while_pending_is_for_later_runs[github]",
    ),
    mutant(
        4,
        "a run has the working directory of its creation",
        "handlers/runner_api.py",
        '"working_directory": manifest.working_directory,',
        '"working_directory": workspace.working_directory,',
        S + "test_locked_runs.py::test_settings_changed_while_pending_are_for_later_runs",
    ),
    mutant(
        4,
        "the mirror keeps what runs are made of",
        R + "new_runs.py",
        "    mirror.pin(request.commit_sha)\n",
        "",
        S + "test_locked_runs.py::test_the_configuration_outlives_its_branch[github]",
    ),
    mutant(
        4,
        "the manifest's digest is keyed",
        "bot/manifest.py",
        "return hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()",
        'return hmac.new(b"", canonical.encode(), hashlib.sha256).hexdigest()',
        S + "test_locked_runs.py::test_the_manifests_digest_is_keyed",
    ),
    mutant(
        4,
        "what was planned with a version is applied with it, also if it was disabled meanwhile",
        R + "registered_versions.py",
        "        return (replace(found, enabled=True),) if is_begun else (found,)\n",
        "        return (found,)\n",
        S + "test_registered_versions.py::"
        "test_a_version_disabled_between_plan_and_apply_still_applies_the_plan[github]",
    ),
    # 5. Only the reviewed plan is applied.
    mutant(
        5,
        "the state is the one that was planned on",
        R + "decisions.py",
        "    if workspace.current_state_version_id != run.planned_on:\n",
        "    if not run.planned_on == run.planned_on:\n",
        S + "test_only_the_reviewed_plan.py::test_the_runner_is_refused_a_plan_whose_state_moved[github]",
    ),
    mutant(
        5,
        "it is asked again at the claim",
        R + "stages.py",
        "                refuse_unless_current(services, run, workspace)\n",
        "                pass\n",
        S + "test_only_the_reviewed_plan.py::test_the_runner_is_refused_a_plan_whose_state_moved[github]",
        S + "test_only_the_reviewed_plan.py::test_the_runner_is_refused_an_apply_whose_head_moved[github]",
    ),
    mutant(
        5,
        "the head is the one that was planned",
        R + "decisions.py",
        "        if pull.head_sha != run.commit_sha:\n",
        "        if not pull.head_sha:\n",
        S + "test_only_the_reviewed_plan.py::test_the_runner_is_refused_an_apply_whose_head_moved[github]",
    ),
    mutant(
        5,
        "the runner compares the plan's digest",
        "bot/runner/stage.py",
        "        if digest != self.job.plan_digest:\n",
        "        if not digest:\n",
        S + "test_only_the_reviewed_plan.py::test_the_runner_applies_no_plan_of_another_digest[github]",
    ),
    mutant(
        5,
        "a bare apply means plans that stood there before it was written",
        R + "applying.py",
        "        if posted_at is not None and posted_at < self._asked.comment.created_at:\n",
        "        if posted_at is not None:\n",
        S + "test_which_plan_a_comment_means.py::test_a_comment_written_over_plan_a_does_not_apply_plan_b[github]",
    ),
    mutant(
        5,
        "what a plan handed in can't change after its result",
        "storage/stage_jobs.py",
        'WHERE id = ? AND lease_id = ? AND {_IS_OPEN}",\n',
        'WHERE id = ? AND lease_id = ?",\n',
        S + "test_runner_door.py::test_an_upload_that_ends_after_the_result_changes_nothing",
    ),
    mutant(
        5,
        "an apply is refused after its base moved, where that is asked for",
        R + "decisions.py",
        "        if wants_fresh_base and run.base_sha and",
        "        if False and run.base_sha and",
        S + "test_only_the_reviewed_plan.py::test_the_runner_is_refused_an_apply_whose_base_moved[github]",
    ),
)
