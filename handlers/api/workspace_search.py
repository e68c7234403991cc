"""Which workspaces does a request look for? The query of a list, as a filter; stray parameters are left alone.

But for one that would narrow the list or order it and can't: the answer would be taken for what was asked for.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces#list-workspaces
"""

import re
from collections.abc import Sequence

from flask import request

from bot.ids import OrganizationId, ProjectId, WorkspaceId
from handlers.api.operations import Query
from handlers.api.requests import BadRequest, asked, asked_list, refuse_narrowing
from storage.workspace_filter import WorkspaceFilter, WorkspaceSort

MOST_TAGS_ASKED = 50
NOT_HERE = "filter[current-run][status]"

_TAGGED = re.compile(r"filter\[tagged\]\[(\w{1,10})\]\[(key|value)\]")
QUERIES = (
    Query("search[name]", "A part of the name."),
    Query("search[wildcard-name]", "The name with `*` for any part of it."),
    Query("search[tags]", "With all of these tags.", is_list=True),
    Query("search[exclude-tags]", "With none of these tags.", is_list=True),
    Query("filter[project][id]", "In this project."),
    Query("filter[tagged][0][key]", "With a tag of this key; `1`, `2` and so on in place of `0` for further tags."),
    Query("filter[tagged][0][value]", "The value of the tag that the same number names."),
    Query("sort", "Which come first.", tuple(sign + name for name in WorkspaceSort for sign in ("", "-"))),
)


def asked_filter(organization_id: OrganizationId, visible_to: Sequence[WorkspaceId] | None) -> WorkspaceFilter:
    """`visible_to`: None for all of them. Raises BadRequest for more tags than anybody asks for, or what isn't here."""
    refuse_narrowing([NOT_HERE])
    order = asked("sort") or WorkspaceSort.NAME.value
    name = order.removeprefix("-")
    if name not in set(WorkspaceSort):
        raise BadRequest(f"sort is one of {', '.join(WorkspaceSort)}, with - before it for the other way round")
    keys, excluded, tagged = asked_list("search[tags]") or [], asked_list("search[exclude-tags]") or [], _tagged()
    if len(keys) + len(excluded) + len(tagged) > MOST_TAGS_ASKED:
        raise BadRequest(f"a list is narrowed by at most {MOST_TAGS_ASKED} tags")
    return WorkspaceFilter(
        organization_id=organization_id,
        visible_to=visible_to,
        project_id=ProjectId(asked("filter[project][id]")) or None,
        name=asked("search[name]"),
        wildcard=asked("search[wildcard-name]"),
        keys=keys,
        excluded_keys=excluded,
        tagged=tagged,
        sort=WorkspaceSort(name),
        descending=order.startswith("-"),
    )


def _tagged() -> list[tuple[str, str | None]]:
    """`filter[tagged][0][key]=env` with or without `filter[tagged][0][value]=prod`, for any number in between."""
    found: dict[str, dict[str, str]] = {}
    for name in request.args:
        matched = _TAGGED.fullmatch(name)
        if matched:
            found.setdefault(matched[1], {})[matched[2]] = request.args[name].strip()
    return [(pair["key"], pair.get("value") or None) for pair in found.values() if pair.get("key")]
