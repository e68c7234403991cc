"""Plain Git, whole: a person pushes, reads what Runlock does behind `remote:`, and approves at the terminal."""

from __future__ import annotations

import getpass
import threading

from bot.ids import RunId
from bot.run import RunStatus, Stage
from handlers.reactions import decisions
from tests.scenarios.plain_git import Bench
from tests.scenarios.world import HELLO


def test_a_push_is_planned_approved_and_applied(bench: Bench) -> None:
    prod = bench.world.workspace("prod", str(bench.work.bare))

    said = bench.commit_and_push({"main.tf": HELLO})

    run = bench.world.only_run()
    assert said == [
        f"Runlock: 1 run for main at {bench.head}",
        "  prod: 1 to add, 0 to change, 0 to destroy",
        f"    {bench.url(run)}",
        f"To apply it: runlock apply {run.id}; to drop it: runlock discard {run.id}",
    ]
    assert run.status is RunStatus.PLANNED
    assert run.created_by == "ada"

    assert bench.runlock("apply", run.id) == f"{run.id} is approved: 1 to add, 0 to change, 0 to destroy\n"

    assert bench.world.run(run).status is RunStatus.APPLIED
    assert bench.world.run(run).confirmed_by == getpass.getuser()
    assert b'"hello"' in bench.world.state(prod)
    assert bench.runlock("apply", run.id) == f"Error: {run.id} is applied already\n"


def test_a_push_is_given_up_and_the_next_one_gets_its_turn(bench: Bench) -> None:
    bench.world.workspace("prod", str(bench.work.bare))
    bench.commit_and_push({"main.tf": HELLO})
    first = bench.world.only_run()
    bench.commit_and_push({"more.tf": 'resource "terraform_data" "more" {}\n'})

    assert bench.runlock("discard", first.id) == f"{first.id} is discarded\n"

    second = bench.world.runs()[-1]
    assert bench.world.run(first).status is RunStatus.DISCARDED
    assert second.status is RunStatus.PLANNED
    assert "2 to add" in bench.runlock("run", "show", second.id)


def test_a_run_is_approved_once(bench: Bench) -> None:
    """Two people approve at the same moment: one of them is told that it has been done."""
    bench.world.workspace("prod", str(bench.work.bare))
    bench.commit_and_push({"main.tf": HELLO})
    run = bench.world.only_run()
    answers: list[str] = []

    def approve(who: str) -> None:
        try:
            decisions.confirm(bench.world.services, RunId(run.id), who)
            answers.append("done")
        except decisions.Refused as refused:
            answers.append(refused.reason)
        finally:
            bench.world.services.records.close()  # this thread's own connection

    threads = [threading.Thread(target=approve, args=(who,)) for who in ("ada", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    winner = bench.world.run(run).confirmed_by
    assert sorted(answers) == sorted(["done", f"{run.id} has been confirmed by {winner} already"])
    bench.world.restart()
    bench.world.settle()
    assert bench.world.run(run).status is RunStatus.APPLIED
    assert bench.world.services.jobs.count(run.id, Stage.APPLY) == 1
