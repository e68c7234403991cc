"""A runner that a test leads by the hand: it claims a stage, and says and hands in what the test wants."""

from __future__ import annotations

import io
from typing import Any

from bot.plan_summary import PlanSummary
from bot.run import Run, Stage
from bot.runner.client import StageClient, claim_job
from bot.runner.job import Claim, StageResult
from bot.stage_words import Outcome
from tests.scenarios.world import World


class HandRunner:
    """Holds one stage. `close` it, or use it in a `with`."""

    def __init__(self, world: World, run: Run, stage: Stage, name: str = "runner-7") -> None:
        job = world.services.jobs.of_run(run.id, stage)
        assert job is not None, f"{run.id} has no {stage}"
        claim = claim_job(world.address, world.services.pool_token, job.id, name)
        assert claim is not None, f"{job.id} could not be claimed"
        self.claim: Claim = claim
        self.client = StageClient(world.address, claim)

    def __enter__(self) -> HandRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.__exit__()

    def hand_in(self, what: str, content: bytes) -> None:
        self.client.upload(what, io.BytesIO(content))

    def says(self, outcome: Outcome, exit_code: int | None = 0, **facts: Any) -> None:
        facts.setdefault("apply_started", self.claim.job.stage is Stage.APPLY)
        self.client.post_result(StageResult(outcome, exit_code, **facts))

    def plans_something(self) -> None:
        self.hand_in("plan", b"a plan")
        self.hand_in("work-folder", b"a folder")
        summary = PlanSummary(additions=1, added=("terraform_data.hello",))
        self.says(Outcome.SUCCEEDED, has_changes=True, summary=summary, plan_digest="ab" * 32)
