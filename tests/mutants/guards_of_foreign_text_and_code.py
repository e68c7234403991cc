"""Which guards hold off foreign text and code, and keep secrets from leaving a trace (invariants 10 to 12)?"""

from tests.mutants.mutant import Edit, Mutant, R, S, mutant

FOREIGN_TEXT_AND_CODE: tuple[Mutant, ...] = (
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
        "bot/runner/unpacking.py",
        '            raise Refused(f"the symlink {name} leaves the configuration: it points to {shown(aim)}")\n',
        "            pass\n",
        "tests/bot/runner/test_work_folder.py::test_what_could_reach_out_is_refused_by_name",
    ),
    mutant(
        10,
        "no path of an archive leads out of its folder",
        "bot/runner/unpacking.py",
        """    if path.is_absolute() or ".." in path.parts:
        raise Refused(f"the configuration has a path that leaves it: {shown(name)}")
""",
        "",
        "tests/bot/runner/test_work_folder.py::test_what_could_reach_out_is_refused_by_name",
    ),
    mutant(
        10,
        "what reads an uploaded archive has nothing of ours",
        "bot/runner/archive_check.py",
        "env={name: os.environ[name] for name in _NEEDED if name in os.environ}",
        "env=dict(os.environ)",
        "tests/bot/runner/test_archive_check.py::test_the_process_has_nothing_of_ours",
    ),
    mutant(
        10,
        "an uploaded archive is read apart from the web process",
        "handlers/configuration_uploads.py",
        "        check_archive(archive, tree)\n",
        "        from bot.runner.unpacking import unpack\n\n        unpack(archive, tree)\n",
        "tests/handlers/api/test_uploads_looked_through.py::test_one_that_takes_too_much_memory_is_refused",
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
    mutant(
        12,
        "without a sandbox that works nothing runs",
        "bot/runner/sandbox.py",
        '    raise Refused(\n        "no sandbox works',
        '    return Sandbox(None, limits)\n    raise Refused(\n        "no sandbox works',
        "tests/bot/runner/test_obstacles.py::test_the_sandbox_must_work_or_nothing_runs",
    ),
    mutant(
        12,
        "a plan's token only reads",
        "bot/permissions.py",
        "if is_own and standing.is_applying else NOTHING",
        "if is_own else NOTHING",
        S + "test_state_door.py::test_a_plan_only_reads_and_an_apply_writes",
    ),
    mutant(
        12,
        "a run's token dies with the run",
        "handlers/state/run_tokens.py",
        "    if run.status is not RunStatus.APPLYING:\n        return None\n",
        "    if run.status is not RunStatus.APPLYING:\n        return run\n",
        S + "test_state_door.py::test_the_token_dies_with_the_run",
    ),
    mutant(
        12,
        "a run is asked again in the transaction that writes",
        "handlers/state/holding.py",
        "replace(asker, who=services.runs.get(asker.own_run.id))",
        "replace(asker, who=asker.own_run)",
        S + "test_state_door.py::test_a_run_that_ended_after_it_was_let_in_writes_nothing",
    ),
    mutant(
        12,
        "a run writes its own workspace only",
        "bot/permissions.py",
        "if is_own and standing.is_applying else NOTHING",
        "if standing.is_applying else NOTHING",
        S + "test_state_door.py::test_an_applying_run_writes_its_own_workspace_only",
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
                "return target.organization_id == reader.organization_id",
                "return True",
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
    mutant(
        12,
        "a plan's token is none while its run is applied",
        "handlers/state/run_tokens.py",
        "    return run if known[1] is token_stage(Stage.APPLY, version) else None\n",
        "    return run if version is not None else None\n",
        S + "test_state_door.py::test_a_plan_only_reads_and_an_apply_writes",
    ),
    mutant(
        12,
        "an engine from a registered address has the registered sum",
        "bot/runner/engine_download.py",
        "        if _sum_of(archive) != registered.sha:\n",
        "        if False:\n",
        "tests/bot/runner/test_registered_versions.py::test_a_wrong_sum_is_refused_and_nothing_stays",
    ),
)
