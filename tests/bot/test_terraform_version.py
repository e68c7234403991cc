"""Versions are ordered as versions, and an archive's address shows nowhere."""

from datetime import UTC, datetime

import pytest
from packaging.version import Version

from bot.errors import Refused
from bot.terraform_version import TerraformVersion, check_archive, check_version, rank, read_archives
from bot.version_constraint import Wanted, exact_version

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDERED = ["0.11.14", "1.9.8", "1.9.10", "1.10.0-alpha20240911", "1.10.0-beta2", "1.10.0-rc1", "1.10.0-rc12", "1.10.0"]


def test_ranks_are_in_the_order_of_versions() -> None:
    assert sorted(ORDERED, key=lambda text: rank(Version(text))) == ORDERED == sorted(ORDERED, key=Version)


def test_a_version_is_written_as_its_maker_writes_it() -> None:
    assert [check_version(f" v{text} ") for text in ORDERED] == ORDERED
    for text in ("1.9", "1.9.8+ent", "1.9.8.post1", "1.9.8-dev", "1.9.8\n1", "1.9.8/..", "", None):
        with pytest.raises(Refused):
            check_version(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.9.8", "1.9.8"),
        (" v1.9.8", "1.9.8"),
        ("=1.9.8", "1.9.8"),
        ("= v1.9", "1.9.0"),
        ("1.9.0-rc1", "1.9.0rc1"),
        ("~> 1.9.8", None),
        ("= 1.9.8, < 2", None),
        ("!= 1.9.8", None),
        ("", None),
        ("1.9.8-ours", None),
        ("newest", None),
    ],
)
def test_which_wishes_name_one_version(text: str, number: str | None) -> None:
    assert exact_version(text) == (Version(number) if number else None)


def test_a_wish_without_some_versions() -> None:
    wanted = Wanted.parse("~> 1.9.0").without(frozenset({Version("1.9.1")}))
    assert [text for text in ("1.9.0", "1.9.1", "1.9.2") if wanted.allows(Version(text))] == ["1.9.0", "1.9.2"]
    assert not Wanted.parse("= 1.9.1").without(frozenset({Version("1.9.1")})).allows(Version("1.9.1"))


def test_an_address_shows_in_no_repr_and_comes_back_as_it_was() -> None:
    archive = check_archive("linux", "arm64", "https://mirror.test/a.zip?signature=swordfish", "AB" * 32)
    version = TerraformVersion("tool-1", "1.9.8", NOW, archives=(archive,))
    assert "swordfish" not in repr(version)
    assert read_archives(version.for_runners()["archives"]) == version.archives
    assert version.archives[0].sha == "ab" * 32


def test_what_counts_for_runners() -> None:
    archive = check_archive("linux", "amd64", "https://mirror.test/a.zip", "ab" * 32)
    assert not TerraformVersion("", "1.9.8", NOW, beta=True, official=True).counts_for_runners
    for facts in ({"enabled": False}, {"deprecated": True}, {"archives": (archive,)}):
        assert TerraformVersion("", "1.9.8", NOW, **facts).counts_for_runners  # type: ignore[arg-type]
