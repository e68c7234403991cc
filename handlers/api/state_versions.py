"""Which states has a workspace had? Listed, looked at, downloaded, compared."""

from flask import Response

from bot.errors import NotFound
from bot.needs import Needs
from bot.run import Stage
from bot.state_diff import diff_states
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, one, paged
from handlers.api.operations import by_name, includes, pages, sends, shows
from handlers.api.requests import BadRequest, asked, asked_includes, asked_page
from handlers.api.run_documents import RunDocuments
from handlers.api.state_documents import (
    are_named_in_lists,
    diff_resource,
    output_resource,
    state_version_resource,
    with_interval,
)
from handlers.run_logs import run_id_of
from storage.state_versions import StateVersion

INCLUDES = frozenset({"created_by", "outputs", "run", "run.created_by", "run.configuration_version", "workspace"})
JSON = "application/json"


@pages("state-versions", *by_name(), includes(INCLUDES))
def index(ask: Ask) -> Response:
    """The versions of one workspace, newest first."""
    organization, name = asked("filter[organization][name]"), asked("filter[workspace][name]")
    if not organization or not name:
        raise BadRequest("filter[organization][name] and filter[workspace][name] are both needed")
    return _list(ask, ask.asker.workspace_named(organization, name))


@pages("state-versions", includes(INCLUDES))
def index_of_workspace(ask: Ask, workspace_id: str) -> Response:
    return _list(ask, ask.asker.workspace(workspace_id))


def _list(ask: Ask, workspace: Workspace) -> Response:
    includes, page, states = asked_includes(INCLUDES), asked_page(), ask.services.states
    found = states.of_workspace(workspace.id, limit=page.size, offset=page.offset)
    included = [extra for version in found for extra in _included(ask, version, _in_list(version, includes))]
    shown = [state_version_resource(ask.services, version, in_list=True) for version in found]
    return paged(shown, page, states.count(workspace.id), included=included)


def _in_list(version: StateVersion, includes: set[str]) -> set[str]:
    """What a list includes of a version: outputs only where it names them, as JSON:API has it."""
    return includes if are_named_in_lists(version) else includes - {"outputs"}


@shows("state-versions", includes(INCLUDES))
def current(ask: Ask, workspace_id: str) -> Response:
    version = current_version(ask, workspace_id)
    includes = asked_includes(INCLUDES)
    return one(state_version_resource(ask.services, version), included=_included(ask, version, includes))


@shows("state-versions", includes(INCLUDES))
def show(ask: Ask, version_id: str) -> Response:
    includes, version = asked_includes(INCLUDES), find_version(ask, version_id)
    included = _included(ask, version, includes)
    return with_interval(one(state_version_resource(ask.services, version), included=included))


@sends(JSON, "The state as Terraform wrote it.")
def download(ask: Ask, version_id: str) -> Response:
    version = find_version(ask, version_id)
    answer = Response(ask.services.states.chunks(version), content_type=JSON)
    answer.content_length = version.size
    return answer


@sends(JSON, "The state in the form for programs.")
def download_json(ask: Ask, version_id: str) -> Response:
    version = find_version(ask, version_id)
    if version.json_blob_id is None:
        raise NotFound(f"{version.id} came without its JSON form")
    return Response(ask.services.blobs.chunks(version.json_blob_id), content_type=JSON)


@shows("state-version-diffs")
def diff(ask: Ask, version_id: str) -> Response:
    """Against what was current before it; against nothing for the first."""
    states, version = ask.services.states, find_version(ask, version_id)
    before = states.find(version.previous_id) if version.previous_id else None
    found = diff_states(
        (lambda: states.chunks(before)) if before else (lambda: [b"{}"]),
        lambda: states.chunks(version),
        states.outputs(before) if before else [],
        states.outputs(version),
    )
    return one(diff_resource(version, found))


@sends(JSON, "The state as Terraform wrote it.")
def errored_state(ask: Ask, apply_id: str) -> Response:
    """The state that an apply could not save by itself and its runner handed in."""
    run, _ = ask.asker.run(run_id_of(apply_id, Stage.APPLY))
    job = ask.services.jobs.of_run(run.id, Stage.APPLY)
    if job is None or job.errored_state_blob_id is None:
        raise NotFound(f"{apply_id} left no state behind that it could not save")
    return Response(ask.services.blobs.chunks(job.errored_state_blob_id), content_type=JSON)


def find_version(ask: Ask, version_id: str) -> StateVersion:
    """Raises NotFound also for what is in a workspace that the asker may not see."""
    missing = NotFound(f"there is no state version {version_id}")
    version = ask.services.states.find(version_id)
    if version is None:
        raise missing
    try:
        ask.asker.workspace(version.workspace_id)
    except NotFound as error:
        raise missing from error
    return version


def current_version(ask: Ask, workspace_id: str) -> StateVersion:
    """Raises NotFound for a workspace without a state: a client takes that for an empty one."""
    workspace = ask.asker.workspace(workspace_id)
    version = ask.services.states.current(workspace.id)
    if version is None:
        raise NotFound(f"{workspace.name} has no state yet")
    return version


def _included(ask: Ask, version: StateVersion, includes: set[str]) -> list[Resource]:
    found: list[Resource] = []
    if "outputs" in includes:
        outputs = enumerate(ask.services.states.outputs(version))
        found += [output_resource(version, place, output, masked=True) for place, output in outputs]
    run = ask.services.runs.find(version.run_id) if version.run_id and "run" in includes else None
    if run is not None and ask.asker.may(Needs.RUNS_READ, ask.services.workspaces.get(run.workspace_id)):
        found.append(RunDocuments(ask.asker, [run]).resource(run))
    return found


RULES: tuple[Rule, ...] = (
    ("GET", "/workspaces/<workspace_id>/state-versions", index_of_workspace, Needs.STATE_READ),
    ("GET", "/workspaces/<workspace_id>/current-state-version", current, Needs.STATE_READ),
    ("GET", "/state-versions", index, Needs.STATE_READ),
    ("GET", "/state-versions/<version_id>", show, Needs.STATE_READ),
    ("GET", "/state-versions/<version_id>/download", download, Needs.STATE_READ),
    ("GET", "/state-versions/<version_id>/json-download", download_json, Needs.STATE_READ),
    ("GET", "/state-versions/<version_id>/diff", diff, Needs.STATE_READ),
    ("GET", "/applies/<apply_id>/errored-state", errored_state, Needs.STATE_READ),
)
