"""The workflow `apply-before-merge`: a pull request that has all that is asked for is applied, and merged then."""

from __future__ import annotations

import re

import pytest

from bot.run import RunKind, RunStatus
from tests.fakes.github import FakeGitHub
from tests.scenarios.talk import BEFORE_MERGE, BROKEN, Team, made_last
from tests.scenarios.world import HELLO, World


def test_it_is_planned_applied_and_then_merged(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    assert (run.kind, run.status) == (RunKind.SAVED_PLAN, RunStatus.PLANNED_AND_SAVED)
    assert team.status(run.commit_sha, "runlock/apply").startswith("pending: comment apply to apply it: 1 to add")

    team.say(pull, "apply", team.bob)
    assert world.run(run).status is RunStatus.APPLIED
    assert team.status(run.commit_sha, "runlock/apply") == "success: applied: 1 added, 0 changed, 0 destroyed"
    assert "1 added" in pull.last_comment
    merged = pull.merge(by=team.alice)
    world.settle()

    after = made_last(world)
    assert (after.commit_sha, after.status) == (merged, RunStatus.PLANNED_AND_FINISHED)
    assert team.status(merged, "runlock/apply") == "success: nothing to change"
    assert team.how_often_applied(after) == 0


@pytest.mark.parametrize(("requirement", "words"), [("approved", "review|approve"), ("mergeable", "draft")])
def test_what_the_workspace_asks_for_before_an_apply(world: World, requirement: str, words: str) -> None:
    team = Team(world, **BEFORE_MERGE, apply_requirements=[requirement])
    if requirement == "approved":
        if isinstance(team.host, FakeGitHub):
            team.repo.protect("main", reviews=1)
        pull = team.open()
    else:
        pull = team.open(draft=True)
        team.say(pull, "plan")
    run = made_last(world)
    assert run.status is RunStatus.PLANNED_AND_SAVED

    answer = team.say(pull, "apply", team.bob)
    assert "asks for more before that" in answer
    assert re.search(words, answer)
    assert team.nothing_was_applied()

    if requirement == "approved":
        pull.approve(team.bob)
    else:
        pull.ready(by=team.alice)
    world.settle()
    team.say(pull, "apply", team.bob)
    assert world.run(run).status is RunStatus.APPLIED


def test_a_digest_does_not_get_around_the_requirements(world: World) -> None:
    team = Team(world, **BEFORE_MERGE, apply_requirements=["approved"])
    if isinstance(team.host, FakeGitHub):
        team.repo.protect("main", reviews=1)
    pull = team.open()

    answer = team.say(pull, f"apply {world.only_run().plan_digest[:12]}", team.bob)

    assert "asks for more before that" in answer
    assert team.nothing_was_applied()


def test_our_own_pending_status_does_not_stand_in_our_way(github_world: World) -> None:
    """`runlock/apply` is required for the merge, and so is `mergeable` for the apply."""
    team = Team(github_world, **BEFORE_MERGE, apply_requirements=["mergeable"])
    team.repo.protect("main", contexts=("runlock/apply", "runlock/plan"))
    pull = team.open()

    team.say(pull, "apply", team.bob)

    assert github_world.only_run().status is RunStatus.APPLIED


def test_a_diverged_pull_request_is_brought_up_to_date_first(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.repo.push("main", {"README.md": "moved on"}, by=team.bob)
    world.settle()
    assert "Nothing was applied" in team.say(pull, "apply")
    tree = team.repo.bare.merged_tree(team.repo.head("main"), pull.head_sha)
    merge = team.repo.bare.commit_tree(
        tree, [pull.head_sha, team.repo.head("main")], "Bring up to date", team.alice.signature()
    )
    team.repo.move_branch("feature", merge, by=team.alice)
    world.settle()

    team.say(pull, "apply")

    assert made_last(world, pull).status is RunStatus.APPLIED


def test_it_merges_by_itself_once_everything_is_applied(world: World) -> None:
    team = Team(world, working_directory="a", auto_merge=True, **BEFORE_MERGE)
    world.workspace("staging", team.repo, working_directory="b", auto_merge=True, **BEFORE_MERGE)
    pull = team.open(files={"a/main.tf": HELLO, "b/main.tf": HELLO})
    team.say(pull, "apply -w prod")
    assert pull.is_open

    team.say(pull, "apply -w staging")
    world.settle()

    assert pull.merged
    assert world.services.workspaces.hold(team.prod.id) is None
    for run in world.runs():
        if run.kind is RunKind.NORMAL:
            assert run.status is RunStatus.PLANNED_AND_FINISHED


def test_it_does_not_merge_where_one_workspace_does_not_want_it_or_failed(world: World) -> None:
    team = Team(world, working_directory="a", auto_merge=True, **BEFORE_MERGE)
    world.workspace("staging", team.repo, working_directory="b", **BEFORE_MERGE)
    pull = team.open(files={"a/main.tf": HELLO, "b/main.tf": HELLO})
    team.say(pull, "apply")
    broken = team.open("broken", {"a/broken.tf": BROKEN, "a/main.tf": HELLO})
    team.say(broken, "apply")

    assert pull.is_open
    assert broken.is_open


def test_a_host_that_refuses_the_merge_is_told_on_the_run(github_world: World) -> None:
    team = Team(github_world, auto_merge=True, **BEFORE_MERGE)
    team.repo.protect("main", reviews=1)
    pull = team.open()

    team.say(pull, "apply")

    assert pull.is_open
    assert "could not be merged" in github_world.timeline(github_world.only_run())
