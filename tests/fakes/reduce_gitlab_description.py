"""How does GitLab's published description become the small one that our double checks requests against?

    python tests/fakes/reduce_gitlab_description.py OPENAPI.json > tests/fakes/gitlab_description.json

Kept are the operations that Runlock uses: their parameters, the fields of their bodies, and the names of the fields
that answers may have. The description is made from code annotations and incomplete; what it lacks is added from the
pages of documentation named at each addition.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PREFIX = "/api/v4"
OPERATIONS = (
    ("get", "/projects/{id}"),
    ("get", "/projects/{id}/hooks"),
    ("post", "/projects/{id}/hooks"),
    ("put", "/projects/{id}/hooks/{hook_id}"),
    ("get", "/projects/{id}/members/all/{user_id}"),
    ("get", "/projects/{id}/merge_requests"),
    ("get", "/projects/{id}/merge_requests/{merge_request_iid}"),
    ("put", "/projects/{id}/merge_requests/{merge_request_iid}/merge"),
    ("get", "/projects/{id}/merge_requests/{merge_request_iid}/approvals"),
    ("get", "/projects/{id}/merge_requests/{merge_request_iid}/pipelines"),
    ("get", "/projects/{id}/merge_requests/{merge_request_iid}/notes"),
    ("post", "/projects/{id}/merge_requests/{merge_request_iid}/notes"),
    ("get", "/projects/{id}/merge_requests/{merge_request_iid}/notes/{note_id}"),
    ("put", "/projects/{id}/merge_requests/{merge_request_iid}/notes/{note_id}"),
    ("post", "/projects/{id}/merge_requests/{merge_request_iid}/notes/{note_id}/award_emoji"),
    ("get", "/projects/{id}/repository/branches/{branch}"),
    ("get", "/projects/{id}/repository/commits/{sha}/merge_requests"),
    ("get", "/projects/{id}/repository/commits/{sha}/statuses"),
    ("post", "/projects/{id}/statuses/{sha}"),
)

_PAGES = {"page": {"type": "integer"}, "per_page": {"type": "integer", "minimum": 1, "maximum": 100}}
_BODY = {"properties": {"body": {"type": "string", "minLength": 1, "maxLength": 1_000_000}}, "required": ["body"]}
_NOTE_FIELDS = [
    *("id", "type", "body", "attachment", "author", "created_at", "updated_at", "system", "noteable_id"),
    *("noteable_type", "project_id", "commit_id", "resolvable", "confidential", "internal", "imported"),
    *("imported_from", "noteable_iid", "commands_changes"),
]
_DISCUSSIONS = "/projects/{id}/repository/commits/{sha}/discussions"

# What the description has no word of, each from its page.
ADDED_OPERATIONS: dict[str, dict[str, Any]] = {
    # https://docs.gitlab.com/api/discussions/#commits
    f"get {_DISCUSSIONS}": {"query": _PAGES, "fields": ["id", "individual_note", "notes"]},
    f"post {_DISCUSSIONS}": {"body": _BODY, "fields": ["id", "individual_note", "notes"]},
    f"put {_DISCUSSIONS}/{{discussion_id}}/notes/{{note_id}}": {"body": _BODY, "fields": _NOTE_FIELDS},
}
ADDED_QUERIES: dict[str, dict[str, Any]] = {
    # https://docs.gitlab.com/api/notes/#list-all-merge-request-notes
    "get /projects/{id}/merge_requests/{merge_request_iid}/notes": {
        **_PAGES,
        "sort": {"type": "string", "enum": ["asc", "desc"]},
        "order_by": {"type": "string", "enum": ["created_at", "updated_at"]},
    },
    # https://docs.gitlab.com/api/rest/#pagination
    "get /projects/{id}/merge_requests/{merge_request_iid}/pipelines": _PAGES,
}
# Fields of answers, from the examples on the pages of each resource.
_MERGE_REQUEST_FIELDS = [
    *("iid", "source_project_id", "target_project_id", "web_url", "squash_commit_sha", "work_in_progress", "squash"),
    *("user_notes_count", "head_pipeline", "diverged_commits_count", "has_conflicts", "blocking_discussions_resolved"),
]
# Answers that the description leaves open, by the component that they are made of.
ANSWERS = {
    "get /projects/{id}/hooks": "API_Entities_ProjectHook",
    "post /projects/{id}/hooks": "API_Entities_ProjectHook",
    "put /projects/{id}/hooks/{hook_id}": "API_Entities_ProjectHook",
    "get /projects/{id}/merge_requests": "API_Entities_MergeRequest",
    "get /projects/{id}/repository/commits/{sha}/merge_requests": "API_Entities_MergeRequest",
    "get /projects/{id}/merge_requests/{merge_request_iid}/pipelines": "API_Entities_Ci_PipelineBasic",
    "put /projects/{id}/merge_requests/{merge_request_iid}/notes/{note_id}": "API_Entities_Note",
}
ADDED_FIELDS: dict[str, list[str]] = {
    "get /projects/{id}": ["http_url_to_repo", "ssh_url_to_repo", "web_url", "visibility", "empty_repo"],
    "get /projects/{id}/merge_requests": _MERGE_REQUEST_FIELDS,
    "get /projects/{id}/repository/commits/{sha}/merge_requests": _MERGE_REQUEST_FIELDS,
    "get /projects/{id}/merge_requests/{merge_request_iid}": _MERGE_REQUEST_FIELDS,
    "put /projects/{id}/merge_requests/{merge_request_iid}/merge": _MERGE_REQUEST_FIELDS,
    "get /projects/{id}/merge_requests/{merge_request_iid}/approvals": [
        *("approved", "user_has_approved", "user_can_approve", "approvals_required", "approvals_left"),
    ],
    "get /projects/{id}/repository/commits/{sha}/statuses": ["allow_failure", "coverage"],
    "post /projects/{id}/statuses/{sha}": ["allow_failure", "coverage"],
    "post /projects/{id}/merge_requests/{merge_request_iid}/notes": _NOTE_FIELDS,
}


def reduce(description: Mapping[str, Any]) -> dict[str, Any]:
    """The small description: "method path" → query, body, fields. Raises KeyError if an operation is gone."""
    operations = {}
    for method, path in OPERATIONS:
        name = f"{method} {path}"
        operation = description["paths"][PREFIX + path][method]
        query = {**_query(operation), **ADDED_QUERIES.get(name, {})}
        body = _body(description, operation)
        if method != "get" and query:
            # The description calls these query parameters; GitLab takes every parameter of a write as JSON.
            body = {"properties": {**query, **body.get("properties", {})}, "required": _needed(operation)}
            query = {}
        fields = {*_fields(description, operation, ANSWERS.get(name)), *ADDED_FIELDS.get(name, ())}
        reduced = {"query": query, "body": body, "fields": sorted(fields)}
        operations[name] = {key: value for key, value in reduced.items() if value}
    operations.update(ADDED_OPERATIONS)
    return dict(sorted(operations.items()))


def _query(operation: Mapping[str, Any]) -> dict[str, Any]:
    return {p["name"]: _plain(p["schema"]) for p in operation.get("parameters", ()) if p["in"] == "query"}


def _needed(operation: Mapping[str, Any]) -> list[str]:
    return sorted(p["name"] for p in operation.get("parameters", ()) if p["in"] == "query" and p.get("required"))


def _body(description: Mapping[str, Any], operation: Mapping[str, Any]) -> dict[str, Any]:
    """The body's fields, and which of them are needed."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = _resolved(description, content)
    if not schema:
        return {}
    fields = {name: _plain(_resolved(description, field)) for name, field in schema.get("properties", {}).items()}
    return {"properties": fields, "required": sorted(schema.get("required", ()))}


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Type and closed list of values; words for people and examples stay behind."""
    return {key: schema[key] for key in ("type", "enum", "minimum", "maximum") if key in schema}


def _fields(description: Mapping[str, Any], operation: Mapping[str, Any], component: str | None) -> Iterator[str]:
    if component is not None:
        yield from description["components"]["schemas"][component]["properties"]
    for code, answer in operation["responses"].items():
        if code.startswith("2"):
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            schema = _resolved(description, schema)
            schema = _resolved(description, schema.get("items", schema))
            yield from schema.get("properties", {})


def _resolved(description: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Any = description
    for step in schema["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def as_text(reduced: Mapping[str, Any]) -> str:
    """One line for each operation, so that a change of GitLab's shows as a small difference."""
    lines = [f"{json.dumps(name)}: {json.dumps(operation, sort_keys=True)}" for name, operation in reduced.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(as_text(reduce(json.loads(Path(sys.argv[1]).read_text()))))
