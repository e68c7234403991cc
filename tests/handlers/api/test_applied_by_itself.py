"""A plan is applied by itself for whoever asked for that, if they may still apply when it is there (invariant 13)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from bot.notifications import Trigger, trigger_of
from bot.permissions import Level, access_of
from bot.plan_summary import PlanSummary
from bot.run import Run, RunStatus, Stage
from bot.stage_words import Outcome
from bot.team import Team
from bot.workspace import Workspace
from handlers.reactions.asked_runs import run_of_upload
from handlers.reactions.stages import StageResult, end_stage
from storage.configuration_versions import ConfigurationVersion
from storage.people import User
from storage.tokens import TokenKind
from tests.fakes.door_world import World

CHANGES = StageResult(Outcome.SUCCEEDED, exit_code=2, has_changes=True, summary=PlanSummary(additions=1))
NOTHING = StageResult(Outcome.SUCCEEDED, exit_code=0)
REFUSAL = "not applied by itself: {who}, who asked for the run, may not apply in prod any more"


@dataclass
class Site:
    """prod, whose configuration was uploaded; bea is in the team ops, which may write there."""

    world: World
    prod: Workspace
    ops: Team
    bea: User
    grant_id: str
    version: ConfigurationVersion
    tokens: dict[str, str]

    def ask(self, who: str = "bea", **given: Any) -> Run:
        """A run that is being planned."""
        attributes = {name.replace("_", "-"): value for name, value in given.items()}
        related = {
            "workspace": {"data": {"type": "workspaces", "id": self.prod.id}},
            "configuration-version": {"data": {"type": "configuration-versions", "id": self.version.id}},
        }
        document = {"data": {"type": "runs", "attributes": attributes, "relationships": related}}
        made = self.world.ask("POST", "runs", document, token=self.tokens[who])
        assert made.status_code == 201, made.text
        return self.begin(self.world.services.runs.get(made.json["data"]["id"]))

    def begin(self, run: Run) -> Run:
        planning = replace(run, status=RunStatus.PLANNING)
        self.world.services.runs.move(run, planning)
        return planning

    def planned(self, run: Run, result: StageResult = CHANGES) -> Run:
        services = self.world.services
        end_stage(services, services.jobs.get(self.world.stage(run, Stage.PLAN)), result)
        return services.runs.get(run.id)

    def said(self, run: Run) -> list[str]:
        return [moment.text for moment in self.world.services.timeline.of(run.id)]


@pytest.fixture
def site(world: World) -> Site:
    services = world.services
    prod = services.workspaces.add(world.organization.id, "prod", None, {})
    bea = services.people.add_user("bea", "bea@acme.test")
    services.people.join(world.organization.id, bea.id)
    ops = services.teams.add(world.organization.id, "ops")
    services.teams.join(ops.id, [bea.id])
    grant = services.team_access.give(ops.id, prod.id, access_of(Level.WRITE))
    tokens = {"bea": world.token_of(bea), "team ops": services.tokens.give(TokenKind.TEAM, ops.id, "")}
    document = {"data": {"type": "configuration-versions", "attributes": {"auto-queue-runs": True}}}
    made = world.ask("POST", f"workspaces/{prod.id}/configuration-versions", document, token=tokens["bea"])
    version_id = made.json["data"]["id"]
    services.configurations.uploaded(version_id, services.blobs.put(b"an archive"))
    version = services.configurations.get(version_id)
    return Site(world, prod, ops, bea, grant.id, version, tokens)


@pytest.mark.parametrize("who", ["bea", "team ops"])
def test_it_is_confirmed_for_whoever_asked_for_it(site: Site, who: str) -> None:
    run = site.planned(site.ask(who, auto_apply=True))

    assert (run.status, run.confirmed_by) == (RunStatus.CONFIRMED, who)
    assert run.confirmed_by_id == (site.bea.id if who == "bea" else "")
    assert f"confirmed, since {who} asked for it with the run" in site.said(run)


def test_the_workspaces_own_setting_is_nobodys_deed(site: Site) -> None:
    site.world.services.workspaces.change(site.prod.id, {"auto_apply": True})
    run = site.planned(site.ask())

    assert (run.status, run.confirmed_by, run.confirmed_by_id) == (RunStatus.CONFIRMED, "auto-apply", "")
    assert "confirmed by the workspace's auto-apply" in site.said(run)


def test_where_both_want_it_the_person_is_named(site: Site) -> None:
    site.world.services.workspaces.change(site.prod.id, {"auto_apply": True})
    assert site.planned(site.ask(auto_apply=True)).confirmed_by == "bea"


def test_an_empty_apply_is_confirmed_for_whoever_asked_for_it(site: Site) -> None:
    run = site.planned(site.ask(allow_empty_apply=True), NOTHING)

    assert (run.status, run.confirmed_by, run.confirmed_by_id) == (RunStatus.CONFIRMED, "bea", site.bea.id)
    assert "confirmed, since bea asked for an empty apply with it" in site.said(run)


def _leaves_the_organization(site: Site) -> None:
    people = site.world.services.people
    membership = people.membership_of(site.world.organization.id, site.bea.id)
    assert membership is not None
    people.leave(membership)


def _leaves_the_team(site: Site) -> None:
    site.world.services.teams.leave(site.ops.id, [site.bea.id])


def _the_team_loses_its_access(site: Site) -> None:
    site.world.services.team_access.remove(site.grant_id)


def _the_team_may_only_plan(site: Site) -> None:
    site.world.services.team_access.remove(site.grant_id)
    site.world.services.team_access.give(site.ops.id, site.prod.id, access_of(Level.PLAN))


def _the_team_is_removed(site: Site) -> None:
    site.world.services.teams.remove(site.ops.id)


def _the_teams_token_is_removed(site: Site) -> None:
    token = site.world.services.tokens.only(TokenKind.TEAM, site.ops.id)
    assert token is not None
    site.world.services.tokens.remove(token.id)


LOSSES = [
    ("bea", _leaves_the_organization),
    ("bea", _leaves_the_team),
    ("bea", _the_team_loses_its_access),
    ("bea", _the_team_may_only_plan),
    ("bea", _the_team_is_removed),
    ("team ops", _the_team_loses_its_access),
    ("team ops", _the_team_is_removed),
    ("team ops", _the_teams_token_is_removed),
]


@pytest.mark.parametrize(("who", "happens"), LOSSES)
def test_who_may_not_apply_any_more_confirms_nothing(site: Site, who: str, happens: Callable[[Site], None]) -> None:
    """It waits for somebody else, who is told of it and can confirm it."""
    run = site.ask(who, auto_apply=True)
    happens(site)
    run = site.planned(run)

    assert (run.status, run.confirmed_by, run.auto_apply) == (RunStatus.PLANNED, "", False)
    assert site.said(run)[-1] == f"{REFUSAL.format(who=who)}; somebody else has to confirm it"
    assert trigger_of(run) is Trigger.NEEDS_ATTENTION
    assert site.world.ask("POST", f"runs/{run.id}/actions/apply", {}).status_code == 202
    assert site.world.services.runs.get(run.id).confirmed_by == "ada"


def test_nor_does_the_workspaces_setting_for_them(site: Site) -> None:
    site.world.services.workspaces.change(site.prod.id, {"auto_apply": True})
    run = site.ask()
    _leaves_the_team(site)
    assert site.planned(run).status is RunStatus.PLANNED


def test_nor_for_what_they_had_uploaded(site: Site) -> None:
    site.world.services.workspaces.change(site.prod.id, {"auto_apply": True})
    run_of_upload(site.world.services, site.version)
    (run,) = site.world.services.runs.recent()
    assert (run.created_by_id, run.auto_apply, run.auto_apply_asked) == (site.bea.id, True, False)
    _leaves_the_team(site)
    assert site.planned(site.begin(run)).status is RunStatus.PLANNED


def test_an_empty_apply_of_somebody_who_may_not_any_more_just_ends(site: Site) -> None:
    """It would hold the workspace for nothing."""
    run = site.ask(allow_empty_apply=True)
    _leaves_the_team(site)
    run = site.planned(run, NOTHING)

    assert (run.status, run.confirmed_by) == (RunStatus.PLANNED_AND_FINISHED, "")
    assert site.said(run)[-1] == REFUSAL.format(who="bea")
