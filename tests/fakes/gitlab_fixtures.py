"""Fixtures with a double of GitLab. Register them in a conftest by importing them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.connection import Connection, Provider, Repository
from bot.ids import ConnectionId, OrganizationId, RepositoryId
from bot.vcs.gitlab import GitLabHost
from tests.fakes.gitlab import FakeGitLab
from tests.fakes.gitlab_model import FakeRepository


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[FakeGitLab]:
    """A GitLab of the test's own; the test fails if anything said in it breaks GitLab's description."""
    with FakeGitLab(tmp_path / "gitlab") as host:
        yield host
    assert host.violations == []


@pytest.fixture
def gitlab_host(gitlab: FakeGitLab) -> Iterator[GitLabHost]:
    """Our side of it, with a token."""
    host = GitLabHost(a_connection(gitlab), lambda: datetime.now(UTC))
    yield host
    host.close()


def a_connection(gitlab: FakeGitLab, token: str = "") -> Connection:
    """A connection to the double with its bot's token, or another."""
    return Connection(
        id=ConnectionId("oc-gitlab"),
        organization_id=OrganizationId("org-acme"),
        provider=Provider.GITLAB_ENTERPRISE,
        name="GitLab",
        http_url=gitlab.url,
        api_url=gitlab.api_url,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        token=token or gitlab.token,
    )


def our_repository(repo: FakeRepository) -> Repository:
    """What we remember of one of the double's projects."""
    return Repository(
        id=RepositoryId("repo-1"),
        connection_id=ConnectionId("oc-gitlab"),
        host_id=repo.host_id,
        path=repo.path,
        clone_url=repo.clone_url,
        default_branch=repo.default_branch,
        html_url=repo.html_url,
    )
