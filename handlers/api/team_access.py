"""What may each team do in a workspace? TFE's team-workspaces: a named set, or each part chosen."""

from dataclasses import replace
from enum import StrEnum
from typing import TypeVar

from flask import Response

from bot.errors import NotFound, Refused
from bot.needs import Needs
from bot.permissions import Level, RunsAccess, StateAccess, VariablesAccess, WorkspaceAccess, access_of
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, nothing, one, paged, resource, to_one
from handlers.api.operations import Query, empties, makes, pages, shows
from handlers.api.requests import BadRequest, Body, asked, asked_page, read_body
from storage.team_access import Grant

E = TypeVar("E", bound=StrEnum)


class MocksAccess(StrEnum):
    NONE = "none"
    READ = "read"


@pages("team-workspaces", Query("filter[workspace][id]", "Of which workspace.", is_required=True))
def index(ask: Ask) -> Response:
    """Of the teams that the asker may know of."""
    workspace_id, page = asked("filter[workspace][id]"), asked_page()
    if not workspace_id:
        raise BadRequest("filter[workspace][id] says whose team access is asked for")
    workspace = ask.asker.workspace(workspace_id)
    visible = ask.asker.visible_teams(workspace.organization_id)
    found = ask.services.team_access.of_workspace(workspace.id)
    seen = [grant for grant in found if visible is None or grant.team_id in visible]
    return paged([_resource(grant) for grant in page.of(seen)], page, len(seen))


@makes("team-workspaces", takes="new team access")
def create(ask: Ask) -> Response:
    body = read_body()
    team_id, workspace_id = body.related_id("team"), body.related_id("workspace")
    if team_id is None or workspace_id is None:
        raise Refused("team access names its team and its workspace, as relationships")
    workspace = ask.asker.workspace(workspace_id)
    try:
        team = ask.asker.team(team_id)
    except NotFound as error:
        raise Refused(error.reason) from error
    if team.organization_id != workspace.organization_id:
        raise Refused(f"there is no team {team_id}")
    if team.is_owners:
        raise Refused("the team of owners has all access to every workspace already")
    level = _one_of(body, "access", Level)
    if level is None:
        raise Refused(f"access is one of {', '.join(Level)}")
    grant = ask.services.team_access.give(team.id, workspace.id, _with_parts(access_of(level), body))
    return one(_resource(grant), status=201)


@shows("team-workspaces")
def show(ask: Ask, grant_id: str) -> Response:
    return one(_resource(_found(ask, grant_id)))


@shows("team-workspaces", takes="team access")
def change(ask: Ask, grant_id: str) -> Response:
    """What isn't given stays. A part alone makes sense for `custom` access only."""
    body, grant = read_body(), _found(ask, grant_id)
    level = _one_of(body, "access", Level) or grant.access.level
    before = replace(grant.access, level=level) if level is Level.CUSTOM else access_of(level)
    return one(_resource(ask.services.team_access.change(grant.id, _with_parts(before, body))))


@empties()
def remove(ask: Ask, grant_id: str) -> Response:
    ask.services.team_access.remove(_found(ask, grant_id).id)
    return nothing()


def _found(ask: Ask, grant_id: str) -> Grant:
    grant, missing = ask.services.team_access.get(grant_id), NotFound(f"there is no team access {grant_id}")
    visible = ask.asker.visible_teams(ask.services.workspaces.get(grant.workspace_id).organization_id)
    if visible is not None and grant.team_id not in visible:
        raise missing
    try:
        ask.asker.workspace(grant.workspace_id)
    except NotFound as error:
        raise missing from error
    return grant


def _with_parts(access: WorkspaceAccess, body: Body) -> WorkspaceAccess:
    """The access with the parts that a request chose. Raises Refused for parts that the named set doesn't have."""
    locking, tasks = body.flag("workspace-locking"), body.flag("run-tasks")
    mocks = _one_of(body, "sentinel-mocks", MocksAccess)
    chosen = replace(
        access,
        runs=_one_of(body, "runs", RunsAccess) or access.runs,
        variables=_one_of(body, "variables", VariablesAccess) or access.variables,
        state=_one_of(body, "state-versions", StateAccess) or access.state,
        locking=access.locking if locking is None else locking,
        sentinel_mocks=access.sentinel_mocks if mocks is None else mocks is MocksAccess.READ,
        run_tasks=access.run_tasks if tasks is None else tasks,
    )
    if access.level is not Level.CUSTOM and chosen != access:
        raise Refused(f"the parts of access follow from {access.level}; choose them with access custom")
    return chosen


def _one_of(body: Body, name: str, kind: type[E]) -> E | None:
    text = body.text(name)
    if not text:
        return None
    if text not in set(kind):
        raise Refused(f"{name} is one of {', '.join(kind)}")
    return kind(text)


def _resource(grant: Grant) -> Resource:
    access = grant.access
    attributes = {
        "access": access.level.value,
        "runs": None if access.runs is RunsAccess.NONE else access.runs.value,  # clients know no word for none
        "variables": access.variables.value,
        "state-versions": access.state.value,
        "sentinel-mocks": (MocksAccess.READ if access.sentinel_mocks else MocksAccess.NONE).value,
        "workspace-locking": access.locking,
        "run-tasks": access.run_tasks,
    }
    relationships = {
        "team": to_one("teams", grant.team_id, link=f"teams/{grant.team_id}"),
        "workspace": to_one("workspaces", grant.workspace_id, link=f"workspaces/{grant.workspace_id}"),
    }
    return resource("team-workspaces", grant.id, attributes, relationships, link=f"team-workspaces/{grant.id}")


RULES: tuple[Rule, ...] = (
    ("GET", "/team-workspaces", index, Needs.WORKSPACE_READ),
    ("POST", "/team-workspaces", create, Needs.WORKSPACE_ADMIN),
    ("GET", "/team-workspaces/<grant_id>", show, Needs.WORKSPACE_READ),
    ("PATCH", "/team-workspaces/<grant_id>", change, Needs.WORKSPACE_ADMIN),
    ("DELETE", "/team-workspaces/<grant_id>", remove, Needs.WORKSPACE_ADMIN),
)
