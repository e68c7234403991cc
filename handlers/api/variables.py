"""Which variables does a workspace have? A sensitive value goes in and never comes out."""

from flask import Response

from bot.errors import NotFound, Refused
from bot.needs import Needs
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, many, nothing, one, to_one
from handlers.api.operations import by_name, empties, lists, makes, shows
from handlers.api.requests import BadRequest, asked, read_body
from handlers.api.variable_documents import (
    changed_variable,
    found_variable,
    made_variable,
    set_variable,
    variable_resource,
)
from handlers.reactions.run_variables import reaching_variables
from storage.variables import Variable


@lists("vars")
def index(ask: Ask, workspace_id: str) -> Response:
    """All of them: clients expect this list unpaginated."""
    workspace = ask.asker.workspace(workspace_id)
    return many([_resource(variable) for variable in ask.services.variables.all(workspace.id)])


@lists("vars", *by_name())
def index_by_name(ask: Ask) -> Response:
    """The list of older clients: of one workspace, named by two filters."""
    workspace = _named(ask, asked("filter[organization][name]"), asked("filter[workspace][name]"))
    return index(ask, workspace.id)


@lists("vars")
def every(ask: Ask, workspace_id: str) -> Response:
    """What a run would get: the workspace's own variables and those of its sets, each key once.

    A variable of a set is shown with that set as what it belongs to.
    """
    workspace = ask.asker.workspace(workspace_id)
    found = reaching_variables(ask.services, workspace.id)
    return many([_resource(each) if each.owner_id == workspace.id else set_variable(each) for each in found])


@makes("vars", takes="variable")
def create(ask: Ask, workspace_id: str) -> Response:
    workspace, body = ask.asker.workspace(workspace_id), read_body()
    return one(_resource(made_variable(ask, ask.services.variables, workspace.id, body)), status=201)


@makes("vars", takes="variable by name")
def create_by_name(ask: Ask) -> Response:
    """As older clients make one: the workspace is a relationship."""
    body = read_body()
    workspace_id = body.related_id("workspace")
    if workspace_id is None:
        raise Refused("a variable names its workspace, as a relationship")
    return create(ask, workspace_id)


@shows("vars", takes="variable")
def change_by_id(ask: Ask, variable_id: str) -> Response:
    return change(ask, _workspace_of(ask, variable_id), variable_id)


@empties()
def remove_by_id(ask: Ask, variable_id: str) -> Response:
    return remove(ask, _workspace_of(ask, variable_id), variable_id)


@shows("vars")
def show(ask: Ask, workspace_id: str, variable_id: str) -> Response:
    return one(_resource(_found(ask, workspace_id, variable_id)))


@shows("vars", takes="variable")
def change(ask: Ask, workspace_id: str, variable_id: str) -> Response:
    known = _found(ask, workspace_id, variable_id)
    return one(_resource(changed_variable(ask, ask.services.variables, known, read_body())))


@empties()
def remove(ask: Ask, workspace_id: str, variable_id: str) -> Response:
    ask.services.variables.remove(_found(ask, workspace_id, variable_id).id)
    return nothing()


def _found(ask: Ask, workspace_id: str, variable_id: str) -> Variable:
    workspace = ask.asker.workspace(workspace_id)
    return found_variable(ask.services.variables, workspace.id, variable_id)


def _workspace_of(ask: Ask, variable_id: str) -> str:
    """Whose variable it is. Raises NotFound, in the same words for one that isn't the asker's."""
    missing = NotFound(f"there is no variable {variable_id}")
    owner_id = ask.services.variables.get(variable_id).owner_id
    try:
        return ask.asker.workspace(owner_id).id
    except NotFound as error:
        raise missing from error


def _named(ask: Ask, organization: str, name: str) -> Workspace:
    if not organization or not name:
        raise BadRequest("filter[organization][name] and filter[workspace][name] are both needed")
    return ask.asker.workspace_named(organization, name)


def _resource(variable: Variable) -> Resource:
    path = f"workspaces/{variable.owner_id}/vars"
    return variable_resource(variable, {"configurable": to_one("workspaces", variable.owner_id)}, path)


RULES: tuple[Rule, ...] = (
    ("GET", "/workspaces/<workspace_id>/vars", index, Needs.VARIABLES_READ),
    ("POST", "/workspaces/<workspace_id>/vars", create, Needs.VARIABLES_WRITE),
    ("GET", "/workspaces/<workspace_id>/vars/<variable_id>", show, Needs.VARIABLES_READ),
    ("PATCH", "/workspaces/<workspace_id>/vars/<variable_id>", change, Needs.VARIABLES_WRITE),
    ("DELETE", "/workspaces/<workspace_id>/vars/<variable_id>", remove, Needs.VARIABLES_WRITE),
    ("GET", "/workspaces/<workspace_id>/all-vars", every, Needs.VARIABLES_READ),
    ("GET", "/vars", index_by_name, Needs.VARIABLES_READ),
    ("POST", "/vars", create_by_name, Needs.VARIABLES_WRITE),
    ("PATCH", "/vars/<variable_id>", change_by_id, Needs.VARIABLES_WRITE),
    ("DELETE", "/vars/<variable_id>", remove_by_id, Needs.VARIABLES_WRITE),
)
