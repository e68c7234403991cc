"""How are state versions, their outputs and their differences written?

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/state-versions
"""

from dataclasses import asdict
from typing import Any

from flask import Response

from bot.ids import StateVersionId
from bot.state_diff import ChangedOutput, StateDiff
from bot.state_reading import StateOutput
from bot.timestamps import to_text
from handlers.addresses import reached_at
from handlers.api.documents import Resource, linked, resource, to_many, to_one
from handlers.services import Services
from handlers.state.uploads import JSON_STATE, STATE, upload_path
from storage.state_versions import StateStatus, StateVersion

MOST_NAMED_IN_LISTS = 1_000  # outputs of one version: a page of versions with 100,000 each would have hundreds of MB
SNAPSHOT_SECONDS = "20"  # between two states that an engine saves while it applies
_ID_CHARACTERS = 16  # of a state version's id, after its kind


def state_version_resource(
    services: Services, version: StateVersion, *, with_uploads: bool = False, in_list: bool = False
) -> Resource:
    """The document of a version; `with_uploads` only in the answer to whoever announced it.

    `in_list`: it is one of many, and so names its outputs only if there are not too many.
    """
    base = reached_at(services.settings)
    download = f"{base}/api/v2/state-versions/{version.id}"
    attributes: dict[str, Any] = {
        "created-at": to_text(version.created_at),
        "size": version.size,
        "serial": version.serial,
        "lineage": version.lineage,
        "md5": version.md5,
        "status": version.status.value,
        "state-version": version.format,
        "terraform-version": version.engine_version or None,
        "intermediate": version.is_intermediate,
        "late": version.is_late,
        "resources-processed": version.status is StateStatus.FINALIZED,
        "vcs-commit-sha": version.commit_sha or None,
        "vcs-commit-url": None,
        "created-by-name": version.created_by or None,
        "hosted-state-download-url": f"{download}/download" if version.blob_id else None,
        "hosted-json-state-download-url": f"{download}/json-download" if version.json_blob_id else None,
        "hosted-state-upload-url": base + upload_path(services, version, STATE) if with_uploads else None,
        "hosted-json-state-upload-url": base + upload_path(services, version, JSON_STATE) if with_uploads else None,
    }
    is_user = version.created_by_id.startswith("user-")
    relationships = {
        "workspace": to_one("workspaces", version.workspace_id),
        "run": to_one("runs", version.run_id),
        "created-by": to_one("users", version.created_by_id if is_user else None),
        "outputs": _outputs(version, are_named=not in_list or are_named_in_lists(version)),
    }
    return resource("state-versions", version.id, attributes, relationships, link=f"state-versions/{version.id}")


def are_named_in_lists(version: StateVersion) -> bool:
    """Else a list only tells the address of its outputs."""
    return version.output_count <= MOST_NAMED_IN_LISTS


def _outputs(version: StateVersion, *, are_named: bool) -> dict[str, Any]:
    found = linked(f"state-versions/{version.id}/outputs")
    if are_named:
        found |= to_many("state-version-outputs", (output_id(version, n) for n in range(version.output_count)))
    return found


def with_interval(answer: Response) -> Response:
    """Turns the CLI's snapshots in between on (tfe-contract 2.7)."""
    answer.headers["X-Terraform-Snapshot-Interval"] = SNAPSHOT_SECONDS
    return answer


def output_resource(version: StateVersion, place: int, output: StateOutput, *, masked: bool) -> Resource:
    """`masked`: lists tell no sensitive value; whoever asks for that one output gets it (tfe-contract 2.7)."""
    ident = output_id(version, place)
    attributes = {
        "name": output.name,
        "sensitive": output.sensitive,
        "type": _type_word(output),
        "value": None if masked and output.sensitive else output.value,
        "detailed-type": output.detailed_type,
    }
    return resource("state-version-outputs", ident, attributes, link=f"state-version-outputs/{ident}")


def workspace_output_resource(version: StateVersion, place: int, output: StateOutput) -> Resource:
    """The same output as a workspace's, which TFE writes otherwise; a sensitive value is never told."""
    attributes = {
        "name": output.name,
        "sensitive": output.sensitive,
        "output-type": _type_word(output),
        "value": None if output.sensitive else output.value,
    }
    return resource("workspace-outputs", output_id(version, place), attributes)


def output_id(version: StateVersion, place: int) -> str:
    """The outputs of a version are numbered in the order of their names, and an id says which it is."""
    return f"wsout-{version.id.removeprefix('sv-')}{place:04x}"


def read_output_id(ident: str) -> tuple[StateVersionId, int] | None:
    """(version, place), or None for what is no such id."""
    kind, _, rest = ident.partition("-")
    place = rest[_ID_CHARACTERS:]
    if kind != "wsout" or not 4 <= len(place) <= 8 or not set(place) <= set("0123456789abcdef"):
        return None
    return StateVersionId(f"sv-{rest[:_ID_CHARACTERS]}"), int(place, 16)


def diff_resource(version: StateVersion, diff: StateDiff) -> Resource:
    attributes = {
        "serial": version.serial,
        "resources": {
            "added": [{"address": address} for address in diff.resources_added],
            "changed": [asdict(changed) for changed in diff.resources_changed],
            "removed": [{"address": address} for address in diff.resources_removed],
        },
        "outputs": {
            "added": [_changed(output, "after") for output in diff.outputs_added],
            "changed": [_changed(output, "before", "after") for output in diff.outputs_changed],
            "removed": [_changed(output, "before") for output in diff.outputs_removed],
        },
    }
    relationships = {
        "state-version": to_one("state-versions", version.id),
        "previous-state-version": to_one("state-versions", version.previous_id),
    }
    link = f"state-versions/{version.id}/diff"
    return resource("state-version-diffs", version.id, attributes, relationships, link=link)


def _changed(output: ChangedOutput, *sides: str) -> dict[str, Any]:
    return {"name": output.name, "sensitive": output.sensitive, **{side: getattr(output, side) for side in sides}}


def _type_word(output: StateOutput) -> str:
    """TFE's word for the value's kind; what Terraform says itself is in `detailed-type`."""
    if isinstance(output.detailed_type, list) and output.detailed_type and output.detailed_type[0] == "map":
        return "map"
    match output.value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "string"
