"""Which workspaces are there? Listed, made, changed and removed."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response

from bot.access import Needs
from bot.errors import NotFound, Refused
from bot.ids import OrganizationId
from bot.run_queue import in_order
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import Resource, nothing, one, paged
from handlers.api.organizations import organization_resource
from handlers.api.requests import Body, asked, asked_includes, asked_page, read_body
from handlers.api.run_documents import RunDocuments
from handlers.api.workspace_documents import connection_id, read_settings, workspace_resource
from handlers.reactions.joining import VcsChoice, change_workspace, create_workspace
from storage.people import Organization

# TFE's names; those that nothing stands behind here include nothing.
INCLUDES = frozenset(
    {"organization", "current_run", "current_run.plan", "current_run.configuration_version", "locked_by"}
    | {"current_configuration_version", "current_configuration_version.ingress_attributes", "current_assessment_result"}
    | {"effective_tag_bindings", "outputs", "project", "readme", "current_state_version"}
)


def index(ask: Ask, organization: str) -> Response:
    includes, page = asked_includes(INCLUDES), asked_page()
    found = ask.services.workspaces.of_organization(ask.asker.organization(organization).id, asked("search[name]"))
    shown = found[page.offset : page.offset + page.size]
    included = [extra for workspace in shown for extra in _included(ask, workspace, includes)]
    return paged([workspace_resource(ask.services, w) for w in shown], page, len(found), included=included)


def create(ask: Ask, organization: str) -> Response:
    owner, body = ask.asker.organization(organization), read_body()
    settings = read_settings(body.attributes)
    vcs = _vcs_choice(ask, owner.id, body, current=None)
    name = body.attributes.get("name")
    workspace, secret = create_workspace(ask.services, owner, name, settings, vcs)  # type: ignore[arg-type]
    return one(workspace_resource(ask.services, workspace, webhook_secret=secret), status=201)


def show(ask: Ask, workspace: Workspace) -> Response:
    includes = asked_includes(INCLUDES)
    return one(workspace_resource(ask.services, workspace), included=_included(ask, workspace, includes))


def change(ask: Ask, workspace: Workspace) -> Response:
    body, organization = read_body(), ask.asker.organization_of(workspace)
    changed, secret = change_workspace(
        ask.services,
        organization,
        workspace,
        read_settings(body.attributes),
        name=body.attributes.get("name"),
        vcs=_vcs_choice(ask, organization.id, body, current=workspace),
        leave_vcs="vcs-repo" in body.attributes and body.attributes["vcs-repo"] is None,
    )
    return one(workspace_resource(ask.services, changed, webhook_secret=secret))


def remove(ask: Ask, workspace: Workspace) -> Response:
    """Remove it with its runs, variables and states; not while a run is under way."""
    with conflicts(), ask.services.records.write():
        busy = ask.services.runs.unfinished(workspace.id)
        if busy:
            raise Refused(f"{workspace.name} is being processed by {busy[0].id}: discard or cancel it first")
        ask.services.workspaces.remove(workspace.id)
    return nothing()


def _vcs_choice(
    ask: Ask, organization_id: OrganizationId, body: Body, *, current: Workspace | None
) -> VcsChoice | None:
    """The repository to join; None if none is named, or the one that the workspace listens to already."""
    vcs = body.attributes.get("vcs-repo")
    if vcs is None:
        return None
    if not isinstance(vcs, Mapping):
        raise Refused("vcs-repo is an object with identifier and oauth-token-id")
    repository = ask.asker.repository_of(current) if current else None
    identifier = _text(vcs, "identifier") or (repository.path if repository else "")
    token = _text(vcs, "oauth-token-id")
    wanted = connection_id(token) if token else (repository.connection_id if repository else "")
    if not identifier or not wanted:
        raise Refused("vcs-repo needs identifier and oauth-token-id")
    if repository is not None and (identifier, wanted) == (repository.path, repository.connection_id):
        return None
    try:
        connection = ask.asker.connection(wanted)
    except NotFound as error:
        raise Refused(f"there is no oauth token {token}") from error
    if connection.organization_id != organization_id:
        raise Refused(f"there is no oauth token {token}")
    return VcsChoice(connection, identifier)


def _text(vcs: Mapping[str, Any], name: str) -> str:
    value = vcs.get(name) or ""
    if not isinstance(value, str):
        raise Refused(f"vcs-repo.{name} is a text")
    return value.strip()


def _included(ask: Ask, workspace: Workspace, includes: set[str]) -> list[Resource]:
    found: list[Resource] = []
    if "organization" in includes:
        owner: Organization = ask.asker.organization_of(workspace)
        found.append(organization_resource(owner))
    queue = in_order(ask.services.runs.unfinished(workspace.id)) if includes else []
    if queue:
        documents = RunDocuments(ask.services)
        wanted = {name.removeprefix("current_run.") for name in includes if name.startswith("current_run.")}
        if wanted or "current_run" in includes:
            found.append(documents.resource(queue[0]))
            found += documents.included(queue[0], workspace, wanted)
    return found


def _by_id(view: Callable[[Ask, Workspace], Response]) -> Callable[..., Response]:
    return lambda ask, workspace_id: view(ask, ask.asker.workspace(workspace_id))


def _by_name(view: Callable[[Ask, Workspace], Response]) -> Callable[..., Response]:
    return lambda ask, organization, name: view(ask, ask.asker.workspace_named(organization, name))


RULES: tuple[Rule, ...] = (
    ("GET", "/organizations/<organization>/workspaces", index, Needs.MEMBER),
    ("POST", "/organizations/<organization>/workspaces", create, Needs.MANAGE_WORKSPACES),
    ("GET", "/organizations/<organization>/workspaces/<name>", _by_name(show), Needs.WORKSPACE_READ),
    ("PATCH", "/organizations/<organization>/workspaces/<name>", _by_name(change), Needs.WORKSPACE_ADMIN),
    ("DELETE", "/organizations/<organization>/workspaces/<name>", _by_name(remove), Needs.WORKSPACE_ADMIN),
    ("GET", "/workspaces/<workspace_id>", _by_id(show), Needs.WORKSPACE_READ),
    ("PATCH", "/workspaces/<workspace_id>", _by_id(change), Needs.WORKSPACE_ADMIN),
    ("DELETE", "/workspaces/<workspace_id>", _by_id(remove), Needs.WORKSPACE_ADMIN),
)
