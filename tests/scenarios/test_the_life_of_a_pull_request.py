"""Opened, drafted, forked, retargeted, closed, reopened: what a pull request shows, and what it does not do."""

from __future__ import annotations

from typing import Any

import pytest

from bot.run import RunKind, RunStatus
from tests.scenarios.talk import BEFORE_MERGE, BROKEN, MORE, OTHER, Team
from tests.scenarios.world import HELLO, World


def ours(team: Team, pull: Any) -> list[str]:
    return [comment.body for comment in pull.comments if comment.author is team.host.bot]


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_a_draft_is_planned_only_when_somebody_asks(world: World, workflow: dict[str, Any]) -> None:
    team = Team(world, **workflow)
    pull = team.open(draft=True)
    assert world.runs() == []
    assert ours(team, pull) == []
    assert team.status(pull.head_sha, "runlock/plan") == "pending: draft, not planned: comment plan to plan it"
    pull.push({"main.tf": OTHER}, by=team.alice)
    world.settle()
    assert world.runs() == []

    answer = team.say(pull, "plan")

    assert "Planning `prod`" in answer
    assert len(world.runs()) == 1
    assert team.status(pull.head_sha, "runlock/plan").startswith("success: 1 to add")


def test_a_draft_that_gets_ready_is_planned(world: World) -> None:
    team = Team(world)
    pull = team.open(draft=True)
    pull.ready(by=team.alice)
    world.settle()

    assert world.only_run().status is RunStatus.PLANNED_AND_FINISHED


def test_a_draft_that_was_planned_is_not_planned_again_when_it_gets_ready(world: World) -> None:
    team = Team(world)
    pull = team.open(draft=True)
    team.say(pull, "plan")
    pull.ready(by=team.alice)
    world.settle()

    assert len(world.runs()) == 1


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_a_fork_is_not_planned_and_says_so(world: World, workflow: dict[str, Any]) -> None:
    """Invariant 12: a plan runs the fork's code, so not even `plan` plans it."""
    team = Team(world, **workflow)
    mallory = team.host.person("mallory")
    fork = team.repo.fork(mallory)
    fork.push("feature", {"main.tf": HELLO}, by=mallory)
    pull = team.repo.open_pull("feature", by=mallory, head=fork)
    world.settle()

    assert world.runs() == []
    assert ours(team, pull) == []
    assert team.status(pull.head_sha, "runlock/plan").startswith("success: fork, not planned")
    answer = team.say(pull, "plan", team.alice)
    assert "comes from a fork" in answer
    assert world.runs() == []
    assert "may not" in team.say(pull, "plan", mallory)
    assert world.runs() == []


def test_no_workspace_affected_is_a_success_without_a_comment(world: World) -> None:
    team = Team(world, working_directory="prod")
    pull = team.open(files={"docs/readme.md": "words"})

    assert world.runs() == []
    assert ours(team, pull) == []
    assert team.status(pull.head_sha, "runlock/plan") == "success: no workspace affected"
    assert "runlock/apply" not in team.repo.statuses(pull.head_sha)


def test_no_workspace_affected_lets_a_required_apply_status_pass(world: World) -> None:
    """`runlock/apply` may be required for the merge in apply-before-merge, so it must come."""
    team = Team(world, working_directory="prod", **BEFORE_MERGE)
    pull = team.open(files={"docs/readme.md": "words"})

    assert team.status(pull.head_sha, "runlock/apply") == "success: no workspace affected"
    assert ours(team, pull) == []


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_a_head_that_affects_nothing_any_more_is_told_in_the_comment_that_is_there(
    world: World, workflow: dict[str, Any]
) -> None:
    team = Team(world, working_directory="prod", **workflow)
    pull = team.open(files={"prod/main.tf": HELLO})
    count = len(ours(team, pull))
    team.repo.push("feature", {"docs/readme.md": "words"}, by=team.alice, force=True)
    world.settle()

    assert "no workspace is affected" in ours(team, pull)[0]
    assert len(ours(team, pull)) == count
    assert team.status(pull.head_sha, "runlock/plan") == "success: no workspace affected"
    assert "nothing" in team.say(pull, "apply").lower()
    assert team.nothing_was_applied()


@pytest.mark.parametrize("workflow", [{}, BEFORE_MERGE])
def test_retargeted_to_a_branch_that_nobody_tracks(world: World, workflow: dict[str, Any]) -> None:
    """Its plan is no longer shown, and no status of ours stands in the way of a merge there."""
    team = Team(world, **workflow)
    team.repo.push("next", {}, by=team.bob)
    pull = team.open()
    pull.retarget("next", by=team.alice)
    world.settle()

    assert "no workspace is affected" in ours(team, pull)[0]
    assert team.status(pull.head_sha, "runlock/plan") == "success: no workspace affected"
    for context, status in team.repo.statuses(pull.head_sha).items():
        assert status.state == "success", context
    team.say(pull, "apply")
    assert team.nothing_was_applied()
    assert not any(run.status is RunStatus.PLANNED_AND_SAVED for run in world.runs())


def test_retargeted_between_two_workspaces(world: World) -> None:
    team = Team(world)
    team.repo.push("next", {"README.md": "next"}, by=team.bob)
    other = world.workspace("next", team.repo, branch="next")
    pull = team.open()
    assert [run.kind for run in world.runs(team.prod)] == [RunKind.PLAN_ONLY]
    assert RunKind.PLAN_ONLY not in [run.kind for run in world.runs(other)]
    pull.retarget("next", by=team.alice)
    world.settle()

    assert world.runs(other)[-1].kind is RunKind.PLAN_ONLY
    assert len(world.runs(team.prod)) == 1
    assert "`next`" in ours(team, pull)[0]
    assert "`prod`" not in ours(team, pull)[0]


def test_closed_discards_and_reopened_is_like_new(world: World) -> None:
    team = Team(world)
    pull = team.open()
    pull.close(by=team.alice)
    world.settle()
    pull.reopen(by=team.alice)
    world.settle()

    assert [run.status for run in world.runs()] == [RunStatus.PLANNED_AND_FINISHED] * 2
    assert len(ours(team, pull)) == 1


def test_a_title_that_changes_plans_nothing(world: World) -> None:
    team = Team(world)
    pull = team.open()
    pull.edit("Another title", by=team.alice)
    world.settle()

    assert len(world.runs()) == 1


def test_there_is_one_living_comment_and_it_says_what_changed_first(world: World) -> None:
    team = Team(world)
    pull = team.open(files={"main.tf": HELLO})
    (first,) = pull.comments
    pull.push({"more.tf": MORE}, by=team.alice)
    world.settle()
    pull.push({"more.tf": MORE.replace("more", "else")}, by=team.alice)
    world.settle()

    (living,) = pull.comments
    assert living.id == first.id
    changed, rest = living.body.split("| Workspace |", 1)
    assert "Since the previous plan" in changed
    assert "now adds `terraform_data.else`" in changed
    assert "no longer adds `terraform_data.more`" in changed
    assert "2 to add" in rest


def test_a_living_comment_that_somebody_deleted_comes_back_once(world: World) -> None:
    team = Team(world)
    pull = team.open()
    pull.comments[0].delete()
    world.settle()
    pull.push({"more.tf": MORE}, by=team.alice)
    world.settle()

    assert len(pull.comments) == 1
    assert "2 to add" in pull.comments[0].body


def test_news_are_new_comments_and_the_rest_is_edited(world: World) -> None:
    """The request for approval and the result are news; so is the answer to a command."""
    team = Team(world)
    pull = team.open()
    pull.merge(by=team.alice)
    world.settle()
    team.say(pull, "apply", team.bob)

    living, request, said, answer, result = (comment.body for comment in pull.comments)
    assert living.startswith("### Runlock planned 1 workspace")
    assert request.startswith("### `prod` waits for approval: 1 to add")
    assert said == "apply"
    assert answer.startswith("Approved:")
    assert result.startswith("### Applied `prod`: 1 added")
    assert "Approved by `bob`" in result


def test_an_approval_request_says_what_is_destroyed(world: World) -> None:
    team = Team(world, files={"main.tf": HELLO})
    first = team.repo.push("main", {"x.tf": MORE}, by=team.alice)
    team.the_host_is_asked_for_two_minutes()
    team.say(first, "apply")
    team.repo.push("feature", {}, by=team.alice, delete=("x.tf",))
    pull = team.repo.open_pull("feature", by=team.alice)
    world.settle()
    assert "**destroys** `terraform_data.more`" in pull.comments[0].body
    pull.merge(by=team.alice)
    world.settle()

    assert "**It destroys** `terraform_data.more`." in pull.last_comment


def test_a_plan_that_fails_is_told_with_its_output(world: World) -> None:
    team = Team(world)
    pull = team.open(files={"main.tf": BROKEN})

    (living,) = pull.comments
    assert "1 failed" in living.body
    assert "undeclared" in living.body
    assert "comment `plan`" in living.body
    assert team.status(pull.head_sha, "runlock/plan").startswith("failure: plan failed")
    assert world.only_run().kind is RunKind.PLAN_ONLY
