"""How is a configuration version written? With the address for its upload only in the answer that made it."""

from typing import Any

from bot.connection import Provider, Repository
from bot.host_links import commit_url, compare_url, outside_url, public_url, pull_url
from bot.run import Run
from bot.vcs.deliveries import is_no_commit
from handlers.api.documents import Resource, resource, to_one
from handlers.services import Services
from storage.configuration_versions import ConfigurationVersion
from storage.run_origins import RunOrigin

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
    relationships = {"ingress-attributes": ingress_of(version)}
    found = resource("configuration-versions", version.id, attributes, relationships, link=path)
    if version.is_uploaded:
        found["links"]["download"] = f"/api/v2/{path}/download"
    return found


def ingress_id(version: ConfigurationVersion) -> str:
    return "ia-" + version.id.removeprefix("cv-")


def ingress_of(version: ConfigurationVersion) -> dict[str, Any]:
    """The relationship; to none where the configuration was uploaded."""
    if version.repository_id is None:
        return to_one("ingress-attributes", None)
    path = f"configuration-versions/{version.id}/ingress-attributes"
    return to_one("ingress-attributes", ingress_id(version), link=path)


def ingress_resources(services: Services, version: ConfigurationVersion) -> list[Resource]:
    """Where a commit's configuration came from, in TFE's words; nothing of what was uploaded.

    What only a run knows (branch, tag, pull request, sender) is that of the event which brought the commit last, so
    that everybody reads the same. What nothing here knows is null.
    """
    if version.repository_id is None:
        return []
    repository, run = services.repositories.get(version.repository_id), services.runs.origin_of(version.id)
    provider = services.connections.get(repository.connection_id).provider
    origin = services.origins.of(run.id) if run else RunOrigin()
    attributes = {
        "identifier": repository.path,
        "clone-url": public_url(repository.clone_url) or None,
        "commit-sha": version.commit_sha,
        "commit-message": version.message,
        "commit-url": commit_url(repository, provider, version.commit_sha) or None,
        "branch": run.branch if run else "",
        "tag": (run.tag or None) if run else None,
        "sender-username": run.created_by if run else version.author,
        "sender-html-url": outside_url(origin.sender_html_url) or None,
        "sender-avatar-url": outside_url(origin.sender_avatar_url) or None,
        "on-default-branch": run is not None and run.pull_number is None and run.branch == repository.default_branch,
        "compare-url": _compared(repository, provider, run, origin, version.commit_sha),
        **_pull_request(services, repository, provider, run.pull_number if run else None),
    }
    return [resource("ingress-attributes", ingress_id(version), attributes)]


def _compared(
    repository: Repository, provider: Provider, run: Run | None, origin: RunOrigin, commit_sha: str
) -> str | None:
    """Against what the pull request goes into, or what the push was made on; a new branch has nothing before it."""
    before = (run.base_sha if run else "") or origin.before_sha
    if not before or is_no_commit(before):
        return None
    return compare_url(repository, provider, before, commit_sha) or None


def _pull_request(services: Services, repository: Repository, provider: Provider, number: int | None) -> dict[str, Any]:
    pull = services.pulls.find(repository.id, number) if number is not None else None
    address = outside_url(pull.html_url) if pull else ""
    if number is not None and not address:
        address = pull_url(repository, provider, number)
    return {
        "is-pull-request": number is not None,
        "pull-request-number": number,
        "pull-request-url": address or None,
        "pull-request-title": pull.title if pull else None,
        "pull-request-body": (pull.body or None) if pull else None,
    }
