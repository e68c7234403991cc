"""What holds for all rules of the v2 API? Who asks, headers, and how errors look."""

import sqlite3
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from bot.errors import NotAllowed, NotFound, OutsideTrouble, Refused
from bot.needs import Needs
from bot.state import StateConflict, StateTooLarge
from handlers.api import configuration_versions, logs, openapi, state_writes
from handlers.api.ask import Ask, View
from handlers.api.documents import ApiError, problem
from handlers.api.requests import MOST_BODY_BYTES, BadRequest
from handlers.api.rules import RULES
from handlers.bearers import bearer_asker
from handlers.jobs import Job
from handlers.services import Services
from handlers.state.holding import Held
from handlers.state.uploads import STATE_UPLOAD_RULE
from storage.runs import RunMoved

# The cloud block refuses less than 2.5, and reads the product's name and release (tfe-contract 0.1 and 0.2).
HEADERS = {
    "TFP-API-Version": "2.6",
    "TFP-AppName": "Terraform Enterprise",
    "X-TFE-Version": "v202503-1",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def blueprint(services: Services, enqueue: Callable[[list[Job]], None]) -> Blueprint:
    """The API, which brings its own prefix."""
    door = Blueprint("api", __name__, url_prefix="/api/v2")
    for number, (method, path, view, needs) in enumerate(RULES):
        _add(door, path, f"rule{number}", partial(_known_only, services, enqueue, view, needs), [method])
    _add(door, "/ping", "ping", openapi.ping, ["GET"])
    _add(door, "/openapi.json", "openapi", openapi.read, ["GET"])
    upload = partial(configuration_versions.receive, services, enqueue)
    _add(door, "/uploads/<version_id>/<mark>", "upload", upload, ["PUT"])
    _add(door, STATE_UPLOAD_RULE, "state_upload", partial(state_writes.receive, services), ["PUT"])
    _add(door, "/logs/<object_id>/<mark>", "log", partial(logs.read, services), ["GET"])
    for number, path in enumerate(("/", "/<path:rest>")):
        nowhere = partial(_known_only, services, enqueue, _nowhere, Needs.ENTITLEMENTS)
        _add(door, path, f"nowhere{number}", nowhere, METHODS)
    door.before_request(_limit_body)
    door.after_request(_with_headers)
    _answer_errors(door)
    return door


def _add(door: Blueprint, path: str, name: str, view: Callable[..., Any], methods: Any) -> None:
    # `x/` is `x`, without a redirect, which would lose a client's body (tfe-contract 0.14).
    door.add_url_rule(path, name, view, methods=methods, strict_slashes=False)


def _known_only(
    services: Services, enqueue: Callable[[list[Job]], None], view: View, needs: Needs, **arguments: str
) -> Response:
    asker = bearer_asker(services, request.headers.get("Authorization", ""), needs)
    if asker is None:
        unknown = "this token isn't known here: it may be mistyped, revoked or expired"
        said = unknown if request.headers.get("Authorization") else "this needs a token: Authorization: Bearer …"
        return problem(ApiError(401, "unauthorized", said))
    asker.check_token()
    return view(Ask(services, enqueue, asker), **arguments)


def _nowhere(_: Ask, **__: str) -> Response:
    return problem(_not_found())


def _not_found(detail: str = "") -> ApiError:
    return ApiError(404, "not found", detail or "there is nothing here, or nothing for you")


def _limit_body() -> None:
    request.max_content_length = MOST_BODY_BYTES


def _with_headers(answer: Response) -> Response:
    answer.headers.update(HEADERS)
    return answer


def _answer_errors(door: Blueprint) -> None:
    handlers: list[tuple[type[Exception], Callable[[Any], ApiError]]] = [
        (ApiError, lambda error: error),
        (NotFound, lambda error: _not_found(error.reason)),
        (NotAllowed, lambda error: ApiError(403, "forbidden", error.reason)),
        (StateConflict, lambda error: ApiError(409, "conflict", error.reason)),
        (Held, lambda error: ApiError(409, "conflict", error.reason)),
        (StateTooLarge, lambda error: ApiError(413, "content too large", error.reason)),
        (Refused, lambda error: ApiError(422, "invalid attribute", error.reason)),
        (BadRequest, lambda error: ApiError(400, error.title, str(error))),
        (OutsideTrouble, _outside),
        (RunMoved, lambda _: ApiError(409, "conflict", "the run moved on at this very moment; look again")),
        (sqlite3.IntegrityError, lambda _: ApiError(409, "conflict", "somebody else changed this at this very moment")),
        (HTTPException, _http_error),
    ]
    for kind, read in handlers:
        door.register_error_handler(kind, lambda error, read=read: problem(read(error)))


def _outside(trouble: OutsideTrouble) -> ApiError:
    """What another try won't change is the asker's to change; clients repeat a 503 by themselves."""
    if trouble.permanent:
        return ApiError(422, "the host refused", trouble.reason)
    return ApiError(503, "the host did not answer", trouble.reason, int(trouble.retry_after or 5))


def _http_error(error: HTTPException) -> ApiError:
    status = error.code or 500
    if status == 500:
        return ApiError(500, "internal error", "this is Runlock's fault; its log says more")
    return ApiError(status, HTTPStatus(status).phrase.lower(), error.description or "")
