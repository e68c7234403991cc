"""Somebody comments `apply`: which plan did they mean?"""

from __future__ import annotations

import re
from typing import Any

import pytest

from bot.run import Run, RunStatus
from tests.scenarios.talk import BEFORE_MERGE, MORE, OTHER, Team, digest_in, made_last
from tests.scenarios.world import HELLO, World


def test_a_comment_written_over_plan_a_does_not_apply_plan_b(world: World) -> None:
    """Invariant 5: the plan changed while alice was writing; she is told how to apply the new one, and it works."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.push({"main.tf": OTHER}, by=team.bob)
    # The new plan is made, and nothing of it has been posted yet, when alice comments what she read before.
    world.work_until(lambda: made_last(world) != first and made_last(world).status is RunStatus.PLANNED_AND_SAVED)
    pull.comment("apply", team.alice)
    team.a_moment_passes(seconds=90)
    world.settle()

    (answer,) = [comment.body for comment in pull.comments if "changed at" in comment.body]
    assert "Nothing was applied" in answer
    assert team.nothing_was_applied()
    second = made_last(world)
    assert world.run(first).status is RunStatus.DISCARDED

    team.say(pull, f"apply {digest_in(answer)}")

    assert world.run(second).status is RunStatus.APPLIED
    assert b'"other"' in world.state(team.prod)


def test_a_comment_written_while_plan_b_is_made_applies_neither(world: World) -> None:
    """Invariant 5: plan A is over, and plan B is not there yet."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    pull.push({"main.tf": OTHER}, by=team.bob)
    pull.comment("apply", team.alice)
    world.settle()

    assert any("not everything is planned yet" in comment.body for comment in pull.comments)
    assert team.nothing_was_applied()


def test_a_plan_posted_within_the_same_second_is_not_taken_as_read(world: World) -> None:
    """Invariant 5: GitHub's times have no fractions of a second, so the same time is too late."""
    team = Team(world, **BEFORE_MERGE)
    team.host.now = team.host.now.replace(microsecond=0)
    pull = team.open()
    run = world.only_run()
    posted_at = world.services.pulls.plan_posted_at(run.id)
    assert posted_at is not None
    team.host.now = posted_at

    pull.comment("apply", team.alice)
    world.settle()

    assert "changed at" in pull.last_comment
    assert team.nothing_was_applied()


def test_a_comment_that_comes_before_its_push_applies_nothing_old(world: World) -> None:
    """Invariant 5: alice pushed and commented; the comment's delivery overtook the push's."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.push({"main.tf": OTHER}, by=team.alice)
    team.a_moment_passes()
    pull.comment("apply", team.alice)
    team.host.pending.insert(0, team.host.pending.pop())
    world.settle()

    assert any("newest commit" in comment.body for comment in pull.comments)
    assert team.nothing_was_applied()
    assert world.run(first).status is RunStatus.DISCARDED
    assert made_last(world).status is RunStatus.PLANNED_AND_SAVED


def two_rooms(world: World, other_files: str = OTHER) -> tuple[Team, Any, Run, Run]:
    """Two workspaces, a and b, each with its directory and a plan that waits."""
    team = Team(world, working_directory="a", **BEFORE_MERGE)
    other = world.workspace("staging", team.repo, working_directory="b", **BEFORE_MERGE)
    pull = team.open(files={"a/main.tf": HELLO, "b/main.tf": other_files})
    return team, pull, world.runs(team.prod)[0], world.runs(other)[0]


@pytest.mark.parametrize("how", ["run", "plan digest", "manifest digest", "-w", "-d", "runlock", "`"])
def test_a_plan_is_chosen_by_name(world: World, how: str) -> None:
    team, pull, prod, staging = two_rooms(world)
    text = {
        "run": f"apply {prod.id}",
        "plan digest": f"apply {prod.plan_digest[:6]}",
        "manifest digest": f"Apply {prod.manifest_digest[:12].upper()}",
        "-w": "apply -w prod",
        "-d": "apply -d ./a/",
        "runlock": "/runlock apply -w prod",
        "`": "\n\n```\napply -p prod\n```\n",
    }[how]

    team.say(pull, text)

    assert world.run(prod).status is RunStatus.APPLIED
    assert world.run(staging).status is RunStatus.PLANNED_AND_SAVED


def test_the_name_that_we_offer_names_one_plan(world: World) -> None:
    """Equal configurations planned within a second have equal plan files: what we offer still names one."""
    team, pull, prod, staging = two_rooms(world, HELLO)
    (request,) = [comment.body for comment in pull.comments if "2 runs wait for approval" in comment.body]
    offered = re.search(r"for example `(apply [^`]+)`", request)
    assert offered

    team.say(pull, offered[1])

    ends = {world.run(prod).status, world.run(staging).status}
    assert ends == {RunStatus.APPLIED, RunStatus.PLANNED_AND_SAVED}


def test_apply_alone_means_every_plan(world: World) -> None:
    team, pull, prod, staging = two_rooms(world)

    team.say(pull, "apply")

    assert {world.run(prod).status, world.run(staging).status} == {RunStatus.APPLIED}


@pytest.mark.parametrize("text", ["apply -w nowhere", "apply -d c", "apply 0123456789ab", "apply run-nowhere"])
def test_what_names_nothing_does_nothing(world: World, text: str) -> None:
    team, pull, *_ = two_rooms(world)

    answer = team.say(pull, text)

    assert "No run here fits" in answer
    assert team.nothing_was_applied()


def test_only_the_plans_that_were_read_are_applied_by_a_bare_apply(world: World) -> None:
    """Invariant 5: of two plans one is new since the comment was written; the other is applied."""
    team, pull, prod, staging = two_rooms(world)
    pull.comment("plan -w staging", team.bob)
    world.work_until(
        lambda: made_last(world).id != staging.id and made_last(world).status is RunStatus.PLANNED_AND_SAVED
    )
    pull.comment("apply", team.alice)
    team.a_moment_passes(seconds=90)
    world.settle()

    assert world.run(prod).status is RunStatus.APPLIED
    assert made_last(world).status is RunStatus.PLANNED_AND_SAVED
    assert any("Approved" in c.body and "changed at" in c.body for c in pull.comments)


def test_apply_of_a_plan_for_reading_says_how_it_is_done(world: World) -> None:
    team = Team(world)
    pull = team.open(files={"main.tf": HELLO, "more.tf": MORE})
    run = world.only_run()

    answer = team.say(pull, f"apply {run.plan_digest[:8]}")

    assert "merge first" in answer
    assert team.nothing_was_applied()
