"""By which names does a run's token find things? Its own by those that its plan began with, and nobody else does."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bot.run import Run, RunStatus, Stage
from bot.run_names import RunNames
from bot.workspace import Workspace
from tests.fakes.door_world import World

OLD = RunNames("localhost:8080", "acme", "prod", "Default Project")


@dataclass
class Renamed:
    """acme/prod is globex/production by now, and others are called acme, acme/prod and globex/prod."""

    world: World
    own: Workspace
    taker: Workspace
    strangers: Workspace

    def run(self, workspace: Workspace, names: RunNames, status: RunStatus = RunStatus.APPLYING) -> str:
        """The token of a run whose plan began with these names."""
        run = self.world.run(workspace, status)
        self.began_with(run, names)
        return self.world.services.tokens.for_run(run.id, Stage.APPLY)

    def began_with(self, run: Run, names: RunNames) -> None:
        self.world.services.jobs.keep_names(self.world.stage(run, Stage.PLAN, finished=True), names)

    def found(self, path: str, token: str | None = None) -> str:
        """The id of what is found there, or nothing."""
        answer = self.world.ask("GET", f"organizations/{path}", token=token)
        assert answer.status_code in (200, 404)
        return str(answer.get_json()["data"]["id"]) if answer.status_code == 200 else ""


@pytest.fixture
def renamed(world: World) -> Renamed:
    services, acme = world.services, world.organization
    own = services.workspaces.add(acme.id, "prod")
    services.workspaces.rename(own.id, "production")
    services.people.change_organization(acme, "globex", acme.email)
    taker = services.workspaces.add(acme.id, "prod")
    other = services.people.add_organization("acme", "ops@acme2.test")
    strangers = services.workspaces.add(other.id, "prod")
    return Renamed(world, own, taker, strangers)


def test_a_run_finds_its_own_by_the_names_of_its_plan(renamed: Renamed) -> None:
    token = renamed.run(renamed.own, OLD)
    ours = renamed.world.organization.id
    assert renamed.found("acme/entitlement-set", token) == ours
    assert renamed.found("globex/entitlement-set", token) == ours
    for path in ("acme/workspaces/prod", "ACME/workspaces/Prod", "globex/workspaces/prod"):
        assert renamed.found(path, token) == renamed.own.id
    for path in ("acme/workspaces/production", "globex/workspaces/production"):
        assert renamed.found(path, token) == renamed.own.id


def test_by_the_names_of_its_newest_plan(renamed: Renamed) -> None:
    run = renamed.world.run(renamed.own, RunStatus.APPLYING)
    renamed.began_with(run, OLD)
    renamed.began_with(run, RunNames("localhost:8080", "globex", "production", "Default Project"))
    token = renamed.world.services.tokens.for_run(run.id, Stage.APPLY)
    assert renamed.found("acme/entitlement-set", token) == ""
    assert renamed.found("globex/workspaces/prod", token) == renamed.taker.id
    assert renamed.found("globex/workspaces/production", token) == renamed.own.id


def test_a_neighbour_is_found_in_the_organization_of_the_plans_days(renamed: Renamed) -> None:
    network = renamed.world.services.workspaces.add(renamed.world.organization.id, "network")
    token = renamed.run(renamed.own, OLD)
    assert renamed.found("acme/workspaces/network", token) == network.id


def test_no_other_run_finds_it_by_them(renamed: Renamed) -> None:
    """One of the taker, one of the organization that is called acme now, and one of before the plan."""
    takers = renamed.run(renamed.taker, RunNames("localhost:8080", "globex", "prod", "Default Project"))
    assert renamed.found("acme/workspaces/prod", takers) == ""
    assert renamed.found("globex/workspaces/prod", takers) == renamed.taker.id
    theirs = renamed.run(renamed.strangers, OLD)
    assert renamed.found("acme/workspaces/prod", theirs) == renamed.strangers.id
    assert renamed.found("globex/workspaces/production", theirs) == ""
    run = renamed.world.run(renamed.own, RunStatus.PLANNING)
    unplanned = renamed.world.services.tokens.for_run(run.id, Stage.PLAN)
    assert renamed.found("acme/workspaces/prod", unplanned) == ""
    assert renamed.found("globex/workspaces/prod", unplanned) == renamed.taker.id


def test_people_go_by_what_is_so_now(renamed: Renamed) -> None:
    renamed.run(renamed.own, OLD)
    assert renamed.found("acme/workspaces/prod") == ""
    assert renamed.found("globex/workspaces/prod") == renamed.taker.id
    assert renamed.found("globex/workspaces/production") == renamed.own.id
    services, acme = renamed.world.services, renamed.world.services.people.organization("acme")
    assert acme is not None
    member = services.people.add_user("bob", "bob@acme2.test")
    services.people.make_owner(acme.id, member.id)
    theirs = renamed.world.token_of(member)
    assert renamed.found("acme/workspaces/prod", theirs) == renamed.strangers.id
    assert renamed.found("globex/workspaces/production", theirs) == ""


def test_a_run_that_is_over_finds_nothing(renamed: Renamed) -> None:
    token = renamed.run(renamed.own, OLD, RunStatus.APPLIED)
    assert renamed.world.ask("GET", "organizations/acme/entitlement-set", token=token).status_code == 401
