"""`apply-before-merge`: an apply that never began leaves nothing half done, so nobody waits for its pull request."""

from __future__ import annotations

from bot.run import RunStatus, Stage
from bot.stage_words import Outcome
from handlers.jobs import Job, Verb
from handlers.reactions.decisions import cancel
from tests.fakes.states import a_state
from tests.scenarios.runners import HandRunner
from tests.scenarios.talk import made_last, sign, two_pulls
from tests.scenarios.world import World


def test_cancelled_before_it_began(world: World) -> None:
    team, one, other = two_pulls(world)
    first, second = (made_last(world, pull) for pull in (one, other))
    world.is_runner_there = False
    team.say(one, "apply")
    assert world.run(first).status is RunStatus.APPLY_QUEUED
    assert f"waits for {sign(team)}{one.number}" in other.comments[0].body

    world.enqueue(cancel(world.services, first.id, "alice"))
    world.settle()

    assert world.services.workspaces.hold(team.prod.id) is None
    assert "waits for" not in other.comments[0].body
    world.is_runner_there = True
    team.say(other, "apply", team.bob)
    assert world.run(second).status is RunStatus.APPLIED


def test_failed_in_the_middle(world: World) -> None:
    """It may have done half of it: the others wait as ever."""
    team, one, _ = two_pulls(world)
    first = made_last(world, one)
    world.is_runner_there = False
    team.say(one, "apply")
    with HandRunner(world, first, Stage.APPLY) as runner:
        runner.says(Outcome.FAILED, 1, error="no")
    assert world.run(first).status is RunStatus.ERRORED
    hold = world.services.workspaces.hold(team.prod.id)
    assert hold is not None
    assert hold.pull_number == one.number


def test_cancelled_after_another_apply_of_the_same_pull_request(world: World) -> None:
    """What it has applied is not merged yet."""
    team, one, other = two_pulls(world)
    team.say(one, "apply")
    team.repo.push("one", {"third.tf": 'resource "terraform_data" "third" {}\n'}, by=team.alice)
    world.settle()
    world.is_runner_there = False
    team.say(one, "apply")
    again = made_last(world, one)
    assert again.status is RunStatus.APPLY_QUEUED
    world.enqueue(cancel(world.services, again.id, "alice"))
    world.settle()
    assert world.run(again).status is RunStatus.CANCELED
    assert world.services.workspaces.hold(team.prod.id) is not None
    assert f"waits for {sign(team)}{one.number}" in other.comments[0].body


def test_refused_since_the_state_has_moved(world: World) -> None:
    team, one, _ = two_pulls(world)
    first = made_last(world, one)
    world.is_runner_there = False
    team.say(one, "apply")
    world.services.states.store(team.prod.id, a_state(4), run_id=None)
    world.is_runner_there = True
    world.enqueue([Job(Verb.SWEEP)])
    world.settle()
    assert world.run(first).status is RunStatus.ERRORED
    assert world.services.workspaces.hold(team.prod.id) is None
