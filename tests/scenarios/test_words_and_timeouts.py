"""What addresses us is a setting, and a stage that takes too long is ended: both as people see them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.run import RunStatus
from tests.fakes.github import FakeGitHub
from tests.fakes.gitlab import FakeGitLab
from tests.scenarios.talk import Team
from tests.scenarios.world import HELLO, World


@pytest.fixture(params=["github", "gitlab"])
def addressed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """RUNLOCK_COMMAND_WORDS=atlantis,tf"""
    kind = FakeGitHub if request.param == "github" else FakeGitLab
    with kind(tmp_path / "host") as host:
        world = World(tmp_path / "runlock", host, command_words=("atlantis", "tf"))
        yield world
        world.close()
    assert not host.violations, "\n".join(host.violations)


def test_each_of_the_words_addresses_us_and_others_do_not(addressed: World) -> None:
    team = Team(addressed)
    pull = team.open()
    (first,) = addressed.runs()

    assert team.say(pull, "runlock plan") == ""
    assert team.say(pull, "terraform plan") == ""
    assert addressed.runs() == [first]

    for number, said in enumerate(("atlantis plan", "tf plan", "plan"), start=2):
        assert team.say(pull, said)
        assert len(addressed.runs()) == number
    assert "atlantis" in team.say(pull, "atlantis help")
    assert "did you mean" in team.say(pull, "tf aply").lower()


def test_an_apply_that_takes_too_long_is_ended_and_says_so(world: World) -> None:
    team = Team(world, apply_timeout_seconds=1)
    slow = HELLO.replace(
        "input = var.greeting",
        'input = var.greeting\n  provisioner "local-exec" {\n    command = "sleep 30"\n  }',
    )
    sha = team.repo.push("main", {"main.tf": slow}, by=team.alice)
    world.settle()
    run = world.only_run()
    assert run.status is RunStatus.PLANNED
    team.the_host_is_asked_for_two_minutes()

    said = team.say(sha, "apply")

    ended = world.run(run)
    assert ended.status is RunStatus.ERRORED
    assert "the apply took longer than 1 seconds" in ended.error
    assert "took longer than 1 seconds" in said
    assert team.status(sha, "runlock/apply").startswith(("failure", "failed"))


def test_a_plan_that_takes_too_long_is_ended_and_says_so(github_world: World) -> None:
    """It reads another state from a server that takes the question and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        reading = (
            'data "terraform_remote_state" "other" {\n  backend = "http"\n'
            f'  config = {{ address = "{address}" }}\n}}\n'
        )
        team = Team(github_world, plan_timeout_seconds=1)
        pull = team.open(files={"main.tf": reading})

    run = github_world.only_run()
    assert run.status is RunStatus.ERRORED
    assert "the plan took longer than 1 seconds" in run.error
    assert "the plan took longer than 1 seconds" in pull.comments[-1].body
    assert team.status(pull.head_sha, "runlock/plan").startswith("failure: ")
