"""What the site says of versions: where one is taken from, whole and with its sum, and which may not be used."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from bot.errors import OutsideTrouble, Refused
from bot.runner.engine_download import platform_name
from bot.runner.engine_versions import Engine, NoEngine, find_engine
from bot.runner.registered_versions import RegisteredVersion
from bot.runner.settings import RunnerSettings
from bot.version_constraint import Wanted
from bot.workspace import EngineName
from tests.bot.runner.conftest import Runner
from tests.fakes import engine_release_fixtures as fixtures
from tests.fakes.engine_release_fixtures import BINARY, everything_in
from tests.fakes.engine_releases import EngineReleases, Signer, zip_of
from tests.fakes.runner_server import FakeRunlock

releases, signer, settings = fixtures.releases, fixtures.signer, fixtures.settings
MAKERS = b"#!/bin/sh\necho the maker's\n"


def document(version: str, releases: EngineReleases | None = None, binary: bytes = BINARY, **facts: Any) -> Any:
    """As a job tells of it; with `releases`, an archive is served there under a path with a signature."""
    archives = []
    if releases is not None:
        archive = zip_of({"terraform": binary, "LICENSE.txt": b"free"})
        path = f"/mirror/{version}.zip?signature=swordfish"
        releases.files[path] = archive
        os, _, arch = platform_name().partition("_")
        sha = hashlib.sha256(archive).hexdigest()
        archives.append({"os": os, "arch": arch, "url": releases.url + path, "sha": sha})
    usual = {"version": version, "enabled": True, "deprecated": False, "deprecated_reason": "", "archives": archives}
    return {**usual, **facts}


def found(settings: RunnerSettings, wanted: str, *documents: Any, told: list[str] | None = None) -> Engine:
    registered = tuple(RegisteredVersion.from_json(each) for each in documents)

    def progress(_: object, line: str) -> None:
        if told is not None:
            told.append(line)

    return find_engine(EngineName.TERRAFORM, Wanted.parse(wanted), settings, progress, registered)


def sum_of(releases: EngineReleases, version: str) -> str:
    return hashlib.sha256(releases.files[f"/mirror/{version}.zip?signature=swordfish"]).hexdigest()


def test_a_registered_version_comes_from_its_address_and_not_from_the_maker(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", MAKERS, signer)
    told: list[str] = []
    engine = found(settings, "1.9.8", document("1.9.8", releases), told=told)
    assert engine.spoken == "Terraform v1.9.8"
    place = f"terraform/registered/1.9.8/{sum_of(releases, '1.9.8')}/terraform"
    assert engine.binary == settings.engines_folder / place
    assert engine.binary.read_bytes() == BINARY
    assert engine.binary.stat().st_mode & 0o777 == 0o755
    assert told[0] == "Downloading terraform 1.9.8 from its registered address ..."
    assert told[-1] == "Installed terraform 1.9.8; its sum is the registered one"
    assert "swordfish" not in "".join(told)
    assert releases.asked == ["/mirror/1.9.8.zip?signature=swordfish"]
    assert everything_in(settings) == [place]


def test_what_was_taken_with_the_registered_sum_is_not_taken_again(
    settings: RunnerSettings, releases: EngineReleases, tmp_path: Path
) -> None:
    registered = document("1.9.8", releases)
    first = found(settings, "1.9.8", registered)
    releases.files.clear()
    assert found(settings, "~> 1.9.0", registered, document("1.9.10", releases)) == first
    (tmp_path / "path").mkdir()
    on_path = tmp_path / "path/terraform"
    on_path.write_text("#!/bin/sh\necho Terraform v1.9.8\n")
    on_path.chmod(0o755)
    assert found(replace(settings, search_path=f"{tmp_path}/path:/bin"), "1.9.8", registered) == first


def test_what_is_registered_with_another_sum_now_is_taken_anew(
    settings: RunnerSettings, releases: EngineReleases
) -> None:
    registered = document("1.9.8", releases)
    first = found(settings, "1.9.8", registered)
    changed = document("1.9.8", releases, b"another")
    told: list[str] = []
    second = found(settings, "~> 1.9.0", changed, told=told)
    assert told[-1] == "Installed terraform 1.9.8; its sum is the registered one"
    assert first.binary is not None
    assert second.binary is not None
    assert (first.binary.read_bytes(), second.binary.read_bytes()) == (BINARY, b"another")  # one may be running
    releases.files.clear()
    assert found(settings, "1.9.8", changed) == second
    assert found(settings, "1.9.8", registered) == first  # and back again


def test_nothing_else_is_taken_for_what_is_registered_with_another_sum(
    settings: RunnerSettings, releases: EngineReleases
) -> None:
    found(settings, "1.9.8", document("1.9.8", releases))
    changed = document("1.9.8", releases, b"another")
    releases.files.clear()
    with pytest.raises(OutsideTrouble, match="the release is not there"):
        found(settings, "1.9.8", changed)


def test_what_was_registered_once_is_its_makers_again(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", MAKERS, signer)
    found(settings, "1.9.8", document("1.9.8", releases))
    for known in ([], [document("1.9.8")]):
        engine = found(settings, "1.9.8", *known)
        assert engine.binary is not None
        assert engine.binary.read_bytes() == MAKERS


def test_what_somebody_has_put_into_the_engines_folder_comes_first(
    settings: RunnerSettings, releases: EngineReleases
) -> None:
    registered = document("1.9.8", releases)
    found(settings, "1.9.8", registered)
    by_hand = settings.engines_folder / "terraform/1.9.8/terraform"
    by_hand.parent.mkdir()
    by_hand.write_bytes(b"by hand")
    by_hand.chmod(0o755)
    assert found(settings, "1.9.8", registered).binary == by_hand
    newer = document("1.9.10", releases)
    assert found(settings, "~> 1.9.0", registered, newer).binary == by_hand
    found(settings, "1.9.10", newer)
    assert found(settings, "~> 1.9.0", registered, newer).version_text == "1.9.10"


def test_a_constraint_takes_the_newest_registered_one_that_fits(
    settings: RunnerSettings, releases: EngineReleases
) -> None:
    known = [document(version, releases) for version in ("1.9.8", "1.9.10", "1.10.0", "1.9.11-rc1")]
    known += [document("1.9.12"), document("1.9.11", releases, enabled=False)]
    assert found(settings, "~> 1.9.0", *known).version_text == "1.9.10"
    assert found(settings, "1.9.11-rc1", *known).version_text == "1.9.11-rc1"


def test_another_platforms_archive_is_not_taken(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", MAKERS, signer)
    registered = document("1.9.8", releases)
    there = registered["archives"][0]["arch"]
    registered["archives"][0]["arch"] = "arm64" if there == "amd64" else "amd64"
    engine = found(settings, "1.9.8", registered)
    assert engine.binary is not None
    assert engine.binary.read_bytes() == MAKERS


def test_a_wrong_sum_is_refused_and_nothing_stays(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", MAKERS, signer)
    registered = document("1.9.8", releases)
    releases.files["/mirror/1.9.8.zip?signature=swordfish"] = zip_of({"terraform": b"another binary"})
    with pytest.raises(Refused, match="SHA-256 sum is not the registered one; nothing was kept"):
        found(settings, "1.9.8", registered)
    assert everything_in(settings) == []


def test_an_archive_without_the_binary_is_refused(settings: RunnerSettings, releases: EngineReleases) -> None:
    registered = document("1.9.8", releases)
    archive = zip_of({"tofu": BINARY})
    releases.files["/mirror/1.9.8.zip?signature=swordfish"] = archive
    registered["archives"][0]["sha"] = hashlib.sha256(archive).hexdigest()
    with pytest.raises(Refused, match="there is no terraform in it"):
        found(settings, "1.9.8", registered)
    assert everything_in(settings) == []


def test_a_download_that_is_cut_off_leaves_nothing_and_nothing_else_is_taken_for_it(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", MAKERS, signer)
    registered = document("1.9.8", releases)
    releases.cut_off.add("/mirror/1.9.8.zip?signature=swordfish")
    with pytest.raises(OutsideTrouble, match=r"Terraform 1\.9\.8 from its registered address: .* broke off") as trouble:
        found(settings, "1.9.8", registered)
    assert not trouble.value.permanent
    assert "swordfish" not in str(trouble.value)
    assert everything_in(settings) == []


def test_an_address_with_nothing_behind_it_is_trouble_for_good(
    settings: RunnerSettings, releases: EngineReleases
) -> None:
    registered = document("1.9.8", releases)
    releases.files.clear()
    with pytest.raises(OutsideTrouble, match="the release is not there") as trouble:
        found(settings, "1.9.8", registered)
    assert trouble.value.permanent


def test_a_disabled_version_is_refused_wherever_it_is(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", MAKERS, signer)
    found(settings, "1.9.8")  # now it is in the engines folder, too
    with pytest.raises(Refused, match=r"Terraform 1\.9\.8 is disabled on this site"):
        found(settings, "1.9.8", document("1.9.8", releases, enabled=False))


def test_a_constraint_leaves_disabled_versions_out(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    for version in ("1.9.7", "1.9.8", "1.9.9"):
        releases.publish("terraform", version, MAKERS, signer)
        found(settings, version)
    assert found(settings, "~> 1.9.0", document("1.9.9", enabled=False)).version_text == "1.9.8"
    off = [document(version, enabled=False) for version in ("1.9.7", "1.9.8", "1.9.9", "1.8.0")]
    with pytest.raises(
        NoEngine, match=r"no Terraform ~> 1\.9\.0 .*; disabled on this site: 1\.9\.7, 1\.9\.8, 1\.9\.9$"
    ):
        found(settings, "~> 1.9.0", *off)


def test_the_makers_list_and_path_are_left_out_likewise(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer, tmp_path: Path
) -> None:
    for version in ("1.9.8", "1.9.9"):
        releases.publish("terraform", version, MAKERS, signer)
    assert found(settings, ">= 1.9.0, < 1.10", document("1.9.9", enabled=False)).version_text == "1.9.8"


GOOD = {"version": "1.9.8", "enabled": True, "deprecated": True, "deprecated_reason": "old", "archives": []}
ARCHIVE = {"os": "linux", "arch": "amd64", "url": "https://mirror.test/a.zip", "sha": "ab" * 32}


def test_a_registered_version_is_read() -> None:
    read = RegisteredVersion.from_json({**GOOD, "archives": [ARCHIVE]})
    assert (read.number, read.warning) == (Version("1.9.8"), "is deprecated on this site: old")
    assert read.archive_for("linux_amd64") is not None
    assert read.archive_for("linux_arm64") is None


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "../1.9.8"},
        {"version": None},
        {"enabled": 1},
        {"deprecated": None},
        {"deprecated_reason": 7},
        {"archives": None},
        {"archives": ["a"]},
        {"archives": [{**ARCHIVE, "sha": "ab"}]},
        {"archives": [{**ARCHIVE, "url": "file:///bin/sh"}]},
        {"archives": [{**ARCHIVE, "arch": None}]},
        {"archives": [{**ARCHIVE, "url": None}]},
        {"archives": [{**ARCHIVE, "sha": 5}]},
    ],
)
def test_what_is_no_registered_version_is_not_read(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not a registered version"):
        RegisteredVersion.from_json({**GOOD, **changes})
    missing = {name: value for name, value in GOOD.items() if name not in changes}
    with pytest.raises(ValueError, match="not a registered version"):
        RegisteredVersion.from_json(missing)


def test_a_run_with_a_deprecated_version_says_so_once(server: FakeRunlock, runner: Runner) -> None:
    version = runner.add_engine("1.9.8", "plan) exit 1 ;;")
    notes = "Terraform v1.9.8 is deprecated on this site: it leaks"
    registered = document(version, deprecated=True, deprecated_reason="it leaks")
    job = server.plan({"main.tf": ""}, engine_version=version, registered_versions=[registered])
    result = runner.execute(job)
    assert result is not None
    assert result.notes == (notes,)
    assert job.text.count(f"Note: {notes}") == 1


def test_a_plan_with_a_disabled_version_is_refused(server: FakeRunlock, runner: Runner) -> None:
    version = runner.add_engine("1.9.8", "plan) exit 1 ;;")
    off = document(version, enabled=False)
    job = server.plan({"main.tf": ""}, engine_version=version, registered_versions=[off])
    result = runner.execute(job)
    assert result is not None
    assert (result.outcome, result.engine_version) == ("refused", "")
    assert "Terraform 1.9.8 is disabled on this site" in result.error
    assert "Terraform 1.9.8 is disabled on this site" in job.text
