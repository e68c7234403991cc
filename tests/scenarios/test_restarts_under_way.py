"""The server is away for longer than a lease: its runners could tell nobody that they live (invariant 9)."""

from __future__ import annotations

import pytest

from bot.run import RunStatus, Stage
from bot.stage_words import Signal
from handlers.jobs import Job, Verb
from tests.scenarios.talk import BEFORE_MERGE, Team
from tests.scenarios.under_way import STATUS, At, UnderWay
from tests.scenarios.world import World

STAGES = pytest.mark.parametrize("at", [At.PLANNING, At.APPLYING])


def _is_away(team: Team, **span: float) -> None:
    """Nothing happens meanwhile; then the server is there again, and has swept."""
    team.a_moment_passes(**span)
    team.world.restart()
    team.world.settle()


@STAGES
def test_a_runner_that_goes_on_keeps_its_stage(github_world: World, at: At) -> None:
    with UnderWay(Team(github_world, **BEFORE_MERGE), at) as story:
        _is_away(story.team, minutes=10)
        assert story.run.status is STATUS[at]

        for _ in range(4):
            github_world.wait(seconds=20)
            assert story.runner
            assert story.runner.client.heartbeat() is Signal.NONE
        github_world.enqueue([Job(Verb.SWEEP)])
        github_world.settle()

        assert story.run.status is STATUS[at]
        assert not github_world.services.workspaces.get(story.run.workspace_id).is_locked


@STAGES
def test_a_runner_that_is_gone_is_given_up_a_lease_after_the_start(github_world: World, at: At) -> None:
    """Without waiting for the next sweep."""
    with UnderWay(Team(github_world, **BEFORE_MERGE), at) as story:
        _is_away(story.team, minutes=10)

        github_world.wait(seconds=20)
        assert story.run.status is STATUS[at]
        github_world.wait(seconds=11)

        gone = {At.PLANNING: RunStatus.PLAN_QUEUED, At.APPLYING: RunStatus.ERRORED}
        assert story.run.status is gone[at]
        assert "vanished" in github_world.timeline(story.run)


def test_a_lease_that_almost_ran_out_is_whole_again(github_world: World) -> None:
    """A short restart, at the end of a lease."""
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.PLANNING) as story:
        _is_away(story.team, seconds=27)
        github_world.wait(seconds=20)
        github_world.enqueue([Job(Verb.SWEEP)])
        github_world.settle()
        assert story.run.status is RunStatus.PLANNING


def test_a_stage_is_given_up_as_ever_where_nothing_was_restarted(github_world: World) -> None:
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.APPLYING) as story:
        github_world.wait(seconds=31)
        github_world.enqueue([Job(Verb.SWEEP)])
        github_world.settle()
        assert story.run.status is RunStatus.ERRORED
        assert github_world.services.jobs.count(story.run.id, Stage.APPLY) == 1
