"""A person's account at the host may belong to a user here: then both must be allowed (invariant 13)."""

from __future__ import annotations

from typing import Any

import pytest

from bot.permissions import Level, WorkspaceAccess, access_of
from bot.run import RunStatus
from storage.people import User
from tests.scenarios.talk import BEFORE_MERGE, Team, two_pulls
from tests.scenarios.under_way import At, UnderWay
from tests.scenarios.world import World

READS = access_of(Level.READ)


def linked(team: Team, account: Any, access: WorkspaceAccess | None = None) -> User:
    """A user whose account at the host this is, in a team that has this access to prod."""
    services, organization = team.world.services, team.world.organization()
    user = services.people.add_user(f"{account.login}-here", f"{account.login}@acme.test")
    services.people.join(organization.id, user.id)
    services.host_accounts.link(team.world.connection().id, str(account.id), user.id)
    if access is not None:
        ours = services.teams.add(organization.id, f"team-of-{account.login}")
        services.teams.join(ours.id, [user.id])
        services.team_access.give(ours.id, team.prod.id, access)
    return user


def test_who_writes_at_the_host_but_only_reads_here_may_not_apply(world: World) -> None:
    """Invariant 13: bob's team has read access to the workspace."""
    team = Team(world)
    pull = team.merged()
    linked(team, team.bob, READS)

    answer = team.say(pull, "apply", team.bob)

    assert "`bob` may not do that in `prod`" in answer
    assert "the user `bob-here` here, whose teams have no access for applying runs there" in answer
    assert team.nothing_was_applied()


@pytest.mark.parametrize("access", [None, access_of(Level.PLAN)])
def test_neither_may_who_has_less_or_nothing_here(world: World, access: WorkspaceAccess | None) -> None:
    """Invariant 13."""
    team = Team(world)
    pull = team.merged()
    linked(team, team.bob, access)

    assert "may not do that" in team.say(pull, "apply", team.bob)
    assert team.nothing_was_applied()


def test_who_may_at_both_places_applies(world: World) -> None:
    team = Team(world)
    pull = team.merged()
    linked(team, team.bob, access_of(Level.WRITE))

    team.say(pull, "apply", team.bob)

    run = world.runs()[-1]
    assert (run.status, run.confirmed_by) == (RunStatus.APPLIED, "bob")


def test_the_role_at_the_host_is_still_needed(world: World) -> None:
    """Invariant 13: access here doesn't make up for a role that is missing there."""
    team = Team(world)
    pull = team.merged()
    linked(team, team.rhea, access_of(Level.ADMIN))

    assert "takes the role write or more" in team.say(pull, "apply", team.rhea)
    assert team.nothing_was_applied()


def test_access_is_asked_at_the_moment_of_doing(world: World) -> None:
    """Invariant 13: what was taken away no longer counts, and what was given counts at once."""
    team = Team(world)
    pull = team.merged()
    user = linked(team, team.bob, READS)
    assert "may not do that" in team.say(pull, "apply", team.bob)

    (grant,) = world.services.team_access.of_workspace(team.prod.id)
    world.services.team_access.change(grant.id, access_of(Level.WRITE))
    team.a_moment_passes()
    pull.comment("apply", team.bob)
    world.services.teams.leave(grant.team_id, [user.id])
    world.settle()
    assert team.nothing_was_applied()

    world.services.teams.join(grant.team_id, [user.id])
    team.say(pull, "apply", team.bob)
    assert world.runs()[-1].status is RunStatus.APPLIED


def test_an_unlinked_account_needs_the_role_only(world: World) -> None:
    team = Team(world)
    pull = team.merged()
    user = linked(team, team.bob, READS)
    world.services.host_accounts.unlink(world.connection().id, str(team.bob.id), user.id)

    team.say(pull, "apply", team.bob)

    assert world.runs()[-1].status is RunStatus.APPLIED


def test_others_are_not_touched_by_somebodys_link(world: World) -> None:
    team = Team(world)
    pull = team.merged()
    linked(team, team.bob, READS)

    team.say(pull, "apply", team.alice)

    assert world.runs()[-1].confirmed_by == "alice"


def may_apply_from_now_on(team: Team, user: User) -> None:
    """The one team that this user is in has access to apply runs in prod."""
    services = team.world.services
    (ours,) = services.teams.of_user(team.world.organization().id, user.id)
    (grant,) = (g for g in services.team_access.of_workspace(team.prod.id) if g.team_id == ours.id)
    services.team_access.change(grant.id, access_of(Level.WRITE))


NO_ACCESS = "the account belongs to the user `bob-here` here, whose teams have no access for applying runs there"


@pytest.mark.parametrize("settings", [{}, BEFORE_MERGE], ids=["of a push", "of a pull request"])
def test_nor_may_they_discard_what_others_planned(world: World, settings: dict[str, Any]) -> None:
    """Invariant 13."""
    team = Team(world, **settings)
    pull = team.open() if settings else team.merged()
    user = linked(team, team.bob, access_of(Level.PLAN))
    run = world.runs()[-1]
    assert run.status is (RunStatus.PLANNED_AND_SAVED if settings else RunStatus.PLANNED)

    assert NO_ACCESS in team.say(pull, "discard", team.bob)
    assert world.run(run) == run

    may_apply_from_now_on(team, user)
    assert "Discarded: `prod`" in team.say(pull, "discard", team.bob)
    assert world.run(run).status is RunStatus.DISCARDED


@pytest.mark.parametrize("at", At)
def test_nor_cancel_what_is_under_way(world: World, at: At) -> None:
    """Invariant 13: wherever the run is."""
    team = Team(world, **({} if at is At.BEHIND_ANOTHER else BEFORE_MERGE))
    user = linked(team, team.bob, access_of(Level.PLAN))
    with UnderWay(team, at) as told:
        before = told.all_of_it()

        assert NO_ACCESS in team.say(told.place, "cancel", team.bob)
        assert told.all_of_it() == before

        may_apply_from_now_on(team, user)
        assert "Cancelled, or asked to stop: `prod`" in team.say(told.place, "cancel", team.bob)
        assert told.ends() is RunStatus.CANCELED


@pytest.mark.parametrize("at", [At.QUEUED, At.PLANNING])
def test_a_plan_that_nobody_could_apply_is_cancelled_by_who_may_plan(world: World, at: At) -> None:
    """Invariant 13."""
    team = Team(world)
    linked(team, team.bob, READS)
    linked(team, team.alice, access_of(Level.PLAN))
    with UnderWay(team, at) as told:
        before = told.all_of_it()

        assert "have no access for planning runs there" in team.say(told.place, "cancel", team.bob)
        assert told.all_of_it() == before

        team.say(told.place, "cancel", team.alice)
        assert told.ends() is RunStatus.CANCELED


def test_nor_free_what_is_held(world: World) -> None:
    """Invariant 13."""
    team, one, other = two_pulls(world)
    team.say(one, "apply", team.alice)
    user = linked(team, team.bob, READS)
    held = world.services.workspaces.hold(team.prod.id)
    assert held is not None
    assert held.pull_number == one.number

    assert NO_ACCESS in team.say(one, "unlock", team.bob)
    assert world.services.workspaces.hold(team.prod.id) == held
    assert "waits for" in team.say(other, "apply", team.alice)

    may_apply_from_now_on(team, user)
    assert "Freed: `prod`" in team.say(one, "unlock", team.bob)
    assert world.services.workspaces.hold(team.prod.id) is None


@pytest.mark.parametrize(("access", "plans"), [(READS, False), (access_of(Level.PLAN), True)])
def test_plan_takes_access_to_plan(world: World, access: WorkspaceAccess, plans: bool) -> None:
    """Invariant 13: while the pull request is open, and of what was pushed after it."""
    team = Team(world)
    pull = team.open()
    linked(team, team.bob, access)
    before = len(world.runs())

    answer = team.say(pull, "plan", team.bob)
    assert (len(world.runs()) > before) is plans
    assert ("no access for planning runs" in answer) is not plans

    pull.merge(by=team.alice)
    world.settle()
    before = len(world.runs())
    answer = team.say(pull, "plan", team.bob)
    assert (len(world.runs()) > before) is plans
    assert ("no access for planning runs" in answer) is not plans


def test_of_two_workspaces_only_the_permitted_one_is_planned_and_applied(world: World) -> None:
    """Invariant 13: each workspace is asked by itself."""
    team = Team(world, **BEFORE_MERGE)
    staging = world.workspace("staging", team.repo, **BEFORE_MERGE)
    pull = team.open()
    user = linked(team, team.bob, READS)
    ours = world.services.teams.of_user(world.organization().id, user.id)[0]
    world.services.team_access.give(ours.id, staging.id, access_of(Level.WRITE))

    answer = team.say(pull, "plan", team.bob)
    assert "`bob` may not do that in `prod`" in answer
    assert (len(world.runs(team.prod)), len(world.runs(staging))) == (1, 2)

    answer = team.say(pull, "apply", team.bob)
    assert [run.status for run in world.runs(team.prod)] == [RunStatus.PLANNED_AND_SAVED]
    assert world.runs(staging)[-1].status is RunStatus.APPLIED
    assert "`bob` may not do that in `prod`" in answer
