"""How does an engine read and write its state? Terraform's `http` backend, with the per-run token as password.

Source: https://developer.hashicorp.com/terraform/language/backend/http
A run takes no state lock: the queue is the lock, so LOCK and UNLOCK are not offered to run tokens.
"""

import base64
import hashlib
import hmac
from typing import Any

from flask import Blueprint, Response, request

from bot.errors import Refused
from bot.run import Run, RunStatus
from bot.state import StateConflict
from bot.workspace import Workspace
from handlers.access import bearer_asker
from handlers.services import Services


def blueprint(services: Services) -> Blueprint:
    door = Blueprint("http_state", __name__)

    @door.get("/<organization>/<name>")
    def read(organization: str, name: str) -> Any:
        workspace = _readable_by_person(services, organization, name)
        if workspace is None:
            asked = _asked(services, organization, name)
            if isinstance(asked, Response):
                return asked
            _, workspace = asked
        version = services.states.current(workspace.id)
        if version is None:
            return Response(status=204)
        return Response(services.blobs.chunks(version.blob_id), mimetype="application/json")

    @door.post("/<organization>/<name>")
    def write(organization: str, name: str) -> Any:
        asked = _asked(services, organization, name)
        if isinstance(asked, Response):
            return asked
        run, workspace = asked
        if run.workspace_id != workspace.id or not _may_write(services, run):
            return _plain(403, "this run may only read state now")
        raw = request.get_data()
        if not _sum_fits(raw):
            return _plain(400, "the state does not match its Content-MD5")
        try:
            services.states.take(
                workspace.id,
                services.states.receive(raw),
                run_id=run.id,
                commit_sha=run.commit_sha,
                still_allowed=lambda: _may_write(services, run),
            )
        except StateConflict as conflict:
            return _plain(409, conflict.reason)
        except PermissionError:
            return _plain(403, "this run may not write state any more")
        except Refused as refused:
            return _plain(400, refused.reason)
        return Response(status=200)

    return door


def _asked(services: Services, organization: str, name: str) -> tuple[Run, Workspace] | Response:
    """Who asks and for what, or the answer to give. What may not be seen looks like what is not there."""
    credentials = request.authorization
    token = (credentials.password or "") if credentials and credentials.type == "basic" else ""
    run_id = services.tokens.run_of(token)
    run = services.runs.find(run_id) if run_id else None
    if run is None or run.is_final:
        answer = _plain(401, "the run's token is missing, wrong, or its run is over")
        answer.headers["WWW-Authenticate"] = 'Basic realm="Runlock state"'
        return answer
    own = services.workspaces.get(run.workspace_id)
    workspace = services.workspaces.by_name(own.organization_id, name)
    if workspace is None or own.organization_name.lower() != organization.lower():
        return _plain(404, "there is no such workspace in this run's organization")
    return run, workspace


def _readable_by_person(services: Services, organization: str, name: str) -> Workspace | None:
    """The workspace, if a user's API token is given and its owner may see it. People only read here."""
    asker = bearer_asker(services, request.headers.get("Authorization", ""))
    found = services.people.organization(organization)
    if asker is None or found is None or not asker.owns(found.id):
        return None
    return services.workspaces.by_name(found.id, name)


def _may_write(services: Services, run: Run) -> bool:
    """Invariant 12: the token only reads until its run is applying, and dies with it."""
    fresh = services.runs.get(run.id)
    return fresh.status is RunStatus.APPLYING


def _sum_fits(raw: bytes) -> bool:
    wanted = request.headers.get("Content-MD5")
    if not wanted:
        return True
    actual = base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()
    return hmac.compare_digest(wanted, actual)


def _plain(status: int, sentence: str) -> Response:
    return Response(sentence + "\n", status=status, mimetype="text/plain")
