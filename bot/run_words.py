"""How does TFE name where a run came from, and what it is for? Clients read these words, and filter by them.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#list-runs-in-a-workspace
"""

from enum import StrEnum
from typing import assert_never

from bot.run import Run, RunKind, TriggerReason
from bot.run_options import RunOptions


class Operation(StrEnum):
    """What a run is for. Every run has exactly one."""

    PLAN_AND_APPLY = "plan_and_apply"
    PLAN_ONLY = "plan_only"
    REFRESH_ONLY = "refresh_only"
    DESTROY = "destroy"
    EMPTY_APPLY = "empty_apply"
    SAVE_PLAN = "save_plan"


_SOURCES = {
    TriggerReason.PUSH: "tfe-configuration-version",
    TriggerReason.TAG: "tfe-configuration-version",
    TriggerReason.PULL_REQUEST: "tfe-configuration-version",
    TriggerReason.MANUAL: "tfe-api",
    TriggerReason.RUN_TRIGGER: "tfe-run-trigger",
}


def source_of(run: Run) -> str:
    """Who asked, as was noted for a run by hand; of the others, what made them."""
    return run.source or _SOURCES[run.trigger_reason]


def operation_of(run: Run, options: RunOptions) -> Operation:
    """How a run ends says more than how it plans: a plan-only destroy run destroys nothing, so it is plan-only."""
    match run.kind:
        case RunKind.PLAN_ONLY:
            return Operation.PLAN_ONLY
        case RunKind.SAVED_PLAN:
            return Operation.SAVE_PLAN
        case RunKind.NORMAL if run.is_destroy:
            return Operation.DESTROY
        case RunKind.NORMAL if options.refresh_only:
            return Operation.REFRESH_ONLY
        case RunKind.NORMAL if options.allows_empty_apply:
            return Operation.EMPTY_APPLY
        case RunKind.NORMAL:
            return Operation.PLAN_AND_APPLY
        case _:
            assert_never(run.kind)
