"""How is a configuration version written? With the address for its upload only in the answer that made it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bot.connection import Provider, Repository
from bot.events import PullRequest
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


def ingress_resources(services: Services, versions: Iterable[ConfigurationVersion]) -> list[Resource]:
    """Where commits' configurations came from, in TFE's words; nothing of what was uploaded.

    What only a run knows (branch, tag, pull request, sender) is that of the event which brought the commit last, so
    that everybody reads the same. What nothing here knows is null.
    """
    return [
        resource("ingress-attributes", ingress_id(commit.version), _ingress(commit))
        for commit in _commits(services, versions)
    ]


@dataclass(frozen=True)
class _Commit:
    """A configuration that came from a repository, and what is known of where and how."""

    version: ConfigurationVersion
    repository: Repository
    provider: Provider
    run: Run | None
    origin: RunOrigin
    pull: PullRequest | None


def _commits(services: Services, versions: Iterable[ConfigurationVersion]) -> list[_Commit]:
    """Of all versions at once; those that were uploaded are left out."""
    fetched = {version.id: version for version in versions}
    ids = {version.repository_id for version in fetched.values() if version.repository_id is not None}
    repositories = {repository.id: repository for repository in services.repositories.with_ids(ids)}
    connections = services.connections.with_ids({each.connection_id for each in repositories.values()})
    runs = services.runs.origins_of_each(fetched)
    origins = services.origins.of_each([run.id for run in runs.values()])
    pulls = services.pulls.of_each([(fetched[ident].repository_id, run.pull_number) for ident, run in runs.items()])
    found = []
    for version in fetched.values():
        if version.repository_id is None:
            continue
        repository, run = repositories[version.repository_id], runs.get(version.id)
        provider = connections[repository.connection_id].provider
        origin = origins.get(run.id, RunOrigin()) if run else RunOrigin()
        pull = pulls.get((repository.id, run.pull_number)) if run and run.pull_number else None
        found.append(_Commit(version, repository, provider, run, origin, pull))
    return found


def _ingress(commit: _Commit) -> dict[str, Any]:
    version, repository, provider, run = commit.version, commit.repository, commit.provider, commit.run
    return {
        "identifier": repository.path,
        "clone-url": public_url(repository.clone_url) or None,
        "commit-sha": version.commit_sha,
        "commit-message": version.message,
        "commit-url": commit_url(repository, provider, version.commit_sha) or None,
        "branch": run.branch if run else "",
        "tag": (run.tag or None) if run else None,
        "sender-username": run.created_by if run else version.author,
        "sender-html-url": outside_url(commit.origin.sender_html_url) or None,
        "sender-avatar-url": outside_url(commit.origin.sender_avatar_url) or None,
        "on-default-branch": run is not None and run.pull_number is None and run.branch == repository.default_branch,
        "compare-url": _compared(commit),
        **_pull_request(commit),
    }


def _compared(commit: _Commit) -> str | None:
    """Against what the pull request goes into, or what the push was made on; a new branch has nothing before it."""
    before = (commit.run.base_sha if commit.run else "") or commit.origin.before_sha
    if not before or is_no_commit(before):
        return None
    return compare_url(commit.repository, commit.provider, before, commit.version.commit_sha) or None


def _pull_request(commit: _Commit) -> dict[str, Any]:
    number, pull = commit.run.pull_number if commit.run else None, commit.pull
    address = outside_url(pull.html_url) if pull else ""
    if number is not None and not address:
        address = pull_url(commit.repository, commit.provider, number)
    return {
        "is-pull-request": number is not None,
        "pull-request-number": number,
        "pull-request-url": address or None,
        "pull-request-title": pull.title if pull else None,
        "pull-request-body": (pull.body or None) if pull else None,
    }
