"""Which workspace's apply makes a run in which other one?

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-triggers
"""

from collections.abc import Sequence

from flask import Response

from bot.errors import NotFound, Refused
from bot.needs import Needs
from bot.timestamps import to_text
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, nothing, one, paged, resource, to_one
from handlers.api.operations import Query, empties, includes, makes, pages, shows
from handlers.api.requests import BadRequest, asked, asked_includes, asked_page, read_body
from handlers.api.seen import neighbour, visible_only
from handlers.api.workspace_documents import WorkspaceDocuments
from storage.between_workspaces import Direction, RunTrigger

INCLUDES = frozenset({"workspace", "sourceable"})
TYPE = Query(
    "filter[run-trigger][type]", "Making runs here, or set off by its applies.", tuple(Direction), is_required=True
)


@pages("run-triggers", TYPE, includes(INCLUDES))
def index(ask: Ask, workspace_id: str) -> Response:
    """Those that make runs here, or those that this workspace's applies set off: the filter must say which.

    One with a workspace that the asker doesn't see at its other end isn't there.
    """
    workspace, page, includes = ask.asker.workspace(workspace_id), asked_page(), asked_includes(INCLUDES)
    direction = asked("filter[run-trigger][type]")
    if direction not in set(Direction):
        raise BadRequest(f"filter[run-trigger][type] is one of {', '.join(Direction)}")
    found = _of_workspace(ask, workspace, Direction(direction))
    shown = page.of(found)
    return paged([_resource(trigger) for trigger in shown], page, len(found), included=_included(ask, shown, includes))


@makes("run-triggers", takes="run trigger")
def create(ask: Ask, workspace_id: str) -> Response:
    """Let the applies of the workspace that the relationship `sourceable` names make runs in this one."""
    workspace, source_id = ask.asker.workspace(workspace_id), read_body().related_id("sourceable")
    if source_id is None:
        raise Refused("a run trigger names its source, as the relationship sourceable")
    source = neighbour(ask, workspace, source_id, Needs.RUNS_READ)
    return one(_resource(ask.services.triggers.add(workspace, source)), status=201)


@shows("run-triggers", includes(INCLUDES))
def show(ask: Ask, trigger_id: str) -> Response:
    includes, found = asked_includes(INCLUDES), _seen(ask, trigger_id)
    return one(_resource(found), included=_included(ask, [found], includes))


@empties()
def remove(ask: Ask, trigger_id: str) -> Response:
    ask.services.triggers.remove(_seen(ask, trigger_id).id)
    return nothing()


def _seen(ask: Ask, trigger_id: str) -> RunTrigger:
    """A trigger belongs to the workspace that it makes runs in, and names the other one, which must be seen too."""
    found = ask.services.triggers.get(trigger_id)
    try:
        ask.asker.needing(Needs.WORKSPACE_FIND).workspace(found.source_id)
        ask.asker.workspace(found.workspace_id)
    except NotFound as error:
        raise NotFound(f"there is no run trigger {trigger_id}") from error
    return found


def _of_workspace(ask: Ask, workspace: Workspace, direction: Direction) -> list[RunTrigger]:
    triggers, visible = ask.services.triggers, ask.asker.visible_workspaces(workspace.organization_id)
    found = triggers.into(workspace.id) if direction is Direction.INBOUND else triggers.out_of(workspace.id)
    seen = None if visible is None else frozenset(visible)
    return [each for each in found if seen is None or {each.workspace_id, each.source_id} <= seen]


def _included(ask: Ask, found: Sequence[RunTrigger], includes: set[str]) -> list[Resource]:
    ids = {trigger.workspace_id for trigger in found if "workspace" in includes}
    ids |= {trigger.source_id for trigger in found if "sourceable" in includes}
    workspaces = visible_only(ask, ask.services.workspaces.with_ids(ids))
    documents = WorkspaceDocuments(ask.asker, workspaces)
    return [documents.resource(workspace) for workspace in workspaces]


def _resource(trigger: RunTrigger) -> Resource:
    attributes = {
        "workspace-name": trigger.workspace_name,
        "sourceable-name": trigger.source_name,
        "created-at": to_text(trigger.created_at),
    }
    relationships = {
        "workspace": to_one("workspaces", trigger.workspace_id, link=f"workspaces/{trigger.workspace_id}"),
        "sourceable": to_one("workspaces", trigger.source_id, link=f"workspaces/{trigger.source_id}"),
    }
    return resource("run-triggers", trigger.id, attributes, relationships, link=f"run-triggers/{trigger.id}")


RULES: tuple[Rule, ...] = (
    ("GET", "/workspaces/<workspace_id>/run-triggers", index, Needs.WORKSPACE_READ),
    ("POST", "/workspaces/<workspace_id>/run-triggers", create, Needs.WORKSPACE_ADMIN),
    ("GET", "/run-triggers/<trigger_id>", show, Needs.WORKSPACE_READ),
    ("DELETE", "/run-triggers/<trigger_id>", remove, Needs.WORKSPACE_ADMIN),
)
