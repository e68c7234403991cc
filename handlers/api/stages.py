"""What is a run's plan, and what its apply? Their ids follow from the run's."""

from flask import Response

from bot.access import Needs
from bot.errors import NotFound
from bot.run import Stage
from handlers.api.ask import Ask, Rule
from handlers.api.documents import one
from handlers.api.stage_documents import stage_resource
from handlers.run_logs import run_id_of


def plan(ask: Ask, plan_id: str) -> Response:
    return _show(ask, plan_id, Stage.PLAN)


def apply(ask: Ask, apply_id: str) -> Response:
    return _show(ask, apply_id, Stage.APPLY)


def _show(ask: Ask, object_id: str, stage: Stage) -> Response:
    try:
        if not object_id.startswith(f"{stage.value}-"):
            raise NotFound(f"there is no {stage.value} {object_id}")
        run, _ = ask.asker.run(run_id_of(object_id, stage))
    except NotFound as error:
        raise NotFound(f"there is no {stage.value} {object_id}") from error
    return one(stage_resource(ask.services, run, stage))


def plan_of_run(ask: Ask, run_id: str) -> Response:
    return one(stage_resource(ask.services, ask.asker.run(run_id)[0], Stage.PLAN))


def apply_of_run(ask: Ask, run_id: str) -> Response:
    return one(stage_resource(ask.services, ask.asker.run(run_id)[0], Stage.APPLY))


RULES: tuple[Rule, ...] = (
    ("GET", "/plans/<plan_id>", plan, Needs.RUNS_READ),
    ("GET", "/applies/<apply_id>", apply, Needs.RUNS_READ),
    ("GET", "/runs/<run_id>/plan", plan_of_run, Needs.RUNS_READ),
    ("GET", "/runs/<run_id>/apply", apply_of_run, Needs.RUNS_READ),
)
