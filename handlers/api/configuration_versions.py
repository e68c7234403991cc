"""Which configurations does a workspace have? Uploaded by clients, or fetched from its repository."""

from collections.abc import Sequence
from typing import BinaryIO, cast

from flask import Response, request

from bot.errors import NotAllowed, NotFound, Refused
from bot.needs import Needs
from bot.workspace import Workspace
from handlers.addresses import reached_at
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.configuration_documents import configuration_resource, ingress_resources
from handlers.api.documents import Resource, nothing, one, paged, to_one
from handlers.api.operations import OCTETS, empties, includes, makes, pages, sends, shows
from handlers.api.requests import asked_includes, asked_page, read_body
from handlers.api.run_documents import RunDocuments
from handlers.configuration_uploads import expected_upload, refuse_larger, take_in, upload_path
from handlers.enqueue import Enqueue
from handlers.jobs import Job, Verb
from handlers.services import Services
from storage.configuration_versions import ConfigurationVersion, Upload

INCLUDES = frozenset({"ingress_attributes", "run"})
TAR_GZ = "application/gzip"


@makes("configuration-versions", takes="configuration version")
def create(ask: Ask, workspace_id: str) -> Response:
    workspace, body = ask.asker.workspace(workspace_id), read_body()
    upload = Upload(
        source=source_of_request(),
        author=ask.username,
        author_id=ask.asker.who.id,
        speculative=bool(body.flag("speculative")),
        provisional=bool(body.flag("provisional")),
        auto_queue_runs=body.flag("auto-queue-runs") is not False,
        may_apply=ask.asker.may(Needs.RUNS_APPLY, workspace),
    )
    version = ask.services.configurations.expect(workspace.id, upload)
    url = reached_at(ask.services.settings) + upload_path(ask.services, version)
    return one(configuration_resource(version, upload_url=url), status=201)


def source_of_request() -> str:
    """TFE tells the CLI's cloud block from other clients by a header that only it sends (tfe-contract 1.3)."""
    return "terraform+cloud" if request.headers.get("X-Terraform-Integration") == "cloud" else "tfe-api"


@pages("configuration-versions", includes(INCLUDES))
def index(ask: Ask, workspace_id: str) -> Response:
    workspace, page = ask.asker.workspace(workspace_id), asked_page()
    includes = asked_includes(INCLUDES)
    found, total = ask.services.configurations.of_workspace(workspace.id, limit=page.size, offset=page.offset)
    shown, included = _with_included(ask, found, workspace, includes)
    return paged(shown, page, total, included=included)


@shows("configuration-versions", includes(INCLUDES))
def show(ask: Ask, version_id: str) -> Response:
    includes = asked_includes(INCLUDES)
    version, workspace = configuration_seen(ask, version_id)
    (shown,), included = _with_included(ask, [version], workspace, includes)
    return one(shown, included=included)


def _with_included(
    ask: Ask, versions: Sequence[ConfigurationVersion], workspace: Workspace, includes: set[str]
) -> tuple[list[Resource], list[Resource]]:
    """(documents of the versions, what they include): of the runs only those of this workspace."""
    shown, included = [configuration_resource(version) for version in versions], list[Resource]()
    if "ingress_attributes" in includes:
        included += ingress_resources(ask.services, versions)
    if "run" in includes:
        first = ask.services.runs.first_of_each_configuration([version.id for version in versions], workspace.id)
        for version, document in zip(versions, shown, strict=True):
            run = first.get(version.id)
            document["relationships"]["run"] = to_one("runs", run.id if run else None)
        documents = RunDocuments(ask.asker, list(first.values()))
        included += [documents.resource(run) for run in first.values()]
    return shown, included


@shows("ingress-attributes")
def ingress(ask: Ask, version_id: str) -> Response:
    version, _ = configuration_seen(ask, version_id)
    found = ingress_resources(ask.services, [version])
    if not found:
        raise NotFound(f"{version_id} was uploaded; it came from no repository")
    return one(found[0])


@sends(TAR_GZ, "The archive.")
def download(ask: Ask, version_id: str) -> Response:
    """The archive as it is run: what was uploaded, or the commit's tree as a tar."""
    version, _ = configuration_seen(ask, version_id)
    if not version.is_uploaded:
        raise NotFound(f"{version_id} has no archive: it is {version.status}")
    return Response(ask.services.blobs.chunks(version.blob_id), content_type=TAR_GZ)


@sends(TAR_GZ, "The archive.")
def download_of_run(ask: Ask, run_id: str) -> Response:
    run, _ = ask.asker.run(run_id)
    return download(ask, run.configuration_version_id)


@empties(status=202)
def archive(ask: Ask, version_id: str) -> Response:
    """Give up what was uploaded; its runs stay. Not while a run needs it, nor while new runs would take it."""
    version, workspace = configuration_seen(ask, version_id)
    with conflicts(), ask.services.records.write():
        fresh = ask.services.configurations.get(version.id)
        if fresh.repository_id is not None:
            raise Refused(f"{version_id} came from a repository: only what was uploaded is archived")
        if not fresh.is_uploaded:
            raise Refused(f"{version_id} is {fresh.status}, not uploaded")
        busy = ask.services.runs.unfinished_of_configuration(fresh.id)
        if busy is not None:
            raise Refused(f"{busy.id} still needs {version_id}: discard or cancel it first")
        current = ask.services.configurations.newest_upload(workspace.id)
        if current is not None and current.id == fresh.id and workspace.repository_id is None:
            raise Refused(f"{version_id} is what {workspace.name} runs by itself: upload another one first")
        ask.services.configurations.archive(fresh.id)
        ask.services.dropped.note(fresh.blob_id)
    ask.enqueue([Job(Verb.REMOVE_BLOBS)])
    return nothing(202)


def configuration_seen(ask: Ask, version_id: str) -> tuple[ConfigurationVersion, Workspace]:
    """The version, and a workspace that has it and that the asker may see. Raises NotFound, NotAllowed."""
    version = ask.services.configurations.find(version_id)
    refused: NotFound | NotAllowed = NotFound(f"there is no configuration version {version_id}")
    if version is None:
        raise refused
    uploaded_to = [version.workspace_id] if version.workspace_id is not None else None
    for workspace_id in uploaded_to or ask.services.runs.workspaces_of_configuration(version.id):
        try:
            return version, ask.asker.workspace(workspace_id)
        except NotFound:
            continue  # one commit's configuration may be that of several workspaces
        except NotAllowed as not_allowed:
            refused = not_allowed
    raise refused


@empties(takes=OCTETS, status=200)
def receive(services: Services, enqueue: Enqueue, version_id: str, mark: str) -> Response:
    """The upload itself. Whoever has the address may."""
    largest = services.settings.largest_configuration_megabytes * 10**6
    version = expected_upload(services, version_id, mark)
    refuse_larger(services, version, request.content_length or 0, largest)
    request.max_content_length = largest + 1  # one more: what doesn't say its length is refused in our own words, too
    enqueue(take_in(services, version, cast(BinaryIO, request.stream), largest))
    return nothing(200)


RULES: tuple[Rule, ...] = (
    ("POST", "/workspaces/<workspace_id>/configuration-versions", create, Needs.RUNS_PLAN),
    ("GET", "/workspaces/<workspace_id>/configuration-versions", index, Needs.RUNS_READ),
    ("GET", "/configuration-versions/<version_id>", show, Needs.RUNS_READ),
    ("GET", "/configuration-versions/<version_id>/ingress-attributes", ingress, Needs.RUNS_READ),
    ("GET", "/configuration-versions/<version_id>/download", download, Needs.RUNS_READ),
    ("POST", "/configuration-versions/<version_id>/actions/archive", archive, Needs.RUNS_APPLY),
    ("GET", "/runs/<run_id>/configuration-version/download", download_of_run, Needs.RUNS_READ),
)
