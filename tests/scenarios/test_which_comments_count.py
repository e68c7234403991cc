"""Which comments count? A person's that is wholly a command, as it was written first, and once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.run import RunStatus
from storage.outbox import Channel, pull_lane
from tests.scenarios.talk import BEFORE_MERGE, OTHER, Team, made_last
from tests.scenarios.world import World


@pytest.mark.parametrize(
    "text", ["apply please", "let us apply", "apply\napply", "> apply", "apply!", "@runlock-bot apply"]
)
def test_what_is_not_wholly_a_command_is_no_command(world: World, text: str) -> None:
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()

    answer = team.say(pull, text)

    assert answer == ""
    assert team.nothing_was_applied()


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


def test_two_people_comment_apply_at_once(world: World) -> None:
    """Invariant 2: one apply; the second is told who was first."""
    team = Team(world)
    pull = team.merged()
    run = made_last(world)
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
    run = made_last(world)
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
