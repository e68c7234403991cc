"""How else than "plan everything, then apply it" may a run work? The options that whoever asks for it gives it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import Refused

MOST_ADDRESSES = 1_000
LONGEST_ADDRESS = 2_000  # characters
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class RunOptions:
    """The engine's own planning options, in TFE's terms. The default is an ordinary plan.

    Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#request-body
    """

    refresh: bool = True
    refresh_only: bool = False
    targets: tuple[str, ...] = ()  # resource addresses: the plan is about these only
    replaces: tuple[str, ...] = ()  # resource addresses: to be made anew whatever the plan finds
    generates_configuration: bool = False  # what an `import` block names may have no resource block yet
    allows_empty_apply: bool = False  # a plan without changes is applied too, by itself (a newer engine's state)
    structured_output: bool = False  # the log is JSON lines, which the CLI draws by itself
    drawn_by_client: bool = False  # the CLI draws the plan, for which it needs the providers' schemas

    def check(self, *, is_destroy: bool) -> None:
        """Raises Refused for options that contradict each other, and for addresses that can't be any."""
        if self.refresh_only and is_destroy:
            raise Refused("a run is either refresh-only or it destroys, not both")
        if self.refresh_only and not self.refresh:
            raise Refused("a refresh-only run without a refresh does nothing")
        if self.refresh_only and self.replaces:
            raise Refused("a refresh-only run replaces nothing")
        if self.generates_configuration and is_destroy:
            raise Refused("a run that destroys everything imports nothing, and has no configuration to generate")
        for addresses in (self.targets, self.replaces):
            if len(addresses) > MOST_ADDRESSES:
                raise Refused(f"a run has at most {MOST_ADDRESSES} addresses")
            for address in addresses:
                if not address.strip() or len(address) > LONGEST_ADDRESS or _CONTROL.search(address):
                    raise Refused("a resource address is one line of text, such as aws_instance.web[0]")

    def arguments(self) -> list[str]:
        """The engine's arguments for them; each address is one argument with its option, so it can't become another."""
        found = [] if self.refresh else ["-refresh=false"]
        found += ["-refresh-only"] if self.refresh_only else []
        found += [f"-target={address}" for address in self.targets]
        return found + [f"-replace={address}" for address in self.replaces]

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "RunOptions":
        """Read back what `dataclasses.asdict` wrote."""
        return cls(**{**document, "targets": tuple(document["targets"]), "replaces": tuple(document["replaces"])})


ORDINARY = RunOptions()
