"""What a pull request must have before its plan is applied is asked at every door, not only of a comment."""

from typing import Any

import pytest

from bot.errors import Refused
from bot.run import RunStatus
from handlers.reactions.requirements import refuse_if_missing
from storage.tokens import TokenKind
from tests.scenarios.talk import BEFORE_MERGE, Team
from tests.scenarios.world import World


def _token(world: World) -> str:
    people = world.services.people
    owner = people.add_user("olga", "olga@acme.test")
    people.make_owner(world.organization().id, owner.id)
    return world.services.tokens.give(TokenKind.USER, owner.id, "for the story")


def _apply(world: World, run_id: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    return world._app.test_client().post(f"/api/v2/runs/{run_id}/actions/apply", headers=headers)


def test_the_api_asks_for_the_same_as_a_comment(world: World) -> None:
    team = Team(world, **BEFORE_MERGE, apply_requirements=["approved"])
    pull = team.open()
    run, token = world.only_run(), _token(world)
    refused = _apply(world, run.id, token)
    assert refused.status_code == 409
    assert "asks for more" in refused.text
    assert world.run(run).status is RunStatus.PLANNED_AND_SAVED

    pull.approve(team.bob)
    world.settle()
    assert _apply(world, run.id, token).status_code == 202
    world.settle()
    assert world.run(run).status is RunStatus.APPLIED


def test_the_command_line_asks_too(world: World) -> None:
    team = Team(world, **BEFORE_MERGE, apply_requirements=["approved"])
    team.open()
    with pytest.raises(Refused, match="asks for more"):
        refuse_if_missing(world.services, world.only_run().id)


def test_a_host_that_is_away_confirms_nothing(github_world: World) -> None:
    world = github_world
    team = Team(world, **BEFORE_MERGE, apply_requirements=["approved"])
    team.open()
    run = world.only_run()
    team.host.fail_next(r".*/pulls/.*", 502, {}, 5)
    answer = _apply(world, run.id, _token(world))
    assert answer.status_code >= 500
    assert world.run(run).status is RunStatus.PLANNED_AND_SAVED
