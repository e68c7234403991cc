"""A plan runs what a pull request holds, so forks are planned only where RUNLOCK_FORKS says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.run import RunStatus
from tests.fakes.github import FakeGitHub
from tests.fakes.gitlab import FakeGitLab
from tests.scenarios.talk import MORE, Team
from tests.scenarios.world import HELLO, World


@pytest.fixture(params=["github", "gitlab"])
def open_to_forks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    kind = FakeGitHub if request.param == "github" else FakeGitLab
    with kind(tmp_path / "host") as host:
        world = World(tmp_path / "runlock", host, forks=True)
        yield world
        world.close()
    assert not host.violations, "\n".join(host.violations)


class Forked(Team):
    """fred, a stranger, opens a pull request from a fork of his own."""

    def __init__(self, world: World, **settings: Any) -> None:
        super().__init__(world, {"main.tf": HELLO}, **settings)
        self.fred = self.host.person("fred")
        self.fork = self.repo.fork(self.fred)
        self.fork.push("feature", {"more.tf": MORE}, by=self.fred)
        self.pull = self.repo.open_pull("feature", by=self.fred, head=self.fork)
        world.settle()


def test_a_fork_is_not_planned_and_its_commit_says_so(world: World) -> None:
    forked = Forked(world)

    assert world.runs() == []
    assert forked.status(forked.pull.head_sha, "runlock/plan").endswith("fork, not planned: plans of forks are off")


@pytest.mark.parametrize("who", ["alice", "fred"])
def test_nobody_gets_a_fork_planned_by_a_comment(world: World, who: str) -> None:
    """Neither its author, who may not, nor somebody who may: the setting decides."""
    forked = Forked(world)

    said = forked.say(forked.pull, "plan", getattr(forked, who))

    assert ("comes from a fork" if who == "alice" else "may not") in said
    assert world.runs() == []


def test_where_forks_are_planned_one_is_planned_like_any_other(open_to_forks: World) -> None:
    forked = Forked(open_to_forks)

    run = open_to_forks.only_run()
    assert (run.commit_sha, run.status) == (forked.pull.head_sha, RunStatus.PLANNED_AND_FINISHED)
    assert "2 to add" in forked.pull.comments[0].body
    assert forked.status(forked.pull.head_sha, "runlock/plan").startswith("success")
    head = forked.pull.push({"more.tf": MORE + "# more\n"})
    open_to_forks.settle()
    assert open_to_forks.runs()[-1].commit_sha == head


def test_where_forks_are_planned_only_who_may_has_one_planned_again_or_applied(open_to_forks: World) -> None:
    forked = Forked(open_to_forks, vcs_workflow="apply-before-merge", apply_requirements=())
    (first,) = open_to_forks.runs()

    assert "may not" in forked.say(forked.pull, "plan", forked.fred)
    assert "may not" in forked.say(forked.pull, "apply", forked.fred)
    assert open_to_forks.runs() == [first]
    assert forked.nothing_was_applied()

    forked.say(forked.pull, "plan", forked.alice)
    assert open_to_forks.runs()[-1].created_by == "alice"
    forked.say(forked.pull, "apply", forked.alice)
    assert open_to_forks.runs()[-1].status is RunStatus.APPLIED
