"""What are state versions, their outputs and their differences in the API's documents?"""

from handlers.api.schemas.words import (
    ANY,
    COUNT,
    FLAG,
    MAYBE_TEXT,
    TEXT,
    TIME,
    UNSET,
    Kind,
    elsewhere,
    group,
    listed,
    maybe,
    one_of,
    to_none_or_one,
    to_one,
)
from handlers.api.state_documents import MOST_NAMED_IN_LISTS
from storage.state_versions import StateStatus

_TYPE_WORD = one_of(["string", "number", "boolean", "array", "map", "object"])

_OUTPUTS = elsewhere(
    "state-version-outputs",
    f"`data` is missing in lists, and where the version is included, if it has over {MOST_NAMED_IN_LISTS} outputs.",
)

STATE_VERSIONS = Kind(
    "state-versions",
    {
        "status": one_of(StateStatus),
        "serial": COUNT,
        "lineage": TEXT,
        "md5": TEXT,
        "size": COUNT,
        "state-version": {**maybe(COUNT), "description": "Of the format that Terraform writes."},
        "terraform-version": MAYBE_TEXT,
        "intermediate": FLAG,
        "late": FLAG,
        "resources-processed": FLAG,
        "vcs-commit-sha": MAYBE_TEXT,
        "vcs-commit-url": UNSET,
        "created-at": TIME,
        "created-by-name": MAYBE_TEXT,
        "hosted-state-download-url": MAYBE_TEXT,
        "hosted-json-state-download-url": MAYBE_TEXT,
        "hosted-state-upload-url": MAYBE_TEXT,
        "hosted-json-state-upload-url": MAYBE_TEXT,
    },
    {
        "workspace": to_one("workspaces"),
        "run": to_none_or_one("runs"),
        "created-by": to_none_or_one("users"),
        "outputs": _OUTPUTS,
    },
)

STATE_VERSION_OUTPUTS = Kind(
    "state-version-outputs",
    {
        "name": TEXT,
        "sensitive": FLAG,
        "type": _TYPE_WORD,
        "value": {**ANY, "description": "Any JSON; null in lists if it is sensitive."},
        "detailed-type": {**ANY, "description": "As Terraform writes the type: a text, or a list of its parts."},
    },
)

WORKSPACE_OUTPUTS = Kind(
    "workspace-outputs",
    {
        "name": TEXT,
        "sensitive": FLAG,
        "output-type": _TYPE_WORD,
        "value": {**ANY, "description": "Any JSON; null if it is sensitive."},
    },
)

_ADDRESS = group({"address": TEXT})
_OUTPUT = {"name": TEXT, "sensitive": FLAG}
STATE_VERSION_DIFFS = Kind(
    "state-version-diffs",
    {
        "serial": COUNT,
        "resources": group(
            {
                "added": listed(_ADDRESS),
                "changed": listed(group({"address": TEXT, "attributes": listed(TEXT)})),
                "removed": listed(_ADDRESS),
            }
        ),
        "outputs": group(
            {
                "added": listed(group({**_OUTPUT, "after": ANY})),
                "changed": listed(group({**_OUTPUT, "before": ANY, "after": ANY})),
                "removed": listed(group({**_OUTPUT, "before": ANY})),
            }
        ),
    },
    {"state-version": to_one("state-versions"), "previous-state-version": to_none_or_one("state-versions")},
)

KINDS = (STATE_VERSIONS, STATE_VERSION_OUTPUTS, WORKSPACE_OUTPUTS, STATE_VERSION_DIFFS)
