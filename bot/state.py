"""Which state may follow which? Serial and lineage (tfe-contract 2.7 and 3.3)."""

import re
from dataclasses import dataclass

from bot.errors import Refused

LARGEST_SERIAL = 2**63 - 1  # Terraform's is an unsigned 64 bit counter; nobody has counted this far
# A UUID where Terraform writes it; older states have none. What can't be shown or stored is no lineage.
_LINEAGE = re.compile(r"[\w.:/+-]{0,200}", re.ASCII)


class StateConflict(Refused):
    """The state does not follow the current one."""


class StateTooLarge(Refused):
    """The state is larger than this server takes."""


class SumMismatch(Refused):
    """The bytes that arrived are not those that were announced."""


@dataclass(frozen=True)
class StateFacts:
    """What identifies a state: Terraform's own counter and family, and the bytes themselves."""

    serial: int
    lineage: str
    md5: str  # hex, as TFE's API has it


def is_serial(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_SERIAL


def is_lineage(value: object) -> bool:
    return isinstance(value, str) and _LINEAGE.fullmatch(value) is not None


def check_follows(current: StateFacts | None, new: StateFacts, *, force: bool = False) -> bool:
    """Whether `new` is to be stored after `current`; False if it is the same state sent again.

    Raises StateConflict for another lineage, an older serial, or another state with the same serial;
    `force` is for people who want just that.
    """
    if current is None:
        return True
    if force or new == current:
        return new != current
    if new.lineage != current.lineage:
        raise StateConflict(f"the state is of another lineage ({new.lineage or 'none'}, not {current.lineage})")
    if new.serial < current.serial:
        raise StateConflict(f"the state is older: serial {new.serial}, and the current one is {current.serial}")
    if new.serial == current.serial:
        raise StateConflict(f"another state with serial {new.serial} is stored already")
    return True
