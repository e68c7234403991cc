"""How does an engine read and write its state? Terraform's `http` backend, with a token as the password.

Source: https://developer.hashicorp.com/terraform/language/backend/http
Runs use their per-run token and take no state lock: the queue is the lock, so LOCK and UNLOCK are not for them.
People use a token of theirs, and lock. Any username will do.
"""

import json
from functools import partial
from typing import Any

from flask import Blueprint, Response, request

from bot.errors import Refused
from bot.needs import Needs
from bot.state import StateConflict
from bot.timestamps import maybe_text
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.bearers import bearer_asker
from handlers.enqueue import Enqueue
from handlers.reactions import decisions
from handlers.services import Services
from handlers.state.answers import NoToken, answer_refusals, plain
from handlers.state.holding import STILL_PENDING, Held, check_may_write, holder_words, holding_run, holds
from handlers.state.writing import Announced, after_write, announced_md5, body_stream, find_workspace, write_state

MOST_LOCK_BYTES = 10_000  # of what an engine says of its lock
LONGEST_LOCK_ID = 200


def blueprint(services: Services, enqueue: Enqueue) -> Blueprint:
    door = Blueprint("http_state", __name__)

    @door.get("/<organization>/<name>")
    def read(organization: str, name: str) -> Any:
        workspace = find_workspace(_asker(services, Needs.STATE_READ), organization, name)
        version = services.states.current(workspace.id)
        if version is None:
            return Response(status=204)
        return Response(services.states.chunks(version), mimetype="application/json")

    @door.route("/<organization>/<name>", methods=["POST", "PUT"])
    def write(organization: str, name: str) -> Any:
        asker = _asker(services, Needs.STATE_WRITE)
        workspace = find_workspace(asker, organization, name)
        told = Announced(md5=announced_md5(), lock_id=request.args.get("ID", ""))
        write_state(asker, workspace, body_stream(services), told)
        enqueue(after_write(asker, workspace))
        return Response(status=200)

    @door.delete("/<organization>/<name>")
    def delete(organization: str, name: str) -> Any:
        """The workspace has no state any more; what it had is kept among its versions."""
        asker = _asker(services, Needs.STATE_WRITE)
        workspace = find_workspace(asker, organization, name)
        with services.records.write():
            check_may_write(asker, workspace.id, lock_id=request.args.get("ID", ""))
            services.states.forget_current(workspace.id)
        enqueue(after_write(asker, workspace))
        return Response(status=200)

    @door.route("/<organization>/<name>", methods=["LOCK"])
    def lock(organization: str, name: str) -> Any:
        asker = _asker(services, Needs.LOCK)
        workspace = find_workspace(asker, organization, name)
        if asker.own_run is not None:
            return _not_for_runs()
        _lock(services, asker, workspace, _lock_info())
        return Response(status=200)

    @door.route("/<organization>/<name>", methods=["UNLOCK"])
    def unlock(organization: str, name: str) -> Any:
        asker = _asker(services, Needs.LOCK)
        workspace = find_workspace(asker, organization, name)
        if asker.own_run is not None:
            return _not_for_runs()
        info = _lock_info() if _body() else None
        enqueue(_unlock(services, asker, workspace, info))
        return Response(status=200)

    answer_refusals(door)
    door.register_error_handler(Held, partial(_held, services))
    return door


def _lock(services: Services, asker: Asker, workspace: Workspace, info: dict[str, Any]) -> None:
    with services.records.write():
        fresh = services.workspaces.get(workspace.id)
        run = holding_run(services, workspace.id)
        if fresh.is_locked or run is not None:
            words = f"Run {run.id}" if run else holder_words(fresh)
            raise Held(f"{fresh.name} is locked by {words}", fresh)
        reason = " ".join(filter(None, [_said(info, "Operation"), "by", _said(info, "Who")])) if info else ""
        decisions.lock(
            services,
            workspace.id,
            asker.name,
            reason,
            holder_id=asker.who.id,
            lock_id=str(info["ID"]),
            info=json.dumps(info),
        )


def _unlock(services: Services, asker: Asker, workspace: Workspace, info: dict[str, Any] | None) -> list[Any]:
    """Without a lock's info it is a forced unlock: `force-unlock` sends nothing, not even the id that it was given."""
    with services.records.write():
        fresh = services.workspaces.get(workspace.id)
        if not fresh.is_locked:
            run = holding_run(services, workspace.id)
            why = f"is locked by Run {run.id}" if run else "is already unlocked"
            raise Held(f"{fresh.name} {why}", fresh)
        if info is None:
            if not holds(asker, fresh):
                asker.needing(Needs.WORKSPACE_ADMIN).workspace(workspace.id)
        elif not holds(asker, fresh) or info["ID"] != fresh.lock_id:
            raise Held(f"{fresh.name} is locked by {holder_words(fresh)}, with another lock", fresh)
        elif services.states.has_pending(workspace.id):
            raise StateConflict(STILL_PENDING)
        return decisions.unlock(services, workspace.id)


def _body() -> bytes:
    request.max_content_length = MOST_LOCK_BYTES
    return request.get_data(cache=True).strip()


def _lock_info() -> dict[str, Any]:
    """What an engine says of its lock. Raises Refused."""
    try:
        info = json.loads(_body())
        json.dumps(info, ensure_ascii=False).encode()  # half a surrogate pair can't be stored
    except (ValueError, RecursionError) as error:
        raise Refused("what the lock is for is not JSON") from error
    ident = info.get("ID") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(ident, str) or not 0 < len(ident) <= LONGEST_LOCK_ID:
        raise Refused("a lock has an ID")
    return info


def _said(info: dict[str, Any], name: str) -> str:
    value = info.get(name)
    return value.strip()[:200] if isinstance(value, str) else ""


def _shown_lock(services: Services, workspace: Workspace) -> dict[str, Any]:
    """The holder's lock, as engines show it to whoever waits: of all this, Terraform shows the ID."""
    if workspace.lock_info:
        found: dict[str, Any] = json.loads(workspace.lock_info)
        return found
    run = holding_run(services, workspace.id)
    who = f"Run {run.id}" if run else holder_words(workspace)
    reason = f": {workspace.lock_reason}" if workspace.lock_reason else ""
    return {
        "ID": f"{workspace.slug}, locked by {who}{reason}",
        "Operation": "run" if run else "lock",
        "Info": workspace.lock_reason,
        "Who": who,
        "Version": "",
        "Created": maybe_text(workspace.locked_at) or maybe_text(run.created_at if run else None),
        "Path": workspace.slug,
    }


def _asker(services: Services, needs: Needs) -> Asker:
    """Whose token is the password, or the bearer token. Raises NoToken."""
    credentials = request.authorization
    token = (credentials.password or "") if credentials and credentials.type == "basic" else ""
    authorization = f"Bearer {token}" if token else request.headers.get("Authorization", "")
    asker = bearer_asker(services, authorization, needs)
    if asker is None:
        raise NoToken
    return asker


def _not_for_runs() -> Response:
    return plain(405, "a run takes no state lock: the queue is its lock")


def _held(services: Services, error: Held) -> Response:
    """Who waits is shown the holder's lock; who thought to hold one that is gone is told so."""
    if not error.workspace.is_locked and holding_run(services, error.workspace.id) is None:
        return plain(409, error.reason)
    answer = plain(423, json.dumps(_shown_lock(services, error.workspace)))
    answer.mimetype = "application/json"
    return answer
