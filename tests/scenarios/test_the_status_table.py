"""Which statuses does a commit show, in which state? The table of the design, walked cell by cell.

| | pending | success | failure | error |
| --- | --- | --- | --- | --- |
| plan | queued, planning | planned, no changes, none affected, fork | plan failed | our trouble |
| apply (push) | until decided | applied, nothing to change, discarded | apply failed | outcome unknown |
| apply (head) | before the merge, until all applied | all applied, nothing to change | as above | as above |
"""

from __future__ import annotations

from typing import Any

import pytest

from bot.run import RunStatus, Stage
from bot.stage_words import Outcome
from tests.fakes.github import FakeGitHub
from tests.scenarios.runners import HandRunner
from tests.scenarios.talk import BEFORE_MERGE, BROKEN, MORE, Team
from tests.scenarios.world import HELLO, World

# Its plan is fine and its apply is not.
FAILS_TO_APPLY = 'resource "terraform_data" "fails" {\n  provisioner "local-exec" {\n    command = "exit 3"\n  }\n}\n'
PLAN, APPLY = "runlock/plan", "runlock/apply"


def error_at(team: Team) -> str:
    """GitLab has no word for an error that isn't the plan's own."""
    return "error" if isinstance(team.host, FakeGitHub) else "failure"


def contexts(team: Team, commit_sha: str) -> dict[str, str]:
    team.world.wait(seconds=6)
    return {context: status.state for context, status in team.repo.statuses(commit_sha).items()}


def test_a_plan_that_is_queued_and_then_planning_is_pending(world: World) -> None:
    team = Team(world)
    world.is_runner_there = False
    pull = team.open()
    assert team.status(pull.head_sha, PLAN) == "pending: waiting for a runner"
    with HandRunner(world, world.only_run(), Stage.PLAN) as runner:
        world.settle()
        assert team.status(pull.head_sha, PLAN) == "pending: planning"
        runner.plans_something()
    world.settle()

    assert team.status(pull.head_sha, PLAN) == "success: 1 to add, 0 to change, 0 to destroy"
    assert contexts(team, pull.head_sha) == {PLAN: "success", f"{PLAN}: prod": "success"}


def test_there_is_never_an_apply_status_on_a_pull_requests_head_after_the_merge(world: World) -> None:
    """It would block every merge."""
    team = Team(world)
    for files in ({"main.tf": HELLO}, {"main.tf": BROKEN}, {"main.tf": ""}):
        pull = team.open(f"branch-{len(team.repo.pulls)}", files)
        assert not [context for context in contexts(team, pull.head_sha) if context.startswith(APPLY)]


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_no_changes(world: World, workflow: dict[str, Any]) -> None:
    team = Team(world, **workflow)
    pull = team.open(files={"main.tf": "# nothing\n"})

    assert team.status(pull.head_sha, PLAN) == "success: no changes"
    assert team.status(pull.head_sha, APPLY) == ("success: nothing to change" if workflow else "")


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_a_plan_that_failed(world: World, workflow: dict[str, Any]) -> None:
    team = Team(world, **workflow)
    pull = team.open(files={"main.tf": BROKEN})

    assert team.status(pull.head_sha, PLAN).startswith("failure: plan failed")
    assert team.status(pull.head_sha, f"{PLAN}: prod").startswith("failure: plan failed")
    apply_status = team.status(pull.head_sha, APPLY)
    assert apply_status.startswith("pending: not planned yet") if workflow else apply_status == ""


def test_our_trouble_with_a_plan_is_an_error(world: World) -> None:
    team = Team(world)
    world.is_runner_there = False
    pull = team.open()
    with HandRunner(world, world.only_run(), Stage.PLAN) as runner:
        runner.says(Outcome.NO_ENGINE, None, error="no terraform was found")
    world.settle()

    assert team.status(pull.head_sha, PLAN) == (
        f"{error_at(team)}: plan couldn't be carried out: no terraform was found"
    )


def test_a_push_is_pending_until_somebody_decides(world: World) -> None:
    team = Team(world)
    pull = team.merged()
    sha = world.runs()[-1].commit_sha
    assert team.status(sha, PLAN) == "success: 1 to add, 0 to change, 0 to destroy"
    assert team.status(sha, APPLY) == "pending: waiting for approval: 1 to add, 0 to change, 0 to destroy"
    world.is_runner_there = False
    team.say(pull, "apply")
    assert contexts(team, sha)[APPLY] == "pending"
    world.is_runner_there = True
    team.sweep()

    assert team.status(sha, APPLY) == "success: applied: 1 added, 0 changed, 0 destroyed"
    assert team.status(sha, f"{APPLY}: prod") == "success: applied: 1 added, 0 changed, 0 destroyed"


def test_a_push_with_nothing_to_change_and_one_that_is_discarded(world: World) -> None:
    team = Team(world)
    nothing = team.repo.push("main", {"main.tf": "# nothing yet\n"}, by=team.alice)
    world.settle()
    assert team.status(nothing, APPLY) == "success: nothing to change"
    changes = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    team.the_host_is_asked_for_two_minutes()
    team.say(changes, "discard")

    assert team.status(changes, APPLY).startswith("success: discarded, nothing was applied")
    assert team.status(changes, PLAN).startswith("success: 1 to add")


def test_a_push_whose_plan_is_not_there_yet_has_no_apply_status(world: World) -> None:
    team = Team(world)
    world.is_runner_there = False
    pushed = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    world.settle()

    assert contexts(team, pushed) == {PLAN: "pending", f"{PLAN}: prod": "pending"}


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_an_apply_that_failed(world: World, workflow: dict[str, Any]) -> None:
    team = Team(world, **workflow)
    pull = team.open(files={"main.tf": FAILS_TO_APPLY})
    if not workflow:
        pull.merge(by=team.alice)
        world.settle()
    team.say(pull, "apply")
    run = world.runs()[-1]

    assert run.status is RunStatus.ERRORED
    assert team.status(run.commit_sha, PLAN).startswith("success: 1 to add")
    assert team.status(run.commit_sha, APPLY).startswith("failure: apply failed")
    assert "apply failed" in pull.last_comment


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_an_apply_whose_outcome_nobody_knows_is_an_error(world: World, workflow: dict[str, Any]) -> None:
    """Invariant 9."""
    team = Team(world, **workflow)
    pull = team.open()
    if not workflow:
        pull.merge(by=team.alice)
        world.settle()
    world.is_runner_there = False
    team.say(pull, "apply")
    run = world.runs()[-1]
    with HandRunner(world, run, Stage.APPLY):
        world.wait(minutes=5)
        team.sweep()

    assert team.status(run.commit_sha, APPLY).startswith(f"{error_at(team)}: outcome unknown")
    assert "Nobody knows how far the apply came" in pull.last_comment


def test_before_the_merge_the_head_is_pending_until_all_is_applied(world: World) -> None:
    team = Team(world, working_directory="a", **BEFORE_MERGE)
    world.workspace("staging", team.repo, working_directory="b", **BEFORE_MERGE)
    pull = team.open(files={"a/main.tf": HELLO, "b/main.tf": HELLO})
    assert team.status(pull.head_sha, PLAN) == "success: 2 of 2 workspaces planned: 2 to add, 0 to change, 0 to destroy"
    assert team.status(pull.head_sha, APPLY) == "pending: 0 of 2 workspaces done"
    team.say(pull, "apply -w prod")
    assert team.status(pull.head_sha, APPLY) == "pending: 1 of 2 workspaces done"
    assert team.status(pull.head_sha, f"{APPLY}: prod").startswith("success: applied")
    assert team.status(pull.head_sha, f"{APPLY}: staging").startswith("pending: comment apply")

    team.say(pull, "apply -w staging")

    assert team.status(pull.head_sha, APPLY) == "success: 2 of 2 workspaces done"


def test_before_the_merge_a_discarded_plan_leaves_the_head_pending(world: World) -> None:
    """It is not merged as if it had been applied."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.say(pull, "discard")

    assert team.status(pull.head_sha, APPLY).startswith("pending: discarded: comment plan")


def test_every_status_leads_to_a_page_of_ours(world: World) -> None:
    team = Team(world)
    pull = team.merged()
    team.say(pull, "apply")
    for run in world.runs():
        for status in team.repo.statuses(run.commit_sha).values():
            assert str(status.target_url).startswith(f"{world.address}/app/")
            assert len(status.description or "") <= 140
            assert len(status.context) <= 255


def test_more_than_twenty_workspaces_show_aggregates_only(world: World) -> None:
    team = Team(world, speculative_enabled=False)
    for number in range(30):
        world.workspace(f"room-{number:02}", team.repo)
    world.is_runner_there = False
    pull = team.open()
    assert len(world.runs()) == 30
    assert contexts(team, pull.head_sha) == {PLAN: "pending"}
    assert team.status(pull.head_sha, PLAN) == "pending: 0 of 30 workspaces planned"
    assert len(pull.comments) == 1
    assert pull.comments[0].body.count("| [`room-") == 30


def test_statuses_that_stand_there_are_not_left_behind(github_world: World) -> None:
    """Workspaces come until there are too many for a status each: those that have one keep it up to date."""
    world, team = github_world, Team(github_world)
    world.is_runner_there = False
    pull = team.open()
    assert contexts(team, pull.head_sha) == {PLAN: "pending", f"{PLAN}: prod": "pending"}
    for number in range(21):
        world.workspace(f"room-{number:02}", team.repo)
    team.say(pull, "plan")
    for run in world.runs(team.prod)[-1:]:
        with HandRunner(world, run, Stage.PLAN) as runner:
            runner.plans_something()
    world.settle()

    assert contexts(team, pull.head_sha) == {PLAN: "pending", f"{PLAN}: prod": "success"}


def test_two_runs_of_one_commit_are_told_as_one(world: World) -> None:
    """A fast-forward merge: the pull request's head is the pushed commit, and the push is what counts then."""
    team = Team(world, files={"more.tf": MORE})
    pull = team.open(files={"main.tf": HELLO})
    assert contexts(team, pull.head_sha) == {PLAN: "success", f"{PLAN}: prod": "success"}
    pull.merge("ff", by=team.alice)
    world.settle()

    assert len(world.runs()) == 2
    assert team.status(pull.head_sha, APPLY).startswith("pending: waiting for approval")
    team.say(pull, "apply")
    assert team.status(pull.head_sha, APPLY).startswith("success: applied")
