"""Which variables are shared, and by whom? Variable sets, their variables, and whom they are given to.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/variable-sets
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from flask import Response

from bot.errors import Refused
from bot.needs import Needs
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, linked, nothing, one, paged, resource, to_many, to_one
from handlers.api.operations import ENTRIES, SEARCH, empties, includes, makes, pages, shows
from handlers.api.organization_documents import organizations_seen
from handlers.api.projects import project_resources
from handlers.api.requests import (
    Body,
    asked,
    asked_includes,
    asked_page,
    read_body,
    read_entries,
    related_entries,
)
from handlers.api.seen import may_read_values, project_seen, variable_set_read, variable_set_seen, visible_only
from handlers.api.variable_documents import changed_variable, found_variable, made_variable, set_variable
from handlers.api.workspace_documents import WorkspaceDocuments
from storage.variable_sets import GivenTo, Recipients, VariableSet

INCLUDES = frozenset({"workspaces", "projects", "vars", "organization", "parent"})
LONGEST_NAME = 90  # characters
LONGEST_DESCRIPTION = 512  # characters


@pages("varsets", SEARCH, includes(INCLUDES))
def of_organization(ask: Ask, organization: str) -> Response:
    owner, page = ask.asker.organization(organization), asked_page()
    sets = ask.services.variable_sets
    found, total = sets.page_of_organization(owner.id, asked("q"), limit=page.size, offset=page.offset)
    shown, included = _documents(ask, found)
    return paged(shown, page, total, included=included)


@pages("varsets", SEARCH, includes(INCLUDES))
def of_workspace(ask: Ask, workspace_id: str) -> Response:
    """Every set that reaches the workspace."""
    workspace, page = ask.asker.workspace(workspace_id), asked_page()
    sets = ask.services.variable_sets
    found, total = sets.page_of_workspace(workspace.id, asked("q"), limit=page.size, offset=page.offset)
    shown, included = _documents(ask, found)
    return paged(shown, page, total, included=included)


@pages("varsets", SEARCH, includes(INCLUDES))
def of_project(ask: Ask, project_id: str) -> Response:
    project, page = project_seen(ask, project_id), asked_page()
    sets = ask.services.variable_sets
    found, total = sets.page_of_project(project.id, asked("q"), limit=page.size, offset=page.offset)
    shown, included = _documents(ask, found)
    return paged(shown, page, total, included=included)


@makes("varsets", includes(INCLUDES), takes="variable set")
def create(ask: Ask, organization: str) -> Response:
    """A set, with its variables and whom it is given to, where they come with it; all of it or none."""
    owner, body = ask.asker.organization(organization), read_body()
    variables = related_entries(body, "vars") or []
    with ask.services.records.write():
        made = ask.services.variable_sets.add(
            owner.id,
            _name(body),
            body.text("description", most=LONGEST_DESCRIPTION),
            is_global=bool(body.flag("global")),
            is_priority=bool(body.flag("priority")),
        )
        _give_as_asked(ask, made, body)
        for variable in variables:
            made_variable(ask, ask.services.set_variables, made.id, Body(variable.attributes))
    return _one(ask, made, status=201)


@shows("varsets", includes(INCLUDES))
def show(ask: Ask, set_id: str) -> Response:
    found = variable_set_seen(ask, set_id)
    return _one(ask, found)


@shows("varsets", includes(INCLUDES), takes="changed variable set")
def change(ask: Ask, set_id: str) -> Response:
    """What isn't given stays; a relationship that is given names all that the set is given to."""
    known, body = variable_set_seen(ask, set_id), read_body()
    changed = replace(
        known,
        name=known.name if body.attributes.get("name") is None else _name(body),
        description=(
            body.text("description", most=LONGEST_DESCRIPTION)
            if "description" in body.attributes
            else known.description
        ),
        is_global=_or(body.flag("global"), known.is_global),
        is_priority=_or(body.flag("priority"), known.is_priority),
    )
    with ask.services.records.write():
        saved = ask.services.variable_sets.change(changed)
        _give_as_asked(ask, saved, body)
    return _one(ask, saved)


@empties()
def remove(ask: Ask, set_id: str) -> Response:
    """Runs that exist keep the values that they were made with."""
    ask.services.variable_sets.remove(variable_set_seen(ask, set_id).id)
    return nothing()


@pages("vars")
def variables(ask: Ask, set_id: str) -> Response:
    known, page = variable_set_read(ask, set_id), asked_page()
    found, total = ask.services.set_variables.page(known.id, limit=page.size, offset=page.offset)
    return paged([set_variable(variable) for variable in found], page, total)


@makes("vars", takes="variable")
def create_variable(ask: Ask, set_id: str) -> Response:
    known = variable_set_seen(ask, set_id)
    return one(set_variable(made_variable(ask, ask.services.set_variables, known.id, read_body())), status=201)


@shows("vars")
def show_variable(ask: Ask, set_id: str, variable_id: str) -> Response:
    return one(set_variable(found_variable(ask.services.set_variables, variable_set_read(ask, set_id).id, variable_id)))


@shows("vars", takes="variable")
def change_variable(ask: Ask, set_id: str, variable_id: str) -> Response:
    store = ask.services.set_variables
    known = found_variable(store, variable_set_seen(ask, set_id).id, variable_id)
    return one(set_variable(changed_variable(ask, store, known, read_body())))


@empties()
def remove_variable(ask: Ask, set_id: str, variable_id: str) -> Response:
    store = ask.services.set_variables
    store.remove(found_variable(store, variable_set_seen(ask, set_id).id, variable_id).id)
    return nothing()


def _give(kind: GivenTo) -> Callable[..., Response]:
    @empties(takes=ENTRIES)
    def view(ask: Ask, set_id: str) -> Response:
        known = variable_set_seen(ask, set_id)
        ask.services.variable_sets.give(known, kind, [entry.ident for entry in read_entries()])
        return nothing()

    return view


def _take(kind: GivenTo) -> Callable[..., Response]:
    @empties(takes=ENTRIES)
    def view(ask: Ask, set_id: str) -> Response:
        known = variable_set_seen(ask, set_id)
        ask.services.variable_sets.take(known, kind, [entry.ident for entry in read_entries()])
        return nothing()

    return view


def _give_as_asked(ask: Ask, known: VariableSet, body: Body) -> None:
    for kind in GivenTo:
        entries = related_entries(body, kind.value)
        if entries is not None:
            ask.services.variable_sets.give_exactly(known, kind, [entry.ident for entry in entries])


def _name(body: Body) -> str:
    name = body.text("name").strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refused(f"a variable set's name has 1 to {LONGEST_NAME} printable characters")
    return name


def _or(given: bool | None, otherwise: bool) -> bool:
    return otherwise if given is None else given


def _one(ask: Ask, found: VariableSet, *, status: int = 200) -> Response:
    (shown,), included = _documents(ask, [found])
    return one(shown, status=status, included=included)


def _documents(ask: Ask, sets: Sequence[VariableSet]) -> tuple[list[Resource], list[Resource]]:
    """The sets, and what is included with them; of the workspaces they are given to, those that the asker sees."""
    recipients = _recipients_seen(ask, sets)
    allowed = ask.asker.allowed_in_organization(sets[0].organization_id) if sets else frozenset()
    shown = [_resource(found, recipients, may_update=Needs.MANAGE_WORKSPACES in allowed) for found in sets]
    return shown, _included(ask, sets, recipients)


def _resource(found: VariableSet, recipients: Recipients, *, may_update: bool) -> Resource:
    workspaces, projects = recipients.workspaces.get(found.id, []), recipients.projects.get(found.id, [])
    attributes = {
        "name": found.name,
        "description": found.description,
        "global": found.is_global,
        "priority": found.is_priority,
        "created-at": to_text(found.created_at),
        "updated-at": to_text(found.updated_at),
        "var-count": recipients.variables.get(found.id, 0),
        "workspace-count": len(workspaces),
        "project-count": len(projects),
        "permissions": {"can-update": may_update},
    }
    relationships = {
        "organization": to_one("organizations", found.organization_name),
        "parent": to_one("organizations", found.organization_name),
        "vars": linked(f"varsets/{found.id}/relationships/vars"),
        "workspaces": to_many("workspaces", workspaces),
        "projects": to_many("projects", projects),
    }
    return resource("varsets", found.id, attributes, relationships, link=f"varsets/{found.id}")


def _recipients_seen(ask: Ask, sets: Sequence[VariableSet]) -> Recipients:
    found = ask.services.variable_sets.recipients([found.id for found in sets])
    visible = ask.asker.visible_workspaces(sets[0].organization_id) if sets else None
    if visible is None:
        return found
    seen = frozenset(visible)
    workspaces = {set_id: [ident for ident in ids if ident in seen] for set_id, ids in found.workspaces.items()}
    return replace(found, workspaces=workspaces)


def _included(ask: Ask, sets: Sequence[VariableSet], recipients: Recipients) -> list[Resource]:
    includes = asked_includes(INCLUDES)
    included: list[Resource] = []
    if "workspaces" in includes:
        ids = {ident for given in recipients.workspaces.values() for ident in given}
        workspaces = visible_only(ask, ask.services.workspaces.with_ids(ids))
        documents = WorkspaceDocuments(ask.asker, workspaces)
        included += [documents.resource(workspace) for workspace in workspaces]
    if "projects" in includes:
        ids_of_projects = {ident for given in recipients.projects.values() for ident in given}
        included += project_resources(ask, ask.services.projects.with_ids(ids_of_projects))
    if "vars" in includes:
        of_each = ask.services.set_variables.all_of_each(sorted(may_read_values(ask, sets)))
        included += [set_variable(variable) for variables in of_each.values() for variable in variables]
    if includes & {"organization", "parent"}:  # a set of a project isn't here: its parent is its organization
        included += organizations_seen(ask.asker, {found.organization_id for found in sets})
    return included


_SET, _VARS = "/varsets/<set_id>", "/varsets/<set_id>/relationships/vars"
RULES: tuple[Rule, ...] = (
    ("GET", "/organizations/<organization>/varsets", of_organization, Needs.MEMBER),
    ("POST", "/organizations/<organization>/varsets", create, Needs.MANAGE_WORKSPACES),
    ("GET", "/workspaces/<workspace_id>/varsets", of_workspace, Needs.VARIABLES_READ),
    ("GET", "/workspaces/<workspace_id>/applicable-varsets", of_workspace, Needs.VARIABLES_READ),
    ("GET", "/projects/<project_id>/varsets", of_project, Needs.MEMBER),
    ("GET", _SET, show, Needs.MEMBER),
    ("PATCH", _SET, change, Needs.MANAGE_WORKSPACES),
    ("DELETE", _SET, remove, Needs.MANAGE_WORKSPACES),
    ("GET", _VARS, variables, Needs.VARIABLES_READ),
    ("POST", _VARS, create_variable, Needs.MANAGE_WORKSPACES),
    ("GET", f"{_VARS}/<variable_id>", show_variable, Needs.VARIABLES_READ),
    ("PATCH", f"{_VARS}/<variable_id>", change_variable, Needs.MANAGE_WORKSPACES),
    ("DELETE", f"{_VARS}/<variable_id>", remove_variable, Needs.MANAGE_WORKSPACES),
    ("POST", f"{_SET}/relationships/workspaces", _give(GivenTo.WORKSPACES), Needs.MANAGE_WORKSPACES),
    ("DELETE", f"{_SET}/relationships/workspaces", _take(GivenTo.WORKSPACES), Needs.MANAGE_WORKSPACES),
    ("POST", f"{_SET}/relationships/projects", _give(GivenTo.PROJECTS), Needs.MANAGE_WORKSPACES),
    ("DELETE", f"{_SET}/relationships/projects", _take(GivenTo.PROJECTS), Needs.MANAGE_WORKSPACES),
)
