"""Is this delivery from the host, and has it been remembered? The door doesn't think about what it means."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from bot.connection import Connection, Provider
from bot.errors import Ignored, NotFound
from bot.vcs import git_webhook, github_webhook, gitlab_webhook
from bot.vcs.deliveries import Headers, MalformedDelivery
from handlers.enqueue import Enqueue
from handlers.jobs import Job, Verb
from handlers.reactions.deliveries import lane_of, read_events, read_payload
from handlers.services import Services
from handlers.webhooks.follow import follow_lines

# GitLab has no delivery id before it sends Idempotency-Key; then the body's digest stands in for one.
SAME_BODY_WINDOW = timedelta(minutes=10)
MOST_FORM_FIELDS = 10  # a form has one that is of use


@dataclass(frozen=True)
class Received:
    """One delivery as it came in, checked for its form but not yet for its sender."""

    raw: bytes  # what the signature is over
    document: bytes  # the JSON in it
    payload: Mapping[str, Any]
    event: str
    delivery_id: str
    host_id: str | None
    headers: Headers


def blueprint(services: Services, enqueue: Enqueue) -> Blueprint:
    door = Blueprint("webhooks", __name__)
    door.add_url_rule("/<connection_id>", "repository", partial(_receive, services, enqueue, False), methods=["POST"])
    door.add_url_rule("/apps/<connection_id>", "app", partial(_receive, services, enqueue, True), methods=["POST"])
    door.add_url_rule("/<connection_id>/deliveries/<int:seq>", "follow", partial(_follow, services))
    door.register_error_handler(MalformedDelivery, lambda error: _problem(400, error.reason))
    door.register_error_handler(NotFound, lambda _: _problem(404, "no such webhook"))
    door.register_error_handler(RequestEntityTooLarge, lambda _: _problem(413, "the delivery is too large"))
    return door


def _receive(services: Services, enqueue: Enqueue, is_app: bool, connection_id: str) -> Response:
    request.max_content_length = services.settings.max_body_megabytes * 1_000_000
    connection = services.connections.get(connection_id)
    received = _read(connection, request.get_data())
    secret = connection.app_webhook_secret if is_app else _repository_secret(services, connection, received.host_id)
    if not _verify(connection, secret, received):
        return _problem(401, "the signature is missing or wrong")
    events = read_events(connection, received.event, _without_lists(received.payload))
    reasons = [event.reason for event in events if isinstance(event, Ignored)]
    if len(reasons) == len(events):
        return _answer(ignored="; ".join(reasons))
    lane = lane_of(connection, received.host_id)
    window = SAME_BODY_WINDOW if received.delivery_id.startswith("sha256:") else None
    seq = services.inbox.remember(
        connection.id, received.delivery_id, lane, received.event, received.document, unique_for=window
    )
    if seq is None:
        return _answer(repeat=received.delivery_id)
    enqueue([Job(Verb.HANDLE_DELIVERIES, lane)])
    return _answer(delivery=str(seq), follow=f"/webhooks/{connection.id}/deliveries/{seq}")


def _read(connection: Connection, raw: bytes) -> Received:
    """Raises MalformedDelivery for what is no delivery of this host at all."""
    document = _document(raw)
    payload = read_payload(document)
    headers = request.headers
    if connection.provider.is_github:
        host_id = github_webhook.repository_host_id(payload)
        event, delivery_id = github_webhook.event_name(headers), github_webhook.delivery_id(headers)
    elif connection.provider.is_gitlab:
        host_id = gitlab_webhook.repository_host_id(payload)
        event, delivery_id = gitlab_webhook.event_name(headers), gitlab_webhook.delivery_id(headers, raw)
    else:
        host_id = git_webhook.repository_host_id(payload)
        event, delivery_id = git_webhook.event_name(headers), git_webhook.delivery_id(headers)
    return Received(raw, document, payload, event, delivery_id, host_id, headers)


def _without_lists(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The door asks only whether the delivery is for us; a push may list thousands of files, which a worker reads."""
    return {**payload, "commits": []} if isinstance(payload.get("commits"), list) else payload


def _document(raw: bytes) -> bytes:
    """The JSON of a delivery: the body itself, or the `payload` field of a form (GitHub offers both)."""
    if request.mimetype == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs(raw.decode("utf-8", "replace"), max_num_fields=MOST_FORM_FIELDS)
        except ValueError as error:
            raise MalformedDelivery(f"the form has more than {MOST_FORM_FIELDS} fields") from error
        if "payload" not in fields:
            raise MalformedDelivery("the form has no field named payload")
        return fields["payload"][0].encode()
    if request.mimetype not in ("application/json", "", "text/json"):
        raise MalformedDelivery(f"a delivery is JSON or a form, not {request.mimetype[:60]}")
    return raw


def _repository_secret(services: Services, connection: Connection, host_id: str | None) -> str:
    """The secret that this repository's webhook was given; empty, which verifies nothing, if we don't know it.

    An App's repositories have no webhooks of their own: all their deliveries come through the App's.
    """
    if connection.provider is Provider.GITHUB_APP:
        return ""
    known = services.repositories.by_host_id(connection.id, host_id) if host_id else None
    return known.webhook_secret if known else ""


def _verify(connection: Connection, secret: str, received: Received) -> bool:
    if connection.provider.is_github:
        return github_webhook.verify(secret, received.raw, received.headers)
    if connection.provider.is_gitlab:
        return gitlab_webhook.verify(secret, received.raw, received.headers)
    return git_webhook.verify(secret, received.raw, received.headers)


def _follow(services: Services, connection_id: str, seq: int) -> Response:
    """What Runlock does with a push, line by line, for the hook that sent it (plain Git only)."""
    connection = services.connections.get(connection_id)
    delivery = services.inbox.find(seq)
    if connection.provider is not Provider.GIT or delivery is None or delivery.connection_id != connection.id:
        return _problem(404, "no such delivery")
    secret = _repository_secret(services, connection, delivery.lane.partition("/")[2])
    if not git_webhook.verify_follow(secret, request.root_path + request.path, request.headers):
        return _problem(401, "the signature is missing or wrong")
    lines, done = follow_lines(services, delivery)
    return jsonify(lines=lines, done=done)


def _answer(**document: str) -> Response:
    return Response(json.dumps(document), 202, content_type="application/json")


def _problem(status: int, sentence: str) -> Response:
    answer = jsonify(error=sentence)
    answer.status_code = status
    return answer
