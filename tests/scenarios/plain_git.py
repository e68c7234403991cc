"""How does a person work with plain Git in these stories? They push from a work tree, and approve at the terminal."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from click.testing import CliRunner

from bot.run import Run
from handlers.cli import main
from tests.fakes.git_repositories import Work
from tests.scenarios.world import World

PATIENCE_SECONDS = 60


@dataclass
class Push:
    """A `git push` that is under way: its hook waits for Runlock, so it runs beside the story."""

    process: subprocess.Popen[bytes]

    @property
    def is_done(self) -> bool:
        return self.process.poll() is not None

    def lines(self) -> list[str]:
        """What the person sees from the other side, without Git's own padding; the push succeeded."""
        _, errors = self.process.communicate(timeout=PATIENCE_SECONDS)
        assert self.process.returncode == 0, errors
        shown = [line for line in errors.decode().splitlines() if line.startswith("remote:")]
        return [line.removeprefix("remote: ").rstrip() for line in shown]


@dataclass
class Bench:
    """ada, at her work tree, with a plain repository that Runlock is connected to."""

    world: World
    work: Work
    environment: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *refs: str) -> Push:
        argv = ["git", "push", "--force", str(self.work.bare), *(refs or ("HEAD:refs/heads/main",))]
        pipe = subprocess.PIPE
        process = subprocess.Popen(argv, cwd=self.work.folder, env=self.environment, stdout=pipe, stderr=pipe)
        self.started.append(process)
        return Push(process)

    def push(self, *refs: str) -> list[str]:
        """Push, while Runlock works off whatever comes of it."""
        pushing = self.start(*refs)
        self.work_while(lambda: not pushing.is_done)
        return pushing.lines()

    def commit_and_push(self, files: dict[str, str], *refs: str) -> list[str]:
        self.work.commit(dict(files))
        return self.push(*refs)

    def work_while(self, going: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while going():
            assert time.monotonic() < deadline, "it does not come to an end"
            if self.world.jobs:  # else nothing but the world's clock would move on
                self.world.settle()
            time.sleep(0.02)

    @property
    def head(self) -> str:
        return self.work.git("rev-parse", "HEAD")[:12]

    def url(self, run: Run) -> str:
        name = self.world.services.workspaces.get(run.workspace_id).name
        return f"{self.world.address}/app/acme/{name}/runs/{run.id}"

    def runlock(self, *arguments: str) -> str:
        """At the terminal. A running worker would take up the jobs; here the sweep finds what is to be done."""
        data = {"RUNLOCK_DATA": str(self.world.settings.data), "RUNLOCK_ADDRESS": self.world.address}
        result = CliRunner().invoke(main, arguments, prog_name="runlock", env=data)
        assert result.exit_code in (0, 1), result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        self.world.restart()
        self.world.settle()
        return result.output
