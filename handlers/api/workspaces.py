"""Which workspaces are there? Listed, made, changed and removed."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response

from bot.errors import NotFound, Refused
from bot.ids import OrganizationId
from bot.needs import Needs
from bot.run import RunStatus
from bot.state_resources import count_resources
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import nothing, one, paged
from handlers.api.operations import empties, includes, like, makes, pages, shows
from handlers.api.projects import chosen_project, other_project
from handlers.api.requests import Body, asked_includes, asked_page, read_body, related_entries
from handlers.api.tags import read_bindings, read_plain_tags
from handlers.api.workspace_documents import connection_id, read_settings, workspace_resource
from handlers.api.workspace_includes import INCLUDES, with_included
from handlers.api.workspace_search import QUERIES, asked_filter
from handlers.reactions.joining import VcsChoice, change_workspace, create_workspace
from handlers.reactions.removing import finish_removing


@pages("workspaces", *QUERIES, includes(INCLUDES))
def index(ask: Ask, organization: str) -> Response:
    owner, includes, page = ask.asker.organization(organization), asked_includes(INCLUDES), asked_page()
    wanted = asked_filter(owner.id, ask.asker.visible_workspaces(owner.id))
    found, total = ask.services.workspaces.search(wanted, limit=page.size, offset=page.offset)
    shown, included = with_included(ask, found, includes)
    return paged(shown, page, total, included=included)


@makes("workspaces", takes="workspace")
def create(ask: Ask, organization: str) -> Response:
    owner, body = ask.asker.organization(organization), read_body()
    workspace, secret = create_workspace(
        ask.services,
        owner,
        body.attributes.get("name"),  # type: ignore[arg-type]  # checked there
        read_settings(body.attributes),
        _vcs_choice(ask, owner.id, body, current=None),
        project_id=chosen_project(ask, body, owner.name),
        tags=_asked_tags(body),
    )
    return one(workspace_resource(ask.asker, workspace, webhook_secret=secret), status=201)


@shows("workspaces", includes(INCLUDES))
def show(ask: Ask, workspace: Workspace) -> Response:
    shown, included = with_included(ask, [workspace], asked_includes(INCLUDES))
    return one(shown[0], included=included)


@shows("workspaces", takes="workspace")
def change(ask: Ask, workspace: Workspace) -> Response:
    """What isn't given stays. The relationship `tag-bindings`, where given, is all that there will be.

    Another `project` takes managing projects besides.
    """
    body, organization = read_body(), ask.asker.organization_of(workspace)
    changed, secret = change_workspace(
        ask.services,
        organization,
        workspace,
        read_settings(body.attributes),
        name=body.attributes.get("name"),
        vcs=_vcs_choice(ask, organization.id, body, current=workspace),
        leave_vcs="vcs-repo" in body.attributes and body.attributes["vcs-repo"] is None,
        project_id=other_project(ask, body, workspace),
        tags=_asked_tags(body),
    )
    return one(workspace_resource(ask.asker, changed, webhook_secret=secret))


@empties()
def remove(ask: Ask, workspace: Workspace) -> Response:
    """Remove it with its runs, variables and states; not while a run is under way."""
    with conflicts(), ask.services.records.write():
        _check_idle(ask, workspace)
        ask.services.leaving.begin(workspace.id)
    ask.enqueue(finish_removing(ask.services, workspace.id))
    return nothing()


@empties()
def safe_remove(ask: Ask, workspace: Workspace) -> Response:
    """Remove it only if nothing would be lost: it is idle, unlocked, and manages no resources.

    Clients match the words of a refusal (tfe-contract 2.7): "locked", "being processed", else "not safe to delete".
    """
    read_body()
    left = _resources_left(ask, workspace)
    with conflicts(), ask.services.records.write():
        fresh = ask.services.workspaces.get(workspace.id)
        if fresh.is_locked:
            raise Refused(f"{fresh.name} is locked: unlock it before it is deleted")
        _check_idle(ask, fresh)
        if left or fresh.current_state_version_id != workspace.current_state_version_id:
            raise Refused(f"{fresh.name} is not safe to delete: it manages {left or 'some'} resources")
        ask.services.leaving.begin(workspace.id)
    ask.enqueue(finish_removing(ask.services, workspace.id))
    return nothing()


def _check_idle(ask: Ask, workspace: Workspace) -> None:
    """A plan that somebody keeps for later is no work under way, and goes with its workspace."""
    unfinished = ask.services.runs.unfinished(workspace.id)
    busy = [run for run in unfinished if run.status is not RunStatus.PLANNED_AND_SAVED]
    if busy:
        raise Refused(f"{workspace.name} is being processed by {busy[0].id}: discard or cancel it first")


def _resources_left(ask: Ask, workspace: Workspace) -> int:
    """How many resources its current state has."""
    version = ask.services.states.current(workspace.id)
    return count_resources(ask.services.states.chunks(version)) if version else 0


def _asked_tags(body: Body) -> dict[str, str] | None:
    """`tag-bindings`, and the `tags` of older clients; None if the request speaks of neither."""
    bindings, plain = related_entries(body, "tag-bindings"), related_entries(body, "tags")
    if bindings is None and plain is None:
        return None
    return {**read_plain_tags(plain or ()), **read_bindings(bindings or ())}


def _vcs_choice(
    ask: Ask, organization_id: OrganizationId, body: Body, *, current: Workspace | None
) -> VcsChoice | None:
    """The repository to join; None if none is named, or the one that the workspace listens to already."""
    vcs = body.attributes.get("vcs-repo")
    if vcs is None:
        return None
    if not isinstance(vcs, Mapping):
        raise Refused("vcs-repo is an object with identifier and oauth-token-id")
    if not any(vcs.values()):
        return None  # HashiCorp's SDK sends an object without values for "no repository"
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


def _by_id(view: Callable[[Ask, Workspace], Response]) -> Callable[..., Response]:
    return like(view)(lambda ask, workspace_id: view(ask, ask.asker.workspace(workspace_id)))


def _by_name(view: Callable[[Ask, Workspace], Response]) -> Callable[..., Response]:
    return like(view)(lambda ask, organization, name: view(ask, ask.asker.workspace_named(organization, name)))


_NAMED = "/organizations/<organization>/workspaces/<name>"

RULES: tuple[Rule, ...] = (
    ("GET", "/organizations/<organization>/workspaces", index, Needs.MEMBER),
    ("POST", "/organizations/<organization>/workspaces", create, Needs.MANAGE_WORKSPACES),
    ("GET", _NAMED, _by_name(show), Needs.WORKSPACE_FIND),
    ("PATCH", _NAMED, _by_name(change), Needs.WORKSPACE_ADMIN),
    ("DELETE", _NAMED, _by_name(remove), Needs.WORKSPACE_ADMIN),
    ("POST", f"{_NAMED}/actions/safe-delete", _by_name(safe_remove), Needs.WORKSPACE_ADMIN),
    ("GET", "/workspaces/<workspace_id>", _by_id(show), Needs.WORKSPACE_FIND),
    ("PATCH", "/workspaces/<workspace_id>", _by_id(change), Needs.WORKSPACE_ADMIN),
    ("DELETE", "/workspaces/<workspace_id>", _by_id(remove), Needs.WORKSPACE_ADMIN),
    ("POST", "/workspaces/<workspace_id>/actions/safe-delete", _by_id(safe_remove), Needs.WORKSPACE_ADMIN),
)
