"""Help, explanations, misspelt commands, discard and cancel: what people ask for, and what they read."""

from __future__ import annotations

import pytest

from bot.run import RunStatus
from tests.scenarios.talk import BEFORE_MERGE, MORE, OTHER, Team
from tests.scenarios.world import HELLO, World


def test_help_names_every_command(world: World) -> None:
    team = Team(world)
    pull = team.open()

    answer = team.say(pull, "help", team.rhea)

    for command in ("plan", "apply", "discard", "cancel", "unlock", "explain", "help"):
        assert f"| `{command}` |" in answer
    assert team.say(pull, "runlock").startswith("A comment that is one of these commands")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("runlock aplly", "Did you mean `apply`?"),
        ("Runlock PLAM", "Did you mean `plan`?"),
        ("runlock frobnicate", "I don't know the command `frobnicate`"),
        ("runlock apply prod", "I don't understand `prod` behind `apply`"),
        ("apply -w", "`-w` needs a workspace’s name"),
        ("/apply 'prod", "has no partner"),
        ("apply -d ../etc", "without `..`"),
        ("apply 3f2", "is too short"),
    ],
)
def test_what_is_misspelt_is_answered_and_nothing_is_done(github_world: World, text: str, words: str) -> None:
    team = Team(github_world, **BEFORE_MERGE)
    pull = team.open()

    answer = team.say(pull, text)

    assert words in answer
    assert "Nothing was done" in answer
    assert team.nothing_was_applied()


@pytest.mark.parametrize("text", ["aplly", "terraform apply", "atlantis apply", "lgtm", "```\nsome output\n```"])
def test_what_is_not_said_to_us_is_left_alone(github_world: World, text: str) -> None:
    team = Team(github_world, **BEFORE_MERGE)
    pull = team.open()

    assert team.say(pull, text) == ""
    assert team.nothing_was_applied()


def test_a_misspelt_command_does_not_speak_for_us(world: World) -> None:
    """What was written is shown as code: it mentions nobody and closes nothing."""
    team = Team(world)
    pull = team.open()

    answer = team.say(pull, "runlock @acme/everybody")

    assert "`@acme/everybody`" in answer


def test_explain_says_for_each_workspace_why(world: World) -> None:
    team = Team(world, working_directory="prod")
    world.workspace("other", team.repo, working_directory="other")
    world.workspace("elsewhere", team.repo, branch="next")
    world.workspace("silent", team.repo, speculative_enabled=False)
    pull = team.open(files={"prod/main.tf": HELLO})
    run = world.only_run()

    answer = team.say(pull, "explain", team.rhea)

    lines = {line.split("`")[1]: line for line in answer.splitlines() if line.startswith("- `")}
    assert run.id in lines["prod"]
    assert "1 to add" in lines["prod"]
    assert "does not run" in lines["other"]
    assert "does not run: it tracks next, not main" in lines["elsewhere"]
    assert "speculative plans are off" in lines["silent"]
    assert len(world.runs()) == 1


def test_explain_chooses(world: World) -> None:
    team = Team(world, working_directory="prod")
    world.workspace("other", team.repo, working_directory="other")
    pull = team.open(files={"prod/main.tf": HELLO})

    answer = team.say(pull, "explain -w other")

    assert "`other`" in answer
    assert "`prod`" not in answer


def test_explain_says_whom_a_plan_waits_for(world: World) -> None:
    team = Team(world, **BEFORE_MERGE)
    one = team.open("one", {"main.tf": HELLO})
    other = team.open("other", {"other.tf": MORE})
    team.say(one, "apply")

    answer = team.say(other, "explain")

    sign = "#" if world.connection().provider.is_github else "!"
    assert f"waits for {sign}{one.number}" in answer


def test_discard_gives_a_plan_up_and_the_next_one_goes_on(world: World) -> None:
    """Invariant 6: the queue moves on."""
    team = Team(world)
    pull = team.merged("one", {"main.tf": HELLO})
    team.merged("other", {"main.tf": OTHER})
    first, second = world.runs()[1], world.runs()[-1]
    assert (first.status, second.status) == (RunStatus.PLANNED, RunStatus.PENDING)

    answer = team.say(pull, "discard", team.bob)

    assert "Discarded: `prod`" in answer
    assert world.run(first).status is RunStatus.DISCARDED
    assert world.run(second).status is RunStatus.PLANNED
    assert "nothing to apply" in team.say(pull, "apply")
    assert team.nothing_was_applied()


def test_discard_takes_the_role_that_apply_takes(world: World) -> None:
    """Invariant 13."""
    team = Team(world, apply_permission="admin")
    pull = team.merged()

    assert "may not" in team.say(pull, "discard", team.bob)
    assert world.runs()[-1].status is RunStatus.PLANNED


def test_a_run_that_waits_for_a_runner_is_cancelled_at_once(world: World) -> None:
    team = Team(world)
    world.is_runner_there = False
    pull = team.open()

    answer = team.say(pull, "cancel")

    assert "Cancelled" in answer
    assert world.only_run().status is RunStatus.CANCELED
    world.is_runner_there = True
    team.sweep()
    assert world.only_run().status is RunStatus.CANCELED
    assert team.status(pull.head_sha, "runlock/plan").startswith("failure: cancelled")


def test_an_approved_run_that_has_not_begun_can_be_cancelled(world: World) -> None:
    team = Team(world)
    pull = team.merged()
    world.is_runner_there = False
    team.say(pull, "apply")

    assert "To take that back, comment `cancel`" in team.say(pull, "discard", team.bob)
    team.say(pull, "cancel", team.bob)
    world.is_runner_there = True
    team.sweep()

    assert world.runs()[-1].status is RunStatus.CANCELED
    assert team.nothing_was_applied()


def test_what_is_approved_is_not_planned_again_under_somebodys_hands(world: World) -> None:
    """The approved plan waits for its turn; `cancel` takes it back, and then `plan` plans."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    world.services.workspaces.lock(team.prod.id, "ops", "freeze")
    team.say(pull, "apply", team.bob)

    assert "was approved by `bob` already" in team.say(pull, "plan")
    assert world.runs() == [world.run(run)]

    team.say(pull, "cancel")
    team.say(pull, "plan")
    assert world.run(run).status is RunStatus.CANCELED
    assert [r.status for r in world.runs() if r.id != run.id] == [RunStatus.PLANNED_AND_SAVED]


@pytest.mark.parametrize("text", ["discard", "cancel", "override", "unlock"])
def test_there_is_nothing_to_do(world: World, text: str) -> None:
    team = Team(world)
    pull = team.open()
    before = world.runs()

    assert "nothing" in team.say(pull, text)
    assert world.runs() == before


def test_a_locked_workspace_keeps_the_run_and_says_so(world: World) -> None:
    """Invariant 6."""
    team = Team(world)
    world.services.workspaces.lock(team.prod.id, "ops", "freeze until Monday")
    pushed = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    world.settle()

    assert world.only_run().status is RunStatus.PENDING
    assert "locked" in team.status(pushed, "runlock/plan")

    world.services.workspaces.unlock(team.prod.id)
    team.sweep()
    assert world.only_run().status is RunStatus.PLANNED


def test_an_approved_plan_waits_for_the_lock(world: World) -> None:
    """Invariant 6, for a plan of a pull request: `apply` is accepted, and begins when the lock is off."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    world.services.workspaces.lock(team.prod.id, "ops", "freeze")

    answer = team.say(pull, "apply")

    assert "Approved" in answer
    assert "the workspace is locked" in answer
    assert team.nothing_was_applied()
    world.services.workspaces.unlock(team.prod.id)
    team.sweep()
    assert world.only_run().status is RunStatus.APPLIED
