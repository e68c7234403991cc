"""What does the site say of versions of the job's engine? Which may not be used, and where some are taken from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from bot.errors import Refused
from bot.terraform_version import Archive, check_version, read_archives
from bot.version_constraint import Wanted

MOST_VERSIONS = 1_000  # that one job tells of


@dataclass(frozen=True)
class RegisteredVersion:
    """A version that a site admin has registered, as a runner needs to know it."""

    number: Version
    written: str
    is_enabled: bool
    is_deprecated: bool
    deprecated_reason: str
    archives: tuple[Archive, ...]

    def archive_for(self, platform: str) -> Archive | None:
        """`platform` is in the words of Go: `linux_amd64`."""
        return next((each for each in self.archives if "_".join(each.platform) == platform), None)

    @property
    def warning(self) -> str:
        """What the run should say of it, after its name; empty if there is nothing to say."""
        reason = f": {self.deprecated_reason}" if self.deprecated_reason else ""
        return f"is deprecated on this site{reason}" if self.is_deprecated else ""

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RegisteredVersion":
        """Raises ValueError for anything but the protocol's shape."""
        try:
            enabled, deprecated = document["enabled"], document["deprecated"]
            written, reason = check_version(document["version"]), document["deprecated_reason"]
            archives = read_archives(document["archives"])
        except (KeyError, TypeError, Refused) as error:
            raise ValueError("not a registered version") from error
        if not (isinstance(enabled, bool) and isinstance(deprecated, bool) and isinstance(reason, str)):
            raise ValueError("not a registered version")
        return cls(Version(written), written, enabled, deprecated, reason, archives)


Registered = tuple[RegisteredVersion, ...]


def disabled(registered: Registered, wanted: Wanted) -> frozenset[Version]:
    """What would fit, but may not be used."""
    return frozenset(each.number for each in registered if not each.is_enabled and wanted.allows(each.number))


def newest_to_take(registered: Registered, wanted: Wanted, platform: str) -> tuple[RegisteredVersion, Archive] | None:
    """The newest that fits and has an archive for this platform."""
    found = [(each, archive) for each in registered if (archive := each.archive_for(platform))]
    fitting = [pair for pair in found if wanted.allows(pair[0].number)]
    return max(fitting, key=lambda pair: pair[0].number, default=None)


def warning_of(registered: Registered, version: Version) -> str:
    return next((each.warning for each in registered if each.number == version), "")
