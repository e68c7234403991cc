"""What is a run locked to? The manifest, frozen when the run is created, and its keyed digest."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from bot.run_options import ORDINARY, RunOptions


class Category(StrEnum):
    TERRAFORM = "terraform"
    ENVIRONMENT = "env"


@dataclass(frozen=True)
class VariableValue:
    """One variable as a run sees it. The value never shows in a repr."""

    key: str
    value: str = field(repr=False)
    category: Category
    hcl: bool = False
    sensitive: bool = False

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "VariableValue":
        return cls(**{**document, "category": Category(document["category"])})


@dataclass(frozen=True)
class Manifest:
    """Everything that decides what a run would do, apart from the world itself."""

    workspace_id: str
    configuration_version_id: str
    commit_sha: str
    engine: str
    engine_version: str
    working_directory: str
    base_sha: str = ""
    pull_number: int | None = None
    is_destroy: bool = False
    variables: tuple[VariableValue, ...] = ()
    options: RunOptions = ORDINARY
    own_variables: tuple[str, ...] = ()  # the Terraform variables among them that came with the run itself

    def as_json(self) -> dict[str, Any]:
        document = {**asdict(self), "variables": [asdict(variable) for variable in self.variables]}
        if not self.own_variables:
            del document["own_variables"]  # most runs have none: nothing is added to what their digest is made of
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Manifest":
        variables = tuple(VariableValue.from_json(variable) for variable in document["variables"])
        options, own = RunOptions.from_json(document["options"]), tuple(document.get("own_variables", ()))
        return cls(**{**document, "variables": variables, "options": options, "own_variables": own})

    def digest(self, key: bytes) -> str:
        """Hex of HMAC-SHA-256: keyed, so that nobody can guess a value and check the guess against it."""
        canonical = json.dumps(self.as_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hmac.new(key, canonical.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class ManifestHead:
    """What a list shows of a manifest, without the workspace's variables, of which there can be many."""

    engine_version: str
    options: RunOptions
    own_variables: tuple[VariableValue, ...]  # the Terraform variables that came with the run itself

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ManifestHead":
        """Read what `Manifest.as_json` wrote."""
        named = document.get("own_variables", ())
        variables = document["variables"] if named else ()
        own = (each for each in variables if each["key"] in named and each["category"] == Category.TERRAFORM)
        return cls(
            document["engine_version"],
            RunOptions.from_json(document["options"]),
            tuple(VariableValue.from_json(each) for each in own),
        )


def plan_digest(parts: Iterable[bytes]) -> str:
    """Hex of SHA-256 over the plan file and the dependency lock file, each with its length in front."""
    return plan_digest_in_pieces((len(part), (part,)) for part in parts)


def plan_digest_in_pieces(parts: Iterable[tuple[int, Iterable[bytes]]]) -> str:
    """The same as `plan_digest`, of parts that are too large to be held: each is its length in bytes, and its pieces.

    Raises ValueError if the pieces of a part are not as long as was said.
    """
    total = hashlib.sha256()
    for length, pieces in parts:
        total.update(length.to_bytes(8, "big"))
        left = length
        for piece in pieces:
            total.update(piece)
            left -= len(piece)
        if left:
            raise ValueError(f"a part is {length - left} bytes long, not {length}")
    return total.hexdigest()


# The engine's own switches: a workspace variable could point a run at another state or another binary.
REFUSED_ENVIRONMENT = ("TF_WORKSPACE", "TF_DATA_DIR", "TF_CLI_CONFIG_FILE", "TF_REATTACH_PROVIDERS")
REFUSED_ENVIRONMENT_PREFIXES = ("TF_HTTP_", "LD_")


def is_refused_environment(key: str) -> bool:
    """Whether a workspace may not set this environment variable (DESIGN section 5)."""
    return key.upper() in REFUSED_ENVIRONMENT or key.upper().startswith(REFUSED_ENVIRONMENT_PREFIXES)
