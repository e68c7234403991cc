"""What is a run's plan, and what its apply? Their ids follow from the run's."""

import json
from typing import Any

from flask import Response

from bot.errors import NotFound
from bot.ids import BlobId
from bot.needs import Needs
from bot.run import Run, Stage
from handlers.api.ask import Ask, Rule
from handlers.api.documents import nothing, one
from handlers.api.operations import sends, shows
from handlers.api.stage_documents import stage_resource
from handlers.run_logs import run_id_of
from storage.stage_jobs import JobStatus

JSON = "application/json"
PLAN_JSON = "The plan in the form for programs, as `show -json` writes it. 204 before it is there."
SCHEMAS = "The providers' schemas, as far as the plan needs them. 204 if nobody asked for them."


@shows("plans")
def plan(ask: Ask, plan_id: str) -> Response:
    return _show(ask, plan_id, Stage.PLAN)


@shows("applies")
def apply(ask: Ask, apply_id: str) -> Response:
    return _show(ask, apply_id, Stage.APPLY)


def _show(ask: Ask, object_id: str, stage: Stage) -> Response:
    return one(stage_resource(ask.services, _run_of(ask, object_id, stage), stage))


def _run_of(ask: Ask, object_id: str, stage: Stage) -> Run:
    try:
        if not object_id.startswith(f"{stage.value}-"):
            raise NotFound(f"there is no {stage.value} {object_id}")
        return ask.asker.run(run_id_of(object_id, stage))[0]
    except NotFound as error:
        raise NotFound(f"there is no {stage.value} {object_id}") from error


@sends(JSON, PLAN_JSON, may_be_empty=True)
def json_output(ask: Ask, plan_id: str) -> Response:
    """The machine-readable plan, whole: it holds sensitive values. 204 before it is there."""
    return _document(ask, _run_of(ask, plan_id, Stage.PLAN), "plan_json")


@sends(JSON, PLAN_JSON, may_be_empty=True)
def json_output_redacted(ask: Ask, plan_id: str) -> Response:
    return _document(ask, _run_of(ask, plan_id, Stage.PLAN), "plan_redacted")


@sends(JSON, PLAN_JSON, may_be_empty=True)
def json_output_of_run(ask: Ask, run_id: str) -> Response:
    return _document(ask, ask.asker.run(run_id)[0], "plan_json")


@sends(JSON, SCHEMAS, may_be_empty=True)
def json_schema(ask: Ask, plan_id: str) -> Response:
    return _schema(ask, _run_of(ask, plan_id, Stage.PLAN))


@sends(JSON, SCHEMAS, may_be_empty=True)
def json_schema_of_run(ask: Ask, run_id: str) -> Response:
    return _schema(ask, ask.asker.run(run_id)[0])


def _schema(ask: Ask, run: Run) -> Response:
    """The providers' schemas, as far as the plan needs them to be drawn. 204 if nobody asked for them: see RunOptions.

    Source: https://developer.hashicorp.com/terraform/cli/commands/providers/schema#format-summary
    """
    plan = _redacted_plan(ask, run) if ask.services.runs.manifest(run.id).options.drawn_by_client else None
    if plan is None:
        return nothing(204)
    schema = {"format_version": plan["provider_format_version"], "provider_schemas": plan["provider_schemas"]}
    return Response(json.dumps(schema), content_type="application/json")


def _redacted_plan(ask: Ask, run: Run) -> dict[str, Any] | None:
    blob_id = _blob_of(ask, run, "plan_redacted")
    return json.loads(ask.services.blobs.read(blob_id)) if blob_id else None


def _document(ask: Ask, run: Run, what: str) -> Response:
    blob_id = _blob_of(ask, run, what)
    if blob_id is None:
        return nothing(204)
    return Response(ask.services.blobs.chunks(blob_id), content_type="application/json")


def _blob_of(ask: Ask, run: Run, what: str) -> BlobId | None:
    job = ask.services.jobs.of_run(run.id, Stage.PLAN)
    if job is None or job.status is not JobStatus.FINISHED:
        return None
    return job.plan_json_blob_id if what == "plan_json" else job.plan_redacted_blob_id


@shows("plans")
def plan_of_run(ask: Ask, run_id: str) -> Response:
    return one(stage_resource(ask.services, ask.asker.run(run_id)[0], Stage.PLAN))


@shows("applies")
def apply_of_run(ask: Ask, run_id: str) -> Response:
    return one(stage_resource(ask.services, ask.asker.run(run_id)[0], Stage.APPLY))


RULES: tuple[Rule, ...] = (
    ("GET", "/plans/<plan_id>", plan, Needs.RUNS_READ),
    ("GET", "/plans/<plan_id>/json-output", json_output, Needs.WORKSPACE_ADMIN),
    ("GET", "/plans/<plan_id>/json-output-redacted", json_output_redacted, Needs.RUNS_READ),
    ("GET", "/plans/<plan_id>/json-schema", json_schema, Needs.RUNS_READ),
    ("GET", "/runs/<run_id>/plan/json-schema", json_schema_of_run, Needs.RUNS_READ),
    ("GET", "/runs/<run_id>/plan/json-output", json_output_of_run, Needs.WORKSPACE_ADMIN),
    ("GET", "/applies/<apply_id>", apply, Needs.RUNS_READ),
    ("GET", "/runs/<run_id>/plan", plan_of_run, Needs.RUNS_READ),
    ("GET", "/runs/<run_id>/apply", apply_of_run, Needs.RUNS_READ),
)
