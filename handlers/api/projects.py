"""Which projects does an organization have, and which workspaces are in them?

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/projects
"""

import re
from collections.abc import Sequence
from typing import Any

from flask import Response

from bot.errors import Refused
from bot.ids import ProjectId, WorkspaceId
from bot.needs import Needs
from bot.tags import check_tags
from bot.timestamps import to_text
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import Resource, linked, nothing, one, paged, resource, to_one
from handlers.api.operations import ENTRIES, NAMES, SEARCH, empties, makes, pages, shows
from handlers.api.requests import Body, asked, asked_list, asked_page, read_body, read_entries, related_entries
from handlers.api.seen import project_seen, visible_only
from handlers.api.tags import read_bindings
from storage.projects import Project
from storage.tags import Tagged

LONGEST_DESCRIPTION = 256  # characters
MOVING = Needs.MANAGE_PROJECTS  # what it takes to move workspaces between projects, at whatever door

_NAME = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9 ._-]{0,88}[A-Za-z0-9._-])?")


@pages("projects", SEARCH, NAMES)
def index(ask: Ask, organization: str) -> Response:
    owner, page = ask.asker.organization(organization), asked_page()
    found, total = ask.services.projects.search(
        owner.id, asked_list("filter[names]"), asked("q"), limit=page.size, offset=page.offset
    )
    return paged(project_resources(ask, found), page, total)


@makes("projects", takes="project")
def create(ask: Ask, organization: str) -> Response:
    owner, body = ask.asker.organization(organization), read_body()
    name, description, tags = _name(body), body.text("description", most=LONGEST_DESCRIPTION), _tags(body)
    with ask.services.records.write():
        project = ask.services.projects.add(owner.id, name, description)
        ask.services.workspace_tags.bind(Tagged.PROJECT, project.id, owner.id, tags or {})
    return one(project_resources(ask, [project])[0], status=201)


@shows("projects")
def show(ask: Ask, project_id: str) -> Response:
    return one(project_resources(ask, [project_seen(ask, project_id)])[0])


@shows("projects", takes="project")
def change(ask: Ask, project_id: str) -> Response:
    """What isn't given stays; tag bindings, where given, are all that there will be."""
    project, body = project_seen(ask, project_id), read_body()
    name = project.name if body.attributes.get("name") is None else _name(body)
    description, tags = project.description, _tags(body)
    if "description" in body.attributes:
        description = body.text("description", most=LONGEST_DESCRIPTION)
    with ask.services.records.write():
        changed = ask.services.projects.change(project, name, description)
        if tags is not None:
            ask.services.workspace_tags.replace(Tagged.PROJECT, project.id, project.organization_id, tags)
    return one(project_resources(ask, [changed])[0])


@empties()
def remove(ask: Ask, project_id: str) -> Response:
    project = project_seen(ask, project_id)
    with conflicts():
        ask.services.projects.remove(project.id)
    return nothing()


@empties(takes=ENTRIES)
def move_workspaces(ask: Ask, project_id: str) -> Response:
    """Put workspaces that one sees into this project; all of them or none."""
    project, ids = project_seen(ask, project_id), [entry.ident for entry in read_entries()]
    with ask.services.records.write():
        found = visible_only(ask, ask.services.workspaces.with_ids(ids))
        own = {workspace.id for workspace in found if workspace.organization_id == project.organization_id}
        missing = [ident for ident in ids if ident not in own]
        if missing:
            raise Refused(f"there is no workspace {missing[0]} in {project.organization_name}")
        ask.services.projects.move_workspaces(project, [WorkspaceId(ident) for ident in ids])
    return nothing()


def project_resources(ask: Ask, projects: Sequence[Project]) -> list[Resource]:
    """The documents of a page of projects."""
    counts = ask.services.projects.count_workspaces([project.id for project in projects])
    allowed = ask.asker.allowed_in_organization(projects[0].organization_id) if projects else frozenset()
    return [_resource(project, counts.get(project.id, 0), allowed) for project in projects]


def chosen_project(ask: Ask, body: Body, organization_name: str) -> ProjectId | None:
    """The project that a new workspace's relationship names, or None. Raises Refused if there is no such project.

    Who makes workspaces makes them in any project, as the document of each says (`can-create-workspace`).
    """
    ident = body.related_id("project")
    if ident is None:
        return None
    wanted = ask.services.projects.find(ident)
    if wanted is None or wanted.organization_name != organization_name:
        raise Refused(f"there is no project {ident} in {organization_name}")
    return wanted.id


def other_project(ask: Ask, body: Body, workspace: Workspace) -> ProjectId | None:
    """The project to move a workspace to; None if it stays. Raises as above, and NotAllowed for who may not move it.

    A move brings the project's variable sets with it, so it takes what it takes at the project's own door.
    """
    wanted = chosen_project(ask, body, workspace.organization_name)
    if wanted in (None, workspace.project_id):
        return None
    ask.asker.needing(MOVING).organization_of(workspace)
    return wanted


def _name(body: Body) -> str:
    name = body.text("name").strip()
    if not _NAME.fullmatch(name):
        raise Refused("a project's name has 1 to 90 letters, digits, blanks and - _ .")
    return name


def _tags(body: Body) -> dict[str, str] | None:
    entries = related_entries(body, "tag-bindings")
    return None if entries is None else check_tags(read_bindings(entries))


def _resource(project: Project, workspaces: int, allowed: frozenset[Needs]) -> Resource:
    may_manage = Needs.MANAGE_PROJECTS in allowed
    attributes: dict[str, Any] = {
        "name": project.name,
        "description": project.description,
        "created-at": to_text(project.created_at),
        "is-default": project.is_default,
        "is-unified": False,
        "workspace-count": workspaces,
        "team-count": 0,
        "stack-count": 0,
        "default-execution-mode": "remote",
        "auto-destroy-activity-duration": None,
        "setting-overwrites": {"default-execution-mode": False, "default-agent-pool": False},
        "permissions": {
            "can-read": True,
            "can-update": may_manage,
            "can-destroy": may_manage and not project.is_default,
            "can-create-workspace": Needs.MANAGE_WORKSPACES in allowed,
            "can-move-workspace": MOVING in allowed,
        },
    }
    relationships = {
        "organization": to_one("organizations", project.organization_name),
        "tag-bindings": linked(f"projects/{project.id}/tag-bindings"),
        "effective-tag-bindings": linked(f"projects/{project.id}/effective-tag-bindings"),
    }
    return resource("projects", project.id, attributes, relationships, link=f"projects/{project.id}")


RULES: tuple[Rule, ...] = (
    ("GET", "/organizations/<organization>/projects", index, Needs.MEMBER),
    ("POST", "/organizations/<organization>/projects", create, Needs.MANAGE_PROJECTS),
    ("GET", "/projects/<project_id>", show, Needs.MEMBER),
    ("PATCH", "/projects/<project_id>", change, Needs.MANAGE_PROJECTS),
    ("DELETE", "/projects/<project_id>", remove, Needs.MANAGE_PROJECTS),
    ("POST", "/projects/<project_id>/relationships/workspaces", move_workspaces, MOVING),
)
