"""Who may do what is asked of the host at the moment of doing (invariant 13)."""

from __future__ import annotations

import pytest

from bot.run import RunKind, RunStatus
from tests.scenarios.talk import ANY_BASE, BEFORE_MERGE, OTHER, Team, made_last, two_pulls
from tests.scenarios.under_way import At, UnderWay
from tests.scenarios.world import World


@pytest.mark.parametrize(("needed", "role"), [("maintain", "write"), ("admin", "write"), ("write", "triage")])
def test_who_has_too_small_a_role_may_not_apply(world: World, needed: str, role: str) -> None:
    """Invariant 13: the workspace's apply-permission."""
    team = Team(world, apply_permission=needed)
    pull = team.merged()
    carol = team.host.person("carol", role=role, repo=team.repo)

    answer = team.say(pull, "apply", carol)

    assert "`carol` may not do that in `prod`" in answer
    assert f"takes the role {needed} or more" in answer
    assert team.nothing_was_applied()


@pytest.mark.parametrize(("needed", "role"), [("maintain", "maintain"), ("admin", "admin"), ("maintain", "admin")])
def test_who_has_the_role_may_apply(world: World, needed: str, role: str) -> None:
    team = Team(world, apply_permission=needed)
    pull = team.merged()
    carol = team.host.person("carol", role=role, repo=team.repo)

    team.say(pull, "apply", carol)

    run = world.runs()[-1]
    assert (run.status, run.confirmed_by) == (RunStatus.APPLIED, "carol")


@pytest.mark.parametrize(
    ("text", "status"),
    [("plan", RunStatus.DISCARDED), ("apply", RunStatus.APPLIED), ("discard", RunStatus.DISCARDED)],
)
def test_who_only_reads_may_do_nothing(world: World, text: str, status: RunStatus) -> None:
    """Invariant 13: also what seems harmless runs code with the workspace's variables, or takes something away."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    before = world.only_run()

    answer = team.say(pull, text, team.rhea)

    assert "`rhea` may not do that in " in answer
    assert "it takes the role write or more" in answer
    assert world.only_run() == before
    team.say(pull, text, team.alice)
    assert world.run(before).status is status


def test_who_has_too_small_a_role_may_not_discard(world: World) -> None:
    """Invariant 13: neither the plan that a pull request keeps, nor the one of a push, which holds the queue."""
    team = Team(world, apply_permission="maintain")
    carol = team.host.person("carol", role="maintain", repo=team.repo)
    kept = world.workspace("kept", team.repo, apply_permission="maintain", **BEFORE_MERGE)
    pull = team.open()
    (saved,) = world.runs(kept)
    assert saved.status is RunStatus.PLANNED_AND_SAVED
    for who in (team.rhea, team.bob):
        assert f"`{who.login}` may not do that in `kept`" in team.say(pull, "discard -w kept", who)
    assert world.run(saved) == saved
    team.say(pull, "discard -w kept", carol)
    assert world.run(saved).status is RunStatus.DISCARDED

    pull.merge(by=team.alice)
    world.settle()
    pushed = world.runs(team.prod)[-1]
    assert pushed.status is RunStatus.PLANNED
    for who in (team.rhea, team.bob):
        answer = team.say(pull, "discard -w prod", who)
        assert f"`{who.login}` may not do that in `prod`" in answer
        assert "takes the role maintain or more" in answer
    assert world.run(pushed) == pushed
    team.say(pull, "discard -w prod", carol)
    assert world.run(pushed).status is RunStatus.DISCARDED


@pytest.mark.parametrize("at", At)
def test_who_has_too_small_a_role_may_not_cancel(world: World, at: At) -> None:
    """Invariant 13: wherever the run is; who may apply may stop it."""
    workflow = {} if at is At.BEHIND_ANOTHER else BEFORE_MERGE
    team = Team(world, apply_permission="maintain", **workflow)
    carol = team.host.person("carol", role="maintain", repo=team.repo)
    with UnderWay(team, at, approver=carol) as told:
        before = told.all_of_it()
        for who in (team.rhea, team.bob):
            answer = team.say(told.place, "cancel", who)
            assert f"`{who.login}` may not do that in `prod`: it takes the role maintain or more" in answer
            assert told.all_of_it() == before

        assert "Cancelled, or asked to stop: `prod`" in team.say(told.place, "cancel", carol)
        assert told.ends() is RunStatus.CANCELED


@pytest.mark.parametrize("at", [At.QUEUED, At.PLANNING])
def test_who_only_reads_may_not_cancel_a_plan_that_nobody_could_apply(world: World, at: At) -> None:
    """Invariant 13: a pull request's plan-only run takes the role to write, whatever an apply takes."""
    team = Team(world, apply_permission="admin")
    with UnderWay(team, at) as told:
        assert told.run.kind is RunKind.PLAN_ONLY
        before = told.all_of_it()

        assert "`rhea` may not do that in `prod`: it takes the role write" in team.say(told.place, "cancel", team.rhea)
        assert told.all_of_it() == before

        team.say(told.place, "cancel", team.bob)
        assert told.ends() is RunStatus.CANCELED


def test_who_has_too_small_a_role_may_not_free_what_is_held(world: World) -> None:
    """Invariant 13: for the pull request that waits, it stays as it was."""
    team, one, other = two_pulls(world, apply_permission="maintain")
    carol = team.host.person("carol", role="maintain", repo=team.repo)
    team.say(one, "apply", carol)
    held = world.services.workspaces.hold(team.prod.id)
    assert held is not None
    assert held.pull_number == one.number

    for who in (team.rhea, team.bob):
        answer = team.say(one, "unlock", who)
        assert f"`{who.login}` may not do that in `prod`: it takes the role maintain or more" in answer
    assert world.services.workspaces.hold(team.prod.id) == held
    assert "waits for" in team.say(other, "apply", carol)

    assert "Freed: `prod`" in team.say(one, "unlock", carol)
    assert world.services.workspaces.hold(team.prod.id) is None
    team.say(other, "apply", carol)
    assert made_last(world, other).status is RunStatus.APPLIED


def test_of_two_workspaces_that_are_held_none_is_freed_by_who_may_free_one(world: World) -> None:
    """Invariant 13: the same pull request holds both, and one takes an admin."""
    team = Team(world, apply_permission="admin", **ANY_BASE)
    staging = world.workspace("staging", team.repo, **ANY_BASE)
    boss = team.host.person("boss", role="admin", repo=team.repo)
    pull = team.open()
    team.say(pull, "apply", boss)
    held = [world.services.workspaces.hold(workspace.id) for workspace in (team.prod, staging)]
    assert None not in held

    assert "`bob` may not do that in `prod`: it takes the role admin" in team.say(pull, "unlock", team.bob)
    assert [world.services.workspaces.hold(workspace.id) for workspace in (team.prod, staging)] == held

    team.say(pull, "unlock", boss)
    assert [world.services.workspaces.hold(workspace.id) for workspace in (team.prod, staging)] == [None, None]


@pytest.mark.parametrize("text", ["help", "explain"])
def test_everybody_may_ask(world: World, text: str) -> None:
    team = Team(world)
    pull = team.open()

    assert team.say(pull, text, team.rhea)
    assert len(world.runs()) == 1


def test_a_role_that_was_taken_away_no_longer_counts(world: World) -> None:
    """Invariant 13: the role is read when the comment is handled, not when it was written."""
    team = Team(world)
    pull = team.merged()
    team.a_moment_passes()
    pull.comment("apply", team.bob)
    team.repo.roles[team.bob.id] = "read"
    world.settle()

    assert team.nothing_was_applied()
    assert "`bob` may not" in pull.last_comment


def test_a_role_that_was_given_counts_from_the_next_comment_on(world: World) -> None:
    team = Team(world)
    pull = team.merged()
    team.say(pull, "apply", team.rhea)
    assert team.nothing_was_applied()
    team.repo.roles[team.rhea.id] = "write"

    team.say(pull, "apply", team.rhea)

    assert world.runs()[-1].status is RunStatus.APPLIED


def test_an_inherited_role_counts(gitlab_world: World) -> None:
    team = Team(gitlab_world, apply_permission="maintain")
    pull = team.merged()
    carol = team.host.person("carol")
    team.host.group_member(carol, "maintain", "acme")

    team.say(pull, "apply", carol)

    assert gitlab_world.runs()[-1].status is RunStatus.APPLIED


def test_a_name_that_somebody_else_took_over_gives_nothing(github_world: World) -> None:
    """Invariant 13: people are known by the host's ids, never by name."""
    team = Team(github_world, apply_permission="admin")
    pull = team.merged()
    boss = team.host.person("boss", role="admin", repo=team.repo)
    boss.login = "former-boss"
    impostor = team.host.person("boss", role="write", repo=team.repo)

    answer = team.say(pull, "apply", impostor)

    assert "may not" in answer
    assert team.nothing_was_applied()


@pytest.mark.parametrize("where", ["pull", "commit"])
def test_the_author_may_not_approve_their_own_where_four_eyes_are_asked_for(world: World, where: str) -> None:
    """Invariant 13: neither in the pull request nor at the commit that it brought."""
    team = Team(world, author_may_apply=False)
    pull = team.merged()
    run = world.runs()[-1]
    place = pull if where == "pull" else run.commit_sha

    answer = team.say(place, f"apply {run.plan_digest[:6]}", team.alice)

    assert "may not approve it in this workspace" in answer
    assert team.nothing_was_applied()

    team.say(pull, "apply", team.bob)

    assert world.run(run).status is RunStatus.APPLIED


def test_the_author_may_not_approve_their_own_through_somebody_elses_pull_request(github_world: World) -> None:
    """Invariant 13: two pull requests brought the same commit; the author of one comments on the other.

    GitLab names only one merge request of such a commit.
    """
    team = Team(github_world, author_may_apply=False)
    team.repo.push("feature", {"main.tf": OTHER}, by=team.alice)
    team.repo.push("twin", {}, by=team.bob, parent=team.repo.head("feature"))
    one = team.repo.open_pull("feature", by=team.alice)
    other = team.repo.open_pull("twin", by=team.bob)
    github_world.settle()
    other.merge(by=team.bob)
    github_world.wait(minutes=1)
    assert not one.is_open
    run = github_world.runs()[-1]

    answer = team.say(other, f"apply {run.plan_digest[:6]}", team.alice)

    assert "may not approve it" in answer
    assert team.nothing_was_applied()


def test_of_two_workspaces_one_is_applied_and_the_other_asks_for_more(world: World) -> None:
    """Invariant 13: each workspace has its own apply-permission."""
    team = Team(world, apply_permission="admin", **BEFORE_MERGE)
    staging = world.workspace("staging", team.repo, **BEFORE_MERGE)
    pull = team.open()

    answer = team.say(pull, "apply", team.bob)

    assert [run.status for run in world.runs(staging)] == [RunStatus.APPLIED]
    assert [run.status for run in world.runs(team.prod)] == [RunStatus.PLANNED_AND_SAVED]
    assert "`bob` may not do that in `prod`" in answer
