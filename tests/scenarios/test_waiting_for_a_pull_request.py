"""`apply-before-merge`: whoever applies first holds the workspace; the others wait, are told so, and get their turn."""

from __future__ import annotations

import pytest

from bot.run import RunStatus
from tests.scenarios.talk import ANY_BASE, BEFORE_MERGE, MORE, Team, made_last, sign, two_pulls
from tests.scenarios.world import HELLO, World


def test_the_second_pull_request_waits_for_the_first(world: World) -> None:
    """Whoever applied first holds the workspace; the other is planned again, marked, and refused."""
    team, one, other = two_pulls(world)
    team.say(one, "apply")

    again = made_last(world, other)
    assert [run.status for run in world.runs() if run.pull_number == other.number] == [
        RunStatus.DISCARDED,
        RunStatus.PLANNED_AND_SAVED,
    ]
    assert f"waits for {sign(team)}{one.number}" in other.comments[0].body
    assert team.status(again.commit_sha, "runlock/apply").startswith(f"pending: waits for {sign(team)}{one.number}: ")

    answer = team.say(other, "apply", team.bob)

    assert f"waits for {sign(team)}{one.number}" in answer
    assert world.run(again).status is RunStatus.PLANNED_AND_SAVED
    assert team.how_often_applied(again) == 0


@pytest.mark.parametrize("how", ["merge", "close", "unlock"])
def test_the_workspace_is_free_again(world: World, how: str) -> None:
    """The mark goes away, and the other pull request applies a plan of the state as it is then."""
    team, one, other = two_pulls(world)
    team.say(one, "apply")
    if how == "unlock":
        assert "Freed: `prod`" in team.say(one, "unlock")
    elif how == "merge":
        one.merge(by=team.alice)
    else:
        one.close(by=team.alice)
    world.settle()

    assert "waits for" not in other.comments[0].body
    assert team.status(other.head_sha, "runlock/apply").startswith("pending: comment apply to apply it")
    team.say(other, "apply", team.bob)

    assert made_last(world, other).status is RunStatus.APPLIED
    assert b"more" in world.state(team.prod)


def test_the_mark_comes_with_the_approval_not_only_with_its_end(world: World) -> None:
    team, one, other = two_pulls(world)
    world.is_runner_there = False
    team.say(one, "apply")

    assert f"waits for {sign(team)}{one.number}" in other.comments[0].body


def test_unlock_frees_only_what_is_held_from_here(world: World) -> None:
    team, one, other = two_pulls(world)
    team.say(one, "apply")

    answer = team.say(other, "unlock", team.bob)

    assert "no workspace is held from here" in answer
    hold = world.services.workspaces.hold(team.prod.id)
    assert hold is not None
    assert hold.pull_number == one.number
    assert "waits for" in team.say(other, "apply", team.bob)


def test_a_manual_lock_is_not_taken_off_by_unlock(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    world.services.workspaces.lock(team.prod.id, "ops", "freeze")

    team.say(pull, "unlock")

    assert world.services.workspaces.get(team.prod.id).lock_reason == "freeze"


def test_an_idle_pull_request_keeps_nobody_waiting(world: World) -> None:
    """Invariant 6: a plan that nobody decides about is outside the queue."""
    team = Team(world, **ANY_BASE)
    idle = team.open("idle", {"idle.tf": MORE.replace("more", "idle")})
    for number in range(2):
        pull = team.open(f"busy-{number}", {f"busy{number}.tf": MORE.replace("more", f"busy{number}")})
        team.say(pull, "apply", team.bob)
        assert made_last(world, pull).status is RunStatus.APPLIED
        pull.merge(by=team.alice)
        world.settle()
    world.wait(days=3)

    waiting = made_last(world, idle)
    assert waiting.status is RunStatus.PLANNED_AND_SAVED
    assert waiting.planned_on == world.services.workspaces.get(team.prod.id).current_state_version_id
    assert [run.id for run in world.services.runs.unfinished(team.prod.id)] == [waiting.id]


def test_an_approved_plan_waits_for_the_run_that_is_before_it(world: World) -> None:
    """Invariant 6: it joins the queue behind a push that waits for its approval, and its state has moved then."""
    team = Team(world, **ANY_BASE)
    pull = team.open("feature", {"main.tf": HELLO})
    saved = world.only_run()
    pushed = team.repo.push("main", {"more.tf": MORE}, by=team.bob)
    team.the_host_is_asked_for_two_minutes()
    normal = made_last(world)
    assert normal.status is RunStatus.PLANNED
    answer = team.say(pull, "apply")
    assert "2nd in queue" in answer
    assert world.run(saved).status is RunStatus.CONFIRMED

    team.say(pushed, "apply", team.bob)

    assert world.run(normal).status is RunStatus.APPLIED
    assert world.run(saved).status is RunStatus.ERRORED
    assert "has changed since" in world.run(saved).error
    assert team.how_often_applied(saved) <= 1
    assert b"hello" not in world.state(team.prod)
    world.wait(seconds=6)
    fresh = made_last(world, pull)
    assert fresh.id != saved.id
    assert fresh.status is RunStatus.PLANNED_AND_SAVED
    team.say(pull, "apply")
    assert world.run(fresh).status is RunStatus.APPLIED
