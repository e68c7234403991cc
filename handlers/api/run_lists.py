"""Which runs are there? Of a workspace or an organization, narrowed by TFE's filters, newest first.

Plan-only runs are left out unless asked for: the CLI counts what it finds here as "in front of me" (tfe-contract 1.5).
Source of the filters: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-a-workspace
"""

from collections.abc import Sequence
from typing import Any

from flask import Response

from bot.needs import Needs
from bot.run import AWAITING_DECISION, FINAL, RunStatus
from bot.run_words import Operation
from handlers.api.ask import Ask, Rule
from handlers.api.documents import paged
from handlers.api.operations import Query, includes, pages
from handlers.api.requests import asked, asked_includes, asked_list, asked_page, refuse_narrowing
from handlers.api.run_documents import INCLUDES, RunDocuments
from storage.run_filter import RunFilter

_GROUPS = {
    "final": FINAL,
    "non_final": frozenset(RunStatus) - FINAL,
    "discardable": AWAITING_DECISION,
}
QUERIES = (
    Query("filter[status]", "In one of these statuses.", tuple(RunStatus), is_list=True),
    Query("filter[status_group]", "The same by a name for several; `filter[status]` wins.", tuple(_GROUPS)),
    Query("filter[operation]", "What the runs are for; all but `plan_only` otherwise.", tuple(Operation), is_list=True),
    Query("filter[source]", "What asked for the runs.", is_list=True),
    Query("search[commit]", "How the commit begins."),
    Query("search[user]", "A part of the name of whoever asked for the runs."),
    Query("search[basic]", "A part of the run's id, its message, its commit or its user."),
)
NOT_HERE = ("filter[timeframe]", "filter[agent_pool_names]")  # TFE's
WORKSPACE_NAMES = Query("filter[workspace_names]", "Runs of these workspaces.", is_list=True)


@pages("runs", *QUERIES, includes(INCLUDES))
def of_workspace(ask: Ask, workspace_id: str) -> Response:
    refuse_narrowing(NOT_HERE)
    return _answer(ask, _asked_filter(workspace_id=ask.asker.workspace(workspace_id).id))


@pages("runs", WORKSPACE_NAMES, *QUERIES, includes(INCLUDES))
def of_organization(ask: Ask, organization: str) -> Response:
    owner = ask.asker.organization(organization)
    refuse_narrowing(NOT_HERE)
    names = asked_list("filter[workspace_names]")
    visible = ask.asker.visible_workspaces(owner.id, with_runs=True)
    return _answer(ask, _asked_filter(organization_id=owner.id, workspace_names=names, visible_in=visible))


def _answer(ask: Ask, wanted: RunFilter) -> Response:
    includes, page = asked_includes(INCLUDES), asked_page()
    runs, total = ask.services.runs.search(wanted, limit=page.size, offset=page.offset)
    documents = RunDocuments(ask.asker, runs)
    included = documents.included_of(runs, includes)
    return paged([documents.resource(run) for run in runs], page, total, included=included)


def _asked_filter(**places: Any) -> RunFilter:
    return RunFilter(
        **places,
        statuses=_statuses(),
        operations=_operations(),
        sources=asked_list("filter[source]"),
        commit=asked("search[commit]"),
        user=asked("search[user]"),
        text=asked("search[basic]"),
    )


def _statuses() -> Sequence[RunStatus] | None:
    """`filter[status]` wins over `filter[status_group]`; a status that no run here can have matches nothing."""
    named = asked_list("filter[status]")
    if named is not None:
        return [status for status in RunStatus if status.value in named]
    group = asked("filter[status_group]")
    return sorted(_GROUPS.get(group, frozenset())) if group else None


def _operations() -> Sequence[Operation]:
    """Plan-only runs only where they are named; an operation that there is none of matches nothing."""
    named = asked_list("filter[operation]")
    if named is None:
        return [operation for operation in Operation if operation is not Operation.PLAN_ONLY]
    return [operation for operation in Operation if operation.value in named]


RULES: tuple[Rule, ...] = (
    ("GET", "/workspaces/<workspace_id>/runs", of_workspace, Needs.RUNS_READ),
    ("GET", "/organizations/<organization>/runs", of_organization, Needs.MEMBER),
)
