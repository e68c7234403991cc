"""Which states has a workspace had? Listed, looked at, downloaded, compared."""

from collections.abc import Sequence

from flask import Response

from bot.errors import NotFound
from bot.ids import UserId
from bot.needs import Needs
from bot.run import Stage
from bot.state_diff import diff_states
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, one, paged
from handlers.api.operations import by_name, includes, pages, sends, shows
from handlers.api.requests import BadRequest, asked, asked_includes, asked_page
from handlers.api.run_documents import RunDocuments
from handlers.api.seen import visible_only
from handlers.api.state_documents import (
    are_named_in_lists,
    diff_resource,
    output_resource,
    state_version_resource,
    with_interval,
)
from handlers.api.users import known_users, user_resource
from handlers.api.workspace_documents import WorkspaceDocuments
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
    included = _included(ask, found, includes, in_list=True)
    shown = [state_version_resource(ask.services, version, in_list=True) for version in found]
    return paged(shown, page, states.count(workspace.id), included=included)


@shows("state-versions", includes(INCLUDES))
def current(ask: Ask, workspace_id: str) -> Response:
    version = current_version(ask, workspace_id)
    includes = asked_includes(INCLUDES)
    return one(state_version_resource(ask.services, version), included=_included(ask, [version], includes))


@shows("state-versions", includes(INCLUDES))
def show(ask: Ask, version_id: str) -> Response:
    includes, version = asked_includes(INCLUDES), find_version(ask, version_id)
    included = _included(ask, [version], includes)
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


def _included(
    ask: Ask, versions: Sequence[StateVersion], includes: set[str], *, in_list: bool = False
) -> list[Resource]:
    """The versions are of one workspace. A list includes outputs only where it names them, as JSON:API has it."""
    found: list[Resource] = []
    if "outputs" in includes:
        for version in versions if not in_list else filter(are_named_in_lists, versions):
            outputs = enumerate(ask.services.states.outputs(version))
            found += [output_resource(version, place, output, masked=True) for place, output in outputs]
    if "created_by" in includes:
        users = ask.services.people.users_with_ids({UserId(version.created_by_id) for version in versions})
        found += [user_resource(user, ask.asker) for user in known_users(ask.asker, users)]
    if "workspace" in includes:
        workspaces = visible_only(ask, ask.services.workspaces.with_ids({version.workspace_id for version in versions}))
        documents = WorkspaceDocuments(ask.asker, workspaces)
        found += [documents.resource(workspace) for workspace in workspaces]
    return found + _runs(ask, versions, {name for name in includes if name.partition(".")[0] == "run"})


def _runs(ask: Ask, versions: Sequence[StateVersion], includes: set[str]) -> list[Resource]:
    """Where the asker may see them: to read a workspace's states is not yet to see its runs."""
    if not includes:
        return []
    runs = list(ask.services.runs.with_ids({version.run_id for version in versions if version.run_id}).values())
    workspaces = ask.services.workspaces.with_ids({run.workspace_id for run in runs})
    allowed = ask.asker.allowed_in_each(workspaces)
    seen = [run for run in runs if Needs.RUNS_READ in allowed[run.workspace_id]]
    documents = RunDocuments(ask.asker, seen)
    with_them = documents.included_of(seen, {name.removeprefix("run.") for name in includes - {"run"}})
    return [*(documents.resource(run) for run in seen), *with_them]


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
