"""Who holds a workspace, and who may write its state now? The same answer for every protocol.

The words of a refusal are matched by TFE's own clients (tfe-contract 2.7): "is locked by Run", "is locked by User",
"is locked by Team".
"""

from dataclasses import replace

from bot.errors import NotAllowed, Refused
from bot.ids import WorkspaceId
from bot.needs import Needs
from bot.run import Run
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.services import Services

RUNLOCK_ITSELF = "Runlock"  # who locks a workspace whose apply was interrupted; any person may take that lock off
# The cloud block tries again when it reads these words, since an upload of its own may be on its way.
STILL_PENDING = "the latest state version is still pending: its upload was announced and has not come yet"


class Held(Refused):
    """Somebody else, or nobody, holds the workspace."""

    def __init__(self, reason: str, workspace: Workspace) -> None:
        super().__init__(reason)
        self.workspace = workspace


def holding_run(services: Services, workspace_id: WorkspaceId) -> Run | None:
    """The run that is under way in the workspace, and so holds it."""
    return next((run for run in services.runs.unfinished(workspace_id) if run.holds_workspace), None)


def holder_words(workspace: Workspace) -> str:
    """Who holds the manual lock: `User ada`, `Team ops`."""
    if workspace.locked_by == RUNLOCK_ITSELF and not workspace.lock_holder_id:
        return RUNLOCK_ITSELF
    if workspace.lock_holder_id.startswith("team-"):
        return f"Team {workspace.locked_by.removeprefix('team ')}"
    return f"User {workspace.locked_by}".rstrip()


def holds(asker: Asker, workspace: Workspace) -> bool:
    """Whether the manual lock is the asker's own."""
    if not workspace.is_locked:
        return False
    return asker.who.id == workspace.lock_holder_id if workspace.lock_holder_id else asker.name == workspace.locked_by


def check_may_write(asker: Asker, workspace_id: WorkspaceId, *, lock_id: str = "", must_hold: bool = False) -> bool:
    """True if the asker may write the workspace's state at this moment; to be asked in the transaction that writes it.

    A run may while it is applied; people may unless somebody else is at it, and with `must_hold` only under their own
    lock. `lock_id` is what an engine says of the lock that it took. Raises Held, NotAllowed.
    """
    services = asker.services
    if asker.own_run is not None:
        fresh = replace(asker, who=services.runs.get(asker.own_run.id))  # it may have ended since it was let in
        if not fresh.may(Needs.STATE_WRITE, services.workspaces.get(workspace_id)):
            raise NotAllowed("this run may only read state now")
        return True
    workspace = services.workspaces.get(workspace_id)
    run = holding_run(services, workspace_id)
    if run is not None:
        raise Held(f"{workspace.name} is locked by Run {run.id}", workspace)
    if not workspace.is_locked:
        if lock_id or must_hold:
            was = "not locked any more" if lock_id else "not locked"
            raise Held(f"{workspace.name} is {was}: whoever writes its state must hold its lock", workspace)
        return True
    if not holds(asker, workspace):
        raise Held(f"{workspace.name} is locked by {holder_words(workspace)}", workspace)
    if workspace.lock_id != lock_id:
        raise Held(f"{workspace.name} is locked by {holder_words(workspace)}, but with another lock", workspace)
    return True
