"""Which workspaces may read this one's state, where not all of the organization may?

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces#get-remote-state-consumers
"""

from flask import Response

from bot.ids import WorkspaceId
from bot.needs import Needs
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule
from handlers.api.documents import nothing, paged
from handlers.api.operations import ENTRIES, empties, pages
from handlers.api.requests import asked_page, read_entries
from handlers.api.seen import neighbour
from handlers.api.workspace_documents import WorkspaceDocuments


@pages("workspaces")
def index(ask: Ask, workspace_id: str) -> Response:
    """Those of them that the asker sees, by name."""
    workspace, page = ask.asker.workspace(workspace_id), asked_page()
    visible = ask.asker.visible_workspaces(workspace.organization_id)
    ids, total = ask.services.consumers.page(workspace.id, visible, limit=page.size, offset=page.offset)
    named = {consumer.id: consumer for consumer in ask.services.workspaces.with_ids(ids)}
    shown = [named[ident] for ident in ids if ident in named]
    documents = WorkspaceDocuments(ask.asker, shown)
    return paged([documents.resource(consumer) for consumer in shown], page, total)


@empties(takes=ENTRIES)
def add(ask: Ask, workspace_id: str) -> Response:
    workspace = ask.asker.workspace(workspace_id)
    ask.services.consumers.add(workspace.id, _named(ask, workspace))
    return nothing()


@empties(takes=ENTRIES)
def replace(ask: Ask, workspace_id: str) -> Response:
    """Have exactly these."""
    workspace = ask.asker.workspace(workspace_id)
    ask.services.consumers.replace(workspace.id, _named(ask, workspace))
    return nothing()


@empties(takes=ENTRIES)
def remove(ask: Ask, workspace_id: str) -> Response:
    workspace = ask.asker.workspace(workspace_id)
    ask.services.consumers.remove(workspace.id, [entry.ident for entry in read_entries()])
    return nothing()


def _named(ask: Ask, workspace: Workspace) -> list[WorkspaceId]:
    return [neighbour(ask, workspace, entry.ident, Needs.WORKSPACE_READ).id for entry in read_entries()]


_CONSUMERS = "/workspaces/<workspace_id>/relationships/remote-state-consumers"
RULES: tuple[Rule, ...] = (
    ("GET", _CONSUMERS, index, Needs.WORKSPACE_READ),
    ("POST", _CONSUMERS, add, Needs.WORKSPACE_ADMIN),
    ("PATCH", _CONSUMERS, replace, Needs.WORKSPACE_ADMIN),
    ("DELETE", _CONSUMERS, remove, Needs.WORKSPACE_ADMIN),
)
