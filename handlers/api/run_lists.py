"""Which runs are there? Of a workspace or an organization, narrowed by TFE's filters, newest first.

Plan-only runs are left out unless asked for: the CLI counts what it finds here as "in front of me" (tfe-contract 1.5).
Source of the filters: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-a-workspace
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from flask import Response

from bot.access import Needs
from bot.run import AWAITING_DECISION, FINAL, RunKind, RunStatus, TriggerReason
from handlers.api.ask import Ask, Rule
from handlers.api.documents import paged
from handlers.api.requests import asked, asked_includes, asked_list, asked_page
from handlers.api.run_documents import INCLUDES, SOURCES, RunDocuments
from storage.run_filter import RunFilter


class Operation(StrEnum):
    """What a run is for, in TFE's words. Those that no run here can be match nothing."""

    PLAN_AND_APPLY = "plan_and_apply"
    PLAN_ONLY = "plan_only"
    SAVE_PLAN = "save_plan"
    DESTROY = "destroy"


_KINDS = {
    Operation.PLAN_AND_APPLY: RunKind.NORMAL,
    Operation.DESTROY: RunKind.NORMAL,
    Operation.PLAN_ONLY: RunKind.PLAN_ONLY,
    Operation.SAVE_PLAN: RunKind.SAVED_PLAN,
}
_GROUPS = {
    "final": FINAL,
    "non_final": frozenset(RunStatus) - FINAL,
    "discardable": AWAITING_DECISION,
}


def of_workspace(ask: Ask, workspace_id: str) -> Response:
    return _answer(ask, replace(_asked_filter(), workspace_id=ask.asker.workspace(workspace_id).id))


def of_organization(ask: Ask, organization: str) -> Response:
    owner = ask.asker.organization(organization)
    names = asked_list("filter[workspace_names]")
    visible = ask.asker.visible_workspaces(owner.id, with_runs=True)
    wanted = replace(_asked_filter(), organization_id=owner.id, workspace_names=names, visible_in=visible)
    return _answer(ask, wanted)


def _answer(ask: Ask, wanted: RunFilter) -> Response:
    includes, page = asked_includes(INCLUDES), asked_page()
    runs, total = ask.services.runs.search(wanted, limit=page.size, offset=page.offset)
    documents = RunDocuments(ask.asker, runs)
    included = documents.included_of(runs, includes)
    return paged([documents.resource(run) for run in runs], page, total, included=included)


def _asked_filter() -> RunFilter:
    operations = asked_list("filter[operation]")
    return RunFilter(
        statuses=_statuses(),
        kinds=_kinds(operations),
        is_destroy=_is_destroy(operations),
        triggers=_triggers(),
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


def _kinds(operations: list[str] | None) -> Sequence[RunKind]:
    if operations is None:
        return (RunKind.NORMAL, RunKind.SAVED_PLAN)
    return sorted({_KINDS[operation] for operation in Operation if operation.value in operations})


def _is_destroy(operations: list[str] | None) -> bool | None:
    """Both or neither of the two operations of a normal run: no difference is made."""
    asked_for = [name in (operations or ()) for name in (Operation.DESTROY.value, Operation.PLAN_AND_APPLY.value)]
    return asked_for[0] if asked_for[0] != asked_for[1] and len(operations or ()) == 1 else None


def _triggers() -> Sequence[TriggerReason] | None:
    named = asked_list("filter[source]")
    return None if named is None else [trigger for trigger, source in SOURCES.items() if source in named]


RULES: tuple[Rule, ...] = (
    ("GET", "/workspaces/<workspace_id>/runs", of_workspace, Needs.RUNS_READ),
    ("GET", "/organizations/<organization>/runs", of_organization, Needs.MEMBER),
)
