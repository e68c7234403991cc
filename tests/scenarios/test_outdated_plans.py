"""`apply-before-merge`: a plan is of the newest head and state; what is not is discarded and planned again."""

from __future__ import annotations

import pytest

from bot.run import RunStatus, Stage
from tests.scenarios.runners import HandRunner
from tests.scenarios.talk import ANY_BASE, BEFORE_MERGE, MORE, OTHER, Team, made_last, two_pulls
from tests.scenarios.world import HELLO, World


def test_a_newer_head_discards_the_older_plan(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.push({"main.tf": OTHER}, by=team.alice)
    world.settle()

    assert world.run(first).status is RunStatus.DISCARDED
    assert "made obsolete by" in world.timeline(first)
    assert "No run here fits" in team.say(pull, "apply -w nowhere")
    answer = team.say(pull, f"apply {first.plan_digest[:10]}")
    assert "nothing to apply" in answer
    assert team.nothing_was_applied()


def test_a_force_push_while_planning(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    team.repo.push("feature", {"main.tf": HELLO}, by=team.alice)
    pull = team.repo.open_pull("feature", by=team.alice)
    world.is_runner_there = False
    world.settle()
    first = world.only_run()
    assert first.status is RunStatus.PLAN_QUEUED
    pull.push({"main.tf": OTHER}, by=team.alice, force=True)
    world.settle()
    world.is_runner_there = True
    team.sweep()

    assert world.run(first).status is RunStatus.CANCELED
    second = made_last(world)
    assert (second.commit_sha, second.status) == (pull.head_sha, RunStatus.PLANNED_AND_SAVED)
    team.say(pull, "apply")
    assert b'"other"' in world.state(team.prod)
    assert [run.status for run in world.runs()] == [RunStatus.CANCELED, RunStatus.APPLIED]


def test_a_force_push_after_the_plan_and_back_again(world: World) -> None:
    """Back at a head whose plan was discarded: it is planned anew, the old plan is not revived."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.push({"main.tf": OTHER}, by=team.alice, force=True)
    world.settle()
    team.repo.move_branch("feature", first.commit_sha, by=team.alice)
    world.settle()

    third = made_last(world)
    assert third.commit_sha == first.commit_sha
    assert third.id != first.id
    assert world.run(first).status is RunStatus.DISCARDED
    team.say(pull, "apply")
    assert world.run(third).status is RunStatus.APPLIED
    assert team.how_often_applied(first) == 0


def test_a_push_to_the_tracked_branch_that_is_applied_replans_the_pull_requests(world: World) -> None:
    """Invariant 5: a foreign state change makes the plan out of date; it is planned again by itself."""
    team = Team(world, **ANY_BASE)
    pull = team.open("feature", {"main.tf": HELLO})
    stale = world.only_run()
    pushed = team.repo.push("main", {"more.tf": MORE}, by=team.bob)
    team.the_host_is_asked_for_two_minutes()
    team.say(pushed, "apply", team.bob)

    assert world.run(stale).status is RunStatus.DISCARDED
    assert "it is planned again" in world.timeline(stale)
    fresh = made_last(world, pull)
    assert fresh.status is RunStatus.PLANNED_AND_SAVED
    answer = team.say(pull, "apply")
    assert "Approved" in answer
    assert world.run(fresh).status is RunStatus.APPLIED


def test_a_plan_that_was_being_made_while_the_state_changed_is_made_again(world: World) -> None:
    """Invariant 5: it would be refused at the apply; nobody has to find that out."""
    team = Team(world, **ANY_BASE)
    one = team.open("one", {"main.tf": HELLO})
    world.is_runner_there = False
    other = team.open("other", {"other.tf": MORE})
    slow = made_last(world, other)
    with HandRunner(world, slow, Stage.PLAN) as runner:
        world.is_runner_there = True
        team.say(one, "apply")
        assert world.run(slow).status is RunStatus.PLANNING
        runner.plans_something()
    world.settle()

    assert world.run(slow).status is RunStatus.DISCARDED
    fresh = made_last(world, other)
    assert fresh.status is RunStatus.PLANNED_AND_SAVED
    assert fresh.planned_on == world.services.workspaces.get(team.prod.id).current_state_version_id
    team.say(one, "unlock")
    team.say(other, "apply")
    assert world.run(fresh).status is RunStatus.APPLIED


def test_a_host_that_is_away_does_not_keep_outdated_plans(world: World) -> None:
    """Invariant 1: what could not be planned again is owed, and the sweep comes back for it."""
    team, one, other = two_pulls(world)
    stale = made_last(world, other)
    pattern = "(git/ref/heads|repository/branches)/"
    team.a_moment_passes()
    one.comment("apply", team.alice)
    world.work_until(lambda: made_last(world, one).status is RunStatus.APPLIED)
    team.host.fail_next(pattern, 502, times=20)
    world.settle()
    assert world.run(stale).status is RunStatus.PLANNED_AND_SAVED
    team.host.trouble.failures.clear()
    team.sweep()

    assert world.run(stale).status is RunStatus.DISCARDED
    assert made_last(world, other).status is RunStatus.PLANNED_AND_SAVED


def test_plan_again_replaces_the_plan(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()

    answer = team.say(pull, "plan", team.bob)

    assert "Planning `prod`" in answer
    assert world.run(first).status is RunStatus.DISCARDED
    assert made_last(world).status is RunStatus.PLANNED_AND_SAVED
    assert made_last(world).id != first.id


@pytest.mark.parametrize("how", ["merge", "close"])
def test_a_plan_does_not_outlive_its_pull_request(world: World, how: str) -> None:
    """Invariant 5: what was approved and not begun is ended as well."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    world.is_runner_there = False
    team.say(pull, "apply")
    if how == "merge":
        pull.merge(by=team.alice)
    else:
        pull.close(by=team.alice)
    world.settle()
    world.is_runner_there = True
    team.sweep()

    assert world.run(run).status is RunStatus.CANCELED
    assert world.services.workspaces.hold(team.prod.id) is None
    assert team.nothing_was_applied()


def test_a_reopened_pull_request_is_planned_like_a_new_one(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.close(by=team.alice)
    world.settle()
    assert world.run(first).status is RunStatus.DISCARDED
    pull.reopen(by=team.alice)
    world.settle()

    again = made_last(world)
    assert (again.commit_sha, again.status) == (first.commit_sha, RunStatus.PLANNED_AND_SAVED)
    team.say(pull, "apply")
    assert world.run(again).status is RunStatus.APPLIED
