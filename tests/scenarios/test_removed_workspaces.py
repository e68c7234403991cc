"""A workspace is removed while pull requests have plans of it: they must not wait for it for ever."""

from __future__ import annotations

import pytest
import requests

from bot.run import RunStatus
from storage.tokens import TokenKind
from tests.scenarios.talk import BEFORE_MERGE, Team
from tests.scenarios.world import World


def remove(world: World, team: Team, how: str = "") -> None:
    owner = world.services.people.add_user("ada", "ada@acme.test")
    world.services.people.make_owner(world.organization().id, owner.id)
    token = world.services.tokens.give(TokenKind.USER, owner.id, "for a test")
    method, path = ("POST", f"{team.prod.id}/actions/safe-delete") if how == "safe" else ("DELETE", team.prod.id)
    url = f"{world.address}/api/v2/workspaces/{path}"
    assert requests.request(method, url, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code == 204
    world.settle()


@pytest.mark.parametrize("how", ["", "safe"])
def test_what_waited_for_it_waits_no_more(world: World, how: str) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    assert team.status(run.commit_sha, "runlock/apply").startswith("pending: comment apply")
    remove(world, team, how)
    assert team.status(run.commit_sha, "runlock/apply").startswith("success")
    assert "prod" not in pull.comments[0].body


def test_another_workspace_is_still_waited_for(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    world.workspace("stage", team.repo, **BEFORE_MERGE)
    pull = team.open()
    commit_sha = world.runs()[0].commit_sha
    assert "of 2 workspaces" in team.status(commit_sha, "runlock/apply")
    remove(world, team)
    assert team.status(commit_sha, "runlock/apply").startswith("pending: comment apply")
    assert "<code>prod" not in pull.comments[0].body
    team.say(pull, "apply", team.bob)
    assert world.only_run().status is RunStatus.APPLIED
    assert team.status(commit_sha, "runlock/apply").startswith("success: applied")
