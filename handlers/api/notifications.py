"""Who is told of a workspace's runs?

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/notification-configurations
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Response

from bot.errors import NotFound, Refused
from bot.ids import NotificationConfigurationId
from bot.needs import Needs
from bot.notifications import Answer, Destination, NotificationConfiguration, Trigger, check_url
from bot.timestamps import to_text
from handlers.api.ask import Ask, Rule
from handlers.api.documents import ApiError, Resource, nothing, one, paged, resource, to_one
from handlers.api.operations import empties, makes, pages, shows
from handlers.api.requests import BadRequest, Body, asked_page, read_body
from handlers.reactions.notifying import verify
from storage.ids import new_id

MOST_NAME_CHARACTERS = 200
MOST_TOKEN_CHARACTERS = 1_000


@pages("notification-configurations")
def index(ask: Ask, workspace_id: str) -> Response:
    """Those of the workspace, oldest first."""
    workspace, page = ask.asker.workspace(workspace_id), asked_page()
    found, total = ask.services.notification_configurations.page(workspace.id, limit=page.size, offset=page.offset)
    return paged(_resources(ask, found), page, total)


@makes("notification-configurations", takes="notification configuration")
def create(ask: Ask, workspace_id: str) -> Response:
    """Tell somebody of the workspace's runs; if `enabled`, their address must answer a `verification` first."""
    workspace, body = ask.asker.workspace(workspace_id), read_body()
    moment = ask.services.now()
    ident = NotificationConfigurationId(new_id("nc"))
    first = NotificationConfiguration(
        ident, workspace.id, "", _destination(body), enabled=False, triggers=(), created_at=moment, updated_at=moment
    )
    wanted = _changed(first, body)
    ask.services.notification_configurations.check_room(workspace.id)
    answer = _verified(ask, wanted) if wanted.enabled else None
    made = ask.services.notification_configurations.add(wanted)
    _keep(ask, made, answer)
    return one(_resources(ask, [made])[0], status=201)


@shows("notification-configurations")
def show(ask: Ask, configuration_id: str) -> Response:
    return one(_resources(ask, [_seen(ask, configuration_id)])[0])


@shows("notification-configurations", takes="notification configuration")
def update(ask: Ask, configuration_id: str) -> Response:
    """Change it; if it is `enabled` then, its address must answer a `verification` first."""
    before, body = _seen(ask, configuration_id), read_body()
    if body.text("destination-type") not in ("", before.destination):
        raise Refused("destination-type can't be changed; make another configuration")
    after = _changed(before, body)
    is_new_there = not before.enabled or (after.url, after.token) != (before.url, before.token)
    answer = _verified(ask, after) if after.enabled and is_new_there else None
    changed = ask.services.notification_configurations.change(before, after)
    _keep(ask, changed, answer)
    return one(_resources(ask, [changed])[0])


@shows("notification-configurations")
def send_verification(ask: Ask, configuration_id: str) -> Response:
    """Post a `verification` to its address now, whether or not it is enabled."""
    found = _seen(ask, configuration_id)
    answer = _verification(ask, found)
    _keep(ask, found, answer)
    _check(answer)
    return one(_resources(ask, [found])[0])


@empties()
def remove(ask: Ask, configuration_id: str) -> Response:
    """Nothing more is told to it, not even what was waiting."""
    ask.services.notification_configurations.remove(_seen(ask, configuration_id).id)
    return nothing()


def _seen(ask: Ask, configuration_id: str) -> NotificationConfiguration:
    found = ask.services.notification_configurations.get(configuration_id)
    try:
        ask.asker.workspace(found.workspace_id)
    except NotFound as error:
        raise NotFound(f"there is no notification configuration {configuration_id}") from error
    return found


def _verified(ask: Ask, configuration: NotificationConfiguration) -> Answer:
    answer = _verification(ask, configuration)
    _check(answer)
    return answer


def _verification(ask: Ask, configuration: NotificationConfiguration) -> Answer:
    answer = verify(ask.services, configuration)
    if answer is None:
        raise ApiError(429, "too many requests", "other addresses are being verified; try again", retry_after=5)
    return answer


def _check(answer: Answer) -> None:
    if not answer.is_success:
        raise BadRequest(f"verification failed: url must answer with 2xx, but {answer.reason}", "verification failed")


def _keep(ask: Ask, configuration: NotificationConfiguration, answer: Answer | None) -> None:
    if answer is not None:
        ask.services.notifications.keep_answer(configuration.id, answer)


def _destination(body: Body) -> Destination:
    wanted = body.text("destination-type")
    if wanted == "email":
        raise Refused("destination-type email is not offered: Runlock has no mail server; use generic, slack or teams")
    try:
        return Destination(wanted)
    except ValueError as error:
        raise Refused(f"destination-type is one of {', '.join(Destination)}") from error


def _changed(before: NotificationConfiguration, body: Body) -> NotificationConfiguration:
    """With what the request says anew; what it leaves out stays. Raises Refused for what can't be."""
    given: dict[str, Any] = {}
    if "name" in body.attributes:
        given["name"] = body.text("name", most=MOST_NAME_CHARACTERS).strip()
    if "url" in body.attributes:
        given["url"] = body.text("url").strip()
    if "token" in body.attributes:
        given["token"] = body.text("token", most=MOST_TOKEN_CHARACTERS)
    if "triggers" in body.attributes:
        given["triggers"] = _triggers(body.attributes)
    enabled = body.flag("enabled")
    after = replace(before, **given, enabled=before.enabled if enabled is None else enabled)
    if not after.name:
        raise Refused("name can't be blank")
    check_url(after.url)
    return after


def _triggers(attributes: Mapping[str, Any]) -> tuple[Trigger, ...]:
    """Each once, in the order in which they happen. Raises Refused for what nothing here ever sets off."""
    wanted = attributes["triggers"]
    if wanted is None:
        return ()
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise Refused("triggers is a list of texts")
    unknown = sorted(set(wanted) - set(Trigger))
    if unknown:
        raise Refused(f"{', '.join(unknown)[:200]} is never told of here; triggers are {', '.join(Trigger)}")
    return tuple(trigger for trigger in Trigger if trigger in wanted)


def _resources(ask: Ask, configurations: Sequence[NotificationConfiguration]) -> list[Resource]:
    answers = ask.services.notifications.answers([each.id for each in configurations])
    return [_resource(each, answers.get(each.id, [])) for each in configurations]


def _resource(found: NotificationConfiguration, answers: list[tuple[datetime, Answer]]) -> Resource:
    attributes = {
        "name": found.name,
        "enabled": found.enabled,
        "destination-type": found.destination,
        "url": found.url,
        "token": None,  # write-only
        "triggers": list(found.triggers),
        "delivery-responses": [
            {
                "url": found.url,
                "body": answer.body or answer.trouble,
                "code": str(answer.code or ""),
                "headers": answer.headers,
                "sent-at": to_text(moment),
                "successful": "true" if answer.is_success else "false",
            }
            for moment, answer in answers
        ],
        "created-at": to_text(found.created_at),
        "updated-at": to_text(found.updated_at),
    }
    workspace = to_one("workspaces", found.workspace_id, link=f"workspaces/{found.workspace_id}")
    return resource(
        "notification-configurations",
        found.id,
        attributes,
        {"subscribable": workspace},
        link=f"notification-configurations/{found.id}",
    )


_ALL = "/workspaces/<workspace_id>/notification-configurations"
_ONE = "/notification-configurations/<configuration_id>"
RULES: tuple[Rule, ...] = (
    # Also to read them takes an administrator: the address of a chat is all that it takes to write there.
    ("GET", _ALL, index, Needs.WORKSPACE_ADMIN),
    ("POST", _ALL, create, Needs.WORKSPACE_ADMIN),
    ("GET", _ONE, show, Needs.WORKSPACE_ADMIN),
    ("PATCH", _ONE, update, Needs.WORKSPACE_ADMIN),
    ("DELETE", _ONE, remove, Needs.WORKSPACE_ADMIN),
    ("POST", f"{_ONE}/actions/verify", send_verification, Needs.WORKSPACE_ADMIN),
)
