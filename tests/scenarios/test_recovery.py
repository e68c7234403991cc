"""What was missed while we were away is found and done, each once (issue 2, recovery)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bot.run import Run, RunStatus
from handlers.jobs import Job, Verb
from tests.scenarios.fates import minutes_pass
from tests.scenarios.world import HELLO, World

MORE = 'resource "terraform_data" "more" {}\n'


class Away:
    """A workspace whose host and server know each other; then the server goes away."""

    def __init__(self, world: World, **settings: Any) -> None:
        self.world = world
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.alice = self.host.person("alice", role="write", repo=self.repo)
        self.prod = world.workspace("prod", self.repo, **settings)
        world.settle()
        minutes_pass(world, 1)

    def is_down_meanwhile(self) -> None:
        """What the host tells now is told to nobody, and it does not tell it again."""
        assert self.host.pending
        self.host.pending.clear()
        for _ in range(30):
            self.a_minute_without_us()
        self.world.restart()
        self.world.settle()
        minutes_pass(self.world, 2)

    def a_minute_without_us(self) -> None:
        self.world.offset += timedelta(minutes=1)
        self.host.advance(timedelta(minutes=1))

    def runs_at(self, commit_sha: str) -> list[Run]:
        return [run for run in self.world.runs() if run.commit_sha == commit_sha]

    def nothing_more_happens(self) -> None:
        """However often the host is compared with what we know."""
        minutes_pass(self.world, 5)
        runs, comments = len(self.world.runs()), len(self.repo.all_comments)
        for _ in range(3):
            self.world.wait(minutes=11)
            self.world.enqueue([Job(Verb.SWEEP)])
            self.world.settle()
        assert (len(self.world.runs()), len(self.repo.all_comments)) == (runs, comments)


def test_a_missed_push_is_planned(world: World) -> None:
    away = Away(world)
    away.repo.push("main", {"more.tf": "# one\n"}, by=away.alice)
    sha = away.repo.push("main", {"more.tf": MORE}, by=away.alice)

    away.is_down_meanwhile()

    (run,) = away.runs_at(sha)
    assert run.status is RunStatus.PLANNED
    assert len(world.runs()) == 1  # the newest; what it brought is in it
    away.nothing_more_happens()


def test_a_missed_push_back_and_forth_is_planned_each_time(github_world: World) -> None:
    """The same commit may be the news twice."""
    away = Away(github_world)
    first = away.repo.push("main", {"more.tf": "# one\n"}, by=away.alice)
    away.is_down_meanwhile()
    second = away.repo.push("main", {"more.tf": "# two\n"}, by=away.alice)
    away.is_down_meanwhile()
    away.repo.move_branch("main", first, by=away.alice)
    away.is_down_meanwhile()

    assert [run.commit_sha for run in github_world.runs()] == [first, second, first]
    away.nothing_more_happens()


def test_a_push_that_was_received_after_all_is_not_planned_twice(world: World) -> None:
    """The reconcile found it first; then the host sends it again."""
    away = Away(world)
    away.repo.push("main", {"more.tf": MORE}, by=away.alice)
    kept = list(away.host.pending)
    away.is_down_meanwhile()

    for delivery in kept:
        assert away.host.send(delivery) == 202
    world.settle()

    assert len(world.runs()) == 1
    away.nothing_more_happens()


def test_a_missed_pull_request_is_planned(world: World) -> None:
    away = Away(world)
    away.repo.push("feature", {"more.tf": MORE}, by=away.alice)
    pull = away.repo.open_pull("feature", by=away.alice)

    away.is_down_meanwhile()

    (run,) = world.runs()
    assert (run.pull_number, run.status) == (pull.number, RunStatus.PLANNED_AND_FINISHED)
    assert "2 to add" in pull.comments[0].body
    away.nothing_more_happens()


def test_a_missed_head_makes_the_older_plan_obsolete(world: World) -> None:
    away = Away(world, vcs_workflow="apply-before-merge")
    away.repo.push("feature", {"more.tf": MORE}, by=away.alice)
    pull = away.repo.open_pull("feature", by=away.alice)
    world.settle()
    head = pull.push({"more.tf": "# less\n"})

    away.is_down_meanwhile()

    old, new = world.runs()
    assert old.status is RunStatus.DISCARDED
    assert new.commit_sha == head
    away.nothing_more_happens()


def test_a_missed_close_ends_the_plans(world: World) -> None:
    away = Away(world, vcs_workflow="apply-before-merge")
    away.repo.push("feature", {"more.tf": MORE}, by=away.alice)
    pull = away.repo.open_pull("feature", by=away.alice)
    world.settle()
    pull.close(by=away.alice)

    away.is_down_meanwhile()

    assert world.only_run().status is RunStatus.DISCARDED
    away.nothing_more_happens()


@pytest.mark.parametrize("where", ["merged pull request", "commit", "open pull request"])
def test_a_missed_command_is_carried_out(world: World, where: str) -> None:
    """`apply` was said while nobody listened: in the pull request, merged or open, or at the pushed commit."""
    before = {"vcs_workflow": "apply-before-merge", "apply_requirements": ()}
    away = Away(world, **(before if where == "open pull request" else {}))
    if where == "commit":
        sha = away.repo.push("main", {"more.tf": MORE}, by=away.alice)
    else:
        away.repo.push("feature", {"more.tf": MORE}, by=away.alice)
        pull = away.repo.open_pull("feature", by=away.alice)
        world.settle()
        sha = pull.head_sha if where == "open pull request" else pull.merge(by=away.alice)
    world.settle()
    minutes_pass(world, 5)
    (run,) = away.runs_at(sha)
    assert run.needs_decision
    if where == "commit":
        away.repo.comment_on(sha, "apply", away.alice)
    else:
        pull.comment("apply", away.alice)

    away.is_down_meanwhile()

    assert world.run(run).status is RunStatus.APPLIED, world.timeline(run)
    assert world.run(run).confirmed_by == "alice"
    away.nothing_more_happens()


def test_a_host_that_is_away_is_asked_again(github_world: World) -> None:
    """The comparison is marked as done only when it was."""
    away = Away(github_world)
    sha = away.repo.push("main", {"more.tf": MORE}, by=away.alice)
    away.host.fail_next("/pulls", 502, times=3)

    away.is_down_meanwhile()
    minutes_pass(github_world, 4)

    assert len(away.runs_at(sha)) == 1


def test_what_was_said_before_we_came_was_not_said_to_us(world: World) -> None:
    host: Any = world.host
    repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
    alice = host.person("alice", role="write", repo=repo)
    repo.push("feature", {"more.tf": MORE}, by=alice)
    pull = repo.open_pull("feature", by=alice)
    pull.comment("apply", alice)
    host.pending.clear()
    world.workspace("prod", repo, vcs_workflow="apply-before-merge", apply_requirements=())

    minutes_pass(world, 25)

    assert world.only_run().status is RunStatus.PLANNED_AND_SAVED
