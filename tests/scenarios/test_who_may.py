"""Who may do what is asked of the host at the moment of doing (invariant 13)."""

from __future__ import annotations

import pytest

from bot.run import RunStatus
from tests.scenarios.talk import BEFORE_MERGE, OTHER, Team
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


@pytest.mark.parametrize("text", ["plan", "apply", "discard", "cancel", "unlock"])
def test_who_only_reads_may_do_nothing(world: World, text: str) -> None:
    """Invariant 13: also what seems harmless runs code with the workspace's variables, or takes something away."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    before = world.only_run()

    answer = team.say(pull, text, team.rhea)

    assert world.only_run() == before
    assert ("nothing" if text in ("cancel", "unlock") else "may not") in answer


def test_who_only_reads_may_not_free_what_is_held(world: World) -> None:
    """Invariant 13."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.say(pull, "apply")

    assert "may not" in team.say(pull, "unlock", team.rhea)
    assert world.services.workspaces.hold(team.prod.id) is not None


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
