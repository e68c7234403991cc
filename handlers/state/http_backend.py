"""How does an engine read and write its state? Terraform's `http` backend, with the per-run token as password.

Source: https://developer.hashicorp.com/terraform/language/backend/http
A run takes no state lock: the queue is the lock, so LOCK and UNLOCK are not offered to run tokens.
"""

import base64
import hashlib
import hmac
from typing import Any

from flask import Blueprint, Response, request

from bot.errors import NotFound, Refused
from bot.run import Run, RunStatus, Stage
from bot.state import StateConflict
from bot.workspace import Workspace
from handlers.access import bearer_asker
from handlers.services import Services
from handlers.state.run_tokens import token_stage


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
    known = services.tokens.run_of(token)
    run = services.runs.find(known[0]) if known else None
    if known is None or run is None or not _is_at_it(services, run, known[1]):
        answer = _plain(401, "the run's token is missing, wrong, or not for what its run is doing now")
        answer.headers["WWW-Authenticate"] = 'Basic realm="Runlock state"'
        return answer
    own = services.workspaces.get(run.workspace_id)
    workspace = _workspace(services, own, name)
    if workspace is None or own.organization_name.lower() != organization.lower():
        return _plain(404, "there is no such workspace in this run's organization")
    return run, workspace


def _workspace(services: Services, own: Workspace, name: str) -> Workspace | None:
    """The workspace of that name or id in the run's organization. Runs use the id: a name may change meanwhile."""
    found = services.workspaces.by_name(own.organization_id, name)
    if found is not None:
        return found
    try:
        by_id = services.workspaces.get(name)
    except NotFound:
        return None
    return by_id if by_id.organization_id == own.organization_id else None


def _is_at_it(services: Services, run: Run, stage: Stage) -> bool:
    """Invariant 12: a plan's token lives while its run is planned, an apply's while it is applied, and no longer.

    What leaked from a plan is of no use to write with, nor to read with while people decide.
    """
    if run.status is RunStatus.PLANNING:
        return stage is Stage.PLAN
    if run.status is not RunStatus.APPLYING:
        return False
    plan = services.jobs.of_run(run.id, Stage.PLAN)
    version = str(((plan.result if plan else None) or {}).get("engine_version", ""))
    return stage is token_stage(Stage.APPLY, version)


def _readable_by_person(services: Services, organization: str, name: str) -> Workspace | None:
    """The workspace, if a user's API token is given and its owner may see it. People only read here."""
    asker = bearer_asker(services, request.headers.get("Authorization", ""))
    found = services.people.organization(organization)
    if asker is None or found is None or not asker.owns(found.id):
        return None
    return services.workspaces.by_name(found.id, name)


def _may_write(services: Services, run: Run) -> bool:
    """Asked again in the transaction that stores the state."""
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
