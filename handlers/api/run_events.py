"""What happened to a run? Its timeline, oldest first."""

from flask import Response

from bot.errors import NotFound
from bot.needs import Needs
from bot.run import Run
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, one, paged, resource, to_one
from handlers.api.operations import large_pages, shows
from handlers.api.requests import asked_large_page
from storage.timeline import Moment


@large_pages("run-events")
def index(ask: Ask, run_id: str) -> Response:
    """Without this list the CLI gives a plan up (tfe-contract 0.11)."""
    (run, _), page = ask.asker.run(run_id), asked_large_page()
    found, total = ask.services.timeline.page(run.id, limit=page.size, offset=page.offset)
    numbered = enumerate(found, start=page.offset + 1)
    return paged([event_resource(run, number, moment) for number, moment in numbered], page, total)


@shows("run-events")
def show(ask: Ask, event_id: str) -> Response:
    run_part, _, number = event_id.removeprefix("re-").partition("-")
    run, _ = ask.asker.run(f"run-{run_part}")
    moments = ask.services.timeline.of(run.id)
    if not number.isdecimal() or not 1 <= int(number) <= len(moments):
        raise NotFound(f"there is no run event {event_id}")
    return one(event_resource(run, int(number), moments[int(number) - 1]))


def event_resource(run: Run, number: int, moment: Moment) -> Resource:
    """`number`: its place in the run's timeline, from 1."""
    by = f" by {moment.actor}" if moment.actor else ""
    attributes = {"action": moment.text, "description": f"{moment.text}{by}", "created-at": to_text(moment.at)}
    ident = f"re-{run.id.removeprefix('run-')}-{number}"
    return resource("run-events", ident, attributes, {"run": to_one("runs", run.id)})


RULES: tuple[Rule, ...] = (
    ("GET", "/runs/<run_id>/run-events", index, Needs.RUNS_READ),
    ("GET", "/run-events/<event_id>", show, Needs.RUNS_READ),
)
