"""What is there to cancel? A run in each state in which a comment can end it, while the story goes on around it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from bot.run import Run, RunStatus, Stage
from bot.stage_words import Outcome, Signal
from tests.scenarios.runners import HandRunner
from tests.scenarios.talk import MORE, Team
from tests.scenarios.world import HELLO


class At(StrEnum):
    """Where the run is."""

    BEHIND_ANOTHER = "behind another run"
    QUEUED = "waits for a runner"
    PLANNING = "is planned"
    APPROVED = "approved, and not begun"
    APPLYING = "is applied"


STATUS = {
    At.BEHIND_ANOTHER: RunStatus.PENDING,
    At.QUEUED: RunStatus.PLAN_QUEUED,
    At.PLANNING: RunStatus.PLANNING,
    At.APPROVED: RunStatus.APPLY_QUEUED,
    At.APPLYING: RunStatus.APPLYING,
}


class UnderWay:
    """The run of a pull request, and `place`, where people talk of it. Close it, or use it in a `with`.

    `approver` approves it where it is to be approved. Only what is behind another run is of a pull request's push.
    """

    def __init__(self, team: Team, at: At, approver: Any = None) -> None:
        self.team, self.at = team, at
        self.runner: HandRunner | None = None
        if at is At.BEHIND_ANOTHER:
            team.merged("one", {"main.tf": HELLO})
            self.place = team.merged("other", {"other.tf": MORE})
        elif at in (At.QUEUED, At.PLANNING):
            team.world.is_runner_there = False
            self.place = team.open()
        else:
            self.place = team.open()
            team.world.is_runner_there = False
            team.say(self.place, "apply", approver or team.alice)
        self.id = team.world.runs()[-1].id
        if at in (At.PLANNING, At.APPLYING):
            self.runner = HandRunner(team.world, self.run, Stage.APPLY if at is At.APPLYING else Stage.PLAN)
        assert self.run.status is STATUS[at], self.run.status

    def __enter__(self) -> UnderWay:
        return self

    def __exit__(self, *_: object) -> None:
        if self.runner is not None:
            self.runner.__exit__()

    @property
    def run(self) -> Run:
        return self.team.world.services.runs.get(self.id)

    def all_of_it(self) -> tuple[Any, ...]:
        """Everything that a command could have moved: the run, its stages and what they were told, hold and lock."""
        services, workspace_id = self.team.world.services, self.run.workspace_id
        stages = [services.jobs.of_run(self.id, stage) for stage in Stage]
        queue = [run.id for run in services.runs.unfinished(workspace_id)]
        return self.run, stages, queue, services.workspaces.hold(workspace_id), services.workspaces.get(workspace_id)

    def ends(self) -> RunStatus:
        """What has become of it, once a runner that was told to stop has stopped."""
        if self.runner is not None and self.run.cancel_requested_at is not None:
            job = self.team.world.services.jobs.of_run(self.id, self.runner.claim.job.stage)
            assert job is not None
            assert job.signal is Signal.INTERRUPT
            self.runner.says(Outcome.CANCELED)
            self.team.world.settle()
        return self.run.status
