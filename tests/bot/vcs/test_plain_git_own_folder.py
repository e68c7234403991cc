"""Runlock's own data folder holds nobody's repository: what it has fetched is not to be listened to."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.connection import Connection, Provider
from bot.errors import Refused
from bot.ids import ConnectionId, OrganizationId
from bot.vcs.plain_git import PlainGitHost
from tests.fakes.git_repositories import new_bare


@pytest.fixture
def host(tmp_path: Path) -> PlainGitHost:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    connection = Connection(ConnectionId("oc-1"), OrganizationId("org-1"), Provider.GIT, "git", "", "", now)
    (tmp_path / "data").mkdir()
    return PlainGitHost(connection, tmp_path / "data")


def test_a_repository_beside_it_is_found(host: PlainGitHost, tmp_path: Path) -> None:
    bare = new_bare(tmp_path / "data-of-others")
    assert host.find_repository(str(bare)).path == str(bare)


def test_a_mirror_inside_is_refused_by_its_path_and_through_a_link(host: PlainGitHost, tmp_path: Path) -> None:
    mirror = new_bare(tmp_path / "data" / "mirrors")
    link = tmp_path / "link"
    link.symlink_to(mirror)
    for path in (mirror, link, Path(f"{tmp_path}/data/../{mirror.relative_to(tmp_path)}")):
        with pytest.raises(Refused, match="own data folder"):
            host.find_repository(str(path))


def test_a_folder_that_keeps_its_git_data_inside_is_refused(host: PlainGitHost, tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "data" / "git"
    command = ["git", "init", "--quiet", f"--separate-git-dir={inside}", str(outside)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(Refused, match="own data folder"):
        host.find_repository(str(outside))


def test_strange_paths_are_refused_as_ever(host: PlainGitHost) -> None:
    for path in ("relative", "/nul\x00byte", "/nowhere/at/all"):
        with pytest.raises(Refused):
            host.find_repository(path)
