"""How is a configuration version written? With the address for its upload only in the answer that made it."""

from typing import Any

from bot.run import Run
from handlers.api.documents import Resource, linked, resource, to_one
from storage.configuration_versions import ConfigurationVersion

FETCHED = "tfe-configuration-version"  # TFE's source of what came from a repository


def configuration_resource(version: ConfigurationVersion, *, upload_url: str | None = None) -> Resource:
    attributes = {
        "status": version.status.value,
        "source": version.source or FETCHED,
        "speculative": version.speculative,
        "provisional": version.provisional,
        "auto-queue-runs": version.auto_queue_runs,
        "error": "configuration refused" if version.error else None,
        "error-message": version.error or None,
        "upload-url": upload_url,
        "commit-sha": version.commit_sha or None,
    }
    path = f"configuration-versions/{version.id}"
    relationships: dict[str, Any] = {}
    if version.repository_id is not None:
        relationships["ingress-attributes"] = linked(f"{path}/ingress-attributes")
    found = resource("configuration-versions", version.id, attributes, relationships, link=path)
    if version.is_uploaded:
        found["links"]["download"] = f"/api/v2/{path}/download"
    return found


def ingress_id(version: ConfigurationVersion) -> str:
    return "ia-" + version.id.removeprefix("cv-")


def ingress_resource(version: ConfigurationVersion, run: Run | None) -> Resource:
    """Where a commit's configuration came from; what only a run knows (branch, pull request) is that of `run`."""
    attributes = {
        "branch": run.branch if run else "",
        "tag": (run.tag or None) if run else None,
        "commit-sha": version.commit_sha,
        "commit-message": version.message,
        "is-pull-request": run is not None and run.pull_number is not None,
        "pull-request-number": run.pull_number if run else None,
        "sender-username": run.created_by if run else version.author,
    }
    return resource("ingress-attributes", ingress_id(version), attributes)


def ingress_of(version: ConfigurationVersion) -> dict[str, Any]:
    """The relationship; to none where the configuration was uploaded."""
    return to_one("ingress-attributes", ingress_id(version) if version.repository_id else None)
