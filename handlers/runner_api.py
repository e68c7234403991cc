"""The runners' door: claim, fetch, log, heartbeat, hand in (DESIGN section 5).

The pool's token claims; the job token that a claim gives does the rest, with the lease id beside it.
A lease that isn't the job's gets 409, always.
"""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any, BinaryIO, cast

from flask import Blueprint, Response, jsonify, request

from bot.errors import Refused
from bot.ids import BlobId
from bot.plan_summary import PlanSummary
from bot.run import Stage
from bot.stage_words import Outcome, Signal
from bot.workspace import EngineName
from handlers.addresses import reached_at
from handlers.enqueue import Enqueue
from handlers.reactions.registered_versions import versions_for_runner
from handlers.reactions.stages import StageResult, claim, end_stage, engine_of
from handlers.run_names import names_of
from handlers.services import Services
from handlers.state.run_tokens import token_stage
from storage.live_logs import LogGap
from storage.stage_jobs import JobStatus, StageJob
from storage.tokens import hash_token

OUTCOMES = frozenset(Outcome)


_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,60}")
View = Callable[..., Any]


def blueprint(services: Services, enqueue: Enqueue) -> Blueprint:
    door = Blueprint("runner_api", __name__)
    rules: list[tuple[str, str, View]] = [
        ("POST", "/jobs/<job_id>/claim", _claim),
        ("GET", "/jobs/<job_id>/configuration", _with_job(_configuration)),
        ("GET", "/jobs/<job_id>/<any('work-folder', 'plan'):what>", _with_job(_from_the_plan)),
        ("PUT", "/jobs/<job_id>/log", _with_job(_log)),
        ("PUT", "/jobs/<job_id>/engine", _with_job(_engine)),
        ("POST", "/jobs/<job_id>/heartbeat", _with_job(_heartbeat)),
        (
            "PUT",
            "/jobs/<job_id>/<any('plan', 'plan-json', 'plan-redacted', 'work-folder', 'errored-state'):what>",
            _with_job(_hand_in),
        ),
        ("POST", "/jobs/<job_id>/result", _with_job(_result)),
    ]
    for number, (method, rule, view) in enumerate(rules):
        door.add_url_rule(rule, f"rule{number}", partial(view, services, enqueue), methods=[method])
    door.register_error_handler(Refused, lambda error: _problem(409, str(error)))
    return door


def _claim(services: Services, enqueue: Enqueue, job_id: str) -> Response:
    if not hmac.compare_digest(_bearer().encode(), services.pool_token.encode()):
        return _problem(401, "the runner pool's token is missing or wrong")
    job = services.jobs.find(job_id)
    if job is None:
        return _problem(409, "that job is gone")
    document = request.get_json(silent=True)
    told = document if isinstance(document, dict) else {}
    name, nonce = _writable(told.get("runner", ""))[:100], _writable(told.get("nonce", ""))[:100]
    token, jobs = claim(services, job, name or "unnamed", nonce)
    enqueue(jobs)
    if token is None:
        return _problem(409, "that job is somebody's already, or not to be done any more")
    claimed = services.jobs.get(job.id)
    return jsonify(
        job=_description(services, claimed),
        job_token=token,
        lease_id=claimed.lease_id,
        lease_seconds=services.settings.lease_seconds,
    )


def _with_job(view: View) -> View:
    """Find the job and check token and lease, before the view sees it."""

    def checked(services: Services, enqueue: Enqueue, job_id: str, **arguments: str) -> Response:
        job = services.jobs.find(job_id)
        if job is None or not job.token_hash or not hmac.compare_digest(job.token_hash, hash_token(_bearer())):
            return _problem(401, "the job token is missing or wrong")
        if request.headers.get("X-Runlock-Lease") != job.lease_id:
            return _problem(409, "that lease is not the job's")
        is_late_apply = job.status is JobStatus.LOST and job.stage is Stage.APPLY
        if job.status is not JobStatus.CLAIMED and not is_late_apply:
            return _problem(409, "that job is over")
        answer: Response = view(services, enqueue, job, **arguments)
        return answer

    return checked


def _configuration(services: Services, _: Enqueue, job: StageJob) -> Response:
    run = services.runs.get(job.run_id)
    return _blob(services, services.configurations.get(run.configuration_version_id).blob_id)


def _from_the_plan(services: Services, _: Enqueue, job: StageJob, what: str) -> Response:
    plan = services.jobs.of_run(job.run_id, Stage.PLAN)
    blob_id = (plan.plan_blob_id if what == "plan" else plan.work_folder_blob_id) if plan else None
    return _blob(services, blob_id) if blob_id else _problem(404, f"the plan left no {what}")


def _log(services: Services, _: Enqueue, job: StageJob) -> Response:
    offset = request.args.get("offset", type=int, default=-1)
    if offset < 0:
        return _problem(422, "offset is a whole number from 0")
    try:
        return jsonify(size=services.logs.append(job.id, offset, request.get_data()))
    except LogGap as gap:
        answer = jsonify(error=str(gap), size=gap.size)
        answer.status_code = 409
        return answer


def _engine(services: Services, _: Enqueue, job: StageJob) -> Response:
    """What the runner found for what was asked for. The first answer counts for all of the run."""
    document = request.get_json(silent=True)
    told = document if isinstance(document, dict) else {}
    engine, version = _writable(told.get("engine", "")), _writable(told.get("version", ""))
    if engine not in tuple(EngineName) or not _VERSION.fullmatch(version):
        return _problem(422, "an engine has a name and a version")
    if not services.jobs.keep_engine(job, engine, version):
        return _problem(409, "that job is over")
    return jsonify(kept=version)


def _heartbeat(services: Services, _: Enqueue, job: StageJob) -> Response:
    if job.status is JobStatus.LOST:
        # Its run is over; the engine is to stop by itself, so that what it did is known.
        return jsonify(signal=Signal.INTERRUPT)
    return jsonify(signal=services.jobs.extend(job, timedelta(seconds=services.settings.lease_seconds)))


def _hand_in(services: Services, _: Enqueue, job: StageJob, what: str) -> Response:
    blob_id, _size = services.blobs.put_stream(cast(BinaryIO, request.stream))
    if not _keep(services, job, what.replace("-", "_"), blob_id):
        services.blobs.remove(blob_id)
        return _problem(409, "that job is over")
    return jsonify(kept=what)


def _keep(services: Services, job: StageJob, what: str, blob_id: BlobId) -> bool:
    """Name it in the job's row in place of what a first attempt left there; False if the job is over."""
    with services.records.write():
        before = services.jobs.find(job.id)
        if before is None or not services.jobs.keep_blob(job, what, blob_id):
            return False
        replaced = before.handed_in(what)
        # A result that is being taken may have read the first state already, and make its blob a state version.
        if replaced is not None and what != "errored_state":
            services.dropped.note(replaced)
    return True


def _result(services: Services, enqueue: Enqueue, job: StageJob) -> Response:
    try:
        result = read_result(request.get_json(silent=True))
    except ValueError as error:
        return _problem(422, str(error))
    enqueue(end_stage(services, job, result))
    return jsonify(taken=True)


def read_result(document: object) -> StageResult:
    """Raises ValueError naming what is wrong: a runner is not trusted to be well-formed."""
    outcome = document.get("outcome") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(outcome, str) or outcome not in OUTCOMES:
        raise ValueError(f"a result has an outcome, one of {', '.join(sorted(OUTCOMES))}")
    exit_code = document.get("exit_code")
    if exit_code is not None and type(exit_code) is not int:
        raise ValueError("exit_code is a whole number or null")
    digest = str(document.get("plan_digest", ""))
    if digest and (len(digest) != 64 or set(digest) - set("0123456789abcdef")):
        raise ValueError("plan_digest is 64 hex digits")
    notes = document.get("notes") or []
    if not isinstance(notes, list):
        raise ValueError("notes is a list of sentences")
    return StageResult(
        outcome=Outcome(outcome),
        exit_code=exit_code,
        has_changes=document.get("has_changes") is True,
        summary=_read_summary(document.get("summary")),
        plan_digest=digest,
        engine=_writable(document.get("engine", ""))[:40],
        engine_version=_writable(document.get("engine_version", ""))[:40],
        error=_writable(document.get("error", ""))[:4000],
        notes=tuple(_writable(note)[:1000] for note in notes[:50]),
        apply_started=document.get("apply_started") is not False,
    )


def _read_summary(document: object) -> PlanSummary:
    if document is None:
        return PlanSummary()
    if not isinstance(document, dict):
        raise ValueError("summary is an object")
    return PlanSummary.from_json(json.loads(_writable(json.dumps(document, ensure_ascii=False))))


def _writable(value: object) -> str:
    """Text that a database takes: an engine's output may hold anything, and its end must not be lost over that."""
    return str(value).encode("utf-8", "replace").decode().replace("\0", "?")


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


def _blob(services: Services, blob_id: BlobId) -> Response:
    return Response(services.blobs.chunks(blob_id), mimetype="application/octet-stream")


def _problem(status: int, sentence: str) -> Response:
    answer = jsonify(error=sentence)
    answer.status_code = status
    return answer


def _description(services: Services, job: StageJob) -> dict[str, Any]:
    """What a runner gets to know: no more than the stage needs."""
    run = services.runs.get(job.run_id)
    workspace = services.workspaces.get(run.workspace_id)
    manifest, names = services.runs.manifest(run.id), names_of(services, run)
    engine, version = engine_of(services, job)
    timeout = workspace.apply_timeout_seconds if job.stage is Stage.APPLY else workspace.plan_timeout_seconds
    address, reached = services.settings.address.rstrip("/"), reached_at(services.settings)
    return {
        "id": job.id,
        "run_id": run.id,
        "stage": job.stage,
        "hostname": names.hostname,
        "organization": names.organization,
        "workspace": names.workspace,
        "workspace_id": workspace.id,
        "project": names.project,
        "engine": engine,
        "engine_version": version,
        "working_directory": manifest.working_directory,
        "is_destroy": run.is_destroy,
        "options": asdict(manifest.options),
        "variables": [variable.__dict__ for variable in manifest.variables],
        "api_url": f"{reached}/api/v2/",
        "state_url": f"{reached}/api/http-state/{names.organization}/{workspace.id}",
        "run_token": services.tokens.for_run(run.id, token_stage(job.stage, version)),
        "address": address,
        "commit_sha": run.commit_sha,
        "branch": run.branch,
        "tag": run.tag,
        "timeout_seconds": timeout,
        "plan_digest": run.plan_digest if job.stage is Stage.APPLY else "",
        "foreign": run.pull_number is not None,
        "registered_versions": [each.for_runners() for each in versions_for_runner(services, run.id, engine, version)],
    }
