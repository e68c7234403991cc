"""Which engine fits, and where it is looked for first."""

from pathlib import Path

import pytest
from packaging.version import Version

from bot.errors import Refused
from bot.runner.engine_versions import find_engine
from bot.runner.settings import RunnerSettings
from bot.version_constraint import Wanted
from bot.workspace import EngineName

VERSIONS = ["0.11.11", "1.3.0", "1.5.0", "1.5.2", "1.9.1", "2.0.0", "2.0.0-rc1", "1.6.0-beta2"]


@pytest.mark.parametrize(
    ("wanted", "fitting"),
    [
        ("", ["0.11.11", "1.3.0", "1.5.0", "1.5.2", "1.9.1", "2.0.0"]),
        ("1.5.2", ["1.5.2"]),
        ("v1.5", ["1.5.0"]),
        ("= 1.5.0", ["1.5.0"]),
        ("~> 1.5", ["1.5.0", "1.5.2", "1.9.1"]),
        ("~> 1.5.1", ["1.5.2"]),
        ("~> 1", ["1.3.0", "1.5.0", "1.5.2", "1.9.1", "2.0.0"]),
        (">= 1.3, < 1.5.2", ["1.3.0", "1.5.0"]),
        ("!= 1.5.0, > 1.3.0, <= 1.9.1", ["1.5.2", "1.9.1"]),
        ("1.6.0-beta2", ["1.6.0-beta2"]),
        ("< 2.0.0", ["0.11.11", "1.3.0", "1.5.0", "1.5.2", "1.9.1"]),
    ],
)
def test_constraints_mean_what_terraform_means(wanted: str, fitting: list[str]) -> None:
    assert [version for version in VERSIONS if Wanted.parse(wanted).allows(Version(version))] == fitting


@pytest.mark.parametrize("text", ["newest", "~> x", "1.5 && reboot", ">= 1.*", "../../bin", "=> 1"])
def test_what_is_neither_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="neither a version nor a constraint"):
        Wanted.parse(text)


def engine(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\necho '{text}'\n")
    place.chmod(0o755)
    return place


@pytest.fixture
def settings(tmp_path: Path) -> RunnerSettings:
    return RunnerSettings(
        url="", pool_token="", queue="", work_folder=tmp_path, engines_folder=tmp_path / "engines",
        search_path=str(tmp_path / "bin"), releases_url="",
    )  # fmt: skip


def found(settings: RunnerSettings, wanted: str) -> str:
    return str(find_engine(EngineName.TERRAFORM, Wanted.parse(wanted), settings, lambda *_: None).binary)


def test_the_engines_folder_comes_before_path_and_the_newest_that_fits_is_taken(settings: RunnerSettings) -> None:
    on_path = engine(Path(settings.search_path, "terraform"), "Terraform v1.9.1\non linux_amd64")
    for version in ("1.5.9", "1.5.10", "1.4.0", "not-a-version"):
        engine(settings.engines_folder / "terraform" / version / "terraform", "")
    assert found(settings, "~> 1.5.0").endswith("/1.5.10/terraform")
    assert found(settings, "1.4.0").endswith("/1.4.0/terraform")
    assert found(settings, ">= 1.6") == str(on_path)


def test_a_binary_that_was_replaced_is_asked_again(settings: RunnerSettings) -> None:
    on_path = engine(Path(settings.search_path, "terraform"), "Terraform v1.9.1")
    assert found(settings, "1.9.1") == str(on_path)
    engine(on_path, "Terraform v1.10.22")
    assert found(settings, "1.10.22") == str(on_path)
