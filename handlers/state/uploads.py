"""How does a state come in that was announced before? Under an address that authenticates by itself, for a while.

Clients send no `Authorization` with an upload (tfe-contract 0.7): the secret is in the path.
"""

import hashlib
import hmac
from datetime import timedelta
from typing import BinaryIO

from bot.errors import NotAllowed, NotFound, Refused
from bot.ids import StateVersionId
from bot.needs import Needs
from bot.run import RunStatus
from bot.state import StateConflict
from handlers.services import Services
from handlers.state.holding import Held
from handlers.state.writing import check_announced
from handlers.still_allowed import may_still
from storage.state_versions import StateStatus, StateVersion

UPLOAD_WITHIN = timedelta(minutes=15)  # then the address is dead, and the lock can be taken off again
STATE, JSON_STATE = "state", "json-state"
STATE_UPLOAD_RULE = f"/state-uploads/<version_id>/<any('{STATE}', '{JSON_STATE}'):what>/<mark>"
_PIECE_BYTES = 1 << 20


def upload_path(services: Services, version: StateVersion, what: str) -> str:
    return f"/api/v2/state-uploads/{version.id}/{what}/{_mark(services, version.id, what)}"


def expected_upload(services: Services, version_id: str, what: str, mark: str) -> StateVersion:
    """The version that such an address is for. Raises NotFound for a wrong or an old one."""
    version = services.states.find(version_id)
    known = hmac.compare_digest(mark.encode(), _mark(services, version_id, what).encode())
    if version is None or not known or services.now() > version.created_at + UPLOAD_WITHIN:
        raise NotFound("there is no such upload, or its address is too old")
    return version


def take_in_state(services: Services, version: StateVersion, source: BinaryIO) -> None:
    """The state itself: it becomes current, or the version is discarded and nothing has changed.

    Raises StateConflict, Held, NotAllowed, StateTooLarge, SumMismatch, or Refused for bytes that are no state.
    """
    if version.status is StateStatus.FINALIZED:
        _sent_again(version, source)
        return
    try:
        _fulfil(services, version, source)
    except Refused:
        services.states.discard(version.id)
        raise


def take_in_json(services: Services, version: StateVersion, source: BinaryIO) -> None:
    """The form for programs that comes beside it, kept as it is. Raises StateTooLarge, NotAllowed, StateConflict."""
    if version.status is StateStatus.DISCARDED:
        raise StateConflict(f"{version.id} was discarded: nothing is uploaded to it any more")
    blob_id = services.states.intake.receive_document(source)
    is_kept = False
    try:
        with services.records.write():
            _check_writer(services, version)
            is_kept = services.states.keep_json(version.id, blob_id)
    finally:
        if not is_kept:  # refused, or the same upload once more, after its answer was lost
            services.blobs.remove(blob_id)


def _fulfil(services: Services, version: StateVersion, source: BinaryIO) -> None:
    _check_still_held(services, version)
    state = services.states.intake.receive(source, announced_md5=version.md5)
    is_kept = False
    try:
        check_announced(state, version.serial, version.lineage)
        services.states.fulfil(version.id, state, lambda: _check_still_held(services, version))
        is_kept = True
    finally:
        if not is_kept:
            services.states.intake.give_up(state)


def _check_still_held(services: Services, version: StateVersion) -> None:
    """A version is discarded when the lock comes off under which it was announced; a run's, when the run is over."""
    fresh = services.states.get(version.id)
    workspace = services.workspaces.get(version.workspace_id)
    if fresh.status is not StateStatus.PENDING:
        raise StateConflict(
            f"{version.id} was discarded: an upload to it was refused, or the lock under which it was announced "
            "is gone; announce the state again"
        )
    if not version.created_by:
        run = services.runs.find(version.run_id or "")
        if run is None or run.status is not RunStatus.APPLYING:
            raise Held(f"the run that announced {version.id} is over", workspace)
        return
    if not workspace.is_locked:
        raise Held(f"{workspace.name} is not locked any more", workspace)
    _check_writer(services, version)


def _check_writer(services: Services, version: StateVersion) -> None:
    """The address authenticates, but it isn't a right: whoever announced the state must still be one who may write it.

    A run's own is asked for its status. Raises NotAllowed.
    """
    workspace = services.workspaces.get(version.workspace_id)
    if not version.created_by:
        return
    if not may_still(services, version.created_by_id, Needs.STATE_WRITE, workspace, by_token=True):
        raise NotAllowed(
            f"{version.created_by}, who announced {version.id}, may not write states in {workspace.name} now"
        )


def _sent_again(version: StateVersion, source: BinaryIO) -> None:
    """A client whose answer was lost sends the same bytes once more; others come too late."""
    found = hashlib.md5(usedforsecurity=False)
    while piece := source.read(_PIECE_BYTES):
        found.update(piece)
    if found.hexdigest() != version.md5:
        raise StateConflict(f"{version.id} has its state already")


def _mark(services: Services, version_id: StateVersionId | str, what: str) -> str:
    key = services.keyring.derive("state uploads")
    return hmac.new(key, f"{version_id} {what}".encode(), hashlib.sha256).hexdigest()
