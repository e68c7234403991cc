"""Teams, who is in them, and what they may: over the API, as an owner and as those who may only some of it."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from bot.permissions import Flag, Level, access_of
from bot.team import OWNERS, Team, Visibility
from storage.people import User
from storage.tokens import TokenKind
from tests.fakes.door_world import World

ALL_FLAGS = {flag.value for flag in Flag}


def member(world: World, name: str, *teams: Team) -> User:
    user = world.services.people.add_user(name, f"{name}@acme.test")
    world.services.people.join(world.organization.id, user.id)
    for team in teams:
        world.services.teams.join(team.id, [user.id])
    return user


def a_team(world: World, name: str, *flags: Flag, **more: Any) -> Team:
    return world.services.teams.add(world.organization.id, name, flags=flags, **more)


def make(world: World, token: str | None = None, **attributes: Any) -> TestResponse:
    body = {"data": {"type": "teams", "attributes": {n.replace("_", "-"): v for n, v in attributes.items()}}}
    return world.ask("POST", "organizations/acme/teams", body, token=token)


def said(answer: TestResponse) -> str:
    detail: str = answer.json["errors"][0]["detail"]
    return detail


def test_the_team_of_owners_is_there_from_the_beginning(world: World) -> None:
    listed = world.ask("GET", "organizations/acme/teams", query_string={"include": "users"}).json
    (owners,) = listed["data"]
    facts = owners["attributes"]
    assert (facts["name"], facts["users-count"], facts["visibility"]) == (OWNERS, 1, "organization")
    assert {name for name, has in facts["organization-access"].items() if has} == ALL_FLAGS
    assert owners["relationships"]["users"]["data"] == [{"id": world.owner.id, "type": "users"}]
    assert [user["attributes"]["username"] for user in listed["included"]] == ["ada"]


def test_the_team_of_owners_keeps_its_name_its_access_and_itself(world: World) -> None:
    owners = world.services.teams.owners(world.organization.id)
    assert make(world, name="Owners").status_code == 422
    for attributes in ({"name": "bosses"}, {"visibility": "secret"}, {"organization-access": {"manage-teams": False}}):
        assert world.ask("PATCH", f"teams/{owners.id}", attributes).status_code == 422
    assert world.ask("DELETE", f"teams/{owners.id}").status_code == 422
    assert world.services.teams.get(owners.id) == owners


def test_made_shown_changed_and_removed(world: World) -> None:
    made = make(world, name="ops", organization_access={"manage-vcs-settings": True, "manage-modules": False})
    assert made.status_code == 201
    facts, path = made.json["data"]["attributes"], f"teams/{made.json['data']['id']}"
    assert (facts["name"], facts["visibility"], facts["users-count"]) == ("ops", "secret", 0)
    assert [name for name, has in facts["organization-access"].items() if has] == ["manage-vcs-settings"]
    changed = world.ask("PATCH", path, {"name": "platform", "organization-access": {"manage-projects": True}})
    shown = world.ask("GET", path).json["data"]["attributes"]
    assert changed.json["data"]["attributes"] == shown
    assert shown["name"] == "platform"
    assert {n for n, has in shown["organization-access"].items() if has} == {"manage-vcs-settings", "manage-projects"}
    assert world.ask("DELETE", path).status_code == 204
    assert world.ask("GET", path).status_code == 404


@pytest.mark.parametrize(
    "attributes",
    [
        *({}, {"name": ""}, {"name": "a b"}, {"name": "x" * 91}, {"name": "taken"}, {"name": "TAKEN"}),
        *({"name": "new", "visibility": "hidden"}, {"name": "new", "organization_access": {"manage-modules": True}}),
    ],
)
def test_bad_teams(world: World, attributes: dict[str, Any]) -> None:
    a_team(world, "taken")
    answer = make(world, **attributes)
    assert answer.status_code == 422
    assert said(answer)


@pytest.mark.parametrize("access", [[], 3, {"manage-teams": "yes"}])
def test_flags_that_are_none_are_422(world: World, access: object) -> None:
    assert make(world, name="new", organization_access=access).status_code == 422


def test_a_secret_team_is_seen_by_its_members_and_by_those_who_manage_teams(world: World) -> None:
    secret = a_team(world, "secret")
    outsider, insider = member(world, "mia"), member(world, "joe", secret)
    manager = member(world, "kim", a_team(world, "managers", Flag.MANAGE_MEMBERSHIP))
    for user, sees in ((outsider, False), (insider, True), (manager, True), (world.owner, True)):
        token = world.token_of(user)
        listed = world.ask("GET", "organizations/acme/teams", token=token).json["data"]
        assert (secret.id in [team["id"] for team in listed]) is sees
        assert world.ask("GET", f"teams/{secret.id}", token=token).status_code == (200 if sees else 404)


def test_lists_are_narrowed_and_paged(world: World) -> None:
    for name in ("aa", "ab", "b"):
        a_team(world, name)

    def names(**query: str) -> list[str]:
        asked = {key.replace("names", "filter[names]"): value for key, value in query.items()}
        found = world.ask("GET", "organizations/acme/teams", query_string=asked).json
        return [team["attributes"]["name"] for team in found["data"]]

    assert names(q="a") == ["aa", "ab"]
    assert names(names="b,owners,none") == ["b", "owners"]
    paged = {"page[size]": "2", "page[number]": "2"}
    found = world.ask("GET", "organizations/acme/teams", query_string=paged).json
    assert [team["attributes"]["name"] for team in found["data"]] == ["b", "owners"]
    assert found["meta"]["pagination"]["total-count"] == 4


@pytest.mark.parametrize("way", ["users", "organization-memberships"])
def test_people_join_and_leave_a_team(world: World, way: str) -> None:
    team, mia = a_team(world, "ops"), member(world, "mia")
    membership = world.services.people.membership_of(world.organization.id, mia.id)
    assert membership is not None
    ident = "mia" if way == "users" else membership.id
    body, path = {"data": [{"type": way, "id": ident}]}, f"teams/{team.id}/relationships/{way}"
    for _ in range(2):
        assert world.ask("POST", path, body).status_code == 204
        assert world.services.teams.members(team.id) == [mia.id]
    listed = world.ask("GET", f"teams/{team.id}/relationships/organization-memberships").json
    assert [each["id"] for each in listed["data"]] == [membership.id]
    assert listed["meta"]["pagination"]["total-count"] == 1
    for _ in range(2):
        assert world.ask("DELETE", path, body).status_code == 204
        assert world.services.teams.members(team.id) == []


def test_an_id_is_that_users_whatever_others_are_called(world: World) -> None:
    team, mia = a_team(world, "ops"), member(world, "mia")
    impostor = member(world, "impostor")
    # As such a name could have come in before names like ids were refused.
    world.services.records.change("UPDATE users SET username = ? WHERE id = ?", (mia.id, impostor.id))
    path = f"teams/{team.id}/relationships/users"
    assert world.ask("POST", path, {"data": [{"id": mia.id}]}).status_code == 204
    assert world.services.teams.members(team.id) == [mia.id]


def test_nobody_is_invited_under_another_users_id(world: World) -> None:
    mia = member(world, "mia")
    for local in (mia.id, mia.id.lower()):
        body = {"data": {"attributes": {"email": f"{local}@evil.test"}}}
        answer = world.ask("POST", "organizations/acme/organization-memberships", body)
        assert answer.status_code == 422
        assert "looks like an id" in said(answer)
    assert world.services.people.user_with_email(f"{mia.id}@evil.test") is None


def test_only_members_of_the_organization_join_a_team(world: World) -> None:
    team = a_team(world, "ops")
    world.stranger()
    other = world.services.people.add_organization("umbrella", "u@umbrella.test")
    eve = world.services.people.user_named("eve")
    assert eve is not None
    elsewhere = world.services.people.join(other.id, eve.id)
    for way, ident in (("users", "eve"), ("users", "nobody"), ("organization-memberships", elsewhere.id)):
        answer = world.ask("POST", f"teams/{team.id}/relationships/{way}", {"data": [{"id": ident}]})
        assert answer.status_code == 422
    assert world.services.teams.members(team.id) == []


def test_the_last_owner_stays(world: World) -> None:
    owners = world.services.teams.owners(world.organization.id)
    body, path = {"data": [{"type": "users", "id": "ada"}]}, f"teams/{owners.id}/relationships/users"
    assert world.ask("DELETE", path, body).status_code == 409
    world.services.teams.join(owners.id, [member(world, "bea").id])
    assert world.ask("DELETE", path, body).status_code == 204
    assert world.ask("DELETE", "organizations/acme").status_code == 403  # no owner any more


def test_nobody_becomes_an_owner_by_managing_membership(world: World) -> None:
    kim = member(world, "kim", a_team(world, "managers", Flag.MANAGE_MEMBERSHIP, Flag.MANAGE_TEAMS))
    owners, token = world.services.teams.owners(world.organization.id), world.token_of(kim)
    body = {"data": [{"type": "users", "id": "kim"}]}
    answer = world.ask("POST", f"teams/{owners.id}/relationships/users", body, token=token)
    assert answer.status_code == 403
    assert "managing membership for the team owners" in said(answer)
    assert world.ask("POST", f"teams/{owners.id}/authentication-token", token=token).status_code == 403
    stronger = a_team(world, "stronger", Flag.MANAGE_WORKSPACES)
    assert world.ask("POST", f"teams/{stronger.id}/relationships/users", body, token=token).status_code == 403
    assert world.ask("POST", f"teams/{stronger.id}/authentication-token", token=token).status_code == 403


@pytest.mark.parametrize("flag", [Flag.MANAGE_MEMBERSHIP, Flag.MANAGE_TEAMS])
def test_nobody_gets_into_a_workspace_by_managing_a_team_that_is_in_it(world: World, flag: Flag) -> None:
    managers, admins, workspace = a_team(world, "managers", flag), a_team(world, "admins"), world.workspace()
    world.services.team_access.give(admins.id, workspace.id, access_of(Level.ADMIN))
    token, body = world.token_of(member(world, "kim", managers)), {"data": [{"type": "users", "id": "kim"}]}
    to_join, to_make = f"teams/{admins.id}/relationships/users", f"teams/{admins.id}/authentication-token"
    ways = {Flag.MANAGE_MEMBERSHIP: (to_join, body, "update-membership"), Flag.MANAGE_TEAMS: (to_make, {}, "api-token")}
    path, sent, word = ways[flag]

    def told() -> bool:
        query = {"filter[names]": "admins"}
        (shown,) = world.ask("GET", "organizations/acme/teams", query_string=query, token=token).json["data"]
        return next(may for name, may in shown["attributes"]["permissions"].items() if name.endswith(word))

    invited = {"data": {"attributes": {"email": "new@acme.test"}, "relationships": {"teams": {"data": [{}]}}}}
    invited["data"]["relationships"]["teams"]["data"][0]["id"] = admins.id
    assert world.ask("POST", path, sent, token=token).status_code == 403
    assert world.ask("POST", "organizations/acme/organization-memberships", invited, token=token).status_code == 403
    assert not told()
    world.services.team_access.give(managers.id, workspace.id, access_of(Level.ADMIN))
    assert world.ask("POST", path, sent, token=token).status_code in (201, 204)
    assert told()


def test_an_organizations_token_starts_no_runs_by_way_of_a_team(world: World) -> None:
    token = world.services.tokens.give(TokenKind.ORGANIZATION, world.organization.id, "for a test")
    made = make(world, token, name="more", organization_access={"manage-workspaces": True})
    assert made.status_code == 201
    assert made.json["data"]["attributes"]["permissions"]["can-update-api-token"] is False
    path = f"teams/{made.json['data']['id']}"
    for way in ("authentication-token", "authentication-tokens"):
        answer = world.ask("POST", f"{path}/{way}", {"description": "for runs"}, token=token)
        assert answer.status_code == 403
        assert "managing the team's tokens" in said(answer)
    assert world.ask("POST", f"users/{world.owner.id}/authentication-tokens", {}, token=token).status_code == 403


def test_what_teams_were_given_is_read_once_for_a_list_of_them(world: World) -> None:
    kim, workspace = member(world, "kim", a_team(world, "managers", Flag.MANAGE_TEAMS)), world.workspace()
    for number in range(8):
        team = a_team(world, f"t-{number}")
        world.services.team_access.give(team.id, workspace.id, access_of(Level.READ))
    token, asked = world.token_of(kim), list[str]()
    connection = world.services.records.connection().conn
    connection.set_trace_callback(asked.append)
    try:
        listed = world.ask("GET", "organizations/acme/teams", token=token).json["data"]
    finally:
        connection.set_trace_callback(None)
    assert len(listed) == 10
    assert len([sql for sql in asked if "FROM team_workspaces" in sql]) == 1


def test_nobody_gives_a_team_flags_that_they_lack(world: World) -> None:
    flags = (Flag.MANAGE_TEAMS, Flag.MANAGE_ORGANIZATION_ACCESS, Flag.MANAGE_PROJECTS)
    token = world.token_of(member(world, "kim", a_team(world, "managers", *flags)))
    refused = make(world, token, name="more", organization_access={"manage-workspaces": True})
    assert refused.status_code == 403
    assert "manage-workspaces" in said(refused)
    made = make(world, token, name="same", organization_access={"manage-projects": True})
    assert made.status_code == 201
    path = f"teams/{made.json['data']['id']}"
    for flag, status in (("manage-workspaces", 403), ("manage-teams", 200)):
        answer = world.ask("PATCH", path, {"organization-access": {flag: True}}, token=token)
        assert answer.status_code == status, flag


def grant(world: World, team: Team, workspace_id: str, **attributes: Any) -> TestResponse:
    body = {
        "data": {
            "attributes": {name.replace("_", "-"): value for name, value in attributes.items()},
            "relationships": {
                "team": {"data": {"type": "teams", "id": team.id}},
                "workspace": {"data": {"type": "workspaces", "id": workspace_id}},
            },
        }
    }
    return world.ask("POST", "team-workspaces", body)


def test_a_team_is_given_access_to_a_workspace(world: World) -> None:
    team, workspace = a_team(world, "ops"), world.workspace()
    token = world.token_of(member(world, "mia", team))
    path = f"workspaces/{workspace.id}"
    assert world.ask("GET", path, token=token).status_code == 404
    made = grant(world, team, workspace.id, access="plan")
    assert made.status_code == 201
    facts = made.json["data"]["attributes"]
    assert (facts["access"], facts["runs"], facts["variables"], facts["state-versions"]) == (
        "plan",
        "plan",
        "read",
        "read",
    )
    assert (facts["workspace-locking"], facts["sentinel-mocks"], facts["run-tasks"]) == (False, "none", False)
    told = world.ask("GET", path, token=token).json["data"]["attributes"]["permissions"]
    assert (told["can-queue-run"], told["can-queue-apply"], told["can-update"]) == (True, False, False)
    listed = world.ask("GET", "team-workspaces", query_string={"filter[workspace][id]": workspace.id}).json["data"]
    assert listed == [made.json["data"]]
    assert world.ask("GET", "team-workspaces").status_code == 400
    one = f"team-workspaces/{made.json['data']['id']}"
    assert world.ask("PATCH", one, {"access": "admin"}).json["data"]["attributes"]["runs"] == "apply"
    assert world.ask("PATCH", path, {"description": "theirs"}, token=token).status_code == 200
    assert world.ask("DELETE", one).status_code == 204
    assert world.ask("GET", path, token=token).status_code == 404


def test_what_a_secret_team_was_given_is_told_to_who_knows_of_it(world: World) -> None:
    known, secret = a_team(world, "known", visibility=Visibility.ORGANIZATION), a_team(world, "secret")
    own, workspace = a_team(world, "own"), world.workspace()
    grants = {
        team.name: world.services.team_access.give(team.id, workspace.id, access_of(Level.ADMIN)).id
        for team in (known, secret, own)
    }
    query = {"filter[workspace][id]": workspace.id}

    def told(user: User) -> set[str]:
        token = world.token_of(user)
        listed = world.ask("GET", "team-workspaces", query_string=query, token=token).json
        found = {each["id"] for each in listed["data"]}
        assert listed["meta"]["pagination"]["total-count"] == len(found)
        for ident in grants.values():
            for method, body in (("GET", None), ("PATCH", {"access": "admin"})):
                answer = world.ask(method, f"team-workspaces/{ident}", body, token=token)
                assert answer.status_code == (200 if ident in found else 404)
        return {name for name, ident in grants.items() if ident in found}

    assert told(member(world, "mia", own)) == {"known", "own"}
    assert told(member(world, "joe", own, secret)) == {"known", "own", "secret"}
    assert told(member(world, "kim", own, a_team(world, "seers", Flag.ACCESS_SECRET_TEAMS))) == set(grants)
    assert told(world.owner) == set(grants)
    reader = world.token_of(member(world, "bob", a_team(world, "readers", Flag.READ_WORKSPACES)))
    for name, status in (("known", 403), ("secret", 404)):
        assert world.ask("PATCH", f"team-workspaces/{grants[name]}", {}, token=reader).status_code == status


def test_custom_access_has_the_parts_that_were_chosen(world: World) -> None:
    team, workspace = a_team(world, "ops"), world.workspace()
    made = grant(world, team, workspace.id, access="custom", state_versions="read-outputs", workspace_locking=True)
    one, facts = f"team-workspaces/{made.json['data']['id']}", made.json["data"]["attributes"]
    assert (facts["runs"], facts["variables"], facts["state-versions"]) == ("read", "none", "read-outputs")
    changed = world.ask("PATCH", one, {"runs": "apply", "sentinel-mocks": "read"}).json["data"]["attributes"]
    assert (changed["runs"], changed["state-versions"], changed["workspace-locking"]) == ("apply", "read-outputs", True)
    assert changed["sentinel-mocks"] == "read"


@pytest.mark.parametrize(
    "attributes",
    [{}, {"access": "most"}, {"access": "read", "runs": "apply"}, {"access": "custom", "variables": "see"}],
)
def test_bad_access(world: World, attributes: dict[str, Any]) -> None:
    assert grant(world, a_team(world, "ops"), world.workspace().id, **attributes).status_code == 422


def test_access_is_given_once_and_within_one_organization(world: World) -> None:
    team, workspace = a_team(world, "ops"), world.workspace()
    assert grant(world, team, workspace.id, access="read").status_code == 201
    assert grant(world, team, workspace.id, access="read").status_code == 422
    owners = world.services.teams.owners(world.organization.id)
    assert grant(world, owners, workspace.id, access="read").status_code == 422
    other = world.services.people.add_organization("umbrella", "u@umbrella.test")
    world.services.people.make_owner(other.id, world.owner.id)
    assert grant(world, world.services.teams.add(other.id, "ops"), workspace.id, access="read").status_code == 422


def test_lists_show_only_what_a_team_was_given(world: World) -> None:
    team = a_team(world, "ops")
    seen, bare = world.workspace("seen"), world.workspace("bare")
    hidden = world.workspace("hidden")
    world.services.team_access.give(team.id, seen.id, access_of(Level.READ))
    nothing = grant(world, team, bare.id, access="custom", runs="none")
    assert nothing.status_code == 201
    runs = {world.run(workspace).id: workspace.name for workspace in (seen, bare, hidden)}
    token = world.token_of(member(world, "mia", team))
    listed = world.ask(
        "GET", "organizations/acme/workspaces", token=token, query_string={"include": "current_run"}
    ).json
    assert [w["attributes"]["name"] for w in listed["data"]] == ["bare", "seen"]
    assert [runs[run["id"]] for run in listed["included"]] == ["seen"]
    assert listed["meta"]["pagination"]["total-count"] == 2
    shown = world.ask("GET", "organizations/acme/runs", token=token).json["data"]
    assert [runs[run["id"]] for run in shown] == ["seen"]


def test_pages_show_only_what_a_team_was_given(world: World) -> None:
    team, seen, hidden = a_team(world, "ops"), world.workspace("seen"), world.workspace("cellar")
    world.services.team_access.give(team.id, seen.id, access_of(Level.READ))
    run, other = world.run(seen), world.run(hidden)
    headers = {"Authorization": f"Bearer {world.token_of(member(world, 'mia', team))}"}
    home = world.browser().get("/app", headers=headers).text
    assert "seen" in home
    assert "cellar" not in home
    for workspace, each, status in ((seen, run, 200), (hidden, other, 404)):
        page = world.browser().get(f"/app/acme/{workspace.name}/runs/{each.id}", headers=headers)
        assert page.status_code == status
    commit = world.browser().get(f"/app/commits/{seen.repository_id}/{run.commit_sha}", headers=headers).text
    assert run.id in commit
    assert other.id not in commit
