"""Which outputs does a state have? Lists keep sensitive values back; whoever asks for one output gets its value."""

from flask import Response, request

from bot.errors import NotFound
from bot.needs import Needs
from handlers.api.ask import Ask, Rule
from handlers.api.documents import one, paged
from handlers.api.operations import pages, shows
from handlers.api.requests import Page, asked_page
from handlers.api.state_documents import output_resource, read_output_id
from handlers.api.state_versions import current_version, find_version
from storage.state_versions import StateVersion


@pages("state-version-outputs")
def of_current(ask: Ask, workspace_id: str) -> Response:
    return _list(ask, current_version(ask, workspace_id))


@pages("state-version-outputs")
def of_version(ask: Ask, version_id: str) -> Response:
    return _list(ask, find_version(ask, version_id))


@shows("state-version-outputs")
def show(ask: Ask, output_id: str) -> Response:
    missing = NotFound(f"there is no output {output_id}")
    known = read_output_id(output_id)
    if known is None:
        raise missing
    try:
        version = find_version(ask, known[0])
    except NotFound as error:
        raise missing from error
    outputs = ask.services.states.outputs(version)
    if known[1] >= len(outputs):
        raise missing
    return one(output_resource(version, known[1], outputs[known[1]], masked=False))


def _list(ask: Ask, version: StateVersion) -> Response:
    """All of them, unless a page is asked for: `terraform output` reads the first answer and no more."""
    outputs = ask.services.states.outputs(version)
    is_paged = any(request.args.get(name) for name in ("page[number]", "page[size]"))
    page = asked_page() if is_paged else Page(1, max(len(outputs), 1))
    numbered = list(enumerate(outputs))[page.offset : page.offset + page.size]
    shown = [output_resource(version, place, output, masked=True) for place, output in numbered]
    return paged(shown, page, len(outputs))


RULES: tuple[Rule, ...] = (
    ("GET", "/workspaces/<workspace_id>/current-state-version-outputs", of_current, Needs.OUTPUTS_READ),
    ("GET", "/state-versions/<version_id>/outputs", of_version, Needs.OUTPUTS_READ),
    ("GET", "/state-version-outputs/<output_id>", show, Needs.OUTPUTS_READ),
)
