"""How does the double keep commit statuses? As GitLab does: jobs of a pipeline, moved along a fixed set of moves.

Source: https://gitlab.com/gitlab-org/gitlab/-/blob/master/app/services/ci/create_commit_status_service.rb
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fakes.gitlab_model import FakeRepository, Person

UNFINISHED = ("created", "pending", "running")
_EVENTS = {"pending": "enqueue", "running": "run", "success": "success", "failed": "drop", "canceled": "cancel"}
_IN_GITHUB_WORDS = {"success": "success", "failed": "failure", "canceled": "error"}


class StatusRefused(Exception):
    """Why GitLab doesn't take a status, with the HTTP status that it answers."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(eq=False)
class Job:
    """A job of a `.gitlab-ci.yml`, or a status that was posted (`external`)."""

    id: int
    name: str
    status: str
    created_at: datetime
    external: bool = False
    description: str | None = None
    target_url: str | None = None
    author: Person | None = None
    allow_failure: bool = False
    retried: bool = False

    def move(self, status: str) -> None:
        """Raises StatusRefused on a move that GitLab's state machine doesn't know."""
        allowed = {"pending": ("created",), "running": ("created", "pending")}.get(status, UNFINISHED)
        if self.status not in allowed:
            event = _EVENTS[status]
            reason = f'Status cannot transition via "{event}"'
            raise StatusRefused(f"Cannot transition status via :{event} from :{self.status} (Reason(s): {reason})")
        self.status = status


@dataclass(eq=False)
class Pipeline:
    id: int
    sha: str
    ref: str
    source: str  # push | merge_request_event | external
    user: Person
    jobs: list[Job] = field(default_factory=list)

    @property
    def latest(self) -> list[Job]:
        return [job for job in self.jobs if not job.retried]

    @property
    def status(self) -> str:
        states = [job.status for job in self.latest if not (job.allow_failure and job.status == "failed")]
        for state in ("running", "pending", "created", "failed", "canceled"):
            if state in states:
                return state
        return "success"

    def add_job(self, number: int, name: str, status: str, now: datetime) -> Job:
        job = Job(number, name, status, now)
        self.jobs.append(job)
        return job

    def job(self, name: str) -> Job:
        return next(job for job in self.latest if job.name == name)


@dataclass(frozen=True)
class Status:
    """A posted status in GitHub's words, for stories told of both hosts."""

    context: str
    state: str
    description: str | None
    target_url: str | None


def head_status(pipelines: Iterable[Pipeline], commit_sha: str) -> dict[str, Status]:
    jobs = [job for p in pipelines if p.sha == commit_sha for job in p.latest if job.external]
    jobs.sort(key=lambda job: job.id)
    return {
        j.name: Status(j.name, _IN_GITHUB_WORDS.get(j.status, "pending"), j.description, j.target_url) for j in jobs
    }


def post(repo: FakeRepository, commit_sha: str, by: Person, wanted: dict[str, object]) -> tuple[Pipeline, Job]:
    """What `POST /projects/:id/statuses/:sha` does. Raises StatusRefused; then nothing has changed."""
    if repo.bare.has(commit_sha) is False:
        raise StatusRefused("404 Commit Not Found", 404)
    pipeline, ref = _pipeline(repo, commit_sha, wanted)
    name = str(wanted.get("name") or wanted.get("context") or "default")
    unfinished = [
        job
        for job in (pipeline.jobs if pipeline else [])
        if job.external and job.name == name and job.author is by and job.status in ("pending", "running")
    ]
    job = unfinished[0] if unfinished else Job(0, name, "created", repo.host.now, external=True, author=by)
    job.move(str(wanted["state"]))
    if pipeline is None:
        pipeline = Pipeline(repo.host.next_id(), commit_sha, ref, "external", by)
        repo.pipelines.append(pipeline)
    if not job.id:
        for other in pipeline.jobs:
            other.retried = other.retried or other.name == name
        job.id = repo.host.next_id()
        pipeline.jobs.append(job)
    for attribute in ("description", "target_url"):
        if attribute in wanted:
            setattr(job, attribute, wanted[attribute])
    return pipeline, job


def _pipeline(repo: FakeRepository, commit_sha: str, wanted: dict[str, object]) -> tuple[Pipeline | None, str]:
    """The newest that fits, or None for a new one; and its ref."""
    fitting = [p for p in repo.pipelines if p.sha == commit_sha]
    if "ref" in wanted:
        fitting = [p for p in fitting if p.ref == wanted["ref"]]
    if "pipeline_id" in wanted:
        fitting = [p for p in fitting if p.id == wanted["pipeline_id"]]
    newest = max(fitting, key=lambda p: p.id, default=None)
    branches = repo.bare.git("for-each-ref", f"--contains={commit_sha}", "--format=%(refname:lstrip=2)", "refs/heads")
    ref = str(wanted.get("ref") or (newest.ref if newest else next(iter(branches.splitlines()), "")))
    if not ref:
        raise StatusRefused("404 References for commit Not Found", 404)
    if "pipeline_id" in wanted and newest is None:
        raise StatusRefused("404 Pipeline for pipeline_id, sha and ref Not Found", 404)
    return newest, ref
