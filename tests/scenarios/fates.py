"""What becomes of a job? It is done, lost, done twice, or the process dies before it: the rows must not care."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from bot.run import Run, RunStatus, Stage
from handlers.jobs import Job, Verb
from tests.scenarios.world import HELLO, World


class Fate(StrEnum):
    DONE = "done"
    LOST = "lost"  # Huey forgot it
    TWICE = "twice"  # Huey gave it to two workers, one after the other
    KILLED = "killed"  # the process dies before it, and all that was queued is gone


def decide_fates(world: World, fate_of: Callable[[int, Job], Fate], *, spares_swept: bool = False) -> list[Job]:
    """From now on, every job meets the fate that it is given, by its number; the jobs as they come up.

    Sweeps are done always; with `spares_swept` also what a sweep has found.
    """
    seen: list[Job] = []
    swept: list[Job] = []
    really_do = world.do

    def do(job: Job) -> None:
        is_spared = job.verb is Verb.SWEEP or (spares_swept and any(job is found for found in swept))
        fate = Fate.DONE if is_spared else fate_of(len(seen), job)
        seen.append(job)
        waiting = len(world.jobs)
        match fate:
            case Fate.DONE:
                really_do(job)
                swept.extend(list(world.jobs)[waiting:] if job.verb is Verb.SWEEP else ())
            case Fate.TWICE:
                really_do(job)
                really_do(job)
            case Fate.KILLED:
                world.restart()

    world.do = do  # type: ignore[method-assign]
    return seen


def at_random(seed: int) -> Callable[[int, Job], Fate]:
    """A bad day: a third of all jobs are lost, doubled or killed."""
    chance = random.Random(seed)
    return lambda number, job: chance.choices(list(Fate), weights=[66, 14, 14, 6])[0]


def minutes_pass(world: World, minutes: int) -> None:
    """Each minute brings its sweep."""
    for _ in range(minutes):
        world.enqueue([Job(Verb.SWEEP)])
        world.wait(minutes=1)


class PushToApply:
    """A pull request is merged at once; its push is planned, asked about, approved and applied."""

    def __init__(self, world: World) -> None:
        self.world = world
        host: Any = world.host
        self.repo = host.create_repository("acme/infra", files={"README.md": "infra"})
        self.alice = host.person("alice", role="write", repo=self.repo)
        self.prod = world.workspace("prod", self.repo)

    def tell(self, minutes: int = 4) -> None:
        self.repo.push("feature", {"main.tf": HELLO}, by=self.alice)
        self.pull = self.repo.open_pull("feature", by=self.alice)
        self.merged = self.pull.merge(by=self.alice)
        self.world.settle()
        minutes_pass(self.world, minutes)
        self.pull.comment("apply", self.alice)
        self.world.settle()
        minutes_pass(self.world, minutes)

    def run(self) -> Run:
        (run,) = (run for run in self.world.runs() if run.commit_sha == self.merged)
        return run

    def check_its_end(self) -> None:
        """The one end that this story has, whatever happened on the way."""
        run = self.run()
        assert run.status is RunStatus.APPLIED, self.world.timeline(run)
        assert self.world.services.jobs.count(run.id, Stage.PLAN) == 1
        assert self.world.services.jobs.count(run.id, Stage.APPLY) == 1
        assert b'"hello"' in self.world.state(self.prod)
        assert len(self.world.services.states.of_workspace(self.prod.id)) == 1
        statuses = {name: status.state for name, status in self.repo.statuses(self.merged).items()}
        assert set(statuses.values()) == {"success"}
        assert {"runlock/plan", "runlock/apply", "runlock/apply: prod"} <= set(statuses)
        ours = [comment.body for comment in self.pull.comments if comment.author != self.alice]
        assert [sum(word in body for body in ours) for word in ("waits for approval", "Approved:", "1 added")] == [
            1
        ] * 3
        assert len(ours) == 3, ours
