"""How does a state become a workspace's current one? Nothing is changed by one that is refused or cut off."""

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

from flask import request

from bot.errors import NotFound, Refused
from bot.run import Run
from bot.state import StateTooLarge
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.jobs import Job
from handlers.reactions.outdated import nudge_outdated
from handlers.services import Services
from handlers.state.holding import check_may_write
from storage.state_intake import ReceivedState, too_large
from storage.state_versions import StateVersion


def find_workspace(asker: Asker, organization: str, name: str) -> Workspace:
    """The workspace of that name or id. Raises NotFound, NotAllowed.

    Runs use the id, which alone counts: names may change while an engine is at work, to which a state that isn't found
    is an empty one; and somebody may give the id of a workspace to another one for a name.
    """
    if asker.own_run is not None and name == asker.own_run.workspace_id:
        return asker.workspace(name)
    try:
        return asker.workspace_named(organization, name)
    except NotFound:
        found = asker.workspace(name)
        if found.organization_name.lower() != organization.lower():
            raise
        return found


@dataclass(frozen=True)
class Announced:
    """What a writer says of the state that comes; `md5` in hex. `lock_id`: of the lock that its engine took."""

    md5: str = ""
    serial: int | None = None
    lineage: str = ""
    force: bool = False  # whatever its serial and lineage
    lock_id: str = ""
    must_hold: bool = False  # only under the writer's own lock
    run: Run | None = None  # the run that a person's state belongs to


def write_state(asker: Asker, workspace: Workspace, source: BinaryIO, told: Announced) -> StateVersion | None:
    """Receive a state and make it current; None if it is the current one already, sent again.

    Raises Held, NotAllowed, StateConflict, StateTooLarge, SumMismatch, or Refused for bytes that are no such state.
    """
    states = asker.services.states
    may_write = partial(check_may_write, asker, workspace.id, lock_id=told.lock_id, must_hold=told.must_hold)
    may_write()  # asked before anything is read, and again in the transaction
    run = asker.own_run or told.run
    state = states.intake.receive(source, announced_md5=told.md5)
    stored: StateVersion | None = None
    try:
        check_announced(state, told.serial, told.lineage)
        stored = states.take(
            workspace.id,
            state,
            run_id=run.id if run else None,
            commit_sha=run.commit_sha if run else "",
            created_by=("", "") if asker.own_run else (asker.name, asker.who.id),
            force=told.force,
            still_allowed=may_write,
        )
    finally:
        if stored is None:
            states.intake.give_up(state)
    return stored


def check_announced(state: ReceivedState, serial: int | None, lineage: str) -> None:
    """Raises Refused for another serial or lineage than was said of it; nothing was said by None, and by no text."""
    if serial is not None and state.facts.serial != serial:
        raise Refused(f"the state has serial {state.facts.serial}, and {serial} was announced")
    if lineage and state.facts.lineage != lineage:
        raise Refused(f"the state is of lineage {state.facts.lineage}, and {lineage} was announced")


def after_write(asker: Asker, workspace: Workspace) -> list[Job]:
    """What follows from a state that was written or taken away. What a run writes is seen to when its apply ends."""
    return [] if asker.own_run is not None else nudge_outdated(asker.services, workspace.id)


def body_stream(services: Services, most_bytes: int | None = None) -> BinaryIO:
    """The request's body, to be read once. Raises StateTooLarge at once if it says that it is larger than that.

    `most_bytes`: as many as a state may have, unless it is something else.
    """
    most = most_bytes or services.states.intake.most_bytes
    if (request.content_length or 0) > most:
        raise StateTooLarge(too_large(most))
    # One byte more: a body that doesn't say its length is refused by whoever reads it, in our own words.
    request.max_content_length = most + 1
    return cast(BinaryIO, request.stream)


def announced_md5() -> str:
    """The header Content-MD5 in hex; empty if there is none. Raises Refused for one that is no sum.

    Base64: https://www.rfc-editor.org/rfc/rfc1864
    """
    text = request.headers.get("Content-MD5", "")
    if not text:
        return ""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("Content-MD5 is not a sum in base64") from error
    if len(raw) != 16:
        raise Refused("Content-MD5 is not the sum of anything: it has 16 bytes")
    return raw.hex()
