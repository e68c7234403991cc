"""What is over for a month is forgotten; what is needed to know a repeat, or what is still open, is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Refused
from bot.run import RunKind, RunStatus, TriggerReason
from bot.vcs.mirror import Mirror
from handlers.jobs import Job, Verb
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import create_run
from storage.inbox import DeliveryStatus
from tests.scenarios.talk import MORE, Team
from tests.scenarios.world import HELLO, World


def _days_pass(team: Team, days: int) -> None:
    for _ in range(days):
        team.sweep()
        team.world.wait(days=1)
    team.sweep()


def _bodies(world: World) -> list[int]:
    return [len(delivery.body) for delivery in world.services.inbox.recent(1000)]


def _channels(world: World, commit_sha: str) -> set[str]:
    sql = "SELECT DISTINCT channel FROM outbox WHERE content ->> '$.commit_sha' = ?"
    return {row["channel"] for row in world.services.records.rows(sql, (commit_sha,))}


def test_old_deliveries_are_emptied_and_a_repeat_of_one_does_nothing(world: World) -> None:
    team = Team(world, {"main.tf": HELLO})
    team.open(files={"more.tf": MORE})
    kept = [delivery for delivery in team.host.deliveries if delivery.status == 202]
    assert kept
    assert all(_bodies(world))

    _days_pass(team, 3)
    assert all(_bodies(world))
    world.wait(days=28)
    team.sweep()

    assert not any(_bodies(world))
    before = len(world.runs())
    for delivery in kept:
        assert team.host.send(delivery) == 202
    world.settle()
    assert len(world.runs()) == before
    with pytest.raises(Refused, match="not kept any more"):
        world.services.inbox.take_up(world.services.inbox.recent(1)[0].seq)


def test_a_plan_that_was_kept_for_a_month_is_given_up(world: World) -> None:
    team = Team(world, {"main.tf": HELLO})
    request = RunRequest(world.repository(), team.repo.head("main"), TriggerReason.MANUAL, delivery="")
    kept, jobs = create_run(world.services, team.prod, RunKind.SAVED_PLAN, request)
    assert kept is not None
    world.enqueue(jobs)
    world.settle()
    _days_pass(team, 3)
    assert world.run(kept).status is RunStatus.PLANNED_AND_SAVED

    world.wait(days=28)
    team.sweep()

    assert world.run(kept).status is RunStatus.DISCARDED
    assert world.services.timeline.of(kept.id)[-1].text == "nobody has applied it for 30 days"


def test_what_was_not_dealt_with_is_kept_and_an_ignored_one_is_taken_up_with_its_new_body(world: World) -> None:
    team = Team(world, {"main.tf": HELLO})
    inbox, connection = world.services.inbox, world.connection()
    failed = inbox.remember(connection.id, "d-1", "lane", "push", b"{}")
    ignored = inbox.remember(connection.id, "d-2", "lane", "push", b"{}")
    assert failed
    assert ignored
    inbox.finish(failed, DeliveryStatus.FAILED, "no luck")
    inbox.finish(ignored, DeliveryStatus.IGNORED, "not for us")

    _days_pass(team, 1)
    world.wait(days=31)
    team.sweep()

    found = {delivery.delivery_id: delivery.body for delivery in inbox.recent()}
    assert found == {"d-1": b"{}", "d-2": b""}
    assert inbox.remember(connection.id, "d-2", "lane", "push", b'{"again": 1}') == ignored
    again = inbox.find(ignored)
    assert again
    assert again.body == b'{"again": 1}'


def test_reports_of_what_is_over_are_removed_and_those_of_open_things_kept(world: World) -> None:
    team = Team(world, {"main.tf": HELLO})
    over = team.open(files={"more.tf": MORE})
    over.close(by=team.alice)
    world.settle()
    still_open = team.open("other", files={"other.tf": MORE.replace("more", "other")})
    pushed = team.repo.push("main", {"main.tf": HELLO + "# pushed\n"}, by=team.alice)
    world.settle()
    assert world.runs()[-1].status is RunStatus.PLANNED
    team.the_host_is_asked_for_two_minutes()
    closed_head, comments = over.head_sha, len(team.repo.all_comments)

    _days_pass(team, 1)
    world.wait(days=31)
    team.sweep()

    assert _channels(world, closed_head) <= {"comment"}
    assert {"refresh", "status"} <= _channels(world, still_open.head_sha)
    assert {"refresh", "status"} <= _channels(world, pushed)
    assert team.say(still_open, "help")  # people are answered as ever, and nothing is said twice
    ours: list[Any] = team.repo.all_comments
    assert len(ours) == comments + 2


def test_nothing_is_forgotten_where_it_was_not_wanted(tmp_path: Path, plain_world: World) -> None:
    """RUNLOCK_RETENTION_DAYS=0."""
    del tmp_path
    services = plain_world.services
    object.__setattr__(services.settings, "retention_days", 0)
    seq = services.inbox.remember(plain_world.connection().id, "d-1", "lane", "push", b"{}")
    assert seq
    services.inbox.finish(seq, DeliveryStatus.HANDLED, "done")

    for days in (1, 400):
        plain_world.wait(days=days)
        plain_world.enqueue([Job(Verb.SWEEP)])
        plain_world.settle()

    kept = services.inbox.find(seq)
    assert kept
    assert kept.body == b"{}"


def test_a_mirror_is_tidied_about_daily(github_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team(github_world, {"main.tf": HELLO})
    team.open(files={"more.tf": MORE})
    tidied: list[Path] = []
    tidy = Mirror.tidy

    def noted(mirror: Mirror) -> None:
        tidied.append(mirror.folder)
        tidy(mirror)

    monkeypatch.setattr(Mirror, "tidy", noted)
    team.sweep()
    for _ in range(3):
        github_world.wait(hours=13)
        team.sweep()

    assert len(tidied) == 1
    assert os.listdir(tidied[0] / "objects" / "pack")
    assert team.say(team.open("other", files={"o.tf": "# o\n"}), "help")
