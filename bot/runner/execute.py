"""What happens to one job, from its claim to its result?"""

import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace

import structlog

from bot.errors import OutsideTrouble
from bot.redaction import Redactor
from bot.run import Stage
from bot.runner.client import StageClient, StaleLease, claim_job, patiently
from bot.runner.engine_process import Reins, Stop
from bot.runner.free_space import FreeSpaceWatch
from bot.runner.job import Claim, StageResult
from bot.runner.lease import LeaseKeeper
from bot.runner.log_stream import LogFile, LogSender
from bot.runner.settings import RunnerSettings, SandboxMode
from bot.runner.stage import StageRun
from bot.runner.variables import secrets_of
from bot.runner.work_folder import Rooms, stage_folder
from bot.stage_words import Outcome

CLAIM_PATIENCE = 60  # seconds; a job that can't be claimed for longer is found again by the server's sweep
FOLDER_PATIENCE = 60  # seconds for an earlier try to leave the folder
log = structlog.get_logger()


class Shutdown:
    """Everything that runs in this process, so that it can be asked to stop together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[Reins] = set()
        self._now = False

    @contextmanager
    def watching(self, reins: Reins) -> Iterator[None]:
        with self._lock:
            self._running.add(reins)
            if self._now:
                reins.interrupt(Stop.SHUTDOWN, then_kill=True)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(reins)

    def interrupt_all(self) -> None:
        """Ask every running engine to stop, and kill those that don't within their grace time."""
        with self._lock:
            self._now = True
            for reins in self._running:
                reins.interrupt(Stop.SHUTDOWN, then_kill=True)


def execute_stage(settings: RunnerSettings, job_id: str, shutdown: Shutdown) -> StageResult | None:
    """Claim a job and see it through; the result that the server took, or None if the job was or became another's.

    Raises OutsideTrouble if the server can't be reached for so long that nothing can be handed in.
    """
    nonce = secrets.token_hex(16)
    claim = patiently(
        lambda: claim_job(settings.url, settings.pool_token, job_id, settings.name, nonce),
        patience_seconds=CLAIM_PATIENCE,
        sleep=time.sleep,
    )
    if claim is None:
        log.info("job is gone or taken", job=job_id)
        return None
    log.info("job claimed", job=job_id, run=claim.job.run_id, stage=claim.job.stage.value)
    try:
        return _Execution(settings, claim, shutdown).see_through()
    except StaleLease:
        log.warning("job was given to another runner; nothing more is said about it", job=job_id, run=claim.job.run_id)
        return None


@dataclass(frozen=True)
class _Execution:
    settings: RunnerSettings
    claim: Claim
    shutdown: Shutdown

    def see_through(self) -> StageResult:
        reins = Reins(self.settings.grace_seconds, time.monotonic() + self.claim.job.timeout_seconds)
        redactor = Redactor(self._secrets())
        with ExitStack() as stack:
            stack.enter_context(self.shutdown.watching(reins))
            client = stack.enter_context(StageClient(self.settings.url, self.claim))
            keeper = stack.enter_context(LeaseKeeper(self.claim, client, reins))
            try:
                rooms = stack.enter_context(self._folder())
                logfile = LogFile(rooms.private / "log", redactor)
            except (OutsideTrouble, OSError) as error:
                result = StageResult(Outcome.TROUBLE, error=f"no work folder: {error}")
                return self._post(result.masked(redactor.redact_text), client)
            stack.callback(logfile.close)
            if self.claim.job.stage is Stage.PLAN:
                least = self.settings.least_free_bytes
                stack.enter_context(FreeSpaceWatch(self.settings.work_folder, least, reins))
            sender = LogSender(logfile, client, keeper.lose)
            stack.callback(sender.stop)
            sender.start()
            result = StageRun(self.settings, self.claim.job, client, keeper, reins, rooms, logfile).perform()
            logfile.finish()
            sender.finish(self.settings.result_patience_seconds)
            return self._post(replace(result, log_size=logfile.size).masked(redactor.redact_text), client)

    def _post(self, result: StageResult, client: StageClient) -> StageResult:
        patiently(
            lambda: client.post_result(result),
            patience_seconds=self.settings.result_patience_seconds,
            sleep=time.sleep,
        )
        log.info("result handed in", job=self.claim.job.id, run=self.claim.job.run_id, outcome=result.outcome.value)
        return result

    def _secrets(self) -> list[str]:
        tokens = [self.claim.job.run_token, self.claim.job_token, self.settings.pool_token]
        return [*secrets_of(self.claim.job.variables), *tokens]

    def _folder(self) -> AbstractContextManager[Rooms]:
        patience_seconds = min(self.claim.job.timeout_seconds, FOLDER_PATIENCE)
        return stage_folder(self.settings.work_folder, self._folder_name(), patience_seconds=patience_seconds)

    def _folder_name(self) -> str:
        """Without a sandbox, plan and apply of a run must see the same path; in one, they do anyhow."""
        job = self.claim.job
        same_path = self.settings.sandbox is SandboxMode.NONE
        name = job.run_id if same_path else f"{job.id}\0{self.claim.lease_id}"
        return hashlib.sha256(name.encode()).hexdigest()[:24]
