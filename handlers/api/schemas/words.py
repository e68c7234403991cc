"""With which words are documents described? Short names for pieces of JSON Schema, and what a kind of resource is.

Source: https://json-schema.org/draft/2020-12/json-schema-validation
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

ANY: Schema = {}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time", "pattern": "Z$"}  # always in UTC (tfe-contract 0.3)
UNSET: Schema = {"type": "null", "description": "TFE has it; here it is never set."}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    found = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        found["enum"] = [*schema["enum"], None]
    return found


def one_of(words: Iterable[str]) -> Schema:
    """One text of a closed list, such as the members of a StrEnum."""
    return {"type": "string", "enum": [str(word) for word in words]}


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def by_name(schema: Schema) -> Schema:
    """An object whose names are not known before."""
    return {"type": "object", "additionalProperties": schema}


def group(properties: Mapping[str, Schema], *, optional: Iterable[str] = ()) -> Schema:
    """An object; all of its properties are always there but for the optional ones."""
    left_out = set(optional)
    found: Schema = {"type": "object", "properties": {str(name): schema for name, schema in properties.items()}}
    required = [str(name) for name in properties if name not in left_out]
    return {**found, "required": required} if required else found


def flags(names: Iterable[str]) -> Schema:
    return group(dict.fromkeys(names, FLAG))


MAYBE_TEXT, MAYBE_TIME, MAYBE_COUNT = maybe(TEXT), maybe(TIME), maybe(COUNT)


@dataclass(frozen=True)
class Relation:
    """How a resource is related to others. Many relate alike, so each way is described once, under a name."""

    component: str
    schema: Schema


def to_one(kind: str) -> Relation:
    return Relation(f"To{component(kind)}", _related(_identifier(kind)))


def to_none_or_one(*kinds: str) -> Relation:
    named = "Or".join(component(kind) for kind in kinds)
    return Relation(f"ToNoneOr{named}", _related(maybe(_identifier(*kinds))))


def to_many(kind: str) -> Relation:
    return Relation(f"ToMany{component(kind)}", _related(listed(_identifier(kind))))


def elsewhere(kind: str = "", description: str = "") -> Relation:
    """Only an address where to find it; `kind`: what is named besides once it is included, or as `description` says."""
    if not kind:
        return Relation("Elsewhere", group({"links": by_name(TEXT)}))
    named = group({"links": by_name(TEXT), "data": listed(_identifier(kind))}, optional=["data"])
    told = {"description": description} if description else {}
    return Relation(f"ElsewhereOrMany{component(kind)}", {**named, **told})


def _identifier(*kinds: str) -> Schema:
    return group({"id": TEXT, "type": one_of(kinds)})


def _related(data: Schema) -> Schema:
    return group({"data": data, "links": by_name(TEXT)}, optional=["links"])


def component(kind: str) -> str:
    """The name of a JSON:API type among the description's components: `run-events` is `RunEvents`."""
    return "".join(word.capitalize() for word in kind.split("-"))


def reference(name: str) -> Schema:
    """To a component of the description."""
    return {"$ref": f"#/components/schemas/{name}"}


@dataclass(frozen=True)
class Kind:
    """One JSON:API type. `optional`: attributes, relationships, or all of `relationships`, that may be missing."""

    name: str
    attributes: Mapping[str, Schema]
    relationships: Mapping[str, Relation] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    @property
    def component(self) -> str:
        return component(self.name)

    @property
    def schema(self) -> Schema:
        properties: dict[str, Schema] = {
            "id": TEXT,
            "type": one_of([self.name]),
            "attributes": group(self.attributes, optional=self.optional),
            "links": by_name(TEXT),
        }
        if self.relationships:
            related = {name: reference(relation.component) for name, relation in self.relationships.items()}
            properties["relationships"] = group(related, optional=self.optional)
        return group(properties, optional={"links"} | (self.optional & {"relationships"}))
