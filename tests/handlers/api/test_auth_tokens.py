"""Tokens: shown once, kept as hashes, ended by time or by hand; what each kind stands for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from bot.permissions import Level, access_of
from bot.run import RunStatus, Stage
from bot.timestamps import to_text
from storage.tokens import TokenKind
from tests.fakes.door_world import World


def new_token(answer: TestResponse) -> str:
    assert answer.status_code == 201, answer.text
    plain: str = answer.json["data"]["attributes"]["token"]
    return plain


def test_a_users_token_is_shown_once_and_works(world: World) -> None:
    path = f"users/{world.owner.id}/authentication-tokens"
    made = world.ask("POST", path, {"data": {"attributes": {"description": "laptop"}}})
    plain, token_id = new_token(made), made.json["data"]["id"]
    assert world.ask("GET", "account/details", token=plain).json["data"]["id"] == world.owner.id
    listed = world.ask("GET", path).json["data"]
    assert [token["attributes"]["description"] for token in listed] == ["for a test", "laptop"]
    shown = world.ask("GET", f"authentication-tokens/{token_id}").json["data"]
    assert shown["attributes"]["token"] is None
    assert shown["attributes"]["last-used-at"] == to_text(world.clock())
    assert shown["relationships"]["created-by"]["data"]["id"] == world.owner.id
    stored = world.services.records.rows("SELECT * FROM tokens")
    assert plain not in str(stored)
    assert world.ask("DELETE", f"authentication-tokens/{token_id}").status_code == 204
    assert world.ask("GET", "account/details", token=plain).status_code == 401


def test_a_token_ends_when_it_says(world: World) -> None:
    path = f"users/{world.owner.id}/authentication-tokens"
    end = to_text(world.clock() + timedelta(hours=1))
    made = world.ask("POST", path, {"data": {"attributes": {"description": "short", "expired-at": end}}})
    assert made.json["data"]["attributes"]["expired-at"] == end
    plain = new_token(made)
    world.clock.advance(minutes=59)
    assert world.ask("GET", "account/details", token=plain).status_code == 200
    world.clock.advance(minutes=2)
    assert world.ask("GET", "account/details", token=plain).status_code == 401


@pytest.mark.parametrize(
    "end", ["tomorrow", "2030-01-01T00:00:00", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"]
)
def test_an_end_that_makes_no_sense_is_refused(world: World, end: str) -> None:
    path = f"users/{world.owner.id}/authentication-tokens"
    assert world.ask("POST", path, {"expired-at": end}).status_code == 422


def test_the_use_of_a_token_is_noted_once_a_minute(world: World) -> None:
    token = world.services.tokens.only(TokenKind.USER, "none")
    assert token is None
    (own,) = world.services.tokens.of(TokenKind.USER, world.owner.id, limit=10)[0]
    assert own.last_used_at is None
    for _ in range(2):
        world.ask("GET", "account/details")
        assert world.services.tokens.get(own.id).last_used_at == world.clock.moment
        world.clock.advance(seconds=61)


def test_nobody_else_sees_a_users_tokens(world: World) -> None:
    (own,) = world.services.tokens.of(TokenKind.USER, world.owner.id, limit=10)[0]
    colleague = world.services.people.add_user("mia", "mia@acme.test")
    world.services.people.make_owner(world.organization.id, colleague.id)
    token = world.token_of(colleague)
    for method in ("GET", "POST"):
        path = f"users/{world.owner.id}/authentication-tokens"
        assert world.ask(method, path, token=token).status_code == 404
    for method in ("GET", "DELETE"):
        assert world.ask(method, f"authentication-tokens/{own.id}", token=token).status_code == 404


def test_a_login_link_is_no_authentication_token(world: World) -> None:
    world.services.tokens.give(TokenKind.LOGIN_LINK, world.owner.id, "link")
    link = world.services.records.value("SELECT id FROM tokens WHERE kind = 'login-link'")
    assert world.ask("GET", f"authentication-tokens/{link}").status_code == 404
    assert len(world.ask("GET", f"users/{world.owner.id}/authentication-tokens").json["data"]) == 1


def test_a_team_has_one_token_without_a_description_and_many_with_one(world: World) -> None:
    team = world.services.teams.add(world.organization.id, "ops")
    workspace = world.workspace()
    world.services.team_access.give(team.id, workspace.id, access_of(Level.READ))
    one, many = f"teams/{team.id}/authentication-token", f"teams/{team.id}/authentication-tokens"
    assert world.ask("GET", one).status_code == 404
    first = new_token(world.ask("POST", one))
    assert world.ask("GET", f"workspaces/{workspace.id}", token=first).status_code == 200
    second = new_token(world.ask("POST", one))
    assert world.ask("GET", f"workspaces/{workspace.id}", token=first).status_code == 401
    named = new_token(world.ask("POST", many, {"description": "ci"}))
    assert world.ask("GET", f"workspaces/{workspace.id}", token=second).status_code == 200
    listed = world.ask("GET", many).json["data"]
    assert [token["attributes"]["description"] for token in listed] == [None, "ci"]
    assert {token["relationships"]["team"]["data"]["id"] for token in listed} == {team.id}
    of_all = world.ask("GET", "organizations/acme/team-tokens").json["data"]
    assert of_all == listed
    assert world.ask("DELETE", one).status_code == 204
    assert world.ask("GET", f"workspaces/{workspace.id}", token=second).status_code == 401
    assert world.ask("GET", f"workspaces/{workspace.id}", token=named).status_code == 200
    world.services.teams.remove(team.id)
    assert world.ask("GET", f"workspaces/{workspace.id}", token=named).status_code == 401


def test_members_make_their_teams_tokens_unless_the_team_says_no(world: World) -> None:
    team, mia = (
        world.services.teams.add(world.organization.id, "ops"),
        world.services.people.add_user("mia", "m@a.test"),
    )
    world.services.people.join(world.organization.id, mia.id)
    world.services.teams.join(team.id, [mia.id])
    token, path = world.token_of(mia), f"teams/{team.id}/authentication-tokens"
    made = world.ask("POST", path, {"description": "mine"}, token=token)
    assert made.status_code == 201
    assert world.ask("GET", f"authentication-tokens/{made.json['data']['id']}", token=token).status_code == 200
    assert world.ask("PATCH", f"teams/{team.id}", {"allow-member-token-management": False}).status_code == 200
    assert world.ask("POST", path, {"description": "another"}, token=token).status_code == 403
    assert world.ask("DELETE", f"authentication-tokens/{made.json['data']['id']}", token=token).status_code == 404


def test_an_organization_has_one_token(world: World) -> None:
    path = "organizations/acme/authentication-token"
    assert world.ask("GET", path).status_code == 404
    first = new_token(world.ask("POST", path))
    assert world.ask("GET", "organizations", token=first).json["data"][0]["id"] == "acme"
    details = world.ask("GET", "account/details", token=first).json["data"]["attributes"]
    assert (details["username"], details["is-service-account"]) == ("organization:acme", True)
    second = new_token(world.ask("POST", path))
    assert world.ask("GET", "organizations", token=first).status_code == 401
    assert world.ask("POST", path, token=second).status_code == 403
    assert world.ask("DELETE", path).status_code == 204
    assert world.ask("GET", "organizations", token=second).status_code == 401


def test_a_team_acts_in_its_own_name(world: World) -> None:
    team, workspace = world.services.teams.add(world.organization.id, "ops"), world.workspace()
    world.services.team_access.give(team.id, workspace.id, access_of(Level.WRITE))
    token = world.services.tokens.give(TokenKind.TEAM, team.id, "ci")
    run = world.run(workspace, RunStatus.PLANNED)
    made = world.ask("POST", f"runs/{run.id}/comments", {"body": "fine"}, token=token)
    assert made.json["data"]["attributes"]["author"] == "team ops"
    assert world.ask("POST", f"runs/{run.id}/actions/discard", token=token).status_code == 202
    assert world.services.timeline.of(run.id)[-1].actor == "team ops"


def _asked_by_run(world: World, status: RunStatus, stage: Stage) -> dict[str, int]:
    workspace, other = world.workspace("own"), world.workspace("other")
    run = world.run(workspace, status)
    token = world.services.tokens.for_run(run.id, stage)
    paths: dict[str, Any] = {
        "entitlements": "organizations/acme/entitlement-set",
        "own": "organizations/acme/workspaces/own",
        "other": f"workspaces/{other.id}",
        "runs": f"runs/{run.id}",
        "account": "account/details",
    }
    return {name: world.ask("GET", path, token=token).status_code for name, path in paths.items()}


def test_a_runs_token_sees_what_its_engine_needs_and_no_more(world: World) -> None:
    seen = _asked_by_run(world, RunStatus.PLANNING, Stage.PLAN)
    assert seen == {"entitlements": 200, "own": 200, "other": 200, "runs": 403, "account": 403}


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        *((status, Stage.PLAN) for status in (RunStatus.PENDING, RunStatus.PLANNED, RunStatus.APPLYING)),
        *((status, Stage.APPLY) for status in (RunStatus.PLANNING, RunStatus.APPLIED, RunStatus.ERRORED)),
    ],
)
def test_a_runs_token_is_none_when_its_run_is_not_at_it(world: World, status: RunStatus, stage: Stage) -> None:
    """Invariant 12: it dies with the run, and a plan's is worth nothing while people decide."""
    assert set(_asked_by_run(world, status, stage).values()) == {401}
