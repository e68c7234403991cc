"""Which variables does a workspace have? A sensitive value goes in and never comes out."""

import sqlite3
from dataclasses import replace
from typing import Any

from flask import Response

from bot.access import Needs
from bot.errors import NotFound, Refused
from bot.ids import WorkspaceId
from bot.manifest import Category
from handlers.api.ask import Ask, Rule
from handlers.api.documents import Resource, many, nothing, one, resource, to_one
from handlers.api.requests import Body, read_body
from storage.variables import Variable

LONGEST_VALUE = 256 * 1024  # characters, as TFE has it
LONGEST_DESCRIPTION = 512  # characters, likewise
TAKEN = "Key has already been taken"  # TFE's words


def index(ask: Ask, workspace_id: str) -> Response:
    """All of them: clients expect this list unpaginated."""
    workspace = ask.asker.workspace(workspace_id)
    return many([_resource(variable) for variable in ask.services.variables.all(workspace.id)])


def create(ask: Ask, workspace_id: str) -> Response:
    workspace, body = ask.asker.workspace(workspace_id), read_body()
    key, category = body.text("key").strip(), _category(body) or Category.TERRAFORM
    if not key:
        raise Refused("a variable has a key")
    value, description = _value(body) or "", body.text("description", most=LONGEST_DESCRIPTION)
    hcl, sensitive = bool(body.flag("hcl")), bool(body.flag("sensitive"))
    _check_hcl(category, hcl=hcl)
    with ask.services.records.write():
        if ask.services.variables.find(workspace.id, key, category):
            raise Refused(TAKEN)
        variable = ask.services.variables.set(
            workspace.id, key, value, category, hcl=hcl, sensitive=sensitive, description=description
        )
    return one(_resource(variable), status=201)


def show(ask: Ask, workspace_id: str, variable_id: str) -> Response:
    return one(_resource(_found(ask, ask.asker.workspace(workspace_id).id, variable_id)))


def change(ask: Ask, workspace_id: str, variable_id: str) -> Response:
    """What isn't given stays; a sensitive variable stays sensitive, or its value would come out."""
    workspace, body = ask.asker.workspace(workspace_id), read_body()
    try:
        with ask.services.records.write():
            known = _found(ask, workspace.id, variable_id)
            changed = replace(known, **_changes(body))
            if known.sensitive and not changed.sensitive:
                raise Refused("a sensitive variable stays sensitive: delete it and make a new one")
            _check_hcl(changed.category, hcl=changed.hcl)
            variable = ask.services.variables.change(changed)
    except sqlite3.IntegrityError as error:
        raise Refused(TAKEN) from error
    return one(_resource(variable))


def remove(ask: Ask, workspace_id: str, variable_id: str) -> Response:
    known = _found(ask, ask.asker.workspace(workspace_id).id, variable_id)
    ask.services.variables.remove(known.id)
    return nothing()


def _found(ask: Ask, workspace_id: WorkspaceId, variable_id: str) -> Variable:
    variable = ask.services.variables.get(variable_id)
    if variable.workspace_id != workspace_id:
        raise NotFound(f"there is no variable {variable_id}")
    return variable


def _changes(body: Body) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "key": body.text("key").strip() or None,
        "value": _value(body),
        "category": _category(body),
        "hcl": body.flag("hcl"),
        "sensitive": body.flag("sensitive"),
        "description": body.text("description", most=LONGEST_DESCRIPTION) if "description" in body.attributes else None,
    }
    return {name: value for name, value in changes.items() if value is not None}


def _value(body: Body) -> str | None:
    if body.attributes.get("value") is None:
        return None
    value = body.text("value", most=LONGEST_VALUE)
    if "\0" in value:
        raise Refused("a variable's value can't hold a NUL character")
    return value


def _category(body: Body) -> Category | None:
    text = body.text("category")
    if not text:
        return None
    if text not in set(Category):
        raise Refused(f"category is one of {', '.join(Category)}")
    return Category(text)


def _check_hcl(category: Category, *, hcl: bool) -> None:
    if hcl and category is Category.ENVIRONMENT:
        raise Refused("an environment variable is plain text: it can't be HCL")


def _resource(variable: Variable) -> Resource:
    attributes = {
        "key": variable.key,
        "value": variable.shown_value,
        "category": variable.category.value,
        "hcl": variable.hcl,
        "sensitive": variable.sensitive,
        "description": variable.description,
    }
    link = f"workspaces/{variable.workspace_id}/vars/{variable.id}"
    return resource(
        "vars", variable.id, attributes, {"configurable": to_one("workspaces", variable.workspace_id)}, link=link
    )


RULES: tuple[Rule, ...] = (
    ("GET", "/workspaces/<workspace_id>/vars", index, Needs.VARIABLES_READ),
    ("POST", "/workspaces/<workspace_id>/vars", create, Needs.VARIABLES_WRITE),
    ("GET", "/workspaces/<workspace_id>/vars/<variable_id>", show, Needs.VARIABLES_READ),
    ("PATCH", "/workspaces/<workspace_id>/vars/<variable_id>", change, Needs.VARIABLES_WRITE),
    ("DELETE", "/workspaces/<workspace_id>/vars/<variable_id>", remove, Needs.VARIABLES_WRITE),
)
