"""The workflow `apply-after-merge`: a pull request is planned for reading, its merge brings the run that applies."""

from __future__ import annotations

from typing import Any

import pytest

from bot.run import RunKind, RunStatus
from tests.scenarios.talk import BROKEN, MORE, OTHER, Team
from tests.scenarios.world import HELLO, World


@pytest.mark.parametrize("method", ["merge", "squash", "rebase", "ff"])
def test_however_it_is_merged_the_pull_request_is_asked(world: World, method: str) -> None:
    team = Team(world)
    pull = team.open(files={"main.tf": HELLO})
    if method == "rebase":
        team.repo.push("main", {"README.md": "moved on"}, by=team.bob)
        world.settle()
    made = pull.merge(method, by=team.alice)
    team.the_host_is_asked_for_two_minutes()

    run = world.runs()[-1]
    assert (run.kind, run.commit_sha, run.status) == (RunKind.NORMAL, made, RunStatus.PLANNED)
    assert "`prod` waits for approval" in pull.last_comment
    assert team.repo.comments_on(made) == []

    team.say(pull, "apply")

    assert world.run(run).status is RunStatus.APPLIED
    assert b'"hello"' in world.state(team.prod)
    assert team.status(made, "runlock/apply") == "success: applied: 1 added, 0 changed, 0 destroyed"


@pytest.mark.parametrize("late", [1, 3])
def test_a_host_that_knows_late_is_asked_again(world: World, late: int) -> None:
    """GitHub links a squashed commit to its pull request seconds after the push."""
    team = Team(world)
    pull = team.open()
    team.host.late_pulls = late + 1
    made = pull.merge("squash", by=team.alice)
    team.host.pending[:] = [delivery for delivery in team.host.pending if is_push(delivery)]
    world.settle()
    run = world.runs()[-1]
    assert run.status is RunStatus.PLANNED
    assert not any("`prod` waits for approval" in comment.body for comment in pull.comments)
    assert team.repo.comments_on(made) == []

    team.the_host_is_asked_for_two_minutes()

    assert "`prod` waits for approval" in pull.last_comment
    assert team.repo.comments_on(made) == []
    team.say(pull, "apply")
    assert world.run(run).status is RunStatus.APPLIED


def is_push(delivery: Any) -> bool:
    return delivery.event in ("push", "Push Hook")


def test_a_push_that_no_pull_request_brought_is_asked_about_at_its_commit(world: World) -> None:
    team = Team(world)
    pushed = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    world.settle()
    assert team.repo.comments_on(pushed) == []  # the host may still come to know
    team.the_host_is_asked_for_two_minutes()

    (asked,) = team.repo.comments_on(pushed)
    assert "`prod` waits for approval" in asked.body
    answer = team.say(pushed, "apply", team.bob)

    run = world.only_run()
    assert (run.status, run.confirmed_by) == (RunStatus.APPLIED, "bob")
    assert "1 added" in answer


def test_a_reader_may_not_apply_at_a_commit_either(world: World) -> None:
    """Invariant 13: a commit comment is the same door."""
    team = Team(world)
    pushed = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    team.the_host_is_asked_for_two_minutes()

    answer = team.say(pushed, "apply", team.rhea)

    assert "may not" in answer
    assert team.nothing_was_applied()


def test_discard_at_a_commit(world: World) -> None:
    team = Team(world)
    pushed = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    team.the_host_is_asked_for_two_minutes()

    answer = team.say(pushed, "discard")

    assert "Discarded: `prod`" in answer
    assert world.only_run().status is RunStatus.DISCARDED
    assert team.status(pushed, "runlock/apply").startswith("success: discarded, nothing was applied")
    assert team.nothing_was_applied()


def test_a_pull_request_of_several_is_asked_each(github_world: World) -> None:
    """Two pull requests with the same head: both are merged by one push, and the first answer counts."""
    team = Team(github_world)
    head = team.repo.push("one", {"main.tf": HELLO}, by=team.alice)
    team.repo.move_branch("other", head, by=team.bob)
    one, other = team.repo.open_pull("one", by=team.alice), team.repo.open_pull("other", by=team.bob)
    github_world.settle()
    one.merge(by=team.alice)
    team.the_host_is_asked_for_two_minutes()
    run = github_world.runs()[-1]
    assert "`prod` waits for approval" in one.last_comment
    assert "`prod` waits for approval" in other.last_comment

    team.say(other, "apply", team.bob)
    answer = team.say(one, "apply")

    assert github_world.run(run).confirmed_by == "bob"
    assert "1 added" in [c.body for c in one.comments if "Applied" in c.body][-1]
    assert "nothing to apply" in answer
    assert team.how_often_applied(run) == 1


def test_in_a_pull_request_that_is_not_merged_nothing_is_applied(world: World) -> None:
    team = Team(world)
    pull = team.open()

    answer = team.say(pull, "apply")

    assert "merge first" in answer
    assert team.nothing_was_applied()
    assert "runlock/apply" not in team.repo.statuses(pull.head_sha)


def test_a_failed_plan_after_the_merge_can_be_planned_again(world: World) -> None:
    """Its cause may be outside: a comment is enough to try again, and the run of the same commit comes back."""
    team = Team(world)
    pull = team.merged(files={"main.tf": BROKEN})
    failed = world.runs()[-1]
    assert failed.status is RunStatus.ERRORED

    answer = team.say(pull, "plan")

    again = world.runs()[-1]
    assert again.id != failed.id
    assert (again.kind, again.commit_sha, again.branch) == (RunKind.NORMAL, failed.commit_sha, "main")
    assert "Planning `prod`" in answer
    assert world.run(failed).status is RunStatus.ERRORED


def test_a_discarded_plan_after_the_merge_can_be_planned_again_and_applied(world: World) -> None:
    team = Team(world)
    pull = team.merged()
    team.say(pull, "discard")
    team.say(pull, "plan", team.bob)
    team.say(pull, "apply", team.bob)

    assert [run.status for run in world.runs()][-2:] == [RunStatus.DISCARDED, RunStatus.APPLIED]


def test_plan_after_the_merge_goes_back_to_nothing_older(world: World) -> None:
    """A newer commit of the branch has a run: planning the older one again would undo it."""
    team = Team(world)
    pull = team.merged()
    team.say(pull, "discard")
    team.repo.push("main", {"more.tf": MORE}, by=team.bob)
    world.settle()
    before = len(world.runs())

    answer = team.say(pull, "plan")

    assert len(world.runs()) == before
    assert "newer commit" in answer


def test_who_only_reads_may_not_plan_again_after_the_merge(world: World) -> None:
    team = Team(world)
    pull = team.merged(files={"main.tf": BROKEN})
    before = len(world.runs())

    answer = team.say(pull, "plan", team.rhea)

    assert "may not" in answer
    assert len(world.runs()) == before


def test_the_merge_of_a_pull_request_that_changed_meanwhile_applies_what_was_merged(world: World) -> None:
    """Invariant 5: what is applied is the plan of the merged commit, never the one of the pull request's head."""
    team = Team(world)
    pull = team.open(files={"main.tf": HELLO})
    team.repo.push("main", {"more.tf": MORE}, by=team.bob)
    world.settle()
    team.say(team.repo.head("main"), "discard", team.bob)
    pull.merge(by=team.alice)
    world.wait(minutes=1)

    assert "2 to add" in pull.last_comment
    team.say(pull, "apply")

    assert b"more" in world.state(team.prod)
    assert [r.status for r in world.runs() if r.kind is RunKind.PLAN_ONLY] == [RunStatus.PLANNED_AND_FINISHED]


def test_a_closed_pull_request_leaves_nothing_behind(world: World) -> None:
    team = Team(world)
    world.is_runner_there = False
    pull = team.open()
    pull.close(by=team.alice)
    world.settle()
    world.is_runner_there = True
    team.sweep()

    assert world.only_run().status is RunStatus.CANCELED
    assert "closed" in team.say(pull, "plan")
    assert len(world.runs()) == 1


def test_two_merges_wait_for_each_other(world: World) -> None:
    """Invariant 6: the second plans when the first is decided; its plan is of what the first left."""
    team = Team(world)
    one = team.merged("one", {"main.tf": HELLO})
    other = team.merged("other", {"main.tf": OTHER})
    first, second = (run for run in world.runs() if run.kind is RunKind.NORMAL)
    assert (first.status, second.status) == (RunStatus.PLANNED, RunStatus.PENDING)
    waiting = team.status(second.commit_sha, "runlock/plan")
    assert waiting.startswith(f"pending: 2nd in queue, behind {first.id} (waiting for approval")

    team.say(one, "apply")
    assert world.run(second).status is RunStatus.PLANNED
    team.say(other, "apply")

    assert b'"other"' in world.state(team.prod)
