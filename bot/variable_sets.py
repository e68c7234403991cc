"""Which value counts when several are given for one variable? TFE's precedence, as one pure decision.

Source: https://developer.hashicorp.com/terraform/cloud-docs/workspaces/variables#precedence
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from bot.manifest import Category


class Keyed(Protocol):
    """A variable, whatever else is known of it."""

    @property
    def category(self) -> Category: ...

    @property
    def key(self) -> str: ...


V = TypeVar("V", bound=Keyed)


class Reach(IntEnum):
    """How a set comes to a workspace; the narrower one wins, except among priority sets."""

    GLOBAL = 0
    PROJECT = 1
    WORKSPACE = 2


@dataclass(frozen=True)
class AppliedSet(Generic[V]):
    """A variable set as a workspace has it, with its narrowest reach."""

    name: str
    reach: Reach
    is_priority: bool
    variables: tuple[V, ...]


def effective(own: Sequence[V], sets: Iterable[AppliedSet[V]], given: Sequence[V] = ()) -> tuple[V, ...]:
    """One variable per category and key, sorted by them; `given` are those that came with the run itself.

    Priority sets beat everything (global before project before workspace), then what came with the run, then the
    workspace's own, then the other sets (workspace before project before global). Sets of equal rank go by name, in
    the order of their characters: the first one counts.
    """
    known = list(sets)
    priority = sorted((s for s in known if s.is_priority), key=lambda s: (s.reach, s.name))
    others = sorted((s for s in known if not s.is_priority), key=lambda s: (-s.reach, s.name))
    layers = [*(s.variables for s in priority), given, own, *(s.variables for s in others)]
    chosen: dict[tuple[str, str], V] = {}
    for variable in (variable for layer in layers for variable in layer):
        chosen.setdefault((variable.category, variable.key), variable)
    return tuple(chosen[place] for place in sorted(chosen))
