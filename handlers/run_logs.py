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
from bot.run import Run, Stage
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
    raw = _content(services, job, start - before, room + before)
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
    if complete:
        yield ETX


def is_complete(run: Run, job: StageJob | None) -> bool:
    """Whether nothing more will be added that a reader should wait for."""
    return run.is_final or (job is not None and job.status in (JobStatus.FINISHED, JobStatus.WITHDRAWN))


def size(services: Services, run: Run, stage: Stage) -> int:
    """How many bytes the log has so far, without its frame."""
    job = services.jobs.of_run(run.id, stage)
    if job is None:
        return 0
    return job.log_size if job.log_blob_id is not None else services.logs.size(job.id)


def _content(services: Services, job: StageJob | None, start: int, length: int) -> bytes:
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
