"""Somebody has a workspace's runs told to a receiver, with HashiCorp's Python SDK and with terrasnek."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytfe import TFEClient
from pytfe.errors import TFEError
from pytfe.models import WorkspaceCreateOptions
from pytfe.models.notification_configuration import (
    NotificationConfigurationCreateOptions,
    NotificationConfigurationListOptions,
    NotificationConfigurationUpdateOptions,
    NotificationDestinationType,
    NotificationTriggerType,
)
from terrasnek.api import TFC

from tests.clients.conftest import Desk, opened
from tests.fakes.receiver import Receiver, receiver

PATIENCE_SECONDS = 30.0


@pytest.fixture
def ops() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def options(url: str, **more: Any) -> NotificationConfigurationCreateOptions:
    first = {"destination_type": NotificationDestinationType.GENERIC, "enabled": True, "name": "ops", "url": url}
    return NotificationConfigurationCreateOptions(**{**first, **more})


def eventually(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_from_its_making_to_its_end(desk: Desk, client: TFEClient, ops: Receiver) -> None:
    workspace = client.workspaces.create(desk.organization.name, WorkspaceCreateOptions(name="told"))
    notifications = client.notification_configurations
    wanted = [NotificationTriggerType.CREATED, NotificationTriggerType.ERRORED]
    made = notifications.create(workspace.id, options(ops.url, token="s3cret", triggers=wanted))
    assert (made.enabled, made.token, made.url, made.triggers) == (True, None, ops.url, wanted)
    assert [(each.code, each.successful, each.body) for each in made.delivery_responses] == [
        ("200", "true", "thank you")
    ]
    assert [each.json["notifications"][0]["trigger"] for each in ops.received] == ["verification"]

    changed = notifications.update(
        made.id, NotificationConfigurationUpdateOptions(name="errors", triggers=[NotificationTriggerType.ERRORED])
    )
    assert (changed.name, changed.triggers) == ("errors", [NotificationTriggerType.ERRORED])
    assert notifications.read(made.id).name == "errors"
    listed = notifications.list(workspace.id, NotificationConfigurationListOptions(page_size=5))
    assert [each.id for each in listed] == [made.id]
    notifications.delete(made.id)
    with pytest.raises(TFEError, match="there is no notification configuration"):
        notifications.read(made.id)


def test_what_is_refused_says_why(desk: Desk, client: TFEClient, ops: Receiver) -> None:
    workspace = client.workspaces.create(desk.organization.name, WorkspaceCreateOptions(name="refused"))
    ops.statuses = [500]
    with pytest.raises(TFEError, match="it answered 500"):
        client.notification_configurations.create(workspace.id, options(ops.url))
    email = options(ops.url, destination_type=NotificationDestinationType.EMAIL)
    with pytest.raises(TFEError, match="no mail server"):
        client.notification_configurations.create(workspace.id, email)
    assert list(client.notification_configurations.list(workspace.id)) == []


def test_terrasnek_verifies_one(desk: Desk, ops: Receiver) -> None:
    api = TFC(desk.token, url=desk.server.address, skip_version_check=True)
    api.set_org(desk.organization.name)
    made = api.workspaces.create({"data": {"type": "workspaces", "attributes": {"name": "verified"}}})["data"]["id"]
    attributes = {"name": "ops", "destination-type": "slack", "url": ops.url, "enabled": False}
    document = {"data": {"type": "notification-configurations", "attributes": attributes}}
    ident = api.notification_configs.create(made, document)["data"]["id"]
    assert api.notification_configs.verify(ident)["data"]["id"] == ident
    assert "run notifications arrive here" in ops.received[0].json["text"]
    assert [each["id"] for each in api.notification_configs.list(made)["data"]] == [ident]
    api.notification_configs.destroy(ident)
    assert api.notification_configs.list(made)["data"] == []


def test_a_run_of_the_cli_is_told(ready_desk: Desk, ops: Receiver) -> None:
    """Through the real queues and workers, from a real engine."""
    desk = ready_desk
    with opened(desk, desk.token) as client:
        prod = client.workspaces.read("prod", organization=desk.organization.name)
        client.notification_configurations.create(prod.id, options(ops.url, triggers=list(NotificationTriggerType)[:6]))
    desk.terminal.run("apply", "-no-color", "-auto-approve").ok()
    told = ["run:created", "run:planning", "run:applying", "run:completed"]
    eventually(lambda: ops.triggers == told)
