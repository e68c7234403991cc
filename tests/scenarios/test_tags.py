"""A workspace that runs for tags: each tag that fits, at each commit that it stands on, once."""

from __future__ import annotations

from typing import Any

import pytest

from bot.run import RunStatus, TriggerReason
from tests.scenarios.talk import MORE, Team
from tests.scenarios.world import HELLO, World

VERSIONS: dict[str, Any] = {"tags_regex": r"^v\d+\.\d+$"}


@pytest.mark.parametrize("annotated", [False, True])
def test_a_tag_is_planned_asked_about_and_applied_at_its_commit(world: World, annotated: bool) -> None:
    team = Team(world, {"main.tf": HELLO}, **VERSIONS)
    sha = team.repo.head("main")
    team.repo.tag("v1.0", sha, by=team.alice, annotated=annotated)
    world.settle()

    run = world.only_run()
    assert (run.tag, run.commit_sha, run.trigger_reason) == ("v1.0", sha, TriggerReason.TAG)
    assert run.status is RunStatus.PLANNED
    team.the_host_is_asked_for_two_minutes()
    assert "v1.0" in team.comments_at(sha)[-1].body

    team.say(sha, "apply")

    assert world.run(run).status is RunStatus.APPLIED
    assert team.status(sha, "runlock/apply").startswith("success")


def test_what_does_not_fit_starts_nothing_and_neither_does_a_push(world: World) -> None:
    team = Team(world, {"main.tf": HELLO}, **VERSIONS)
    sha = team.repo.push("main", {"more.tf": MORE}, by=team.alice)
    team.repo.tag("v1.0-rc1", sha, by=team.alice)
    team.repo.tag("release", sha, by=team.alice)
    world.settle()

    assert world.runs() == []


def test_a_repeat_starts_nothing_and_a_moved_tag_is_another_run(world: World) -> None:
    team = Team(world, {"main.tf": HELLO}, **VERSIONS)
    first = team.repo.head("main")
    team.repo.tag("v1.0", first, by=team.alice)
    (told, *_) = team.host.pending
    world.settle()
    assert team.host.send(told) == 202
    world.settle()
    assert len(world.runs()) == 1

    second = team.repo.push("main", {"more.tf": MORE}, by=team.alice)
    team.repo.tag("v1.0", second, by=team.alice)
    world.settle()

    assert [(run.tag, run.commit_sha) for run in world.runs()] == [("v1.0", first), ("v1.0", second)]
