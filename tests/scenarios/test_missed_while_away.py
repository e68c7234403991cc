"""What a short absence, a draft and a tag leave unheard is found as well (issue 2, recovery)."""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import Any

import pytest

from bot.errors import OutsideTrouble, Refused
from bot.run import RunStatus
from handlers.jobs import Job, Verb
from tests.scenarios.fates import minutes_pass
from tests.scenarios.talk import BEFORE_MERGE, MORE, Team
from tests.scenarios.world import HELLO, World


def _is_down_for_a_minute(team: Team) -> None:
    assert team.host.pending
    team.host.pending.clear()
    team.a_moment_passes(minutes=1)
    team.world.restart()
    team.world.settle()


def _time_passes_unheard(team: Team) -> None:
    """The deliveries are lost, and the usual comparison comes."""
    team.host.pending.clear()
    minutes_pass(team.world, 12)


def _team(world: World, **settings: Any) -> Team:
    team = Team(world, {"main.tf": HELLO}, **settings)
    world.settle()
    minutes_pass(world, 1)  # the first look
    return team


def test_a_push_of_a_minute_without_us_is_planned_at_the_start(world: World) -> None:
    """However lately the host was asked: at the start of a worker everything is compared."""
    team = _team(world)
    sha = team.repo.push("main", {"more.tf": MORE}, by=team.alice)

    _is_down_for_a_minute(team)

    assert [(run.commit_sha, run.status) for run in world.runs()] == [(sha, RunStatus.PLANNED)]


def test_any_later_sweep_leaves_hosts_alone_that_were_asked_lately(github_world: World) -> None:
    team = _team(github_world)
    asked = len(team.host.requests_to("/pulls"))

    team.a_moment_passes(minutes=1)
    team.sweep()
    assert len(team.host.requests_to("/pulls")) == asked

    github_world.enqueue([Job(Verb.SWEEP, "start")])
    github_world.settle()
    assert len(team.host.requests_to("/pulls")) == asked + 1


def test_a_draft_that_became_ready_unheard_is_planned_once(world: World) -> None:
    team = _team(world)
    pull = team.open(files={"more.tf": MORE}, draft=True)
    assert world.runs() == []
    pull.ready(by=team.alice)

    _time_passes_unheard(team)

    run = world.only_run()
    assert (run.pull_number, run.status) == (pull.number, RunStatus.PLANNED_AND_FINISHED)
    minutes_pass(world, 25)
    assert world.only_run().id == run.id


class Killed(BaseException):
    """What ends a process."""


def _once(patch: pytest.MonkeyPatch, where: str, error: BaseException) -> None:
    """The first call fails so."""
    module, _, name = where.rpartition(".")
    real, errors = getattr(importlib.import_module(module), name), [error]

    def tried(*arguments: Any, **more: Any) -> Any:
        if errors:
            raise errors.pop()
        return real(*arguments, **more)

    patch.setattr(where, tried)


def test_a_pull_request_that_was_half_dealt_with_is_dealt_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What we know of it is noted before its runs are made: that it is known says nothing."""
    team = _team(world)
    team.repo.push("feature", {"more.tf": MORE}, by=team.alice)
    pull = team.repo.open_pull("feature", by=team.alice)
    _once(monkeypatch, "handlers.reactions.pulls.make_runs", OutsideTrouble("the host is away"))
    _time_passes_unheard(team)
    run = world.only_run()
    assert (run.pull_number, run.status) == (pull.number, RunStatus.PLANNED_AND_FINISHED)
    assert world.services.pulls.unsettled(world.repository().id) == set()


def test_a_closed_pull_request_that_was_half_dealt_with_holds_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = _team(world, **BEFORE_MERGE)
    pull = team.open(files={"more.tf": MORE})
    run = world.only_run()
    assert run.status is RunStatus.PLANNED_AND_SAVED
    pull.close(by=team.alice)
    with monkeypatch.context() as patch:
        _once(patch, "handlers.reactions.pulls.end_run", Killed())
        with pytest.raises(Killed):
            _time_passes_unheard(team)
    assert world.run(run).status is RunStatus.PLANNED_AND_SAVED
    minutes_pass(world, 12)
    assert world.run(run).status is RunStatus.DISCARDED


def test_a_merge_request_that_its_owner_deleted_holds_nothing(gitlab_world: World) -> None:
    team = _team(gitlab_world, **BEFORE_MERGE)
    pull = team.open(files={"more.tf": MORE})
    run = gitlab_world.only_run()
    assert run.status is RunStatus.PLANNED_AND_SAVED
    team.repo.pulls.remove(pull)

    _time_passes_unheard(team)

    assert gitlab_world.run(run).status is RunStatus.DISCARDED
    asked = len(team.host.requests_to(f"/merge_requests/{pull.number}"))
    minutes_pass(gitlab_world, 25)
    assert len(team.host.requests_to(f"/merge_requests/{pull.number}")) == asked


def test_a_pull_request_that_is_refused_keeps_no_other_from_being_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = _team(world)
    for branch in ("one", "two"):
        team.repo.push(branch, {f"{branch}.tf": MORE}, by=team.alice)
        team.repo.open_pull(branch, by=team.alice)
    _once(monkeypatch, "handlers.reactions.pulls.make_runs", Refused("it can't be unpacked"))
    _time_passes_unheard(team)
    other = world.only_run()
    minutes_pass(world, 25)
    assert world.only_run().id == other.id


def test_new_and_moved_tags_that_nobody_told_of_are_run_once(world: World) -> None:
    """Tags that stood there before anybody listened start nothing; neither do those that don't fit."""
    host: Any = world.host
    repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
    alice = host.person("alice", role="write", repo=repo)
    old = repo.head("main")
    repo.tag("v1.0", old, by=alice)
    host.pending.clear()
    world.workspace("prod", repo, tags_regex=r"^v\d")
    minutes_pass(world, 25)
    assert world.runs() == []

    new = repo.push("main", {"more.tf": MORE}, by=alice)
    repo.tag("v1.1", new, by=alice, annotated=True)
    repo.tag("notes", new, by=alice)
    repo.tag("v1.0", new, by=alice)
    host.pending.clear()
    minutes_pass(world, 12)

    runs = world.runs()
    assert [(run.tag, run.commit_sha) for run in runs] == [("v1.0", new), ("v1.1", new)]
    world.offset += timedelta(minutes=1)
    minutes_pass(world, 25)
    assert len(world.runs()) == 2


def test_a_tag_that_was_told_of_is_not_run_again(world: World) -> None:
    team = _team(world, tags_regex=r"^v\d")
    team.repo.tag("v1", team.repo.head("main"), by=team.alice, annotated=True)
    world.settle()
    assert len(world.runs()) == 1

    minutes_pass(world, 25)

    assert len(world.runs()) == 1


def test_tags_are_looked_at_anew_once_somebody_listens_to_them_again(world: World) -> None:
    """What was tagged while no workspace ran for tags was not said to one that does later."""
    team = _team(world, tags_regex=r"^v\d")
    services = world.services
    services.workspaces.change(team.prod.id, {"tags_regex": ""})
    minutes_pass(world, 12)
    team.repo.tag("v1", team.repo.head("main"), by=team.alice)
    _time_passes_unheard(team)
    services.workspaces.change(team.prod.id, {"tags_regex": r"^v\d"})

    minutes_pass(world, 25)

    assert world.runs() == []
