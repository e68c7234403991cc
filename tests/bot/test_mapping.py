"""Does every row of TFE's table of VCS events come out as it says?"""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.events import HostRepository, HostUser, PullAction, PullChanged, PullRequest, Pushed, Tagged
from bot.ids import OrganizationId, ProjectId, WorkspaceId
from bot.mapping import Decision, MappingFacts, NoRun, WantRun, decide, pull_key, tag_key
from bot.run import RunKind
from bot.workspace import Workflow, Workspace

REPOSITORY = HostRepository("1", "acme/infra", "https://host/acme/infra.git", "main")
ADA = HostUser("7", "ada")
NEW, OLD, BASE = "a" * 40, "b" * 40, "c" * 40
WS = WorkspaceId("ws-1")


def a_workspace(name: str = "1", **settings: Any) -> Workspace:
    return Workspace(
        id=WorkspaceId(f"ws-{name}"),
        organization_id=OrganizationId("org-1"),
        organization_name="acme",
        name=name,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        project_id=ProjectId("prj-1"),
        **settings,
    )


def a_push(branch: str = "main", *, forced: bool = False, after: str = NEW) -> Pushed:
    return Pushed(REPOSITORY, branch, OLD, after, forced, None, ADA)


def a_tag(tag: str = "v1.0.0", sha: str = NEW) -> Tagged:
    return Tagged(REPOSITORY, tag, sha, ADA)


def a_pull(action: PullAction = PullAction.OPENED, **facts: Any) -> PullChanged:
    pull = PullRequest(41, "Grow", ADA, NEW, "grow", "main", BASE)
    return PullChanged(REPOSITORY, action, replace(pull, **facts), ADA)


def facts(**given: Any) -> MappingFacts:
    return MappingFacts(**{"default_branch": "main", "changed_paths": ("prod/main.tf",), **given})


def one(event: Any, workspace: Workspace | None = None, known: MappingFacts | None = None) -> Decision:
    [decision] = decide(event, [workspace or a_workspace()], known or facts())
    return decision


def refused(decision: Decision, words: str, *, affected: bool = False, repeat: bool = False) -> None:
    assert isinstance(decision, NoRun), decision
    assert words in decision.reason
    assert (decision.is_affected, decision.is_repeat) == (affected, repeat)


def wanted(decision: Decision, kind: RunKind, words: str = "") -> None:
    assert isinstance(decision, WantRun), decision
    assert decision.kind is kind
    assert words in decision.reason


# Pushes


def test_a_push_to_the_default_branch_makes_a_normal_run() -> None:
    wanted(one(a_push()), RunKind.NORMAL, "push to main: every change counts, because it has no working directory")


def test_a_push_to_the_tracked_branch_makes_a_run_and_one_to_another_does_not() -> None:
    tracking = a_workspace(branch="live")
    wanted(one(a_push("live"), tracking), RunKind.NORMAL, "push to live")
    refused(one(a_push("main"), tracking), "it tracks live, not main")
    refused(one(a_push("topic")), "it tracks main, not topic")


def test_before_a_repository_has_a_branch_nothing_is_tracked() -> None:
    refused(one(a_push("topic"), known=facts(default_branch="")), "it tracks no branch, not topic")


@pytest.mark.parametrize("nothing", ["", "0" * 40, "0" * 64])
def test_deleting_a_branch_or_a_tag_makes_no_run(nothing: str) -> None:
    refused(one(a_push(after=nothing)), "the branch main was deleted")
    refused(one(a_tag(sha=nothing), a_workspace(tags_regex="v")), "the tag v1.0.0 was deleted")


def test_a_push_outside_the_working_directory_makes_no_run() -> None:
    wanted(one(a_push(), a_workspace(working_directory="prod")), RunKind.NORMAL, "prod/main.tf is below")
    refused(one(a_push(), a_workspace(working_directory="stage")), "no changed file is in its working directory")


def test_a_push_whose_files_nobody_knows_makes_a_run() -> None:
    decision = one(a_push(), a_workspace(working_directory="stage"), facts(changed_paths=None))
    wanted(decision, RunKind.NORMAL, "which files changed isn't known")


def test_the_same_push_again_makes_no_second_run() -> None:
    known = facts(newest_push_sha={WS: NEW})
    refused(one(a_push(), known=known), "its newest run of main is of this very commit", affected=True, repeat=True)
    wanted(one(a_push(), known=replace(known, is_asked_for=True)), RunKind.NORMAL)


def test_a_branch_that_was_moved_back_gets_a_run_again() -> None:
    wanted(one(a_push(forced=True, after=OLD), known=facts(newest_push_sha={WS: NEW})), RunKind.NORMAL)


def test_an_older_push_that_arrives_late_makes_no_run() -> None:
    known = facts(is_ancestor=frozenset({WS}), newest_push_sha={WS: NEW})
    refused(one(a_push(after=OLD), known=known), "a newer commit of main, which contains this one", affected=True)
    refused(one(a_push(after=OLD, forced=True), known=known), "a newer commit of main", affected=True)


def test_a_fast_forward_merge_of_a_planned_commit_still_gets_its_run() -> None:
    known = facts(already_run={WS: frozenset({pull_key(41, NEW, BASE)})})
    wanted(one(a_push(), known=known), RunKind.NORMAL)


def test_a_workspace_that_never_ran_waits_for_its_first_run_by_hand() -> None:
    shy = a_workspace(queue_all_runs=False)
    for event in (a_push(), a_pull()):
        refused(one(event, shy), "started by hand (queue-all-runs is off)", affected=True)
        assert isinstance(one(event, shy, facts(has_run=frozenset({WS}))), WantRun)


# Tags


def test_a_matching_tag_makes_a_run_whatever_the_files_and_branch() -> None:
    tagging = a_workspace(tags_regex=r"^v\d", working_directory="elsewhere", branch="live")
    wanted(one(a_tag(), tagging), RunKind.NORMAL, r"the tag v1.0.0 matches its tags-regex ^v\d")
    refused(one(a_tag("nightly"), tagging), "the tag nightly doesn't match")
    refused(one(a_push("live"), tagging), "it runs for tags, not for pushes")


def test_a_workspace_without_a_tag_pattern_ignores_tags() -> None:
    refused(one(a_tag()), "not for tags")


def test_a_tag_repeats_only_at_the_same_commit() -> None:
    tagging, known = a_workspace(tags_regex="v"), facts(already_run={WS: frozenset({tag_key("v1.0.0", NEW)})})
    refused(one(a_tag(), tagging, known), "has a run already", affected=True, repeat=True)
    wanted(one(a_tag(sha=OLD), tagging, known), RunKind.NORMAL)
    wanted(one(a_tag("v1.0.1"), tagging, known), RunKind.NORMAL)


def test_one_bad_tag_pattern_leaves_the_others_alone() -> None:
    bad, good = a_workspace("bad", tags_regex="(?=v)"), a_workspace("good", tags_regex="v")
    first, second = decide(a_tag(), [bad, good], facts())
    refused(first, "its tags-regex can't be read: invalid perl operator: (?=")
    wanted(second, RunKind.NORMAL)


# Pull requests


@pytest.mark.parametrize("action", [PullAction.OPENED, PullAction.UPDATED, PullAction.REOPENED, PullAction.READY])
def test_a_pull_request_into_the_tracked_branch_is_planned(action: PullAction) -> None:
    wanted(one(a_pull(action)), RunKind.PLAN_ONLY, "pull request into main: every change counts")
    before = a_workspace(vcs_workflow=Workflow.APPLY_BEFORE_MERGE)
    wanted(one(a_pull(action), before), RunKind.SAVED_PLAN)


def test_a_pull_request_into_another_branch_is_not_planned() -> None:
    refused(one(a_pull(base_branch="topic")), "it tracks main, not topic")
    wanted(one(a_pull(base_branch="live"), a_workspace(branch="live")), RunKind.PLAN_ONLY)


def test_a_workspace_that_runs_for_tags_still_plans_pull_requests() -> None:
    wanted(one(a_pull(), a_workspace(tags_regex="v")), RunKind.PLAN_ONLY)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_open": False, "is_merged": True}, "the pull request is merged"),
        ({"is_open": False}, "the pull request is closed"),
        ({"head_sha": ""}, "the pull request's branch is gone"),
    ],
)
def test_a_pull_request_that_is_over_is_not_planned(change: dict[str, Any], words: str) -> None:
    refused(one(a_pull(PullAction.UPDATED, **change)), words)


@pytest.mark.parametrize("action", [PullAction.CLOSED, PullAction.MERGED])
def test_closing_and_merging_never_plan(action: PullAction) -> None:
    assert isinstance(one(a_pull(action)), NoRun)


def test_speculative_off() -> None:
    refused(one(a_pull(), a_workspace(speculative_enabled=False)), "speculative plans are off")
    wanted(one(a_push(), a_workspace(speculative_enabled=False)), RunKind.NORMAL)


def test_a_fork_is_refused_unless_forks_are_allowed() -> None:
    refused(one(a_pull(from_fork=True)), "comes from a fork, and forks are not planned", affected=True)
    refused(one(a_pull(from_fork=True), known=facts(is_asked_for=True)), "comes from a fork", affected=True)
    wanted(one(a_pull(from_fork=True), known=facts(forks_allowed=True)), RunKind.PLAN_ONLY)


def test_a_fork_that_touches_nothing_is_not_affected() -> None:
    refused(one(a_pull(from_fork=True), a_workspace(working_directory="stage")), "no changed file")


def test_a_draft_is_planned_only_when_somebody_asks() -> None:
    refused(one(a_pull(is_draft=True)), "is a draft: comment `plan` to plan it", affected=True)
    wanted(one(a_pull(is_draft=True), known=facts(is_asked_for=True)), RunKind.PLAN_ONLY)


def test_a_pull_request_repeats_number_head_and_base() -> None:
    known = facts(already_run={WS: frozenset({pull_key(41, NEW, BASE)})})
    refused(one(a_pull(PullAction.UPDATED), known=known), "planned on this base already", affected=True, repeat=True)
    refused(one(a_pull(PullAction.READY), known=known), "planned on this base already", affected=True, repeat=True)
    for other in ({"number": 42}, {"head_sha": OLD}, {"base_sha": OLD}):
        wanted(one(a_pull(PullAction.UPDATED, **other), known=known), RunKind.PLAN_ONLY)
    wanted(one(a_pull(PullAction.UPDATED), known=replace(known, is_asked_for=True)), RunKind.PLAN_ONLY)


@pytest.mark.parametrize("action", [PullAction.REOPENED, PullAction.RETARGETED])
def test_reopened_and_retargeted_are_planned_afresh(action: PullAction) -> None:
    known = facts(already_run={WS: frozenset({pull_key(41, NEW, BASE)})})
    wanted(one(a_pull(action), known=known), RunKind.PLAN_ONLY)


# All together


def test_decisions_come_in_the_order_of_the_workspaces() -> None:
    workspaces = [a_workspace("a"), a_workspace("b", branch="x"), a_workspace("c")]
    assert [d.workspace_id for d in decide(a_push(), workspaces, facts())] == ["ws-a", "ws-b", "ws-c"]
    assert decide(a_push(), [], facts()) == []


def test_a_thousand_workspaces_and_three_thousand_paths_take_well_under_a_second() -> None:
    paths = tuple(f"envs/region-{n % 40}/app-{n}/modules/thing/main.tf" for n in range(3_000))
    workspaces = [
        a_workspace(f"d{n}", working_directory=f"envs/region-{n % 50}/app-{n * 7}", trigger_prefixes=("modules", "x"))
        for n in range(334)
    ]
    workspaces += [a_workspace(f"p{n}", trigger_patterns=(f"/envs/*/app-{n * 11}/**/*.tf", "y/*")) for n in range(333)]
    workspaces += [a_workspace(f"q{n}", trigger_patterns=(f"**/z-{n}/*.tf", "**/*.tfvars")) for n in range(333)]
    below = sum((n * 7) % 40 == n % 50 for n in range(334))  # those whose directory is in the region it says
    matching = sum(n * 11 < 3_000 for n in range(333))
    started = time.perf_counter()
    decisions = decide(a_push(), workspaces, facts(changed_paths=paths))
    took = time.perf_counter() - started
    assert len(decisions) == 1_000
    assert sum(isinstance(decision, WantRun) for decision in decisions) == below + matching
    assert took < 0.8
