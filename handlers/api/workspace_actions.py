"""Who keeps runs waiting? Lock, unlock, force-unlock.

The words of a 409 are matched by TFE's own clients (tfe-contract 2.7): "is locked by Run", "is locked by User",
else "already unlocked".
"""

from flask import Response

from bot.access import Needs
from bot.errors import Refused
from bot.ids import WorkspaceId
from bot.run import Run
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import one
from handlers.api.requests import read_body
from handlers.api.workspace_documents import workspace_resource
from handlers.reactions import decisions

LONGEST_REASON = 1_000  # characters
RUNLOCK_ITSELF = "Runlock"  # who locks a workspace whose apply was interrupted; any person may take that lock off


def lock(ask: Ask, workspace_id: str) -> Response:
    workspace = ask.asker.workspace(workspace_id)
    reason = read_body().text("reason", most=LONGEST_REASON)
    with conflicts(), ask.services.records.write():
        fresh = ask.services.workspaces.get(workspace.id)
        if fresh.is_locked:
            raise Refused(f"{fresh.name} is locked by {_holder(fresh.locked_by)} already")
        holder = _holding_run(ask, workspace.id)
        if holder is not None:
            raise Refused(f"{fresh.name} is locked by Run {holder.id}")
        jobs = decisions.lock(ask.services, workspace.id, ask.username, reason)
    ask.enqueue(jobs)
    return _answer(ask, workspace.id)


def unlock(ask: Ask, workspace_id: str) -> Response:
    """Take one's own lock off, or the one that Runlock itself put on."""
    return _unlock(ask, workspace_id, by_force=False)


def force_unlock(ask: Ask, workspace_id: str) -> Response:
    """Take anybody's lock off."""
    return _unlock(ask, workspace_id, by_force=True)


def _unlock(ask: Ask, workspace_id: str, *, by_force: bool) -> Response:
    workspace = ask.asker.workspace(workspace_id)
    read_body()
    with conflicts(), ask.services.records.write():
        fresh = ask.services.workspaces.get(workspace.id)
        holder = _holding_run(ask, workspace.id)
        if not fresh.is_locked:
            locked_by = f"{fresh.name} is locked by Run {holder.id}" if holder else ""
            raise Refused(locked_by or f"{fresh.name} is already unlocked")
        if not by_force and fresh.locked_by not in (ask.username, RUNLOCK_ITSELF):
            raise Refused(f"{fresh.name} is locked by {_holder(fresh.locked_by)}")
        jobs = decisions.unlock(ask.services, workspace.id)
    ask.enqueue(jobs)
    return _answer(ask, workspace.id)


def _holding_run(ask: Ask, workspace_id: WorkspaceId) -> Run | None:
    return next((run for run in ask.services.runs.unfinished(workspace_id) if run.holds_workspace), None)


def _holder(locked_by: str) -> str:
    return locked_by if locked_by == RUNLOCK_ITSELF else f"User {locked_by}".rstrip()


def _answer(ask: Ask, workspace_id: WorkspaceId) -> Response:
    return one(workspace_resource(ask.services, ask.services.workspaces.get(workspace_id)))


RULES: tuple[Rule, ...] = (
    ("POST", "/workspaces/<workspace_id>/actions/lock", lock, Needs.LOCK),
    ("POST", "/workspaces/<workspace_id>/actions/unlock", unlock, Needs.LOCK),
    ("POST", "/workspaces/<workspace_id>/actions/force-unlock", force_unlock, Needs.WORKSPACE_ADMIN),
)
