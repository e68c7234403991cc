"""The workflow `apply-before-merge`: pull requests keep plans, one of them applies, and the others wait for it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.run import Run, RunKind, RunStatus, Stage
from tests.fakes.github import FakeGitHub
from tests.scenarios.runners import HandRunner
from tests.scenarios.talk import BEFORE_MERGE, BROKEN, MORE, OTHER, Team
from tests.scenarios.world import HELLO, World

ANY_BASE = {**BEFORE_MERGE, "apply_requirements": []}


def made_last(world: World, pull: Any = None) -> Run:
    """The newest run, of this pull request if one is given."""
    runs = [run for run in world.runs() if pull is None or run.pull_number == pull.number]
    return max(runs, key=lambda run: run.created_at)


def two_pulls(world: World, **settings: Any) -> tuple[Team, Any, Any]:
    team = Team(world, **{**ANY_BASE, **settings})
    return team, team.open("one", {"main.tf": HELLO}), team.open("other", {"other.tf": MORE})


def sign(team: Team) -> str:
    return "#" if isinstance(team.host, FakeGitHub) else "!"


def test_it_is_planned_applied_and_then_merged(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    assert (run.kind, run.status) == (RunKind.SAVED_PLAN, RunStatus.PLANNED_AND_SAVED)
    assert team.status(run.commit_sha, "runlock/apply").startswith("pending: comment apply to apply it: 1 to add")

    team.say(pull, "apply", team.bob)
    assert world.run(run).status is RunStatus.APPLIED
    assert team.status(run.commit_sha, "runlock/apply") == "success: applied: 1 added, 0 changed, 0 destroyed"
    assert "1 added" in pull.last_comment
    merged = pull.merge(by=team.alice)
    world.settle()

    after = made_last(world)
    assert (after.commit_sha, after.status) == (merged, RunStatus.PLANNED_AND_FINISHED)
    assert team.status(merged, "runlock/apply") == "success: nothing to change"
    assert team.how_often_applied(after) == 0


def test_the_second_pull_request_waits_for_the_first(world: World) -> None:
    """Whoever applied first holds the workspace; the other is planned again, marked, and refused."""
    team, one, other = two_pulls(world)
    team.say(one, "apply")

    again = made_last(world, other)
    assert [run.status for run in world.runs() if run.pull_number == other.number] == [
        RunStatus.DISCARDED,
        RunStatus.PLANNED_AND_SAVED,
    ]
    assert f"waits for {sign(team)}{one.number}" in other.comments[0].body
    assert team.status(again.commit_sha, "runlock/apply").startswith(f"pending: waits for {sign(team)}{one.number}: ")

    answer = team.say(other, "apply", team.bob)

    assert f"waits for {sign(team)}{one.number}" in answer
    assert world.run(again).status is RunStatus.PLANNED_AND_SAVED
    assert team.how_often_applied(again) == 0


@pytest.mark.parametrize("how", ["merge", "close", "unlock"])
def test_the_workspace_is_free_again(world: World, how: str) -> None:
    """The mark goes away, and the other pull request applies a plan of the state as it is then."""
    team, one, other = two_pulls(world)
    team.say(one, "apply")
    if how == "unlock":
        assert "Freed: `prod`" in team.say(one, "unlock")
    elif how == "merge":
        one.merge(by=team.alice)
    else:
        one.close(by=team.alice)
    world.settle()

    assert "waits for" not in other.comments[0].body
    assert team.status(other.head_sha, "runlock/apply").startswith("pending: comment apply to apply it")
    team.say(other, "apply", team.bob)

    assert made_last(world, other).status is RunStatus.APPLIED
    assert b"more" in world.state(team.prod)


def test_the_mark_comes_with_the_approval_not_only_with_its_end(world: World) -> None:
    team, one, other = two_pulls(world)
    world.is_runner_there = False
    team.say(one, "apply")

    assert f"waits for {sign(team)}{one.number}" in other.comments[0].body


def test_unlock_frees_only_what_is_held_from_here(world: World) -> None:
    team, one, other = two_pulls(world)
    team.say(one, "apply")

    answer = team.say(other, "unlock", team.bob)

    assert "no workspace is held from here" in answer
    hold = world.services.workspaces.hold(team.prod.id)
    assert hold is not None
    assert hold.pull_number == one.number
    assert "waits for" in team.say(other, "apply", team.bob)


def test_a_manual_lock_is_not_taken_off_by_unlock(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    world.services.workspaces.lock(team.prod.id, "ops", "freeze")

    team.say(pull, "unlock")

    assert world.services.workspaces.get(team.prod.id).lock_reason == "freeze"


def test_a_newer_head_discards_the_older_plan(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.push({"main.tf": OTHER}, by=team.alice)
    world.settle()

    assert world.run(first).status is RunStatus.DISCARDED
    assert "made obsolete by" in world.timeline(first)
    assert "No run here fits" in team.say(pull, "apply -w nowhere")
    answer = team.say(pull, f"apply {first.plan_digest[:10]}")
    assert "nothing to apply" in answer
    assert team.nothing_was_applied()


def test_a_force_push_while_planning(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    team.repo.push("feature", {"main.tf": HELLO}, by=team.alice)
    pull = team.repo.open_pull("feature", by=team.alice)
    world.is_runner_there = False
    world.settle()
    first = world.only_run()
    assert first.status is RunStatus.PLAN_QUEUED
    pull.push({"main.tf": OTHER}, by=team.alice, force=True)
    world.settle()
    world.is_runner_there = True
    team.sweep()

    assert world.run(first).status is RunStatus.CANCELED
    second = made_last(world)
    assert (second.commit_sha, second.status) == (pull.head_sha, RunStatus.PLANNED_AND_SAVED)
    team.say(pull, "apply")
    assert b'"other"' in world.state(team.prod)
    assert [run.status for run in world.runs()] == [RunStatus.CANCELED, RunStatus.APPLIED]


def test_a_force_push_after_the_plan_and_back_again(world: World) -> None:
    """Back at a head whose plan was discarded: it is planned anew, the old plan is not revived."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.push({"main.tf": OTHER}, by=team.alice, force=True)
    world.settle()
    team.repo.move_branch("feature", first.commit_sha, by=team.alice)
    world.settle()

    third = made_last(world)
    assert third.commit_sha == first.commit_sha
    assert third.id != first.id
    assert world.run(first).status is RunStatus.DISCARDED
    team.say(pull, "apply")
    assert world.run(third).status is RunStatus.APPLIED
    assert team.how_often_applied(first) == 0


def test_a_push_to_the_tracked_branch_that_is_applied_replans_the_pull_requests(world: World) -> None:
    """Invariant 5: a foreign state change makes the plan out of date; it is planned again by itself."""
    team = Team(world, **ANY_BASE)
    pull = team.open("feature", {"main.tf": HELLO})
    stale = world.only_run()
    pushed = team.repo.push("main", {"more.tf": MORE}, by=team.bob)
    team.the_host_is_asked_for_two_minutes()
    team.say(pushed, "apply", team.bob)

    assert world.run(stale).status is RunStatus.DISCARDED
    assert "it is planned again" in world.timeline(stale)
    fresh = made_last(world, pull)
    assert fresh.status is RunStatus.PLANNED_AND_SAVED
    answer = team.say(pull, "apply")
    assert "Approved" in answer
    assert world.run(fresh).status is RunStatus.APPLIED


def test_a_plan_that_was_being_made_while_the_state_changed_is_made_again(world: World) -> None:
    """Invariant 5: it would be refused at the apply; nobody has to find that out."""
    team = Team(world, **ANY_BASE)
    one = team.open("one", {"main.tf": HELLO})
    world.is_runner_there = False
    other = team.open("other", {"other.tf": MORE})
    slow = made_last(world, other)
    with HandRunner(world, slow, Stage.PLAN) as runner:
        world.is_runner_there = True
        team.say(one, "apply")
        assert world.run(slow).status is RunStatus.PLANNING
        runner.plans_something()
    world.settle()

    assert world.run(slow).status is RunStatus.DISCARDED
    fresh = made_last(world, other)
    assert fresh.status is RunStatus.PLANNED_AND_SAVED
    assert fresh.planned_on == world.services.workspaces.get(team.prod.id).current_state_version_id
    team.say(one, "unlock")
    team.say(other, "apply")
    assert world.run(fresh).status is RunStatus.APPLIED


def test_a_host_that_is_away_does_not_keep_outdated_plans(world: World) -> None:
    """Invariant 1: what could not be planned again is owed, and the sweep comes back for it."""
    team, one, other = two_pulls(world)
    stale = made_last(world, other)
    pattern = "(git/ref/heads|repository/branches)/"
    team.a_moment_passes()
    one.comment("apply", team.alice)
    world.work_until(lambda: made_last(world, one).status is RunStatus.APPLIED)
    team.host.fail_next(pattern, 502, times=20)
    world.settle()
    assert world.run(stale).status is RunStatus.PLANNED_AND_SAVED
    team.host.trouble.failures.clear()
    team.sweep()

    assert world.run(stale).status is RunStatus.DISCARDED
    assert made_last(world, other).status is RunStatus.PLANNED_AND_SAVED


def test_plan_again_replaces_the_plan(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()

    answer = team.say(pull, "plan", team.bob)

    assert "Planning `prod`" in answer
    assert world.run(first).status is RunStatus.DISCARDED
    assert made_last(world).status is RunStatus.PLANNED_AND_SAVED
    assert made_last(world).id != first.id


@pytest.mark.parametrize(("requirement", "words"), [("approved", "review|approve"), ("mergeable", "draft")])
def test_what_the_workspace_asks_for_before_an_apply(world: World, requirement: str, words: str) -> None:
    team = Team(world, **BEFORE_MERGE, apply_requirements=[requirement])
    if requirement == "approved":
        if isinstance(team.host, FakeGitHub):
            team.repo.protect("main", reviews=1)
        pull = team.open()
    else:
        pull = team.open(draft=True)
        team.say(pull, "plan")
    run = made_last(world)
    assert run.status is RunStatus.PLANNED_AND_SAVED

    answer = team.say(pull, "apply", team.bob)
    assert "asks for more before that" in answer
    assert re.search(words, answer)
    assert team.nothing_was_applied()

    if requirement == "approved":
        pull.approve(team.bob)
    else:
        pull.ready(by=team.alice)
    world.settle()
    team.say(pull, "apply", team.bob)
    assert world.run(run).status is RunStatus.APPLIED


def test_a_digest_does_not_get_around_the_requirements(world: World) -> None:
    team = Team(world, **BEFORE_MERGE, apply_requirements=["approved"])
    if isinstance(team.host, FakeGitHub):
        team.repo.protect("main", reviews=1)
    pull = team.open()

    answer = team.say(pull, f"apply {world.only_run().plan_digest[:12]}", team.bob)

    assert "asks for more before that" in answer
    assert team.nothing_was_applied()


def test_our_own_pending_status_does_not_stand_in_our_way(github_world: World) -> None:
    """`runlock/apply` is required for the merge, and so is `mergeable` for the apply."""
    team = Team(github_world, **BEFORE_MERGE, apply_requirements=["mergeable"])
    team.repo.protect("main", contexts=("runlock/apply", "runlock/plan"))
    pull = team.open()

    team.say(pull, "apply", team.bob)

    assert github_world.only_run().status is RunStatus.APPLIED


def test_a_diverged_pull_request_is_brought_up_to_date_first(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.repo.push("main", {"README.md": "moved on"}, by=team.bob)
    world.settle()
    assert "Nothing was applied" in team.say(pull, "apply")
    tree = team.repo.bare.merged_tree(team.repo.head("main"), pull.head_sha)
    merge = team.repo.bare.commit_tree(
        tree, [pull.head_sha, team.repo.head("main")], "Bring up to date", team.alice.signature()
    )
    team.repo.move_branch("feature", merge, by=team.alice)
    world.settle()

    team.say(pull, "apply")

    assert made_last(world, pull).status is RunStatus.APPLIED


def test_it_merges_by_itself_once_everything_is_applied(world: World) -> None:
    team = Team(world, working_directory="a", auto_merge=True, **BEFORE_MERGE)
    world.workspace("staging", team.repo, working_directory="b", auto_merge=True, **BEFORE_MERGE)
    pull = team.open(files={"a/main.tf": HELLO, "b/main.tf": HELLO})
    team.say(pull, "apply -w prod")
    assert pull.is_open

    team.say(pull, "apply -w staging")
    world.settle()

    assert pull.merged
    assert world.services.workspaces.hold(team.prod.id) is None
    for run in world.runs():
        if run.kind is RunKind.NORMAL:
            assert run.status is RunStatus.PLANNED_AND_FINISHED


def test_it_does_not_merge_where_one_workspace_does_not_want_it_or_failed(world: World) -> None:
    team = Team(world, working_directory="a", auto_merge=True, **BEFORE_MERGE)
    world.workspace("staging", team.repo, working_directory="b", **BEFORE_MERGE)
    pull = team.open(files={"a/main.tf": HELLO, "b/main.tf": HELLO})
    team.say(pull, "apply")
    broken = team.open("broken", {"a/broken.tf": BROKEN, "a/main.tf": HELLO})
    team.say(broken, "apply")

    assert pull.is_open
    assert broken.is_open


def test_a_host_that_refuses_the_merge_is_told_on_the_run(github_world: World) -> None:
    team = Team(github_world, auto_merge=True, **BEFORE_MERGE)
    team.repo.protect("main", reviews=1)
    pull = team.open()

    team.say(pull, "apply")

    assert pull.is_open
    assert "could not be merged" in github_world.timeline(github_world.only_run())


@pytest.mark.parametrize("how", ["merge", "close"])
def test_a_plan_does_not_outlive_its_pull_request(world: World, how: str) -> None:
    """Invariant 5: what was approved and not begun is ended as well."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    world.is_runner_there = False
    team.say(pull, "apply")
    if how == "merge":
        pull.merge(by=team.alice)
    else:
        pull.close(by=team.alice)
    world.settle()
    world.is_runner_there = True
    team.sweep()

    assert world.run(run).status is RunStatus.CANCELED
    assert world.services.workspaces.hold(team.prod.id) is None
    assert team.nothing_was_applied()


def test_a_reopened_pull_request_is_planned_like_a_new_one(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.close(by=team.alice)
    world.settle()
    assert world.run(first).status is RunStatus.DISCARDED
    pull.reopen(by=team.alice)
    world.settle()

    again = made_last(world)
    assert (again.commit_sha, again.status) == (first.commit_sha, RunStatus.PLANNED_AND_SAVED)
    team.say(pull, "apply")
    assert world.run(again).status is RunStatus.APPLIED


def test_an_idle_pull_request_keeps_nobody_waiting(world: World) -> None:
    """Invariant 6: a plan that nobody decides about is outside the queue."""
    team = Team(world, **ANY_BASE)
    idle = team.open("idle", {"idle.tf": MORE.replace("more", "idle")})
    for number in range(2):
        pull = team.open(f"busy-{number}", {f"busy{number}.tf": MORE.replace("more", f"busy{number}")})
        team.say(pull, "apply", team.bob)
        assert made_last(world, pull).status is RunStatus.APPLIED
        pull.merge(by=team.alice)
        world.settle()
    world.wait(days=3)

    waiting = made_last(world, idle)
    assert waiting.status is RunStatus.PLANNED_AND_SAVED
    assert waiting.planned_on == world.services.workspaces.get(team.prod.id).current_state_version_id
    assert [run.id for run in world.services.runs.unfinished(team.prod.id)] == [waiting.id]


def test_an_approved_plan_waits_for_the_run_that_is_before_it(world: World) -> None:
    """Invariant 6: it joins the queue behind a push that waits for its approval, and its state has moved then."""
    team = Team(world, **ANY_BASE)
    pull = team.open("feature", {"main.tf": HELLO})
    saved = world.only_run()
    pushed = team.repo.push("main", {"more.tf": MORE}, by=team.bob)
    team.the_host_is_asked_for_two_minutes()
    normal = made_last(world)
    assert normal.status is RunStatus.PLANNED
    answer = team.say(pull, "apply")
    assert "2nd in queue" in answer
    assert world.run(saved).status is RunStatus.CONFIRMED

    team.say(pushed, "apply", team.bob)

    assert world.run(normal).status is RunStatus.APPLIED
    assert world.run(saved).status is RunStatus.ERRORED
    assert "has changed since" in world.run(saved).error
    assert team.how_often_applied(saved) <= 1
    assert b"hello" not in world.state(team.prod)
