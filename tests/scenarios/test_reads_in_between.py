"""The end of a plan is one moment: the CLI never reads "plan finished, run still planning" (tfe-contract 0.5).

Between every two writes of a plan's end, somebody else looks 2,000 times at what the CLI looks at.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.run import RunStatus, Stage
from handlers.api.stage_documents import StageStatus, plan_status
from handlers.reactions.stages import end_stage
from handlers.run_logs import ETX, whole
from handlers.services import Services
from storage.database import Records
from tests.scenarios.world import HELLO, World

READS = 2_000
ENDED = (StageStatus.FINISHED, StageStatus.ERRORED)


class Onlooker:
    """Looks at a run from a thread, and so a connection, of its own; remembers what it saw that can't be."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._thread = ThreadPoolExecutor(1)
        self.looks = 0
        self.impossible: list[str] = []

    def look(self, times: int) -> None:
        self._thread.submit(self._look, times).result(120)

    def _look(self, times: int) -> None:
        for _ in range(times):
            self.looks += 1
            for run in self._services.runs.recent(1):
                # In the order in which the CLI asks: the log, the plan, the run (tfe-contract 2.4).
                job = self._services.jobs.of_run(run.id, Stage.PLAN)
                plan = plan_status(run)
                again = self._services.runs.get(run.id)
                if plan in ENDED and again.status is RunStatus.PLANNING:
                    self.impossible.append(f"plan {plan}, run {again.status}")
                if job is not None and job.log_blob_id and again.status is RunStatus.PLANNING:
                    self.impossible.append("the log has ended, the run plans")

    def look_at_the_log(self) -> None:
        """The framed log is long: looked at once per write."""
        self._thread.submit(self._look_at_the_log).result(120)

    def _look_at_the_log(self) -> None:
        for run in self._services.runs.recent(1):
            text = b"".join(whole(self._services, run, Stage.PLAN))
            if text.endswith(ETX) and self._services.runs.get(run.id).status is RunStatus.PLANNING:
                self.impossible.append("the log says its end, the run plans")

    def close(self) -> None:
        self._thread.shutdown()


def test_nothing_is_seen_half_done(github_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    host: Any = github_world.host
    repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
    github_world.workspace("prod", repo)
    repo.push("main", {"more.tf": "# more\n"})
    onlooker = Onlooker(github_world.services)
    really_change, really_insert = Records.change, Records.insert
    writes = [0]

    def between(records: Records) -> None:
        run = next(iter(github_world.services.runs.recent(1)), None)
        if records is github_world.services.records and run is not None and run.status is not RunStatus.PENDING:
            writes[0] += 1
            onlooker.look(READS)
            onlooker.look_at_the_log()

    def change(records: Records, *arguments: Any) -> int:
        touched = really_change(records, *arguments)
        between(records)
        return touched

    def insert(records: Records, *arguments: Any) -> int:
        row = really_insert(records, *arguments)
        between(records)
        return row

    monkeypatch.setattr("handlers.runner_api.end_stage", _watched(github_world, monkeypatch, change, insert))
    github_world.settle()
    onlooker.close()

    assert github_world.only_run().status is RunStatus.PLANNED
    assert writes[0] >= 4  # run, stage, timeline, outbox
    assert onlooker.looks == writes[0] * READS
    assert onlooker.impossible == []


def _watched(world: World, monkeypatch: pytest.MonkeyPatch, change: Any, insert: Any) -> Any:
    """`end_stage`, with somebody who looks in between for as long as it takes."""

    def ended(*arguments: Any) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(Records, "change", change)
            patched.setattr(Records, "insert", insert)
            return end_stage(*arguments)

    return ended
