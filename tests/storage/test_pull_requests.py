"""What people wrote in a pull request is kept, as far as it is short enough to be kept."""

from pathlib import Path

import pytest

from bot.connection import Provider
from bot.events import HostRepository, HostUser, PullRequest
from bot.ids import RepositoryId
from bot.settings import Settings
from handlers.services import open_services
from storage.pull_requests import LONGEST_BODY

SHA = "a" * 40


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("", ""),
        ("Because.\n\x00🙂", "Because.\n\x00🙂"),
        ("é" * (LONGEST_BODY // 2), "é" * (LONGEST_BODY // 2)),
        ("x" + "é" * LONGEST_BODY, "x" + "é" * (LONGEST_BODY // 2 - 1)),  # no half character at the end
    ],
)
def test_a_body_is_bounded(tmp_path: Path, body: str, kept: str) -> None:
    services = open_services(Settings(data=tmp_path))
    try:
        organization = services.people.add_organization("acme", "ops@acme.test")
        urls = {"http_url": "https://github.test", "api_url": ""}
        connection = services.connections.add(organization.id, Provider.GITHUB, name="G", token="t", **urls)
        told = HostRepository("1", "acme/infra", "https://github.test/acme/infra.git", "main")
        repository_id: RepositoryId = services.repositories.know(connection.id, told).id
        pull = PullRequest(41, "Bigger disks", HostUser("7", "grace"), SHA, "feature", "main", body=body)
        services.pulls.know(repository_id, pull)
        found = services.pulls.find(repository_id, 41)
        assert found is not None
        assert found.body == kept
        assert [each.body for each in services.pulls.open(repository_id)] == [""]
        services.pulls.know(repository_id, found)
        assert services.pulls.find(repository_id, 41) == found
    finally:
        services.close()
