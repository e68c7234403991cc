"""Which versions of an engine does a workspace ask for? One, a constraint in Terraform's words, or any."""

import re
from dataclasses import dataclass, replace

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from bot.errors import Refused

_CONSTRAINT = re.compile(r"(=|!=|>=|<=|>|<|~>)?\s*v?([0-9]\S*)\Z")
_ONLY_ONE = re.compile(r"=?\s*v?([0-9][^\s,]*)\s*\Z")


@dataclass(frozen=True)
class Wanted:
    """A version, a constraint in Terraform's words (`~> 1.5`, `>= 1.3, < 2.0`), or nothing in particular.

    https://developer.hashicorp.com/terraform/language/expressions/version-constraints
    """

    text: str
    exact: Version | None
    specifiers: SpecifierSet
    excluded: frozenset[Version] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Wanted":
        """Raises Refused for what is neither."""
        exact = exact_version(text)
        if exact is not None:
            return cls(text, exact, SpecifierSet())
        try:
            parts = [_specifiers(part.strip()) for part in text.split(",") if part.strip()]
            return cls(text, None, SpecifierSet(",".join(parts)))
        except (InvalidSpecifier, InvalidVersion) as error:
            raise Refused(f"the engine version {text!r} is neither a version nor a constraint like ~> 1.5") from error

    def without(self, versions: frozenset[Version]) -> "Wanted":
        """The same, but none of these."""
        return replace(self, excluded=self.excluded | versions)

    def allows(self, version: Version) -> bool:
        if version in self.excluded:
            return False
        if self.exact is not None:
            return version == self.exact
        return self.specifiers.contains(version, prereleases=False)

    @property
    def spoken(self) -> str:
        return f" {self.text}" if self.text.strip() else ""


def exact_version(text: str) -> Version | None:
    """The one version that `1.9.8`, `v1.9.8` or `= 1.9.8` names; None for a constraint, or what is neither."""
    match = _ONLY_ONE.match(text.strip())
    try:
        return Version(match[1]) if match else None
    except InvalidVersion:
        return None


def _specifiers(part: str) -> str:
    match = _CONSTRAINT.match(part)
    if match is None:
        raise InvalidSpecifier(part)
    operator, version = match[1] or "=", match[2]
    if operator != "~>":
        return f"{'==' if operator == '=' else operator}{Version(version)}"
    release = Version(version).release
    if len(release) == 1:
        return f">={Version(version)}"  # only the last number may grow, and here it is the first
    ceiling = [*release[:-2], release[-2] + 1]
    return f">={Version(version)},<{'.'.join(map(str, ceiling))}.dev0"
