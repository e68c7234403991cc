"""Who is a member of an organization, who they are, and their own accounts."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import TestResponse

from bot.permissions import Flag
from storage.people import User
from tests.fakes.door_world import World


def invite(world: World, email: str, *teams: str, token: str | None = None) -> TestResponse:
    data: dict[str, Any] = {"type": "organization-memberships", "attributes": {"email": email}}
    data["relationships"] = {"teams": {"data": [{"type": "teams", "id": ident} for ident in teams]}}
    return world.ask("POST", "organizations/acme/organization-memberships", {"data": data}, token=token)


def member(world: World, name: str) -> User:
    user = world.services.people.add_user(name, f"{name}@acme.test")
    world.services.people.join(world.organization.id, user.id)
    return user


def test_whoever_is_invited_is_a_member_at_once(world: World) -> None:
    team = world.services.teams.add(world.organization.id, "ops")
    made = invite(world, "mia@acme.test", team.id)
    assert made.status_code == 201
    facts = made.json["data"]["attributes"]
    assert (facts["status"], facts["email"]) == ("active", "mia@acme.test")
    (user,) = made.json["included"]
    assert user["attributes"]["username"] == "mia"
    assert world.services.teams.members(team.id) == [user["id"]]
    path = f"organization-memberships/{made.json['data']['id']}"
    shown = world.ask("GET", path, query_string={"include": "user,teams"}).json
    assert [(each["type"], each["id"]) for each in shown["included"]] == [("users", user["id"]), ("teams", team.id)]
    assert invite(world, "MIA@acme.test").status_code == 422
    assert world.ask("DELETE", path).status_code == 204
    assert world.services.teams.members(team.id) == []
    assert world.ask("GET", path).status_code == 404


def test_who_has_an_account_already_keeps_it(world: World) -> None:
    token = world.stranger()
    made = invite(world, "eve@elsewhere.test")
    assert made.json["data"]["attributes"]["username"] == "eve"
    assert world.ask("GET", "organizations/acme", token=token).status_code == 200


def test_two_people_with_the_same_name_before_the_at_sign(world: World) -> None:
    names = [invite(world, f"sam@{place}.test").json["data"]["attributes"]["username"] for place in ("a", "b", "c")]
    assert names == ["sam", "sam2", "sam3"]


@pytest.mark.parametrize("email", ["", "nobody", "a b@c.test"])
def test_an_invitation_needs_an_address(world: World, email: str) -> None:
    assert invite(world, email).status_code == 422


def test_an_invitation_into_a_team_needs_what_the_team_needs(world: World) -> None:
    kim = member(world, "kim")
    managers = world.services.teams.add(world.organization.id, "managers", flags=[Flag.MANAGE_MEMBERSHIP])
    world.services.teams.join(managers.id, [kim.id])
    token = world.token_of(kim)
    owners = world.services.teams.owners(world.organization.id)
    assert invite(world, "new@acme.test", owners.id, token=token).status_code == 403
    assert world.services.people.user_with_email("new@acme.test") is None
    elsewhere = world.services.teams.owners(world.services.people.add_organization("umbrella", "u@u.test").id)
    assert invite(world, "new@acme.test", elsewhere.id).status_code == 422
    assert invite(world, "new@acme.test", "team-none").status_code == 422
    assert invite(world, "new@acme.test", managers.id, token=token).status_code == 201


def test_members_are_listed_and_found(world: World) -> None:
    for name in ("bea", "mia"):
        member(world, name)

    def found(**query: str) -> list[str]:
        asked = {{"email": "filter[email]", "status": "filter[status]"}.get(key, key): v for key, v in query.items()}
        answer = world.ask("GET", "organizations/acme/organization-memberships", query_string=asked)
        return [each["attributes"]["username"] for each in answer.json["data"]]

    assert found() == ["ada", "bea", "mia"]
    assert found(q="MI") == ["mia"]
    assert found(email="bea@ACME.test,none@acme.test") == ["bea"]
    assert found(status="invited") == []
    assert found(status="active") == ["ada", "bea", "mia"]


def test_an_owner_is_removed_by_owners_only_and_never_the_last_one(world: World) -> None:
    kim = member(world, "kim")
    managers = world.services.teams.add(world.organization.id, "managers", flags=[Flag.MANAGE_MEMBERSHIP])
    world.services.teams.join(managers.id, [kim.id])
    adas = world.services.people.membership_of(world.organization.id, world.owner.id)
    assert adas is not None
    path = f"organization-memberships/{adas.id}"
    assert world.ask("DELETE", path).status_code == 409
    assert world.ask("DELETE", path, token=world.token_of(kim)).status_code == 403
    world.services.people.make_owner(world.organization.id, kim.id)
    assert world.ask("DELETE", path, token=world.token_of(kim)).status_code == 204
    assert world.ask("GET", "organizations/acme").status_code == 404


def test_ones_own_memberships(world: World) -> None:
    other = world.services.people.add_organization("umbrella", "u@umbrella.test")
    world.services.people.join(other.id, world.owner.id)
    answer = world.ask("GET", "organization-memberships").json["data"]
    assert [m["relationships"]["organization"]["data"]["id"] for m in answer] == ["acme", "umbrella"]


def test_people_are_seen_by_those_who_share_an_organization(world: World) -> None:
    mia = member(world, "mia")
    token = world.stranger()
    assert world.ask("GET", f"users/{mia.id}").json["data"]["attributes"]["username"] == "mia"
    assert world.ask("GET", f"users/{mia.id}", token=token).status_code == 404
    assert world.ask("GET", "users/user-none").status_code == 404


def test_an_account_is_not_changed_by_its_user(world: World) -> None:
    """Runs and locks name people by username, and invitations find them by address."""
    same = {"data": {"attributes": {"username": "ada", "email": "ada@acme.test"}}}
    assert world.ask("PATCH", "account/update", same).status_code == 200
    for change in ({"username": "eve"}, {"email": "eve@elsewhere.test"}):
        answer = world.ask("PATCH", "account/update", change)
        assert answer.status_code == 422
    told = world.ask("GET", "account/details").json["data"]["attributes"]["permissions"]
    assert (told["can-change-email"], told["can-change-username"]) == (False, False)
    assert world.ask("PATCH", "account/password", {"current_password": "a", "password": "b"}).status_code == 422


def test_an_organization_is_renamed_by_its_owner(world: World) -> None:
    workspace = world.workspace()
    changed = world.ask("PATCH", "organizations/acme", {"data": {"attributes": {"name": "acme-corp"}}})
    assert changed.json["data"]["id"] == "acme-corp"
    assert changed.json["data"]["attributes"]["email"] == "ops@acme.test"
    assert world.ask("GET", "organizations/acme").status_code == 404
    assert world.ask("GET", f"organizations/acme-corp/workspaces/{workspace.name}").status_code == 200
    world.services.people.add_organization("umbrella", "u@umbrella.test")
    for attributes in ({"name": "umbrella"}, {"name": "a b"}, {"email": "none"}):
        assert world.ask("PATCH", "organizations/acme-corp", attributes).status_code == 422
