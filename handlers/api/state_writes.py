"""How does a workspace get a new state through the API? In a document, by an upload that was announced, by a rollback.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/state-versions
"""

import threading
from contextlib import nullcontext
from typing import BinaryIO, cast

from flask import Response, request

from bot.errors import NotFound, Refused
from bot.needs import Needs
from bot.run import Run
from bot.state import StateFacts, StateTooLarge, is_lineage, is_serial
from bot.workspace import Workspace
from handlers.api.ask import Ask, Rule
from handlers.api.documents import ApiError, nothing, one
from handlers.api.operations import OCTETS, empties, makes
from handlers.api.requests import MOST_BODY_BYTES, Body, read_body
from handlers.api.state_documents import state_version_resource, with_interval
from handlers.services import Services
from handlers.state.base64_text import Base64Text
from handlers.state.holding import check_may_write
from handlers.state.rollback import roll_back
from handlers.state.uploads import STATE, UPLOAD_WITHIN, expected_upload, take_in_json, take_in_state
from handlers.state.writing import Announced, body_stream, write_state
from storage.state_versions import StateVersion, Writer

_LARGE_BODY_BYTES = 4 << 20
_large_bodies = threading.Semaphore(1)  # a state inside a document is in memory several times over: one at a time


@makes("state-versions", takes="state version")
def create(ask: Ask, workspace_id: str) -> Response:
    """A new version: with its state in the document, or announced, to be uploaded. Only whoever holds the lock."""
    workspace = ask.asker.workspace(workspace_id)
    check_may_write(ask.asker, workspace.id, must_hold=True)
    # The state in base64, and its JSON form, which may be some times as large.
    request.max_content_length = 4 * ask.services.states.intake.most_bytes + MOST_BODY_BYTES
    is_large = (request.content_length or 0) > _LARGE_BODY_BYTES
    with _large_bodies if is_large else nullcontext():
        body = read_body()
        run = ask.asker.own_run or _named_run(ask, workspace, body)
        if body.attributes.get("state") is None:
            return with_interval(_announce(ask, workspace, body, run))
        return with_interval(_store(ask, workspace, body, run))


def _announce(ask: Ask, workspace: Workspace, body: Body, run: Run | None) -> Response:
    facts = _announced(body)
    if facts is None:
        raise ApiError(422, "invalid attribute", "a state that is uploaded later is announced with its serial and md5")
    own = ask.asker.own_run
    writer = Writer(
        run_id=run.id if run else None,
        commit_sha=run.commit_sha if run else "",
        created_by="" if own else ask.asker.name,
        created_by_id="" if own else ask.asker.who.id,
    )
    with ask.services.records.write():
        check_may_write(ask.asker, workspace.id, must_hold=True)
        version = ask.services.states.announce(
            workspace.id, facts, writer, force=body.flag("force") is True, lifetime=UPLOAD_WITHIN
        )
    return one(state_version_resource(ask.services, version, with_uploads=True), status=201)


def _store(ask: Ask, workspace: Workspace, body: Body, run: Run | None) -> Response:
    facts = _announced(body)
    text = body.attributes["state"]
    if not isinstance(text, str):
        raise Refused("state is a text in base64")
    told = Announced(
        md5=facts.md5 if facts else "",
        serial=facts.serial if facts else None,
        lineage=body.text("lineage"),
        force=body.flag("force") is True,
        must_hold=True,
        run=run,
    )
    version = write_state(ask.asker, workspace, cast(BinaryIO, Base64Text(text)), told)
    stored = version or ask.services.states.current(workspace.id)
    if stored is None:
        raise NotFound(f"{workspace.name} has no state")
    _keep_json(ask, stored, body)
    return one(state_version_resource(ask.services, ask.services.states.get(stored.id)), status=201)


def _keep_json(ask: Ask, version: StateVersion, body: Body) -> None:
    text = body.attributes.get("json-state")
    if isinstance(text, str) and text and version.json_blob_id is None:
        take_in_json(ask.services, version, cast(BinaryIO, Base64Text(text)))


def _announced(body: Body) -> StateFacts | None:
    """Serial, lineage and md5 as a document says them; None if it leaves serial or md5 out. Raises Refused."""
    serial, md5 = body.attributes.get("serial"), body.text("md5").lower()
    lineage = body.text("lineage")
    if serial is None or not md5:
        return None
    if not is_serial(serial):
        raise Refused("serial is a whole number")
    if len(md5) != 32 or set(md5) - set("0123456789abcdef"):
        raise Refused("md5 is 32 hex digits")
    if not is_lineage(lineage):
        raise Refused("lineage is a UUID")
    return StateFacts(serial, lineage, md5)


def _named_run(ask: Ask, workspace: Workspace, body: Body) -> Run | None:
    """The run that a person says the state is of: the CLI does where it finds TFE_RUN_ID in its environment."""
    ident = body.related_id("run")
    if not ident:
        return None
    missing = Refused(f"there is no run {ident} in {workspace.name}")
    try:
        run, _ = ask.asker.needing(Needs.RUNS_READ).run(ident)
    except NotFound as error:
        raise missing from error
    if run.workspace_id != workspace.id:
        raise missing
    return run


@makes("state-versions", takes="rollback")
def rollback(ask: Ask, workspace_id: str) -> Response:
    """An old state becomes a new version. Only whoever holds the lock."""
    workspace = ask.asker.workspace(workspace_id)
    ident = read_body().related_id("rollback-state-version")
    if ident is None:
        raise Refused("name the version to return to: relationships.rollback-state-version")
    old = ask.services.states.find(ident)
    if old is None or old.workspace_id != workspace.id:
        raise NotFound(f"there is no state version {ident} in {workspace.name}")
    return one(state_version_resource(ask.services, roll_back(ask.asker, workspace, old)), status=201)


@empties(takes=OCTETS, status=200)
def receive(services: Services, version_id: str, what: str, mark: str) -> Response:
    """An upload. Whoever has the address may."""
    version = expected_upload(services, version_id, what, mark)
    if what != STATE:
        take_in_json(services, version, body_stream(services, services.states.intake.most_document_bytes))
        return nothing(200)
    try:
        source = body_stream(services)
    except StateTooLarge:
        services.states.discard(version.id)  # nobody waits for it any more: the lock can come off
        raise
    take_in_state(services, version, source)
    return nothing(200)


RULES: tuple[Rule, ...] = (
    ("POST", "/workspaces/<workspace_id>/state-versions", create, Needs.STATE_WRITE),
    ("PATCH", "/workspaces/<workspace_id>/state-versions", rollback, Needs.STATE_WRITE),
)
