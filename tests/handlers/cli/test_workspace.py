"""Workspaces from the command line: every setting, changes, looks, locks, and what is refused."""

import pytest

from bot.errors import Refused
from bot.run import RunKind, TriggerReason
from bot.run_machine import RunEvent
from bot.workspace import ApplyPermission, EngineName, Requirement, Workflow, Workspace
from bot.workspace_settings import fitting_settings
from handlers.cli.workspace_options import OPTIONS
from handlers.reactions.moves import move
from handlers.reactions.new_runs import RunRequest, create_run
from tests.fakes.command_line import Terminal
from tests.fakes.git_repositories import new_work


def stored(terminal: Terminal, name: str = "prod") -> Workspace:
    with terminal.services() as services:
        (organization,) = services.people.organizations()
        found = services.workspaces.by_name(organization.id, name)
        assert found is not None
        return found


EVERYTHING = [
    *("--branch", "live", "--working-directory", "envs/prod", "--trigger-prefix", "modules"),
    *("--trigger-prefix", "shared", "--no-file-triggers", "--no-speculative", "--no-queue-all-runs"),
    *("--submodules", "--auto-apply", "--engine", "tofu", "--engine-version", "~> 1.9"),
    *("--vcs-workflow", "apply-before-merge", "--apply-requirement", "approved"),
    *("--apply-requirement", "mergeable", "--apply-permission", "admin", "--no-author-may-apply"),
    *("--auto-merge", "--plan-timeout-seconds", "90", "--apply-timeout-seconds", "7200"),
]


def is_settable(name: str) -> bool:
    try:
        fitting_settings({name: None})
    except Refused as refused:
        return "no setting named" not in refused.reason
    return True


def test_every_setting_of_a_workspace_has_an_option() -> None:
    assert set(OPTIONS) == {name for name in Workspace.__dataclass_fields__ if is_settable(name)}


def test_a_workspace_is_made_with_every_setting(acme: Terminal) -> None:
    said = acme.runlock("workspace", "create", "prod", "--repository", "infra.git", *EVERYTHING)

    made = stored(acme)
    assert said == f"Workspace acme/prod ({made.id})\n"
    assert (made.branch, made.working_directory) == ("live", "envs/prod")
    assert made.trigger_prefixes == ("modules", "shared")
    assert not made.file_triggers_enabled
    assert not made.speculative_enabled
    assert not made.queue_all_runs
    assert made.ingress_submodules
    assert made.auto_apply
    assert (made.engine, made.engine_version) == (EngineName.TOFU, "~> 1.9")
    assert made.vcs_workflow is Workflow.APPLY_BEFORE_MERGE
    assert made.apply_requirements == (Requirement.APPROVED, Requirement.MERGEABLE)
    assert made.apply_permission is ApplyPermission.ADMIN
    assert not made.author_may_apply
    assert made.auto_merge
    assert (made.plan_timeout_seconds, made.apply_timeout_seconds) == (90, 7200)


def test_what_is_not_given_stays(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod", "--repository", "infra.git", *EVERYTHING)
    before = stored(acme)

    said = acme.runlock("workspace", "set", "prod", "--no-auto-apply", "--branch", "")

    after = stored(acme)
    assert said.splitlines() == ["prod: branch is (empty), was live", "prod: auto-apply is no, was yes"]
    assert (after.auto_apply, after.branch) == (False, "")
    same = set(OPTIONS) - {"auto_apply", "branch"}
    assert {name: getattr(after, name) for name in same} == {name: getattr(before, name) for name in same}
    assert after.repository_id == before.repository_id


def test_lists_are_emptied_and_patterns_take_the_place_of_prefixes(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod", "--trigger-prefix", "modules")

    assert "can't be combined" in acme.refused("workspace", "set", "prod", "--trigger-pattern", "**/*.tf")
    acme.runlock("workspace", "set", "prod", "--trigger-prefix", "", "--trigger-pattern", "**/*.tf")
    acme.runlock("workspace", "set", "prod", "--apply-requirement", "none")

    after = stored(acme)
    assert (after.trigger_prefixes, after.trigger_patterns) == ((), ("**/*.tf",))
    assert after.apply_requirements == ()


def test_none_stands_alone(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod")
    both = ("--apply-requirement", "none", "--apply-requirement", "approved")
    assert acme.refused("workspace", "set", "prod", *both) == "--apply-requirement none can't be combined with others"


def test_a_workspace_gets_another_name_and_leaves_its_repository(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod", "--repository", "infra.git")

    said = acme.runlock("workspace", "set", "prod", "--rename", "live", "--no-repository")

    assert said.splitlines()[0] == "live: name is live, was prod"
    assert stored(acme, "live").repository_id is None
    assert acme.refused("workspace", "show", "prod") == "there is no workspace named prod in acme"
    acme.runlock("workspace", "set", "live", "--repository", "infra.git")
    assert stored(acme, "live").repository_id is not None


def test_setting_what_is_so_already_says_so(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod")
    assert acme.runlock("workspace", "set", "prod", "--no-auto-apply") == "prod: nothing had to be changed\n"


def test_a_workspace_is_shown_with_all_its_settings(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod", "--repository", "infra.git", "--auto-apply")

    said = acme.runlock("workspace", "show", "prod")

    shown = dict(line.strip().split("  ", 1) for line in said.splitlines()[1:])
    facts = {name.strip(): value.strip() for name, value in shown.items()}
    assert said.startswith(f"acme/prod ({stored(acme).id}): no run yet\n")
    assert facts["repository"] == str((acme.folder / "infra.git").resolve())
    assert facts["webhook registered"] == "yes"
    assert facts["webhook"].startswith("http://runlock.test/webhooks/oc-")
    assert facts["auto-apply"] == "yes"
    assert facts["apply-requirement"] == "undiverged"
    assert facts["plan-timeout-seconds"] == "3600"
    assert {option for option, _ in OPTIONS.values()} <= set(facts)


def test_a_workspace_is_locked_and_unlocked(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod")

    assert acme.runlock("workspace", "lock", "prod", "--reason", "holidays") == (
        "prod is locked; its runs stay pending\n"
    )
    assert "locked by" in acme.runlock("workspace", "list")
    assert "holidays" in acme.runlock("workspace", "show", "prod")
    assert "is locked already" in acme.refused("workspace", "lock", "prod")
    assert acme.runlock("workspace", "unlock", "prod") == "prod is unlocked\n"
    assert acme.refused("workspace", "unlock", "prod") == "prod is not locked"
    assert acme.runlock("workspace", "list").split() == ["prod", "no", "run", "yet"]


def test_what_a_workspace_is_doing_is_its_run_under_way_not_those_that_wait_behind(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod", "--repository", "infra.git")
    workspace, work = stored(acme), new_work(acme.folder / "work", acme.folder / "infra.git")
    commit_sha = work.commit({"main.tf": ""})
    work.push("main")
    assert workspace.repository_id is not None
    with acme.services() as services:
        repository = services.repositories.get(workspace.repository_id)
        requests = [RunRequest(repository, commit_sha, TriggerReason.MANUAL, f"manual-{number}") for number in (1, 2)]
        runs = [create_run(services, workspace, RunKind.NORMAL, request)[0] for request in requests]
        assert runs[0] is not None
        move(services, runs[0], RunEvent.TURN_REACHED, "its turn")

    assert acme.runlock("workspace", "list").split() == ["prod", "plan", "queued"]
    assert acme.runlock("workspace", "show", "prod").startswith(f"acme/prod ({workspace.id}): plan queued\n")


@pytest.mark.parametrize("name", ["", "a b", "../prod", "prod/x", "pröd", "x" * 91, "a\nb", "$(id)", "ü"])
def test_a_name_with_odd_characters_is_refused(acme: Terminal, name: str) -> None:
    assert acme.refused("workspace", "create", name) == "a workspace's name has 1 to 90 letters, digits, - and _"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--repository", "nowhere.git"], "there is no folder"),
        (["--repository", "infra.git", "--connection", "oc-other"], "say which connection with --connection: oc-"),
        (["--connection", "oc-other"], "name it with --repository"),
        (["--working-directory", "../secrets"], "can't leave the repository"),
        (["--working-directory", "/etc"], "relative to the repository"),
        (["--branch", "a..b"], "not the name of a branch"),
        (["--engine-version", "newest"], "is a version such as"),
        (["--tags-regex", "("], "tags-regex"),
        (["--tags-regex", "v.*", "--file-triggers"], "can't be combined"),
        (["--plan-timeout-seconds", "0"], "whole number of seconds"),
        (["--apply-timeout-seconds", "604801"], "whole number of seconds"),
    ],
)
def test_settings_that_do_not_fit_are_refused_and_nothing_is_made(
    acme: Terminal, options: list[str], reason: str
) -> None:
    assert reason in acme.refused("workspace", "create", "prod", *options)
    assert acme.runlock("workspace", "list") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        ["create", "prod", "--engine", "pulumi"],
        ["create", "prod", "--plan-timeout-seconds", "soon"],
        ["create", "prod", "--apply-requirement", "luck"],
        ["set", "prod"],
        ["set", "prod", "--repository", "infra.git", "--no-repository"],
        ["paint", "prod"],
    ],
)
def test_misuse_is_exit_code_2(acme: Terminal, arguments: list[str]) -> None:
    assert acme.misused("workspace", *arguments)


def test_a_name_is_taken_once(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod")
    acme.runlock("workspace", "create", "test")
    assert acme.refused("workspace", "create", "prod") == "there is a workspace named prod already"
    assert acme.refused("workspace", "set", "test", "--rename", "prod") == "there is a workspace named prod already"
    assert acme.refused("workspace", "set", "nowhere", "--auto-apply") == "there is no workspace named nowhere in acme"


def test_without_a_connection_it_says_how_to_make_one(terminal: Terminal) -> None:
    terminal.runlock("init", "--organization", "acme", "--email", "ada@example.com")
    said = terminal.refused("workspace", "create", "prod", "--repository", "acme/infra")
    assert said == "there is no connection to a code host; runlock connect makes one"
