"""Is the job still ours? Heartbeats, in a thread of their own, and what follows from their answers."""

import threading
import time

import structlog

from bot.errors import OutsideTrouble
from bot.run import Stage
from bot.runner.client import StageClient, StaleLease
from bot.runner.engine_process import Reins, Stop
from bot.runner.job import Claim
from bot.stage_words import Signal

LONGEST_INTERVAL = 5.0  # seconds between two heartbeats: their answers bring a cancel
log = structlog.get_logger()


class LeaseKeeper:
    """Renews the lease every third of its time, or more often: that is how a cancel is heard of.

    A stale lease kills the engine at once: somebody else owns the job. A server that can't be reached for a whole lease
    kills a plan, which is safe to repeat; an apply goes on, for what it does to the world can't be taken back, and the
    server decides on its state pushes.
    """

    def __init__(self, claim: Claim, client: StageClient, reins: Reins) -> None:
        self._claim = claim
        self._client = client
        self._reins = reins
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease keeper", daemon=True)
        self._renewed_at = time.monotonic()
        self.is_stale = False

    def __enter__(self) -> "LeaseKeeper":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def lose(self) -> None:
        """The server said that the job is somebody else's."""
        self.is_stale = True
        self._reins.kill(Stop.LEASE_LOST)

    def confirm(self, client: StageClient) -> None:
        """Renew now, before something that can't be taken back. Raises StaleLease, or OutsideTrouble if unsure."""
        if self.is_stale:
            raise StaleLease(f"{self._claim.job.id} belongs to another runner now")
        try:
            self._obey(client.heartbeat())
        except StaleLease:
            self.lose()
            raise

    def _run(self) -> None:
        interval = min(self._claim.lease_seconds / 3, LONGEST_INTERVAL)
        with self._client.another() as client:
            while not self._stop.wait(interval):
                try:
                    self._obey(client.heartbeat())
                    interval = min(self._claim.lease_seconds / 3, LONGEST_INTERVAL)
                except StaleLease:
                    log.warning("lease lost", job=self._claim.job.id, run=self._claim.job.run_id)
                    self.lose()
                    return
                except (OutsideTrouble, RuntimeError) as trouble:  # RuntimeError: this machine has no thread left
                    log.warning("heartbeat failed", job=self._claim.job.id, reason=str(trouble))
                    interval = min(1.0, self._claim.lease_seconds / 10)
                    self._give_up_a_plan()

    def _obey(self, signal: Signal) -> None:
        self._renewed_at = time.monotonic()
        match signal:
            case Signal.NONE:
                pass
            case Signal.INTERRUPT:
                self._reins.interrupt(Stop.CANCELED)
            case Signal.KILL:
                self._reins.kill(Stop.CANCELED)

    def _give_up_a_plan(self) -> None:
        overdue = time.monotonic() - self._renewed_at > self._claim.lease_seconds
        if overdue and self._claim.job.stage is Stage.PLAN:
            self._reins.kill(Stop.LEASE_LOST)
