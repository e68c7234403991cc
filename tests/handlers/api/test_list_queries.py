"""What a list reads is read for the whole page at once: a longer page takes no more queries."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from bot.needs import Needs
from bot.permissions import Level, access_of
from bot.run import RunStatus
from bot.workspace import Workspace
from handlers.api.operations import Shape, operation_of
from handlers.api.rules import RULES
from tests.fakes.door_world import World
from tests.handlers.api.list_world import MANY, ListWorld

# What somebody may read whose team was given every workspace to read, and every member may.
READABLE = frozenset(
    {Needs.MEMBER, Needs.TOKEN, Needs.WORKSPACE_READ, Needs.RUNS_READ, Needs.VARIABLES_READ}
    | {Needs.STATE_READ, Needs.OUTPUTS_READ}
)
ONLY_ONE = {"/oauth-clients/<client_id>/oauth-tokens"}  # and never more
PAGED = {
    rule: (operation_of(view), needs) for method, rule, view, needs in RULES if operation_of(view).shape is Shape.PAGE
}
FOR_MEMBERS = [rule for rule, (_, needs) in PAGED.items() if needs in READABLE]
ASKED = [*(("owner", rule) for rule in PAGED), *(("member", rule) for rule in FOR_MEMBERS)]


def words_to_include(rule: str) -> tuple[str, ...]:
    return next((each.words for each in PAGED[rule][0].queries if each.name == "include"), ())


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


def queries(filled: ListWorld, path: str, query: dict[str, str], token: str, size: int) -> tuple[int, list[str]]:
    """How many things a page shows, and the queries that this took."""
    world, asked = filled.world, list[str]()
    query = {**query, "page[size]": str(size)}
    world.ask("GET", path, query_string=query, token=token)  # what is read once in a while is read now
    world.services.timeline.add(filled.runs[-1].id, "written")  # and what is kept while nobody writes is forgotten
    connection = world.services.records.connection().conn
    connection.set_trace_callback(asked.append)
    try:
        answer = world.ask("GET", path, query_string=query, token=token)
    finally:
        connection.set_trace_callback(None)
    assert answer.status_code == 200, answer.text
    return len(answer.json["data"]), [sql for sql in asked if sql.lstrip().upper().startswith("SELECT")]


# What every include is to bring, of lists that can include something; none: it is taken, since clients ask for it.
BROUGHT = {
    "apply": "applies",
    "comments": "",
    "configuration_version": "configuration-versions",
    "configuration_version.ingress_attributes": "ingress-attributes",
    "confirmed_by": "users",
    "cost_estimate": "",
    "created_by": "users",
    "current_assessment_result": "",
    "current_configuration_version": "configuration-versions",
    "current_configuration_version.ingress_attributes": "ingress-attributes",
    "current_run": "runs",
    "current_run.configuration_version": "configuration-versions",
    "current_run.configuration_version.ingress_attributes": "ingress-attributes",
    "current_run.plan": "plans",
    "current_state_version": "state-versions",
    "effective_tag_bindings": "effective-tag-bindings",
    "ingress_attributes": "ingress-attributes",
    "locked_by": "runs",
    "organization": "organizations",
    "organization_memberships": "organization-memberships",
    "outputs": "outputs",
    "parent": "organizations",
    "plan": "plans",
    "policy_checks": "",
    "project": "projects",
    "projects": "projects",
    "readme": "",
    "run": "runs",
    "run.configuration_version": "configuration-versions",
    "run.created_by": "users",
    "run_events": "",
    "sourceable": "workspaces",
    "task_stages": "",
    "teams": "teams",
    "user": "users",
    "users": "users",
    "vars": "vars",
    "workspace": "workspaces",
    "workspace.organization": "organizations",
    "workspaces": "workspaces",
}


def test_every_include_of_every_list_brings_what_it_says(world: World) -> None:
    filled = ListWorld(world)
    asked = [(rule, word) for rule in PAGED for word in words_to_include(rule)]
    for rule, word in asked:
        path, query = filled.asked(rule)
        answer = world.ask("GET", path, query_string={**query, "include": word})
        brought = {each["type"] for each in answer.json.get("included", ())}
        assert any(BROUGHT[word] in kind for kind in brought) if BROUGHT[word] else not brought, (rule, word, brought)


def test_every_list_but_a_workspaces_variables_comes_in_pages() -> None:
    unpaged = {rule for method, rule, view, _ in RULES if method == "GET" and operation_of(view).shape is Shape.LIST}
    assert unpaged == {"/workspaces/<workspace_id>/vars", "/workspaces/<workspace_id>/all-vars", "/vars"}


@pytest.mark.parametrize("what", ["comments", "run-events"])
def test_what_people_wrote_and_what_happened_come_in_pages(world: World, what: str) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNED)
    for number in range(150):
        world.services.comments.add(run.id, "ada", f"comment {number}")
        world.services.timeline.add(run.id, f"comment {number}")
    all_at_once = world.ask("GET", f"runs/{run.id}/{what}").json  # as the CLI and go-tfe ask
    assert len(all_at_once["data"]) == 100
    assert all_at_once["meta"]["pagination"]["next-page"] == 2
    page = world.ask("GET", f"runs/{run.id}/{what}", query_string={"page[size]": "5", "page[number]": "30"}).json
    assert page["meta"]["pagination"]["total-count"] == 150
    written = [each["attributes"].get("body") or each["attributes"]["action"] for each in page["data"]]
    assert written == [f"comment {number}" for number in range(145, 150)]
    if what == "run-events":
        last = page["data"][-1]
        assert world.ask("GET", f"run-events/{last['id']}").json["data"] == last


@pytest.mark.parametrize(("who", "rule"), ASKED)
def test_a_longer_page_takes_no_more_queries(world: World, who: str, rule: str) -> None:
    """Every list that comes in pages, bare and with all that it can include; whoever adds one fills it in ListWorld."""
    filled = ListWorld(world)
    path, query = filled.asked(rule)
    token = world.token if who == "owner" else world.token_of(filled.mia)
    known = words_to_include(rule)
    for asked in (query, {**query, "include": ",".join(known)}):
        few, some = queries(filled, path, asked, token, 3)
        many, as_many = queries(filled, path, asked, token, MANY)
        assert (few, many) == ((1, 1) if rule in ONLY_ONE else (3, MANY))
        assert len(some) == len(as_many), Counter(re.sub(r"'[^']*'|[0-9]+", "", sql) for sql in as_many).most_common(5)


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
