"""Who executes what? One plan or one apply, claimed by one runner for as long as its lease lasts."""

import json
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.ids import BlobId, RunId, StageJobId
from bot.run import Stage
from bot.run_names import RunNames
from bot.stage_words import Signal
from bot.timestamps import maybe_from_text, to_text
from storage.database import Records, Row
from storage.ids import new_id
from storage.tokens import hash_token


class JobStatus(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"
    FINISHED = "finished"
    LOST = "lost"  # its lease ran out; a lost apply may still hand its result in
    WITHDRAWN = "withdrawn"  # cancelled before anybody claimed it


@dataclass(frozen=True)
class StageJob:
    id: StageJobId
    run_id: RunId
    stage: Stage
    status: JobStatus
    token_hash: str = field(repr=False)
    lease_id: str
    lease_until: datetime | None
    runner: str
    signal: Signal
    claimed_at: datetime | None
    finished_at: datetime | None
    log_size: int
    log_blob_id: BlobId | None
    plan_blob_id: BlobId | None
    plan_redacted_blob_id: BlobId | None
    plan_json_blob_id: BlobId | None
    work_folder_blob_id: BlobId | None
    errored_state_blob_id: BlobId | None
    result: dict[str, Any] | None

    def handed_in(self, what: str) -> BlobId | None:
        """`what` is one of HANDED_IN."""
        blob_id: BlobId | None = getattr(self, f"{what}_blob_id")
        return blob_id


# Its runner may still hand something in: a lost plan is made by another runner, a lost apply by nobody else.
_IS_OPEN = "(status = 'claimed' OR (status = 'lost' AND stage = 'apply'))"


class StageJobs:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(self, run_id: RunId, stage: Stage) -> StageJobId:
        job_id = StageJobId(new_id("job"))
        self._records.insert(
            "stage_jobs",
            {
                "id": job_id,
                "run_id": run_id,
                "stage": stage,
                "status": JobStatus.QUEUED,
                "created_at": to_text(self._now()),
            },
        )
        return job_id

    def claim(self, job_id: StageJobId, runner: str, lease: timedelta, nonce: str = "") -> str | None:
        """Give a queued job to a runner: the job token, or None if it is gone or somebody's."""
        token = secrets.token_urlsafe(32)
        touched = self._records.change(
            """UPDATE stage_jobs SET status = 'claimed', runner = ?, token_hash = ?, lease_id = ?, lease_until = ?,
                 claimed_at = ?, nonce_hash = ? WHERE id = ? AND status = 'queued'""",
            (
                runner,
                hash_token(token),
                new_id("lease"),
                self._until(lease),
                to_text(self._now()),
                hash_token(nonce) if nonce else "",
                job_id,
            ),
        )
        return token if touched else None

    def claim_again(self, job_id: StageJobId, lease: timedelta, nonce: str) -> str | None:
        """The same attempt claims once more, since the answer was lost: a fresh token for the same claim."""
        token = secrets.token_urlsafe(32)
        touched = self._records.change(
            """UPDATE stage_jobs SET token_hash = ?, lease_until = ?
               WHERE id = ? AND status = 'claimed' AND nonce_hash = ? AND nonce_hash != ''""",
            (hash_token(token), self._until(lease), job_id, hash_token(nonce)),
        )
        return token if nonce and touched else None

    def find(self, job_id: str) -> StageJob | None:
        row = self._records.row("SELECT * FROM stage_jobs WHERE id = ?", (job_id,))
        return _job(row) if row else None

    def get(self, job_id: StageJobId) -> StageJob:
        job = self.find(job_id)
        if job is None:
            raise LookupError(f"no job {job_id}")
        return job

    def of_run(self, run_id: RunId, stage: Stage) -> StageJob | None:
        """The newest job of that stage."""
        row = self._records.row(
            "SELECT * FROM stage_jobs WHERE run_id = ? AND stage = ? ORDER BY created_at DESC, rowid DESC LIMIT 1",
            (run_id, stage),
        )
        return _job(row) if row else None

    def count_open(self) -> dict[str, int]:
        rows = self._records.rows(
            "SELECT status, count(*) AS number FROM stage_jobs WHERE status IN ('queued', 'claimed') GROUP BY status"
        )
        return {row["status"]: row["number"] for row in rows}

    def count(self, run_id: RunId, stage: Stage) -> int:
        """How often that stage was given out."""
        return int(
            self._records.value("SELECT count(*) FROM stage_jobs WHERE run_id = ? AND stage = ?", (run_id, stage))
        )

    def extend(self, job: StageJob, lease: timedelta) -> Signal:
        """A heartbeat: the lease runs on. What the runner is to do comes back."""
        self._records.change(
            "UPDATE stage_jobs SET lease_until = ? WHERE id = ? AND lease_id = ? AND status = 'claimed'",
            (self._until(lease), job.id, job.lease_id),
        )
        return self.get(job.id).signal

    def give_time(self, lease: timedelta) -> list[StageJobId]:
        """Let every claimed job have a whole lease from now on; which these are."""
        until = self._until(lease)
        with self._records.write():
            self._records.change(
                "UPDATE stage_jobs SET lease_until = ? WHERE status = 'claimed' AND lease_until < ?", (until, until)
            )
            rows = self._records.rows("SELECT id FROM stage_jobs WHERE status = 'claimed'")
        return [StageJobId(row["id"]) for row in rows]

    def signal(self, job_id: StageJobId, signal: Signal) -> None:
        self._records.change("UPDATE stage_jobs SET signal = ? WHERE id = ?", (signal, job_id))

    def keep_engine(self, job: StageJob, engine: str, version: str) -> bool:
        """Which engine the job is done with; False if the job is over."""
        touched = self._records.change(
            "UPDATE stage_jobs SET engine = ?, engine_version = ? WHERE id = ? AND status = 'claimed' AND lease_id = ?",
            (engine, version, job.id, job.lease_id),
        )
        return touched == 1

    def engine_of(self, run_id: RunId) -> tuple[str, str] | None:
        """(engine, version) with which the run was begun: what is repeated or applied takes the same."""
        row = self._records.row(
            """SELECT engine, engine_version FROM stage_jobs WHERE run_id = ? AND engine_version != ''
               ORDER BY rowid LIMIT 1""",
            (run_id,),
        )
        return (row["engine"], row["engine_version"]) if row else None

    def keep_names(self, job_id: StageJobId, names: RunNames) -> None:
        """What the engine of a plan that begins knows itself, its workspace and its organization by."""
        self._records.change("UPDATE stage_jobs SET names = ? WHERE id = ?", (json.dumps(names.as_json()), job_id))

    def names_of(self, run_id: RunId) -> RunNames | None:
        """With which the run's newest plan began: its apply takes the same. None before any has."""
        row = self._records.row(
            "SELECT names FROM stage_jobs WHERE run_id = ? AND names IS NOT NULL ORDER BY rowid DESC LIMIT 1", (run_id,)
        )
        return RunNames.from_json(json.loads(row["names"])) if row else None

    def keep_blob(self, job: StageJob, what: str, blob_id: BlobId) -> bool:
        """`what` is one of HANDED_IN. False if the job was closed meanwhile:

        what people reviewed is what was there when the result came, and a slow upload can't change it after.
        """
        if what not in HANDED_IN:
            raise ValueError(f"a job keeps no {what}")
        touched = self._records.change(
            f"UPDATE stage_jobs SET {what}_blob_id = ? WHERE id = ? AND lease_id = ? AND {_IS_OPEN}",
            (blob_id, job.id, job.lease_id),
        )
        return bool(touched)

    def keep_log(self, job: StageJob, log_blob_id: BlobId, log_size: int) -> bool:
        """Where the log of a lost job is by now. False if it was closed meanwhile."""
        touched = self._records.change(
            "UPDATE stage_jobs SET log_blob_id = ?, log_size = ? WHERE id = ? AND status = 'lost'",
            (log_blob_id, log_size, job.id),
        )
        return bool(touched)

    def finish(self, job: StageJob, result: dict[str, Any], log_blob_id: BlobId, log_size: int) -> bool:
        """Close a job with its result, once. False if it was closed already, or if it is a plan that was given up:

        another runner makes that plan, and two plans must not be taken for one.
        """
        touched = self._records.change(
            f"""UPDATE stage_jobs SET status = 'finished', result = ?, log_blob_id = ?, log_size = ?, finished_at = ?
               WHERE id = ? AND lease_id = ? AND {_IS_OPEN}""",
            (json.dumps(result), log_blob_id, log_size, to_text(self._now()), job.id, job.lease_id),
        )
        return bool(touched)

    def withdraw(self, job_id: StageJobId) -> bool:
        """Take back a job that nobody has claimed. False if somebody has."""
        return bool(
            self._records.change(
                "UPDATE stage_jobs SET status = 'withdrawn' WHERE id = ? AND status = 'queued'", (job_id,)
            )
        )

    def lose(self, job: StageJob) -> bool:
        """Give it up; False if it is not its runner's any more, or if that one has been heard of since."""
        return bool(
            self._records.change(
                """UPDATE stage_jobs SET status = 'lost'
                   WHERE id = ? AND lease_id = ? AND status = 'claimed' AND lease_until < ?""",
                (job.id, job.lease_id, to_text(self._now())),
            )
        )

    def queued(self, limit: int = -1) -> list[StageJob]:
        """Jobs that wait for a runner: applies first, then plans of normal runs, then the others."""
        rows = self._records.rows(
            """SELECT stage_jobs.* FROM stage_jobs JOIN runs ON runs.id = stage_jobs.run_id
               WHERE stage_jobs.status = 'queued'
               ORDER BY stage != 'apply', runs.kind != 'normal', runs.queue_sequence LIMIT ?""",
            (limit,),
        )
        return [_job(row) for row in rows]

    def expired(self) -> list[StageJob]:
        """Claimed jobs whose lease ran out: their runner is gone or cut off."""
        rows = self._records.rows(
            "SELECT * FROM stage_jobs WHERE status = 'claimed' AND lease_until < ?", (to_text(self._now()),)
        )
        return [_job(row) for row in rows]

    def open_among(self, job_ids: Collection[StageJobId]) -> set[StageJobId]:
        """Those of them that a runner may still say something of."""
        rows = self._records.rows(
            f"SELECT id FROM stage_jobs WHERE id IN (SELECT value FROM json_each(?)) AND {_IS_OPEN}",
            (json.dumps([*job_ids]),),
        )
        return {StageJobId(row["id"]) for row in rows}

    def silent_among(self, job_ids: Collection[StageJobId], since: datetime) -> list[StageJob]:
        """Those of them that are lost, and whose runner has not been heard of since then."""
        rows = self._records.rows(
            """SELECT * FROM stage_jobs WHERE id IN (SELECT value FROM json_each(?)) AND status = 'lost'
               AND lease_until < ?""",
            (json.dumps([*job_ids]), to_text(since)),
        )
        return [_job(row) for row in rows]

    def _until(self, lease: timedelta) -> str:
        return to_text(self._now() + lease)


HANDED_IN = ("plan", "plan_json", "plan_redacted", "work_folder", "errored_state")
# Columns that are asked for by themselves.
_NOT_SEEN = ("created_at", "nonce_hash", "engine", "engine_version", "names")


def _job(row: Row) -> StageJob:
    known = {name: value for name, value in row.items() if name not in _NOT_SEEN}
    return StageJob(
        **{
            **known,
            "stage": Stage(row["stage"]),
            "status": JobStatus(row["status"]),
            "signal": Signal(row["signal"]),
            "lease_until": maybe_from_text(row["lease_until"]),
            "claimed_at": maybe_from_text(row["claimed_at"]),
            "finished_at": maybe_from_text(row["finished_at"]),
            "result": json.loads(row["result"]) if row["result"] else None,
        }
    )
