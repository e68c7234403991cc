"""Who keeps runs waiting? Lock, unlock, force-unlock.

The words of a 409 are matched by TFE's own clients (tfe-contract 2.7): "is locked by Run", "is locked by User",
"is locked by Team", "latest state version is still pending", else "already unlocked".
"""

from flask import Response

from bot.errors import Refused
from bot.ids import WorkspaceId
from bot.needs import Needs
from handlers.api.ask import Ask, Rule, conflicts
from handlers.api.documents import one
from handlers.api.operations import shows
from handlers.api.requests import read_body
from handlers.api.workspace_documents import workspace_resource
from handlers.reactions import decisions
from handlers.state.holding import RUNLOCK_ITSELF, STILL_PENDING, holder_words, holding_run, holds

LONGEST_REASON = 1_000  # characters


@shows("workspaces", takes="lock")
def lock(ask: Ask, workspace_id: str) -> Response:
    workspace = ask.asker.workspace(workspace_id)
    reason = read_body().text("reason", most=LONGEST_REASON)
    with conflicts(), ask.services.records.write():
        fresh = ask.services.workspaces.get(workspace.id)
        if fresh.is_locked:
            raise Refused(f"{fresh.name} is locked by {holder_words(fresh)} already")
        holder = holding_run(ask.services, workspace.id)
        own = ask.asker.own_run
        if holder is not None and own is not None and holder.id == own.id:
            jobs = []  # the run holds its workspace anyway
        elif holder is not None:
            raise Refused(f"{fresh.name} is locked by Run {holder.id}")
        else:
            who = ask.asker.who.id
            jobs = decisions.lock(ask.services, workspace.id, ask.username, reason, holder_id=who)
    ask.enqueue(jobs)
    return _answer(ask, workspace.id)


@shows("workspaces")
def unlock(ask: Ask, workspace_id: str) -> Response:
    """Take one's own lock off, or the one that Runlock itself put on."""
    return _unlock(ask, workspace_id, by_force=False)


@shows("workspaces")
def force_unlock(ask: Ask, workspace_id: str) -> Response:
    """Take anybody's lock off; what was on its way under it is not taken any more."""
    return _unlock(ask, workspace_id, by_force=True)


def _unlock(ask: Ask, workspace_id: str, *, by_force: bool) -> Response:
    workspace = ask.asker.workspace(workspace_id)
    read_body()
    with conflicts(), ask.services.records.write():
        fresh = ask.services.workspaces.get(workspace.id)
        holder = holding_run(ask.services, workspace.id)
        own = ask.asker.own_run
        if holder is not None and own is not None and holder.id == own.id and not by_force:
            return _answer(ask, workspace.id)  # what it holds as a run it gives back when it ends
        if not fresh.is_locked:
            locked_by = f"{fresh.name} is locked by Run {holder.id}" if holder else ""
            raise Refused(locked_by or f"{fresh.name} is already unlocked")
        is_own = holds(ask.asker, fresh) or holder_words(fresh) == RUNLOCK_ITSELF
        if not by_force and not is_own:
            raise Refused(f"{fresh.name} is locked by {holder_words(fresh)}")
        if not by_force and ask.services.states.has_pending(workspace.id):
            raise Refused(f"{fresh.name} is not unlocked: {STILL_PENDING}")
        jobs = decisions.unlock(ask.services, workspace.id)
    ask.enqueue(jobs)
    return _answer(ask, workspace.id)


def _answer(ask: Ask, workspace_id: WorkspaceId) -> Response:
    return one(workspace_resource(ask.asker, ask.services.workspaces.get(workspace_id)))


RULES: tuple[Rule, ...] = (
    ("POST", "/workspaces/<workspace_id>/actions/lock", lock, Needs.LOCK),
    ("POST", "/workspaces/<workspace_id>/actions/unlock", unlock, Needs.LOCK),
    ("POST", "/workspaces/<workspace_id>/actions/force-unlock", force_unlock, Needs.WORKSPACE_ADMIN),
)
