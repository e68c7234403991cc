"""What may a site admin say of a version of Terraform? Where it comes from, and whether it may be used.

Source: https://developer.hashicorp.com/terraform/enterprise/api-docs/admin/terraform-versions
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from packaging.version import Version

from bot.errors import Refused

LONGEST_URL = 2_000  # characters
LONGEST_REASON = 1_000  # characters
FIRST_PLATFORM = ("linux", "amd64")  # what `url` and `sha` are for, where no platform is named
FACTS = ("os", "arch", "url", "sha")  # of an archive
PLATFORMS = (FIRST_PLATFORM, ("linux", "arm64"))

# As the maker writes them: always three numbers, and a pre-release of a known kind.
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:-(alpha|beta|rc)\.?(\d{1,8}))?")
_SHA = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Archive:
    """A zip file with the binary for one platform. An address may hold a signature, so it shows in no repr."""

    os: str
    arch: str
    url: str = field(repr=False)
    sha: str  # SHA-256, 64 hex digits

    @property
    def platform(self) -> tuple[str, str]:
        return self.os, self.arch


@dataclass(frozen=True)
class TerraformVersion:
    """One registered version. Without archives it is taken from wherever it would be taken anyway."""

    id: str  # tool-…
    version: str
    created_at: datetime
    archives: tuple[Archive, ...] = ()
    official: bool = False
    enabled: bool = True
    beta: bool = False
    deprecated: bool = False
    deprecated_reason: str = ""

    @property
    def number(self) -> Version:
        return Version(self.version)

    @property
    def archive(self) -> Archive | None:
        """The one that `url` and `sha` are of."""
        return next((each for each in self.archives if each.platform == FIRST_PLATFORM), None)

    @property
    def counts_for_runners(self) -> bool:
        """Whether a runner would do anything else for knowing it."""
        return not self.enabled or self.deprecated or bool(self.archives)

    def for_runners(self) -> dict[str, Any]:
        """As it stands in a job of `/runner/v1`."""
        return {
            "version": self.version,
            "enabled": self.enabled,
            "deprecated": self.deprecated,
            "deprecated_reason": self.deprecated_reason,
            "archives": [asdict(each) for each in self.archives],
        }


def check_version(text: object) -> str:
    """The version as given, without a leading `v`. Raises Refused."""
    bare = text.strip().removeprefix("v") if isinstance(text, str) else ""
    if not bare.isascii() or not _VERSION.fullmatch(bare):
        raise Refused("version is three numbers, such as 1.9.8, or a pre-release of them, such as 1.9.0-rc1")
    return bare


def rank(number: Version) -> str:
    """A text whose order is the order of releases and their pre-releases."""
    numbers = f"{number.major:06}.{number.minor:06}.{number.micro:06}"
    # `~` comes after every letter: a release comes after its pre-releases.
    return f"{numbers}{number.pre[0][0]}{number.pre[1]:08}" if number.pre else f"{numbers}~"


def check_archive(os: str, arch: str, url: str, sha: str) -> Archive:
    """Raises Refused naming what does not fit."""
    if (os, arch) not in PLATFORMS:
        known = " and ".join("/".join(platform) for platform in PLATFORMS)
        raise Refused(f"os and arch are those of a runner: {known}")
    if not _SHA.fullmatch(sha):
        raise Refused("sha is the archive's SHA-256 sum, 64 hex digits")
    return Archive(os, arch, _checked_url(url), sha.lower())


def check_archives(archives: Iterable[Archive]) -> tuple[Archive, ...]:
    """In the order of the platforms. Raises Refused if one is there twice."""
    found = sorted(archives, key=lambda each: PLATFORMS.index(each.platform))
    if len({each.platform for each in found}) != len(found):
        raise Refused("archs has one archive for each os and arch")
    return tuple(found)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_there = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_there = False
    if not is_there or len(url) > LONGEST_URL or any(letter <= " " or letter == "\x7f" for letter in url):
        raise Refused(f"url begins with https:// or http://, names a host, and has at most {LONGEST_URL} characters")
    if "@" in parts.netloc:
        raise Refused("url holds no user and no password: every runner would get to know them")
    return url


def check_reason(text: str) -> str:
    """Why a version is deprecated, in one line. Raises Refused."""
    line = " ".join(text.split())
    if len(line) > LONGEST_REASON or not line.isprintable():
        raise Refused(f"deprecated-reason is a sentence of at most {LONGEST_REASON} characters")
    return line


def read_archives(entries: Iterable[Mapping[str, Any]]) -> tuple[Archive, ...]:
    """What was checked once and written down. Raises KeyError or Refused for anything else."""
    return check_archives(
        check_archive(**{name: entry[name] for name in ("os", "arch", "url", "sha")}) for entry in entries
    )
