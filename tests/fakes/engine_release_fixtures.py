"""Fixtures with a place for engines' downloads, and a runner's settings that know it. Register them by assigning."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.runner import engine_versions
from bot.runner.settings import RunnerSettings
from tests.fakes.engine_releases import EngineReleases, Signer

BINARY = b"#!/bin/sh\necho Terraform v1.9.8\n" + b"#" * 300_000


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer("maker")


@pytest.fixture
def releases() -> Iterator[EngineReleases]:
    engine_versions._unreachable_until.clear()
    with EngineReleases() as place:
        yield place


@pytest.fixture
def settings(releases: EngineReleases, signer: Signer, tmp_path: Path) -> RunnerSettings:
    (tmp_path / "keys.asc").write_text(signer.public_key)
    return RunnerSettings(
        url="",
        pool_token="",
        queue="",
        work_folder=tmp_path / "work",
        engines_folder=tmp_path / "engines",
        releases_url=releases.url,
        tofu_releases_url=releases.url,
        tofu_index_url=f"{releases.url}/tofu/api.json",
        keys_file=tmp_path / "keys.asc",
        search_path="/nonexistent",
    )


def everything_in(settings: RunnerSettings) -> list[str]:
    """The files of the engines folder, and what a download may have left there."""
    home = settings.engines_folder
    return sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() or path.name[0] == ".")
