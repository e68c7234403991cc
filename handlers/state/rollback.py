"""How does a workspace go back to an old state? By a new version with its content and a serial above the current one.

The serial is what keeps an engine that still has the state in between from writing over the rollback: its next one
would be taken for newer, were the old serial kept.
"""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, cast

from bot.errors import Refused
from bot.ids import StateVersionId
from bot.state import StateConflict
from bot.state_reading import serial_places
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.services import Services
from handlers.state.holding import check_may_write
from storage.state_intake import ReceivedState
from storage.state_versions import StateVersion


def roll_back(asker: Asker, workspace: Workspace, old: StateVersion) -> StateVersion:
    """Make an old state current again. Raises Held, StateConflict, or Refused if its serial can't be changed."""
    services, states = asker.services, asker.services.states
    check_may_write(asker, workspace.id, must_hold=True)
    current = states.current(workspace.id)
    serial = max(old.serial, current.serial if current else 0) + 1
    state = _with_serial(services, old, serial)
    stored: StateVersion | None = None
    try:
        stored = states.take(
            workspace.id,
            state,
            run_id=old.run_id,
            commit_sha=old.commit_sha,
            created_by=(asker.name, asker.who.id),
            force=True,
            still_allowed=partial(_is_unchanged, asker, workspace, current.id if current else None),
        )
    finally:
        if stored is None:
            states.intake.give_up(state)
    if stored is None:
        raise StateConflict(f"{old.id} is what {workspace.name} has already")
    return stored


def _is_unchanged(asker: Asker, workspace: Workspace, current_id: StateVersionId | None) -> bool:
    check_may_write(asker, workspace.id, must_hold=True)
    fresh = asker.services.workspaces.get(workspace.id)
    if fresh.current_state_version_id != current_id:
        raise StateConflict(f"the state of {workspace.name} was changed at this very moment; look again")
    return True


def _with_serial(services: Services, old: StateVersion, serial: int) -> ReceivedState:
    """The old state's bytes with another serial, and nothing else touched. Raises Refused."""
    head = next(iter(services.states.chunks(old)), b"")
    for start, end in serial_places(head):
        changed = head[:start] + str(serial).encode() + head[end:]
        rest = itertools.islice(services.states.chunks(old), 1, None)
        received = services.states.intake.receive(cast(BinaryIO, _Chunks(itertools.chain([changed], rest))))
        if received.facts.serial == serial:
            return received
        # That serial was another one: a resource's attribute, say, in a state that lists them first.
        services.states.intake.give_up(received)
    raise Refused(f"{old.id} can't be returned to: its serial was not found at its beginning")


class _Chunks:
    """Chunks as a stream; what is read may be more than was asked for."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def read(self, length: int) -> bytes:  # noqa: ARG002 - the chunks come as large as they are
        return next(self._chunks, b"")
