"""Of which pieces is the description of the API made? Resources, documents of them, requests and errors, by name."""

from typing import Any

from handlers.api.documents import MEDIA_TYPE
from handlers.api.operations import ENTRIES, Operation, Shape
from handlers.api.schemas import KINDS
from handlers.api.schemas.bodies import BODIES, Taken
from handlers.api.schemas.words import COUNT, MAYBE_COUNT, TEXT, Schema, group, listed, maybe, one_of, reference

ERRORS = {
    "400": "the request can't be read",
    "401": "the token is missing, wrong or expired",
    "403": "visible to the caller, but not allowed",
    "404": "not there, or not visible to the caller",
    "409": "the state that things are in forbids it",
    "413": "more than is taken",
    "422": "an attribute is refused; the detail says why",
    "429": "too many at once; Retry-After says when to come again",
    "500": "Runlock's fault; its log says more",
    "503": "the code host, or a store, did not answer; Retry-After says when to come again",
}
_ENDINGS = {Shape.ONE: "Document", Shape.LIST: "List", Shape.PAGE: "Page"}


def document_name(operation: Operation) -> str:
    """What the component is called that the operation answers with, such as `RunsPage`."""
    return KINDS[operation.kind].component + _ENDINGS[operation.shape]


def body_name(takes: str) -> str:
    return "".join(word.capitalize() for word in takes.split()) + "Request"


def components(operations: list[Operation]) -> dict[str, Any]:
    """All that the operations name."""
    documents = {document_name(each): _document(each) for each in operations if each.kind}
    bodies = {body_name(each.takes): _body(BODIES[each.takes]) for each in operations if each.takes in BODIES}
    relations = [relation for kind in KINDS.values() for relation in kind.relationships.values()]
    schemas = {
        **{relation.component: relation.schema for relation in relations},
        **{kind.component: kind.schema for kind in KINDS.values()},
        **documents,
        **bodies,
        body_name(ENTRIES): _entries(),
        "Included": listed(_any_resource()),
        "Pagination": _pagination(),
        "Errors": group({"errors": listed(_problem())}),
    }
    errors = {
        f"E{code}": {"description": said, "content": {MEDIA_TYPE: {"schema": reference("Errors")}}}
        for code, said in ERRORS.items()
    }
    return {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": dict(sorted(schemas.items())),
        "responses": errors,
    }


def _document(operation: Operation) -> Schema:
    resource = reference(KINDS[operation.kind].component)
    included = reference("Included")
    if operation.shape is Shape.ONE:
        return group({"data": resource, "included": included}, optional=["included"])
    found = {"data": listed(resource), "included": included}
    if operation.shape is Shape.PAGE:
        found["meta"] = group({"pagination": reference("Pagination")})
    return group(found, optional=["included"])


def _any_resource() -> Schema:
    references = {kind.name: reference(kind.component) for kind in KINDS.values()}
    mapping = {name: found["$ref"] for name, found in references.items()}
    return {"anyOf": list(references.values()), "discriminator": {"propertyName": "type", "mapping": mapping}}


def _pagination() -> Schema:
    counts = dict.fromkeys(("current-page", "page-size", "total-pages", "total-count"), COUNT)
    return group({**counts, "prev-page": MAYBE_COUNT, "next-page": MAYBE_COUNT})


def _problem() -> Schema:
    return group(dict.fromkeys(("status", "title", "detail"), TEXT), optional=["detail"])


def _body(taken: Taken) -> Schema:
    """As JSON:API has it; nothing is required that a client could leave out and be told so."""
    data: dict[str, Schema] = {"type": one_of([taken.kind])}
    if taken.attributes:
        data["attributes"] = group(taken.attributes, optional=taken.attributes)
    related = {name: group({"data": maybe(_named())}) for name in taken.relations}
    related |= {name: group({"data": listed(_named())}) for name in taken.lists}
    if related:
        data["relationships"] = group(related, optional=related)
    return group({"data": group(data, optional=data)})


def _entries() -> Schema:
    return group({"data": listed(_named())})


def _named() -> Schema:
    """A resource that a request names: by its id, by its attributes, or both."""
    return group({"type": TEXT, "id": TEXT, "attributes": {"type": "object"}}, optional=["id", "attributes", "type"])
