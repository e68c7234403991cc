"""How are workspaces and projects tagged? Bindings of keys and values, and the plain tags of older clients.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces#add-tags-to-a-workspace
"""

from collections.abc import Sequence

from flask import Response

from bot.errors import Refused
from bot.ids import WorkspaceId
from bot.needs import Needs
from bot.tags import MOST_TAGS, check_tags
from bot.timestamps import to_text
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, many, nothing, paged, resource
from handlers.api.operations import ENTRIES, SEARCH, empties, large_pages, lists, pages
from handlers.api.requests import Entry, asked, asked_page, read_entries
from handlers.api.seen import project_seen
from handlers.services import Services
from storage.tags import Binding, Tagged


@large_pages("tag-bindings")
def workspace_bindings(ask: Ask, workspace_id: str) -> Response:
    """The workspace's own."""
    return _page(_own(ask, Tagged.WORKSPACE, ask.asker.workspace(workspace_id).id))


@large_pages("effective-tag-bindings")
def effective_bindings(ask: Ask, workspace_id: str) -> Response:
    """Its own and those that it inherits from its project; its own value wins."""
    workspace = ask.asker.workspace(workspace_id)
    return _page(effective_of_each(ask.services, [workspace])[workspace.id])


def effective_of_each(services: Services, workspaces: Sequence[Workspace]) -> dict[WorkspaceId, list[Resource]]:
    """The same of several workspaces at once, each sorted by key."""
    tags = services.workspace_tags
    inherited = tags.of_each(Tagged.PROJECT, sorted({workspace.project_id for workspace in workspaces}))
    own = tags.of_each(Tagged.WORKSPACE, [workspace.id for workspace in workspaces])
    found: dict[WorkspaceId, list[Resource]] = {}
    for workspace in workspaces:
        bindings = [*inherited.get(workspace.project_id, []), *own.get(workspace.id, [])]
        together = {binding.key.lower(): binding for binding in bindings}
        found[workspace.id] = [_effective(together[key], workspace.id) for key in sorted(together)]
    return found


@lists("tag-bindings", takes=ENTRIES)
def bind_workspace(ask: Ask, workspace_id: str) -> Response:
    """Add these, or give them other values; the others stay."""
    workspace = ask.asker.workspace(workspace_id)
    bindings = check_tags(read_bindings(read_entries()))
    with ask.services.records.write():
        ask.services.workspace_tags.bind(Tagged.WORKSPACE, workspace.id, workspace.organization_id, bindings)
        _check_number(ask, Tagged.WORKSPACE, workspace.id)
    return many(_own(ask, Tagged.WORKSPACE, workspace.id))


@large_pages("tag-bindings")
def project_bindings(ask: Ask, project_id: str) -> Response:
    return _page(_own(ask, Tagged.PROJECT, project_seen(ask, project_id).id))


@large_pages("effective-tag-bindings")
def effective_project_bindings(ask: Ask, project_id: str) -> Response:
    """A project inherits from nothing."""
    project = project_seen(ask, project_id)
    return _page([_effective(b, project.id) for b in ask.services.workspace_tags.of(Tagged.PROJECT, project.id)])


@lists("tag-bindings", takes=ENTRIES)
def bind_project(ask: Ask, project_id: str) -> Response:
    project = project_seen(ask, project_id)
    bindings = check_tags(read_bindings(read_entries()))
    with ask.services.records.write():
        ask.services.workspace_tags.bind(Tagged.PROJECT, project.id, project.organization_id, bindings)
        _check_number(ask, Tagged.PROJECT, project.id)
    return many(_own(ask, Tagged.PROJECT, project.id))


@pages("tags", SEARCH)
def plain_tags(ask: Ask, workspace_id: str) -> Response:
    workspace, page = ask.asker.workspace(workspace_id), asked_page()
    found, total = ask.services.workspace_tags.page(workspace.id, asked("q"), limit=page.size, offset=page.offset)
    return paged([_tag(binding, instances) for binding, instances in found], page, total)


@empties(takes=ENTRIES)
def add_plain_tags(ask: Ask, workspace_id: str) -> Response:
    """By name, or by the id of a tag that the organization has. A key that has a value keeps it."""
    workspace, entries = ask.asker.workspace(workspace_id), read_entries()
    tags = ask.services.workspace_tags
    with ask.services.records.write():
        known = tags.keys_of(workspace.organization_id, [entry.ident for entry in entries if entry.ident])
        keys = [_name(entry) or known.get(entry.ident, "") for entry in entries]
        if "" in keys:
            raise Refused("a tag is named by attributes.name, or by the id of one that there is")
        bound = {binding.key.lower() for binding in tags.of(Tagged.WORKSPACE, workspace.id)}
        fresh = check_tags({key: "" for key in keys if key.lower() not in bound})
        tags.bind(Tagged.WORKSPACE, workspace.id, workspace.organization_id, fresh)
        _check_number(ask, Tagged.WORKSPACE, workspace.id)
    return nothing()


@empties(takes=ENTRIES)
def remove_plain_tags(ask: Ask, workspace_id: str) -> Response:
    workspace, entries = ask.asker.workspace(workspace_id), read_entries()
    keys = [name for entry in entries if (name := _name(entry))]
    ids = [entry.ident for entry in entries if entry.ident]
    ask.services.workspace_tags.unbind(Tagged.WORKSPACE, workspace.id, workspace.organization_id, keys, ids)
    return nothing()


def read_bindings(entries: Sequence[Entry]) -> dict[str, str]:
    """Key → value of what a client lists as `tag-bindings`. Raises Refused."""
    return {_text(entry, "key"): _text(entry, "value") for entry in entries}


def read_plain_tags(entries: Sequence[Entry]) -> dict[str, str]:
    """The same of what a client lists as `tags`: keys without values. Raises Refused."""
    return {name: "" for entry in entries if (name := _name(entry))}


def _own(ask: Ask, kind: Tagged, owner_id: str) -> list[Resource]:
    return [_binding(binding) for binding in ask.services.workspace_tags.of(kind, owner_id)]


def _page(found: Sequence[Resource]) -> Response:
    """All of them, unless a page is asked for: clients ask for none, and there are as many inherited at most."""
    page = asked_page(2 * MOST_TAGS)
    return paged(found[page.offset : page.offset + page.size], page, len(found))


def _check_number(ask: Ask, kind: Tagged, owner_id: str) -> None:
    if len(ask.services.workspace_tags.of(kind, owner_id)) > MOST_TAGS:
        raise Refused(f"a {kind} has at most {MOST_TAGS} tags")


def _name(entry: Entry) -> str:
    return _text(entry, "name").strip()


def _text(entry: Entry, name: str) -> str:
    value = entry.attributes.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused(f"a tag's {name} is a text")
    return value or ""


def _binding(binding: Binding) -> Resource:
    attributes = {"key": binding.key, "value": binding.value, "created-at": to_text(binding.created_at)}
    return resource("tag-bindings", binding.tag_id, attributes)


def _effective(binding: Binding, owner_id: str) -> Resource:
    """A tag has a value of its own at each of its owners, so the id is that of both."""
    ident = f"{binding.tag_id}-{owner_id.partition('-')[2]}"
    return resource("effective-tag-bindings", ident, {"key": binding.key, "value": binding.value})


def _tag(binding: Binding, instances: int) -> Resource:
    attributes = {"name": binding.key, "created-at": to_text(binding.created_at), "instance-count": instances}
    return resource("tags", binding.tag_id, attributes)


RULES: tuple[Rule, ...] = (
    ("GET", "/workspaces/<workspace_id>/tag-bindings", workspace_bindings, Needs.WORKSPACE_READ),
    ("PATCH", "/workspaces/<workspace_id>/tag-bindings", bind_workspace, Needs.WORKSPACE_ADMIN),
    ("GET", "/workspaces/<workspace_id>/effective-tag-bindings", effective_bindings, Needs.WORKSPACE_READ),
    ("GET", "/workspaces/<workspace_id>/relationships/tags", plain_tags, Needs.WORKSPACE_READ),
    ("POST", "/workspaces/<workspace_id>/relationships/tags", add_plain_tags, Needs.WORKSPACE_ADMIN),
    ("DELETE", "/workspaces/<workspace_id>/relationships/tags", remove_plain_tags, Needs.WORKSPACE_ADMIN),
    ("GET", "/projects/<project_id>/tag-bindings", project_bindings, Needs.MEMBER),
    ("PATCH", "/projects/<project_id>/tag-bindings", bind_project, Needs.MANAGE_PROJECTS),
    ("GET", "/projects/<project_id>/effective-tag-bindings", effective_project_bindings, Needs.MEMBER),
)
