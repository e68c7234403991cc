"""Fixtures with a double of GitHub. Register them in a conftest by importing them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.connection import Connection, Provider, Repository
from bot.ids import ConnectionId, OrganizationId, RepositoryId
from bot.vcs.github import GitHubHost
from tests.fakes.github import FakeGitHub
from tests.fakes.github_model import FakeRepository


@pytest.fixture
def github(tmp_path: Path) -> Iterator[FakeGitHub]:
    """A GitHub of the test's own; the test fails if anything said in it breaks GitHub's description."""
    with FakeGitHub(tmp_path / "github") as host:
        yield host
    assert not host.violations, "\n".join(host.violations)


@pytest.fixture
def github_host(github: FakeGitHub) -> Iterator[GitHubHost]:
    """Our side of it, with a token."""
    host = GitHubHost(a_connection(github), lambda: datetime.now(UTC))
    yield host
    host.close()


def a_connection(github: FakeGitHub, provider: Provider = Provider.GITHUB, token: str = "") -> Connection:
    """A connection to the double: with its bot's token, or with its App's key."""
    app = github.app if provider is Provider.GITHUB_APP else None
    return Connection(
        id=ConnectionId("oc-github"),
        organization_id=OrganizationId("org-acme"),
        provider=provider,
        name="GitHub",
        http_url=github.url,
        api_url=github.api_url,
        created_at=github.started_at,
        token="" if app else token or github.token,
        app_id=str(app.id) if app else "",
        private_key=app.private_key if app else "",
        app_webhook_secret=app.webhook_secret if app else "",
    )


def our_repository(repo: FakeRepository, installation_id: str = "") -> Repository:
    """What we remember of one of the double's repositories."""
    return Repository(
        id=RepositoryId("repo-1"),
        connection_id=ConnectionId("oc-github"),
        host_id=repo.host_id,
        path=repo.full_name,
        clone_url=repo.clone_url,
        default_branch=repo.default_branch,
        html_url=repo.html_url,
        installation_id=installation_id,
    )
