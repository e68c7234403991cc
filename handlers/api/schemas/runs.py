"""What are runs, and what belongs to them, in the API's documents?"""

from bot.run import RunStatus, TriggerReason
from handlers.api.permissions import RUN_PERMISSIONS
from handlers.api.schemas.words import (
    COUNT,
    FLAG,
    MAYBE_COUNT,
    MAYBE_TEXT,
    MAYBE_TIME,
    TEXT,
    TIME,
    Kind,
    by_name,
    elsewhere,
    flags,
    group,
    listed,
    maybe,
    one_of,
    to_none_or_one,
    to_one,
)
from handlers.api.stage_documents import StageStatus
from storage.configuration_versions import ConfigurationStatus

RUNS = Kind(
    "runs",
    {
        "status": one_of(RunStatus),
        "status-timestamps": by_name(TIME),
        "actions": flags(["is-cancelable", "is-confirmable", "is-discardable", "is-force-cancelable"]),
        "permissions": flags(RUN_PERMISSIONS),
        "message": TEXT,
        "source": TEXT,
        "trigger-reason": one_of(TriggerReason),
        "terraform-version": TEXT,
        "position-in-queue": COUNT,
        "has-changes": FLAG,
        "is-destroy": FLAG,
        "auto-apply": FLAG,
        "plan-only": FLAG,
        "save-plan": FLAG,
        "refresh": FLAG,
        "refresh-only": FLAG,
        "allow-empty-apply": FLAG,
        "allow-config-generation": FLAG,
        "target-addrs": maybe(listed(TEXT)),
        "replace-addrs": maybe(listed(TEXT)),
        "variables": listed(group({"key": TEXT, "value": TEXT})),
        "commit-sha": TEXT,
        "manifest-digest": TEXT,
        "plan-digest": MAYBE_TEXT,
        "error": MAYBE_TEXT,
        "created-at": TIME,
        "canceled-at": MAYBE_TIME,
        "force-cancel-available-at": MAYBE_TIME,
    },
    {
        "workspace": to_one("workspaces"),
        "configuration-version": to_one("configuration-versions"),
        "plan": to_one("plans"),
        "apply": to_one("applies"),
        "created-by": to_none_or_one("users"),
        "confirmed-by": to_none_or_one("users"),
        "input-state-version": to_none_or_one("state-versions"),
        "run-events": elsewhere(),
        "comments": elsewhere(),
    },
)

RUN_EVENTS = Kind("run-events", {"action": TEXT, "description": TEXT, "created-at": TIME}, {"run": to_one("runs")})
COMMENTS = Kind("comments", {"body": TEXT, "author": TEXT, "created-at": TIME}, {"run": to_one("runs")})

_STAGE = {
    "status": one_of(StageStatus),
    "status-timestamps": by_name(TIME),
    "log-read-url": TEXT,
    "execution-details": group({"mode": one_of(["remote"])}),
    "resource-additions": COUNT,
    "resource-changes": COUNT,
    "resource-destructions": COUNT,
    "resource-imports": COUNT,
}
PLANS = Kind("plans", {**_STAGE, "has-changes": FLAG, "generated-configuration": FLAG})
APPLIES = Kind("applies", _STAGE)

CONFIGURATION_VERSIONS = Kind(
    "configuration-versions",
    {
        "status": one_of(ConfigurationStatus),
        "source": TEXT,
        "speculative": FLAG,
        "provisional": FLAG,
        "auto-queue-runs": FLAG,
        "commit-sha": MAYBE_TEXT,
        "error": MAYBE_TEXT,
        "error-message": MAYBE_TEXT,
        "upload-url": {**MAYBE_TEXT, "description": "Only in the answer that made the version."},
    },
    {"ingress-attributes": to_none_or_one("ingress-attributes"), "run": to_none_or_one("runs")},
    optional=frozenset({"run"}),  # named where it is included
)

INGRESS_ATTRIBUTES = Kind(
    "ingress-attributes",
    {
        "identifier": TEXT,
        "clone-url": MAYBE_TEXT,
        "branch": TEXT,
        "tag": MAYBE_TEXT,
        "on-default-branch": FLAG,
        "commit-sha": TEXT,
        "commit-message": TEXT,
        "commit-url": MAYBE_TEXT,
        "compare-url": MAYBE_TEXT,
        "sender-username": TEXT,
        "sender-html-url": MAYBE_TEXT,
        "sender-avatar-url": MAYBE_TEXT,
        "is-pull-request": FLAG,
        "pull-request-number": MAYBE_COUNT,
        "pull-request-url": MAYBE_TEXT,
        "pull-request-title": MAYBE_TEXT,
        "pull-request-body": MAYBE_TEXT,
    },
)

KINDS = (RUNS, RUN_EVENTS, COMMENTS, PLANS, APPLIES, CONFIGURATION_VERSIONS, INGRESS_ATTRIBUTES)
