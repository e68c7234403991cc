"""Which state may follow which? Serial and lineage (tfe-contract 2.7 and 3.3)."""

import hashlib
import json
from dataclasses import dataclass

from bot.errors import Refused

LARGEST_SERIAL = 2**63 - 1  # Terraform's is an unsigned 64 bit counter; nobody has counted this far
LONGEST_LINEAGE = 200  # characters


class StateConflict(Refused):
    """The state does not follow the current one."""


@dataclass(frozen=True)
class StateFacts:
    """What identifies a state: Terraform's own counter and family, and the bytes themselves."""

    serial: int
    lineage: str
    md5: str  # hex, as TFE's API has it


def read_state(raw: bytes) -> StateFacts:
    """Raises Refused with a sentence if the bytes are not a Terraform state."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Refused(f"the state is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Refused("the state is not a JSON object")
    serial, lineage = document.get("serial", 0), document.get("lineage", "")
    if type(serial) is not int or not 0 <= serial <= LARGEST_SERIAL or not _is_lineage(lineage):
        raise Refused("the state has no proper serial and lineage")
    return StateFacts(serial, lineage, hashlib.md5(raw, usedforsecurity=False).hexdigest())


def _is_lineage(value: object) -> bool:
    """A UUID where Terraform writes it; older states have none. What can't be shown or stored is no lineage."""
    return isinstance(value, str) and len(value) <= LONGEST_LINEAGE and (value == "" or value.isprintable())


def check_follows(current: StateFacts | None, new: StateFacts) -> bool:
    """Whether `new` is to be stored after `current`; False if it is the same state sent again.

    Raises StateConflict for another lineage, an older serial, or another state with the same serial.
    """
    if current is None:
        return True
    if new.lineage != current.lineage:
        raise StateConflict(f"the state is of another lineage ({new.lineage or 'none'}, not {current.lineage})")
    if new.serial < current.serial:
        raise StateConflict(f"the state is older: serial {new.serial}, and the current one is {current.serial}")
    if new.serial == current.serial and new.md5 != current.md5:
        raise StateConflict(f"another state with serial {new.serial} is stored already")
    return new.serial > current.serial
