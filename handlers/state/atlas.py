"""How does an engine of the days of Atlas read and write its state? Terraform's `atlas` backend, up to 0.14.

The protocol knows neither locks nor workspaces of its own; a state is that of a run if `atlas_run_id` says so.
Source: https://github.com/hashicorp/terraform/blob/v0.11.11/backend/atlas/state_client.go
"""

import base64
from typing import Any

from flask import Blueprint, Response, request

from bot.errors import Refused
from bot.needs import Needs
from bot.run import Run
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.bearers import bearer_asker
from handlers.enqueue import Enqueue
from handlers.services import Services
from handlers.state.answers import NoToken, answer_refusals
from handlers.state.holding import check_may_write
from handlers.state.writing import Announced, after_write, announced_md5, body_stream, find_workspace, write_state

PATH = "/<organization>/<name>"


def blueprint(services: Services, enqueue: Enqueue) -> Blueprint:
    door = Blueprint("atlas_state", __name__)

    @door.get(PATH)
    def read(organization: str, name: str) -> Any:
        workspace = find_workspace(_asker(services, Needs.STATE_READ), organization, name)
        version = services.states.current(workspace.id)
        if version is None:
            return Response(status=204)
        answer = Response(services.states.chunks(version), mimetype="application/json")
        answer.headers["Content-MD5"] = base64.b64encode(bytes.fromhex(version.md5)).decode()
        return answer

    @door.put(PATH)
    def write(organization: str, name: str) -> Any:
        asker = _asker(services, Needs.STATE_WRITE)
        workspace = find_workspace(asker, organization, name)
        told = Announced(md5=announced_md5(), run=_named_run(services, workspace))
        write_state(asker, workspace, body_stream(services), told)
        enqueue(after_write(asker, workspace))
        return Response(status=200)

    @door.delete(PATH)
    def delete(organization: str, name: str) -> Any:
        """The workspace has no state any more; what it had is kept among its versions."""
        asker = _asker(services, Needs.STATE_WRITE)
        workspace = find_workspace(asker, organization, name)
        with services.records.write():
            check_may_write(asker, workspace.id)
            services.states.forget_current(workspace.id)
        enqueue(after_write(asker, workspace))
        return Response(status=200)

    answer_refusals(door)
    return door


def _asker(services: Services, needs: Needs) -> Asker:
    """Raises NoToken."""
    token = request.headers.get("X-Atlas-Token", "").strip()
    authorization = f"Bearer {token}" if token else request.headers.get("Authorization", "")
    asker = bearer_asker(services, authorization, needs)
    if asker is None:
        raise NoToken
    return asker


def _named_run(services: Services, workspace: Workspace) -> Run | None:
    """The run that `atlas_run_id` names; the parameter is there, and empty, where there is none."""
    ident = request.args.get("atlas_run_id", "")
    run = services.runs.find(ident) if ident else None
    if ident and (run is None or run.workspace_id != workspace.id):
        raise Refused(f"atlas_run_id names no run of {workspace.name}")
    return run
