"""Somebody comments `apply`: which plan did they mean, and does it count once?"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bot.run import Run, RunStatus
from storage.outbox import Channel, pull_lane
from tests.scenarios.talk import BEFORE_MERGE, MORE, OTHER, Team, digest_in
from tests.scenarios.world import HELLO, World


def newest(world: World) -> Run:
    """The run that was made last; queues count anew when a plan is approved."""
    return max(world.runs(), key=lambda run: run.created_at)


def test_a_comment_written_over_plan_a_does_not_apply_plan_b(world: World) -> None:
    """Invariant 5: the plan changed while alice was writing; she is told how to apply the new one, and it works."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    first = world.only_run()
    pull.push({"main.tf": OTHER}, by=team.bob)
    # The new plan is made, and nothing of it has been posted yet, when alice comments what she read before.
    world.work_until(lambda: newest(world) != first and newest(world).status is RunStatus.PLANNED_AND_SAVED)
    pull.comment("apply", team.alice)
    team.a_moment_passes(seconds=90)
    world.settle()

    (answer,) = [comment.body for comment in pull.comments if "changed at" in comment.body]
    assert "Nothing was applied" in answer
    assert team.nothing_was_applied()
    second = newest(world)
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
    assert newest(world).status is RunStatus.PLANNED_AND_SAVED


def test_plan_said_before_the_push_is_known_plans_the_new_head_once(world: World) -> None:
    """Invariant 2: the comment already brought the plan that the push would have brought."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    head = pull.push({"main.tf": OTHER}, by=team.alice)
    pull.comment("plan", team.alice)
    team.host.pending.insert(0, team.host.pending.pop())
    world.settle()

    of_head = [run for run in world.runs() if run.commit_sha == head]
    assert [run.status for run in of_head] == [RunStatus.PLANNED_AND_SAVED]


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


@pytest.mark.parametrize(
    "text", ["apply please", "let us apply", "apply\napply", "> apply", "apply!", "@runlock-bot apply"]
)
def test_what_is_not_wholly_a_command_is_no_command(world: World, text: str) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()

    answer = team.say(pull, text)

    assert answer == ""
    assert team.nothing_was_applied()


def test_two_people_comment_apply_at_once(world: World) -> None:
    """Invariant 2: one apply; the second is told who was first."""
    team = Team(world)
    pull = team.merged()
    run = newest(world)
    team.a_moment_passes()
    pull.comment("apply", team.alice)
    pull.comment("apply", team.bob)
    world.settle()

    after = world.run(run)
    assert (after.status, after.confirmed_by) == (RunStatus.APPLIED, "alice")
    assert team.how_often_applied(run) == 1
    answers = [comment.body for comment in pull.comments if "approved by `alice` already" in comment.body]
    assert len(answers) == 1


def the_delivery_of(team: Team, body: str) -> Any:
    """The webhook that told of the comment with this text."""
    told = [d for d in team.host.deliveries if d.event in ("issue_comment", "Note Hook")]
    return next(d for d in reversed(told) if json.dumps(body).encode() in d.body)


def test_a_comment_delivered_twice_acts_once(world: World) -> None:
    """Invariant 2."""
    team = Team(world)
    pull = team.merged()
    run = newest(world)
    team.say(pull, "apply")
    said = [comment.body for comment in pull.comments]
    delivery = the_delivery_of(team, "apply")
    team.host.send(delivery)
    world.settle()

    assert team.how_often_applied(run) == 1
    assert [comment.body for comment in pull.comments] == said


def test_a_comment_delivered_anew_under_another_id_acts_once(world: World) -> None:
    """Invariant 2: a comment is known by its own id, not by its delivery's."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.say(pull, "plan")
    runs, said = len(world.runs()), len(pull.comments)
    delivery = the_delivery_of(team, "plan")
    for name in ("X-GitHub-Delivery", "Idempotency-Key", "X-Gitlab-Event-UUID", "X-Gitlab-Webhook-UUID"):
        if name in delivery.headers:
            delivery.headers[name] = "another-id"

    team.host.send(delivery)
    world.settle()

    assert len(world.runs()) == runs
    assert len(pull.comments) == said


def test_a_comment_edited_before_it_was_read_back_does_nothing(world: World) -> None:
    """Invariant 13: whoever may edit other people's comments must not speak in their names."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.a_moment_passes()
    comment = pull.comment("apply", team.alice)
    comment.edit("never mind")
    world.settle()

    assert team.nothing_was_applied()


@pytest.mark.parametrize("before", ["looks good", "plan"])
def test_a_comment_that_becomes_a_command_by_an_edit_does_nothing(world: World, before: str) -> None:
    """Invariant 13."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.a_moment_passes()
    comment = pull.comment(before, team.alice)
    comment.edit("apply")
    world.settle()
    team.a_moment_passes()
    comment.edit("apply ")
    world.settle()

    assert team.nothing_was_applied()


def test_a_deleted_comment_does_nothing(world: World) -> None:
    """Invariant 13: it isn't there any more when it is read back."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.a_moment_passes()
    comment = pull.comment("apply", team.alice)
    comment.delete()
    world.settle()

    assert team.nothing_was_applied()
    assert not any("apply" in c.body.split() for c in pull.comments if c.author is team.alice)


def test_our_own_comments_are_no_commands(world: World) -> None:
    """Known by the ids that we created, never by their author: the same account may be a person's."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    team.a_moment_passes()
    ours = pull.comment("apply", team.host.bot)
    repository = world.repository()
    lane = pull_lane(repository.id, pull.number)
    world.services.outbox.want(
        repository.connection_id, repository.id, lane, Channel.COMMENT, "answer/x", {"kind": "answer", "body": "apply"}
    )
    wish = world.services.outbox.find(repository.id, lane, Channel.COMMENT, "answer/x")
    assert wish is not None
    world.services.outbox.sent(wish, str(ours.id), "")
    world.settle()
    assert team.nothing_was_applied()

    team.say(pull, "apply", team.host.bot)

    assert world.run(run).status is RunStatus.APPLIED


def test_what_we_say_never_makes_us_do_something(world: World) -> None:
    """Every comment of ours comes back as a delivery."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    for text in ("help", "explain", "runlock aplly", "apply", "apply"):
        team.say(pull, text)
    count = len(pull.comments)
    world.wait(minutes=10)

    assert len(pull.comments) == count


def test_a_command_is_acknowledged_where_it_was_written(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    team.say(pull, "explain")
    team.say(pull, "nice work")

    commands = [c for c in pull.comments if c.body == "explain"]
    assert [c.reactions for c in commands] == [["eyes"]]
    assert [c.reactions for c in pull.comments if c.body == "nice work"] == [[]]


def test_only_the_plans_that_were_read_are_applied_by_a_bare_apply(world: World) -> None:
    """Invariant 5: of two plans one is new since the comment was written; the other is applied."""
    team, pull, prod, staging = two_rooms(world)
    pull.comment("plan -w staging", team.bob)
    world.work_until(lambda: newest(world).id != staging.id and newest(world).status is RunStatus.PLANNED_AND_SAVED)
    pull.comment("apply", team.alice)
    team.a_moment_passes(seconds=90)
    world.settle()

    assert world.run(prod).status is RunStatus.APPLIED
    assert newest(world).status is RunStatus.PLANNED_AND_SAVED
    assert any("Approved" in c.body and "changed at" in c.body for c in pull.comments)


def test_apply_of_a_plan_for_reading_says_how_it_is_done(world: World) -> None:
    team = Team(world)
    pull = team.open(files={"main.tf": HELLO, "more.tf": MORE})
    run = world.only_run()

    answer = team.say(pull, f"apply {run.plan_digest[:8]}")

    assert "merge first" in answer
    assert team.nothing_was_applied()
