"""What a list reads is read for the whole page at once: a longer page takes no more queries."""

from __future__ import annotations

import pytest

from bot.permissions import Level, access_of
from bot.run import RunStatus
from bot.workspace import Workspace
from storage.variable_sets import GivenTo
from tests.fakes.door_world import World

LISTS = [
    ("organizations/acme/workspaces", {"include": "organization,project,current_run,current_run.plan"}),
    ("organizations/acme/runs", {"include": "workspace,plan,apply"}),
    ("organizations/acme/runs/queue", {}),
    ("organizations", {}),
    ("organizations/acme/varsets", {"include": "workspaces,projects,vars"}),
]


def a_member(world: World, workspaces: list[Workspace]) -> str:
    """Somebody whose team was given each of the workspaces, one by one."""
    services = world.services
    mia = services.people.add_user("mia", "mia@acme.test")
    services.people.join(world.organization.id, mia.id)
    team = services.teams.add(world.organization.id, "readers")
    services.teams.join(team.id, [mia.id])
    for workspace in workspaces:
        services.team_access.give(team.id, workspace.id, access_of(Level.READ))
    return world.token_of(mia)


def queries(world: World, path: str, query: dict[str, str], token: str, size: int) -> tuple[int, int]:
    """How many things a page shows, and how many queries that took."""
    asked: list[str] = []
    query = {**query, "page[size]": str(size)}
    world.ask("GET", path, query_string=query, token=token)  # what is read once in a while is read now
    connection = world.services.records.connection().conn
    connection.set_trace_callback(asked.append)
    try:
        answer = world.ask("GET", path, query_string=query, token=token)
    finally:
        connection.set_trace_callback(None)
    assert answer.status_code == 200, answer.text
    return len(answer.json["data"]), len([sql for sql in asked if sql.lstrip().upper().startswith("SELECT")])


@pytest.mark.parametrize(("path", "query"), LISTS)
@pytest.mark.parametrize("who", ["owner", "member"])
def test_a_longer_page_takes_no_more_queries(world: World, path: str, query: dict[str, str], who: str) -> None:
    workspaces = [world.workspace(f"w-{number:02}") for number in range(12)]
    for workspace in workspaces:
        world.run(workspace, RunStatus.PLANNING)
    token = world.token if who == "owner" else a_member(world, workspaces)
    for number in range(11):
        organization = world.services.people.add_organization(f"other-{number:02}", "ops@other.test")
        for user in (world.owner, world.services.people.user_named("mia")):
            if user is not None:
                world.services.people.join(organization.id, user.id)
    for number, workspace in enumerate(workspaces):
        shared = world.services.variable_sets.add(world.organization.id, f"set-{number:02}")
        world.services.variable_sets.give(shared, GivenTo.WORKSPACES, [workspace.id])
        world.services.set_variables.set(shared.id, "region", "eu")
    few, some = queries(world, path, query, token, 3)
    many, as_many = queries(world, path, query, token, 12)
    assert (few, many) == (3, 12)
    assert some == as_many


def test_organizations_in_pages_and_by_name(world: World) -> None:
    for number in range(4):
        organization = world.services.people.add_organization(f"Other-{number}", "ops@other.test")
        world.services.people.join(organization.id, world.owner.id)
    world.services.people.add_organization("other-people", "ops@elsewhere.test")
    page = {"page[size]": "2", "page[number]": "2", "q": "OTHER"}
    answer = world.ask("GET", "organizations", query_string=page)
    assert [each["id"] for each in answer.json["data"]] == ["Other-2", "Other-3"]
    assert answer.json["meta"]["pagination"]["total-count"] == 4


def test_runs_of_few_and_of_many_visible_workspaces_are_the_same_list(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever index leads to them: newest first, only those that may be seen."""
    seen, hidden = world.workspace("seen"), world.workspace("hidden")
    runs = [world.run(workspace, RunStatus.APPLIED).id for workspace in (seen, hidden, seen, hidden, seen)]
    token = a_member(world, [seen])
    for few in (0, 5_000):
        monkeypatch.setattr("storage.run_search.FEW", few)
        answer = world.ask("GET", "organizations/acme/runs", query_string={"page[size]": "2"}, token=token)
        assert [each["id"] for each in answer.json["data"]] == [runs[4], runs[2]]
        assert answer.json["meta"]["pagination"]["total-count"] == 3
