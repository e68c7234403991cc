"""Which guard holds which invariant of DESIGN section 4, and which story fails when it is taken out?

`make mutants` takes each of them out in turn, in a copy, and fails unless the named test does. A guard that is written
anew is written anew here: `test_guards.py` compares the two.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """`guard` stands exactly once in the file; without it, `mutated` stands there."""

    file: str
    guard: str
    mutated: str


@dataclass(frozen=True)
class Mutant:
    """`without` says in words what is taken out. Each of `tests` must pass before, and one must fail after."""

    invariant: int
    without: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def mutant(invariant: int, without: str, file: str, guard: str, mutated: str, *tests: str) -> Mutant:
    return Mutant(invariant, without, (Edit(file, guard, mutated),), tests)


S = "tests/scenarios/"
R = "handlers/reactions/"

MUTANTS: tuple[Mutant, ...] = (
    # 1. The row is the truth, the job is a nudge.
    mutant(
        1,
        "the sweep looks for stages that wait for a runner",
        R + "sweep.py",
        "for stage_job in services.jobs.queued(limit=MOST_NUDGED)]",
        "for stage_job in ()]",
        S + "test_lost_jobs.py::test_every_nudge_of_a_kind_is_lost[nudge runner]",
    ),
    mutant(
        1,
        "the sweep looks for deliveries that wait",
        R + "sweep.py",
        "    jobs += [Job(Verb.HANDLE_DELIVERIES, lane) for lane in services.inbox.waiting_lanes()]\n",
        "",
        S + "test_deliveries_once.py::test_a_delivery_is_remembered_before_it_is_answered",
    ),
    mutant(
        1,
        "the sweep looks for queues that stand still",
        R + "sweep.py",
        "for workspace_id in services.runs.workspaces_with_unfinished()]",
        "for workspace_id in ()]",
        S + "test_lost_jobs.py::test_every_nudge_of_a_kind_is_lost[work queue]",
    ),
    mutant(
        1,
        "the sweep looks for what hosts were not told",
        R + "sweep.py",
        "    jobs += [Job(Verb.SEND, lane) for lane in services.outbox.due_lanes()]\n",
        "",
        S + "test_lost_jobs.py::test_every_nudge_of_a_kind_is_lost[send]",
    ),
    mutant(
        1,
        "the sweep looks for commits whose pull request nobody found",
        R + "sweep.py",
        "services.pulls.not_looked_for(services.now() - SEARCH_TAKES)",
        "()",
        S + "test_lost_jobs.py::test_the_search_for_a_pull_request_is_lost",
    ),
    Mutant(
        1,
        "a stage is given to one runner only",
        (
            Edit(
                "storage/stage_jobs.py",
                "claimed_at = ?, nonce_hash = ? WHERE id = ? AND status = 'queued'",
                "claimed_at = ?, nonce_hash = ? WHERE id = ?",
            ),
            Edit(  # the table would refuse it as well
                "bot/run_machine.py",
                "    (S.PLAN_QUEUED, E.PLAN_STARTED): S.PLANNING,\n",
                "    (S.PLAN_QUEUED, E.PLAN_STARTED): S.PLANNING,\n    (S.PLANNING, E.PLAN_STARTED): S.PLANNING,\n",
            ),
        ),
        (S + "test_runner_door.py::test_the_second_runner_gets_nothing",),
    ),
    mutant(
        1,
        "the sweep looks for applies whose consequences nobody saw to",
        R + "sweep.py",
        "for run_id in services.runs.follow_ups()]",
        "for run_id in ()]",
        S + "test_apply_before_the_merge.py::test_a_host_that_is_away_does_not_keep_outdated_plans",
    ),
    # 2. Nothing received is lost or done twice.
    mutant(
        2,
        "a delivery's id is unique",
        "storage/migrations/inbox.py",
        "outcome TEXT NOT NULL DEFAULT '',\n            UNIQUE (connection_id, delivery_id)\n",
        "outcome TEXT NOT NULL DEFAULT ''\n",
        S + "test_deliveries_once.py::test_a_delivery_that_comes_twice_acts_once[github]",
    ),
    mutant(
        2,
        "a failed delivery that comes again is taken up again",
        "storage/inbox.py",
        "AND status IN ('failed', 'ignored')",
        "AND status IN ('ignored')",
        S + "test_deliveries_once.py::test_a_delivery_that_failed_is_handled_when_it_comes_again[github]",
    ),
    mutant(
        2,
        "one delivery makes one run in a workspace",
        "storage/migrations/runs.py",
        "CREATE UNIQUE INDEX runs_once_per_delivery",
        "CREATE INDEX runs_once_per_delivery",
        S + "test_deliveries_once.py::test_one_delivery_makes_one_run_in_a_workspace",
    ),
    mutant(
        2,
        "the same body is the same delivery only for ten minutes",
        "handlers/webhooks/door.py",
        "SAME_BODY_WINDOW = timedelta(minutes=10)",
        "SAME_BODY_WINDOW = timedelta(minutes=0)",
        S + "test_deliveries_once.py::test_gitlab_without_a_key_is_known_by_its_body_for_ten_minutes",
    ),
    Mutant(
        2,
        "a comment acts once",
        (
            Edit(
                "storage/pull_requests.py",
                "        except sqlite3.IntegrityError:\n            return False\n        return True\n",
                "        except sqlite3.IntegrityError:\n            return True\n        return True\n",
            ),
            Edit(
                R + "comments.py",
                "    if services.pulls.comment_was_seen(repository.id, key):\n",
                "    if not key:\n",
            ),
        ),
        (S + "test_deliveries_once.py::test_a_comment_acts_once[github]",),
    ),
    mutant(
        2,
        "only whoever knows the secret delivers",
        "handlers/webhooks/door.py",
        "    if not _verify(connection, secret, received):\n",
        "    if _verify(connection, secret, received) is None:\n",
        S + "test_hostile_deliveries.py::test_a_forged_delivery_is_refused",
    ),
    mutant(
        2,
        "a delivery that ends its process is given up at last",
        R + "deliveries.py",
        "    services.inbox.begin(delivery.seq, _backoff(delivery))\n",
        "",
        S + "test_deliveries_once.py::test_a_delivery_that_ends_every_process_does_not_stop_its_repository",
    ),
    # 3. Deliveries of one repository are handled one at a time, in the order received.
    mutant(
        3,
        "an older push makes no run",
        R + "pushes.py",
        "mirror.is_ancestor(push.after_sha, sha)",
        "False",
        S + "test_deliveries_once.py::test_an_older_push_that_comes_late_makes_no_run[github]",
    ),
    mutant(
        3,
        "a forced push back is news",
        R + "pushes.py",
        "older[sha] = not sets_back and mirror.has_commit(sha)",
        "older[sha] = mirror.has_commit(sha)",
        S + "test_deliveries_once.py::test_a_forced_push_back_makes_a_run",
    ),
    mutant(
        3,
        "the oldest delivery is handled first",
        "storage/inbox.py",
        "status = 'received' ORDER BY seq LIMIT 1",
        "status = 'received' ORDER BY seq DESC LIMIT 1",
        S + "test_deliveries_once.py::test_a_repository_in_trouble_keeps_its_order_and_stops_nobody",
    ),
    mutant(
        3,
        "one at a time",
        R + "deliveries.py",
        "            return []  # whoever has the lane comes back for what arrived meanwhile\n",
        "            pass\n",
        S + "test_deliveries_once.py::test_two_workers_never_handle_one_repository_at_once",
    ),
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
    # 6. One workspace, one run at a time, in order.
    mutant(
        6,
        "the run that holds the workspace is waited for",
        "bot/run_queue.py",
        "    if not queue or locked or queue[0].holds_workspace:\n",
        "    queue = [run for run in queue if not run.holds_workspace]\n    if not queue or locked:\n",
        S + "test_queue.py::test_two_pushes_are_run_one_after_the_other",
        S + "test_queue.py::test_never_two_at_once_whatever_happens",
    ),
    mutant(
        6,
        "a locked workspace keeps its runs pending",
        "bot/run_queue.py",
        "    if not queue or locked or queue[0].holds_workspace:\n",
        "    if not queue or queue[0].holds_workspace:\n",
        S + "test_queue.py::test_a_locked_workspace_keeps_its_runs_pending",
    ),
    mutant(
        6,
        "a saved plan joins at its confirmation",
        R + "decisions.py",
        '            changes["queue_sequence"] = services.runs.next_sequence()\n',
        "",
        S + "test_queue.py::test_a_saved_plan_does_not_jump_the_queue",
    ),
    # 7. Status changes in one place, and whole.
    mutant(
        7,
        "a stage's end is one transaction",
        R + "stages.py",
        "    with services.records.write():\n        fresh = services.jobs.get(job.id)\n",
        "    if True:\n        fresh = services.jobs.get(job.id)\n",
        S + "test_one_transaction.py::test_nobody_ever_sees_anything_half_done",
    ),
    mutant(
        7,
        "a stage's start is one transaction",
        R + "stages.py",
        "    with services.records.write():\n        again = services",
        "    if True:\n        again = services",
        S + "test_one_transaction.py::test_nobody_ever_sees_anything_half_done",
    ),
    mutant(
        7,
        "compare and set",
        "storage/runs.py",
        '            f"UPDATE runs SET {settings} WHERE id = ? AND status = ?",\n'
        "            [*changed.values(), before.id, before.status],\n",
        '            f"UPDATE runs SET {settings} WHERE id = ?",\n            [*changed.values(), before.id],\n',
        S + "test_one_transaction.py::test_who_comes_second_moves_nothing",
    ),
    # 8. Save first, then speak.
    mutant(
        8,
        "a comment whose answer was lost is adopted",
        R + "sending.py",
        "    if not known_id and wanted.tries > 0:\n",
        "    if not known_id and wanted.tries < 0:\n",
        S + "test_reporting.py::test_a_comment_whose_answer_was_lost_is_adopted[github]",
        S + "test_reporting.py::test_a_host_that_loses_a_fifth_of_its_answers",
    ),
    mutant(
        8,
        "a try is noted before it is made",
        "storage/outbox.py",
        '"UPDATE outbox SET tries = tries + 1, not_before = ? WHERE id = ?"',
        '"UPDATE outbox SET tries = tries, not_before = ? WHERE id = ?"',
        S + "test_reporting.py::test_a_comment_whose_answer_was_lost_is_adopted[github]",
    ),
    mutant(
        8,
        "only what was sent counts as sent",
        "storage/outbox.py",
        '"""UPDATE outbox SET sent_version = ?, tries = 0,',
        '"""UPDATE outbox SET sent_version = max(?, version), tries = 0,',
        S + "test_reporting.py::test_news_that_comes_while_the_old_is_being_sent",
    ),
    mutant(
        8,
        "a rate limit is for everybody",
        R + "sending.py",
        "        services.outbox.pause(wanted.connection_id, trouble.retry_after)\n",
        "        pass\n",
        S + "test_reporting.py::test_a_rate_limit_is_honoured_by_everybody",
    ),
    mutant(
        8,
        "eighty writes a minute",
        "storage/outbox.py",
        "WRITES_PER_WINDOW = 80",
        "WRITES_PER_WINDOW = 800",
        "tests/storage/test_outbox.py::test_never_more_than_eighty_in_any_minute",
    ),
    mutant(
        8,
        "one repository leaves some writes to the others",
        "storage/outbox.py",
        "WRITES_OF_ONE_REPOSITORY = 60",
        "WRITES_OF_ONE_REPOSITORY = 80",
        S + "test_reporting.py::test_a_push_to_three_hundred_workspaces",
    ),
    mutant(
        8,
        "what is refused for good is told on the run",
        R + "sending.py",
        "        _tell_runs(services, wanted, trouble.reason)\n",
        "",
        S + "test_reporting.py::test_what_the_host_refuses_for_good_is_told_on_the_run",
    ),
    mutant(
        8,
        "our marker is signed for its place",
        R + "rendering.py",
        '    text = f"{wanted.lane}/{wanted.slot}"\n',
        '    text = "runlock"\n',
        S + "test_reporting.py::test_somebody_elses_copy_of_our_marker_is_not_adopted",
    ),
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
        "WHERE status = 'claimed' AND lease_until < ?",
        "WHERE status = 'claimed' AND lease_until > ?",
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
    # 10. Text from outside never reaches a shell, a path or an environment unexamined.
    mutant(
        10,
        "no variable is a switch of the engine's own",
        "storage/variables.py",
        "    if category is Category.ENVIRONMENT and is_refused_environment(key):\n",
        "    if category is Category.ENVIRONMENT and not key:\n",
        "tests/storage/test_variables.py::test_what_would_redirect_the_engine_is_refused",
    ),
    mutant(
        10,
        "a ref is one",
        "bot/vcs/history.py",
        '    if not fits or git.ask("check-ref-format", *option, ref).code:\n',
        "    if not ref:\n",
        "tests/bot/vcs/test_mirror.py",
    ),
    mutant(
        10,
        "a configuration stays in its folder",
        "bot/runner/work_folder.py",
        '            raise Refused(f"the symlink {name} leaves the configuration: it points to {shown(aim)}")\n',
        "            pass\n",
        "tests/bot/runner/test_work_folder.py::test_what_could_reach_out_is_refused_by_name",
    ),
    # 11. Secrets leave no trace.
    mutant(
        11,
        "the runner's log is redacted",
        "bot/runner/execute.py",
        "Redactor(self._secrets())",
        "Redactor([])",
        S + "test_secrets.py::test_a_sensitive_value_appears_nowhere",
    ),
    mutant(
        11,
        "variables are sealed",
        "storage/encryption.py",
        "        return self._header + nonce + AESGCM(self._sealing).encrypt(nonce, plain, about.encode())\n",
        "        sealed = AESGCM(self._sealing).encrypt(nonce, plain, about.encode())\n"
        "        return self._header + nonce + sealed + plain\n",
        "tests/storage/test_variables.py::test_a_value_is_not_on_the_disk",
    ),
    mutant(
        11,
        "our log shows no variables of functions",
        "handlers/logs.py",
        ", exception_formatter=structlog.dev.plain_traceback",
        ", exception_formatter=structlog.dev.RichTracebackFormatter(show_locals=True)",
        "tests/handlers/test_logs.py::test_a_traceback_shows_no_variables",
    ),
    mutant(
        11,
        "our credential stays with its host",
        R + "deliveries.py",
        "        if not parse_clone_url(told.clone_url).is_same_host(parse_clone_url(known.clone_url)):\n",
        "        if not told.clone_url:\n",
        S + "test_hostile_deliveries.py::test_our_credential_never_goes_to_another_host",
    ),
    # 12. Foreign code never runs bare, and its token only reads.
    Mutant(
        12,
        "a plan's token only reads",
        (
            Edit("bot/access.py", "if is_own and standing.is_applying else NOTHING", "if is_own else NOTHING"),
            Edit(  # asked again in the transaction that writes
                "handlers/state/holding.py", " or fresh.status is not RunStatus.APPLYING:\n", ":\n"
            ),
        ),
        (S + "test_state_door.py::test_a_plan_only_reads_and_an_apply_writes",),
    ),
    mutant(
        12,
        "a run's token dies with the run",
        "handlers/state/run_tokens.py",
        "    if run.status is not RunStatus.APPLYING:\n        return None\n",
        "    if run.status is not RunStatus.APPLYING:\n        return run\n",
        S + "test_state_door.py::test_the_token_dies_with_the_run",
    ),
    Mutant(
        12,
        "a run writes its own workspace only",
        (
            Edit(
                "bot/access.py",
                "if is_own and standing.is_applying else NOTHING",
                "if standing.is_applying else NOTHING",
            ),
            Edit("handlers/state/holding.py", "if fresh.workspace_id != workspace_id or ", "if "),
        ),
        (S + "test_state_door.py::test_an_applying_run_writes_its_own_workspace_only",),
    ),
    Mutant(
        12,
        "a run sees its own organization only",
        (
            Edit(
                "handlers/access.py",
                "is_member=own.organization_id == organization_id, is_applying",
                "is_member=True, is_applying",
            ),
            Edit(
                "storage/between_workspaces.py",
                "        if reader.organization_id != target.organization_id:\n            return False\n",
                "",
            ),
        ),
        (S + "test_state_door.py::test_an_applying_run_writes_its_own_workspace_only",),
    ),
    mutant(
        12,
        "a stale lease gets 409, always",
        "handlers/runner_api.py",
        '        if request.headers.get("X-Runlock-Lease") != job.lease_id:\n',
        "        if not job.lease_id:\n",
        S + "test_runner_door.py::test_a_stale_lease_gets_409_always",
    ),
    # 13. Who may do what is asked at the moment of doing.
    mutant(
        13,
        "an apply needs the workspace's role",
        R + "applying.py",
        "        if not may_apply(asked.role, workspace.apply_permission):\n",
        "        if not asked.who:\n",
        S + "test_who_may.py::test_who_has_too_small_a_role_may_not_apply",
    ),
    mutant(
        13,
        "a command is read back before it acts",
        R + "comments.py",
        "    if parse(comment.body, services.settings.command_words) != told:\n",
        "    if not comment.body:\n",
        S + "test_which_plan_a_comment_means.py::test_a_comment_edited_before_it_was_read_back_does_nothing",
    ),
    mutant(
        13,
        "where four eyes are asked for, the author's are not the second pair",
        R + "applying.py",
        "        if not workspace.author_may_apply and asked.comment.author.host_id in self._authors(run):\n",
        "        if not workspace.name:\n",
        S + "test_who_may.py::test_the_author_may_not_approve_their_own_where_four_eyes_are_asked_for",
    ),
    mutant(
        13,
        "where an account is linked to a user, an apply needs the user's access too",
        R + "applying.py",
        "        refusal = user_refusal(self._services, asked, workspace, Needs.RUNS_APPLY)\n",
        '        refusal = ""\n',
        S + "test_linked_users.py::test_who_writes_at_the_host_but_only_reads_here_may_not_apply",
    ),
    mutant(
        13,
        "and so does taking a plan away",
        R + "commands.py",
        "        refusal = user_refusal(services, asked, workspace, needs)\n",
        '        refusal = "" if needs else "-"\n',
        S + "test_linked_users.py::test_nor_may_they_take_away_what_others_planned",
    ),
    mutant(
        13,
        "and so does planning an open pull request",
        R + "commands.py",
        "    wanted, refused = split_by_user(services, asked, wanted, Needs.RUNS_PLAN)\n",
        "    refused = list[str]()\n",
        S + "test_linked_users.py::test_plan_takes_access_to_plan",
    ),
    mutant(
        13,
        "and so does freeing what is held",
        R + "commands.py",
        "        refusal = user_refusal(services, asked, workspace, Needs.RUNS_APPLY)\n",
        '        refusal = ""\n',
        S + "test_linked_users.py::test_nor_free_what_is_held",
    ),
    mutant(
        13,
        "what may be seen but not done is refused at every route",
        "handlers/access.py",
        "        if self.needs not in elsewhere and self.needs not in allowed:\n",
        "        if not allowed:\n",
        "tests/handlers/api/test_permission_matrix.py::test_each_role_gets_exactly_what_it_may",
    ),
    mutant(
        13,
        "an organization's token never applies",
        "bot/access.py",
        "            return IN_WORKSPACE - NEVER_BY_ORGANIZATION\n",
        "            return IN_WORKSPACE\n",
        "tests/handlers/api/test_permission_matrix.py::test_each_role_gets_exactly_what_it_may",
    ),
    # 14. No configuration of Runlock is read from the repository: here one is obeyed.
    mutant(
        14,
        "no file of the repository says that nobody need approve",
        R + "new_runs.py",
        "            fresh = services.workspaces.get(workspace.id)\n",
        "            fresh = services.workspaces.get(workspace.id)\n"
        '            if b"auto-apply: true" in services.blobs.read(version.blob_id):\n'
        '                object.__setattr__(fresh, "auto_apply", True)\n',
        S + "test_no_repository_configuration.py::test_a_file_in_the_repository_changes_nothing",
    ),
    mutant(
        14,
        "no file of the repository says where to work",
        R + "new_runs.py",
        "        working_directory=workspace.working_directory,\n",
        '        working_directory="elsewhere" * (b"working-directory: " in services.blobs.read(version.blob_id)),\n',
        S + "test_no_repository_configuration.py::test_a_file_in_the_repository_changes_nothing",
    ),
    mutant(
        3,
        "a forced push that is told late does not set the branch back",
        R + "pushes.py",
        "forced and services.host_of(repository).branch_head(repository, push.branch) == push.after_sha\n",
        "forced\n",
        S + "test_late_forced_push.py::test_a_forced_push_that_is_told_after_a_newer_one_makes_no_run",
    ),
    mutant(
        5,
        "what a plan handed in can't change after its result",
        "storage/stage_jobs.py",
        'WHERE id = ? AND lease_id = ? AND ({is_open})",\n',
        'WHERE id = ? AND lease_id = ?",\n',
        S + "test_runner_door.py::test_an_upload_that_ends_after_the_result_changes_nothing",
    ),
    mutant(
        9,
        "an engine that is killed in its sandbox is a killed engine",
        "bot/runner/engine_process.py",
        "    return -(code - 128) if code > 128 else code\n",
        "    return code\n",
        S + "test_killed_engines.py::test_an_engine_killed_in_its_sandbox_leaves_the_outcome_unknown",
    ),
    mutant(
        12,
        "a plan's token is none while its run is applied",
        "handlers/state/run_tokens.py",
        "    return run if known[1] is token_stage(Stage.APPLY, version) else None\n",
        "    return run if version is not None else None\n",
        S + "test_state_door.py::test_a_plan_only_reads_and_an_apply_writes",
    ),
    mutant(
        13,
        "a comment that was edited speaks for nobody, also after downtime",
        R + "reconcile.py",
        "        was_edited = comment.updated_at > comment.created_at\n",
        "        was_edited = False\n",
        S + "test_edited_while_away.py::test_a_comment_that_was_edited_into_a_command_is_not_found_later",
    ),
)
