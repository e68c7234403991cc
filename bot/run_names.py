"""Under which names does a run's engine know where it works?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class RunNames:
    """As they were when the run's plan began. The plan file holds them, and values that were made of them:

    so the apply gets the same ones, whatever was renamed meanwhile.
    """

    hostname: str  # Runlock's; to the engine it is a word, for its configuration says where the services are
    organization: str
    workspace: str
    project: str

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RunNames":
        return cls(**document)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def is_organization(self, name: str) -> bool:
        """Whether the run's own organization was called that; case doesn't count in names."""
        return self.organization.lower() == name.lower()

    def is_workspace(self, name: str) -> bool:
        return self.workspace.lower() == name.lower()
