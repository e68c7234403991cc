"""How is a log read? As TFE frames it, under an address that authenticates by itself.

The CLI replaces the query of a log's URL and sends no `Authorization` (tfe-contract 0.6): the secret is in the path.
The first byte is STX, the last one ETX once the log is complete; offsets count both (tfe-contract 2.6).
"""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

from bot.ids import RunId
from bot.messages.facts import Trouble
from bot.run import Run, RunStatus, Stage
from handlers.services import Services
from storage.stage_jobs import JobStatus, StageJob

STX, ETX = b"\x02", b"\x03"
MOST_BYTES = 1 << 20  # of one answer that asks for a part
_FARTHEST = 1 << 40  # bytes; beyond any log, and within what a file can seek to
_URL_LIVES = timedelta(days=1)  # at least; a reader fetches the address anew with the plan or the apply


def stage_id(run: Run, stage: Stage) -> str:
    """The id of a run's plan or apply, as the API has it: `plan-…`, `apply-…` with the run's own letters."""
    return f"{stage.value}-{run.id.removeprefix('run-')}"


def run_id_of(object_id: str, stage: Stage) -> RunId:
    """The run that a plan or an apply belongs to."""
    return RunId("run-" + object_id.removeprefix(f"{stage.value}-"))


def log_path(services: Services, run: Run, stage: Stage) -> str:
    """The path of a log, good for a day or two."""
    object_id = stage_id(run, stage)
    return f"/api/v2/logs/{object_id}/{_mark(services, object_id, services.now())}"


def open_log(services: Services, object_id: str, mark: str) -> tuple[Run, Stage] | None:
    """Which log a path leads to; None if its secret is wrong or too old."""
    now = services.now()
    good = [_mark(services, object_id, now - _URL_LIVES * days) for days in (0, 1)]
    # Both are compared whatever the first says: the time taken tells nothing.
    if sum([hmac.compare_digest(mark.encode(), one.encode()) for one in good]) == 0:
        return None
    stage = Stage.PLAN if object_id.startswith("plan-") else Stage.APPLY
    run = services.runs.find(run_id_of(object_id, stage))
    return (run, stage) if run else None


def _mark(services: Services, object_id: str, moment: datetime) -> str:
    about = f"{object_id} {moment.date().isoformat()}"
    return hmac.new(services.keyring.derive("log urls"), about.encode(), hashlib.sha256).hexdigest()


def read_part(services: Services, run: Run, stage: Stage, offset: int, limit: int) -> bytes:
    """At most `limit` bytes of the framed log from `offset`; empty past its end and while there is nothing."""
    job = services.jobs.of_run(run.id, stage)
    # Asked before the bytes are read: what is complete now has all its bytes then.
    complete = is_complete(run, job)
    offset, limit = min(max(offset, 0), _FARTHEST), min(limit, MOST_BYTES)
    if limit <= 0:
        return b""
    head = STX if offset == 0 else b""
    start = max(offset - len(STX), 0)
    room = limit - len(head)
    before = 1 if start else 0  # the byte before `start` shows that `start` isn't past the end
    raw = _content(services, run, stage, job, start - before, room + before)
    if len(raw) < before:
        return b""
    content = raw[before:]
    tail = ETX if complete and len(content) < room else b""
    return b"" if head and not content and not complete else head + content + tail


def whole(services: Services, run: Run, stage: Stage) -> Iterator[bytes]:
    """The framed log as far as it goes, in pieces."""
    job = services.jobs.of_run(run.id, stage)
    complete = is_complete(run, job)
    yield STX
    if job is not None and job.log_blob_id is not None:
        yield from services.blobs.chunks(job.log_blob_id)
    elif job is not None:
        at = 0
        while piece := services.logs.read(job.id, at, MOST_BYTES):
            at += len(piece)
            yield piece
    yield _last_words(run, stage, job, is_empty=_stored_size(services, job) == 0)
    if complete:
        yield ETX


def is_complete(run: Run, job: StageJob | None) -> bool:
    """Whether nothing more will be added that a reader should wait for."""
    return run.is_final or (job is not None and job.status in (JobStatus.FINISHED, JobStatus.WITHDRAWN))


def size(services: Services, run: Run, stage: Stage) -> int:
    """How many bytes the log has so far, without its frame."""
    job = services.jobs.of_run(run.id, stage)
    stored = _stored_size(services, job)
    return stored + len(_last_words(run, stage, job, is_empty=stored == 0))


def _stored_size(services: Services, job: StageJob | None) -> int:
    if job is None:
        return 0
    return job.log_size if job.log_blob_id is not None else services.logs.size(job.id)


def _last_words(run: Run, stage: Stage, job: StageJob | None, *, is_empty: bool) -> bytes:
    """Why a stage ended that its runner didn't end; nothing otherwise.

    A runner ends its log with its own. Whoever follows a log by CLI has nothing else that tells. They are not written
    into it: a runner that was only out of reach may still add to what it wrote.
    """
    if not run.is_final or not run.error or not _ended_without_runner(run, stage, job):
        return b""
    # Clients drop a log's first three lines.
    head = f"Runlock\non the server\nEnding the {stage.value} of {run.id}...\n" if is_empty else ""
    unknown = run.trouble == Trouble.OUTCOME_UNKNOWN.value
    then = "; the workspace is locked until somebody has looked at what is there and unlocks it" if unknown else ""
    return f"{head}\nRunlock: {run.error}{then}\n".encode()


def _ended_without_runner(run: Run, stage: Stage, job: StageJob | None) -> bool:
    """An apply may also have been refused before its turn, when no runner was asked for it yet."""
    if job is None:
        return stage is Stage.APPLY and RunStatus.CONFIRMED.value in run.times
    return job.status in (JobStatus.LOST, JobStatus.WITHDRAWN)


def _content(services: Services, run: Run, stage: Stage, job: StageJob | None, start: int, length: int) -> bytes:
    """What is stored, and what is said at its end."""
    stored = _stored(services, job, start, length)
    size = _stored_size(services, job)
    if len(stored) == length or start + len(stored) < size:
        return stored
    words = _last_words(run, stage, job, is_empty=size == 0)
    at = max(start - size, 0)
    return stored + words[at : at + length - len(stored)]


def _stored(services: Services, job: StageJob | None, start: int, length: int) -> bytes:
    if job is None or length <= 0:
        return b""
    if job.log_blob_id is None:
        return services.logs.read(job.id, start, length)
    found = bytearray()
    with closing(services.blobs.chunks(job.log_blob_id)) as chunks:  # type: ignore[type-var]
        for chunk in chunks:
            found += chunk[start : start + length - len(found)] if start < len(chunk) else b""
            start = max(start - len(chunk), 0)
            if len(found) >= length:
                break
    return bytes(found)
