"""A workspace is removed while pull requests have plans of it: they must not wait for it for ever."""

from __future__ import annotations

import pytest
import requests

from bot.run import RunStatus
from storage.tokens import TokenKind
from tests.scenarios.talk import BEFORE_MERGE, MORE, Team
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


def test_the_others_of_its_repository_go_on_while_it_leaves(world: World) -> None:
    team = Team(world)
    world.workspace("stage", team.repo)
    world.services.leaving.begin(team.prod.id)
    commit_sha = team.repo.push("main", {"more.tf": MORE}, by=team.alice)
    world.settle()
    run = world.only_run()
    assert (run.commit_sha, world.services.workspaces.get(run.workspace_id).name) == (commit_sha, "stage")
    (delivery,) = world.services.inbox.recent(limit=1)
    assert delivery.outcome == "1 run made: stage; none in prod: prod is being removed"


def test_what_is_refused_everywhere_shows_so_at_the_commit(world: World) -> None:
    team = Team(world)
    world.services.leaving.begin(team.prod.id)
    commit_sha = team.repo.push("main", {"more.tf": MORE}, by=team.alice)
    world.settle()
    assert world.runs() == []
    state, _, words = team.status(commit_sha, "runlock/plan").partition(": ")
    assert state in ("error", "failure")  # as each host calls it
    assert words == "not planned: it was refused, `runlock deliveries` says why"


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
