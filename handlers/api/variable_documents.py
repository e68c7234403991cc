"""How is a variable written, and read from a request? The same for a workspace's and a variable set's."""

import sqlite3
from dataclasses import replace
from typing import Any

from bot.errors import NotFound, Refused
from bot.manifest import Category
from handlers.api.ask import Ask
from handlers.api.documents import Resource, resource, to_one
from handlers.api.requests import Body
from storage.variables import Variable, VariableOwner, Variables

LONGEST_VALUE = 256 * 1024  # characters, as TFE has it
LONGEST_DESCRIPTION = 512  # characters, likewise
TAKEN = "Key has already been taken"  # TFE's words


def made_variable(ask: Ask, store: Variables, owner_id: VariableOwner, body: Body) -> Variable:
    """A new variable of the owner. Raises Refused for what doesn't fit."""
    key, category = body.text("key").strip(), _category(body) or Category.TERRAFORM
    if not key:
        raise Refused("a variable has a key")
    value, description = _value(body) or "", body.text("description", most=LONGEST_DESCRIPTION)
    hcl, sensitive = bool(body.flag("hcl")), bool(body.flag("sensitive"))
    with ask.services.records.write():
        if store.find(owner_id, key, category):
            raise Refused(TAKEN)
        return store.set(owner_id, key, value, category, hcl=hcl, sensitive=sensitive, description=description)


def changed_variable(ask: Ask, store: Variables, known: Variable, body: Body) -> Variable:
    """What isn't given stays; a sensitive variable stays sensitive, or its value would come out. Raises as above."""
    changes = _changes(body)
    try:
        with ask.services.records.write():
            changed = replace(store.get(known.id), **changes)
            if known.sensitive and not changed.sensitive:
                raise Refused("a sensitive variable stays sensitive: delete it and make a new one")
            return store.change(changed)
    except sqlite3.IntegrityError as error:
        raise Refused(TAKEN) from error


def found_variable(store: Variables, owner_id: VariableOwner, variable_id: str) -> Variable:
    """Raises NotFound for one that isn't the owner's, as for one that there isn't."""
    variable = store.get(variable_id)
    if variable.owner_id != owner_id:
        raise NotFound(f"there is no variable {variable_id}")
    return variable


def set_variable(variable: Variable) -> Resource:
    """The document of a variable set's variable."""
    path = f"varsets/{variable.owner_id}/relationships/vars"
    return variable_resource(variable, {"varset": to_one("varsets", variable.owner_id)}, path)


def variable_resource(variable: Variable, relationships: dict[str, Any], path: str) -> Resource:
    """`path` is that of the list which the variable is in."""
    attributes = {
        "key": variable.key,
        "value": variable.shown_value,
        "category": variable.category.value,
        "hcl": variable.hcl,
        "sensitive": variable.sensitive,
        "description": variable.description,
    }
    return resource("vars", variable.id, attributes, relationships, link=f"{path}/{variable.id}")


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
