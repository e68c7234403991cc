"""Auto-apply: a push or a tag is applied by itself, what a person asks for in a comment is not."""

from __future__ import annotations

from bot.run import RunStatus
from handlers.reactions.decisions import cancel
from tests.scenarios.talk import BROKEN, MORE, Team
from tests.scenarios.world import HELLO, World


def test_a_push_is_applied_by_itself(world: World) -> None:
    team = Team(world, auto_apply=True)
    sha = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    world.settle()

    run = world.only_run()
    assert (run.status, run.confirmed_by) == (RunStatus.APPLIED, "auto-apply")
    assert b'"hello"' in world.state(team.prod)
    assert team.status(sha, "runlock/apply").startswith("success")


def test_a_tag_is_applied_by_itself(world: World) -> None:
    team = Team(world, {"main.tf": HELLO}, auto_apply=True, tags_regex="^v")
    team.repo.tag("v1", team.repo.head("main"), by=team.alice)
    world.settle()

    run = world.only_run()
    assert (run.status, run.confirmed_by) == (RunStatus.APPLIED, "auto-apply")


def test_a_pull_request_is_not_and_neither_is_a_plan_that_failed(world: World) -> None:
    team = Team(world, {"main.tf": HELLO}, auto_apply=True)
    team.open(files={"more.tf": MORE})
    team.repo.push("main", {"main.tf": BROKEN}, by=team.alice)
    world.settle()

    assert world.statuses_of_runs() == [RunStatus.PLANNED_AND_FINISHED, RunStatus.ERRORED]
    assert team.nothing_was_applied()


def test_a_pull_request_that_is_applied_before_the_merge_still_waits_for_people(world: World) -> None:
    team = Team(world, {"main.tf": HELLO}, auto_apply=True, vcs_workflow="apply-before-merge", apply_requirements=())
    team.open(files={"more.tf": MORE})

    assert world.only_run().status is RunStatus.PLANNED_AND_SAVED
    assert team.nothing_was_applied()


def test_a_run_that_a_comment_made_waits_for_an_approval(world: World) -> None:
    """Whoever may plan need not be somebody who may apply."""
    team = Team(world, auto_apply=True, apply_permission="admin")
    sha = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    world.work_until(lambda: bool(world.runs()))
    world.enqueue(cancel(world.services, world.only_run().id, "somebody"))
    world.settle()
    assert world.only_run().status is RunStatus.CANCELED
    team.the_host_is_asked_for_two_minutes()

    team.say(sha, "plan", team.bob)

    made = world.runs()[-1]
    assert (made.created_by, made.auto_apply, made.status) == ("bob", False, RunStatus.PLANNED)
    assert "may not" in team.say(sha, "apply", team.bob)
    assert team.nothing_was_applied()
