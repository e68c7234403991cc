"""Notification configurations: who is told of a workspace's runs, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from bot.notifications import MOST_CONFIGURATIONS
from bot.workspace import Workspace
from storage.notifications import ANSWERS_KEPT
from tests.fakes.door_world import World
from tests.fakes.receiver import Receiver, receiver


@pytest.fixture
def prod(world: World) -> Workspace:
    return world.workspace("prod")


@pytest.fixture
def ops() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def make(world: World, workspace: Workspace, **attributes: Any) -> TestResponse:
    first = {"name": "ops", "destination-type": "generic", "url": "http://127.0.0.1:1/hook"}
    return world.ask(
        "POST",
        f"workspaces/{workspace.id}/notification-configurations",
        {"data": {"type": "notification-configurations", "attributes": {**first, **attributes}}},
    )


def change(world: World, ident: str, **attributes: Any) -> TestResponse:
    return world.ask("PATCH", f"notification-configurations/{ident}", {"data": {"attributes": attributes}})


def shown(world: World, ident: str) -> Any:
    return world.ask("GET", f"notification-configurations/{ident}").json["data"]["attributes"]


def said(answer: TestResponse) -> str:
    return str(answer.json["errors"][0]["detail"])


def test_from_its_making_to_its_end(world: World, prod: Workspace, ops: Receiver) -> None:
    made = make(world, prod, url=ops.url, enabled=True, token="s3cret", triggers=["run:errored", "run:created"])
    assert made.status_code == 201
    data = made.json["data"]
    assert data["attributes"]["enabled"] is True
    assert data["attributes"]["triggers"] == ["run:created", "run:errored"]
    assert data["attributes"]["token"] is None
    assert "s3cret" not in made.text
    assert data["relationships"]["subscribable"]["data"] == {"id": prod.id, "type": "workspaces"}
    (answer,) = data["attributes"]["delivery-responses"]
    assert (answer["code"], answer["successful"], answer["body"]) == ("200", "true", "thank you")
    assert answer["headers"]["content-length"] == ["9"]
    (asked,) = ops.received
    assert asked.json["notifications"][0]["trigger"] == "verification"
    assert asked.json["notification_configuration_id"] == data["id"]

    listed = world.ask("GET", f"workspaces/{prod.id}/notification-configurations").json
    assert [each["id"] for each in listed["data"]] == [data["id"]]
    assert listed["meta"]["pagination"]["total-count"] == 1
    assert change(world, data["id"], name="all of ops").json["data"]["attributes"]["name"] == "all of ops"
    assert shown(world, data["id"])["name"] == "all of ops"
    assert world.ask("DELETE", f"notification-configurations/{data['id']}").status_code == 204
    assert world.ask("GET", f"notification-configurations/{data['id']}").status_code == 404


def test_an_address_that_does_not_answer_is_not_enabled(world: World, prod: Workspace, ops: Receiver) -> None:
    ops.statuses = [500, 404]
    refused = make(world, prod, url=ops.url, enabled=True)
    assert (refused.status_code, said(refused)) == (
        400,
        "verification failed: url must answer with 2xx, but it answered 500",
    )
    assert world.ask("GET", f"workspaces/{prod.id}/notification-configurations").json["data"] == []
    ident = make(world, prod, url=ops.url).json["data"]["id"]
    assert change(world, ident, enabled=True).status_code == 400
    assert shown(world, ident)["enabled"] is False
    assert change(world, ident, enabled=True).status_code == 200
    assert shown(world, ident)["enabled"] is True


def test_another_address_is_asked_anew_and_another_name_is_not(world: World, prod: Workspace, ops: Receiver) -> None:
    ident = make(world, prod, url=ops.url, enabled=True).json["data"]["id"]
    change(world, ident, name="other", triggers=["run:created"])
    assert len(ops.received) == 1
    refused = change(world, ident, url="http://127.0.0.1:1/")
    assert (refused.status_code, "nothing listens there" in said(refused)) == (400, True)
    assert shown(world, ident)["url"] == ops.url
    assert change(world, ident, url=f"{ops.url}/2").status_code == 200
    assert [each.path for each in ops.received] == ["/hook", "/hook/2"]
    assert len(shown(world, ident)["delivery-responses"]) == 1  # the other address's answers tell nothing of this one


def test_the_verify_action_posts_and_keeps_the_answer(world: World, prod: Workspace, ops: Receiver) -> None:
    ident = make(world, prod, url=ops.url).json["data"]["id"]
    assert ops.received == []
    verified = world.ask("POST", f"notification-configurations/{ident}/actions/verify")
    assert verified.status_code == 200
    assert verified.json["data"]["id"] == ident
    ops.statuses, ops.answer = [503], b"no" * 5_000
    assert world.ask("POST", f"notification-configurations/{ident}/actions/verify").status_code == 400
    newest, older = shown(world, ident)["delivery-responses"]
    assert (newest["code"], newest["successful"], older["successful"]) == ("503", "false", "true")
    assert newest["body"] == "no" * 500  # its beginning
    for _ in range(ANSWERS_KEPT):
        world.ask("POST", f"notification-configurations/{ident}/actions/verify")
    assert len(shown(world, ident)["delivery-responses"]) == ANSWERS_KEPT


def test_a_redirect_is_not_followed(world: World, prod: Workspace, ops: Receiver) -> None:
    ops.statuses, ops.headers = [307], {"Location": ops.url}
    refused = make(world, prod, url=ops.url, enabled=True)
    assert (refused.status_code, len(ops.received)) == (400, 1)
    assert "it answered 307" in said(refused)


@pytest.mark.parametrize(
    ("attributes", "status", "words"),
    [
        ({"destination-type": "email"}, 422, "no mail server"),
        ({"destination-type": "pigeon"}, 422, "destination-type is one of"),
        ({"destination-type": None}, 422, "destination-type is one of"),
        ({"name": " "}, 422, "name can't be blank"),
        ({"name": 3}, 422, "name is a text"),
        ({"url": ""}, 422, "http or https"),
        ({"url": "ftp://127.0.0.1/"}, 422, "http or https"),
        ({"url": "file:///etc/passwd"}, 422, "http or https"),
        ({"url": "http://a.test/\r\nX: y"}, 422, "without spaces"),
        ({"url": "http://user:word@a.test/"}, 422, "no user and password"),
        ({"url": "http://a.test:99999/"}, 422, "not an address"),
        ({"enabled": "yes"}, 422, "enabled is true or false"),
        ({"triggers": "run:created"}, 422, "triggers is a list"),
        ({"triggers": ["assessment:drifted"]}, 422, "assessment:drifted is never told of here"),
        ({"enabled": True, "url": "http://169.254.169.254/latest"}, 400, "to which nothing is sent"),
        ({"enabled": True, "url": "http://[fe80::1]/"}, 400, "to which nothing is sent"),
        ({"enabled": True, "url": "http://0.0.0.0:8080/"}, 400, "to which nothing is sent"),
        ({"enabled": True, "url": "http://[::ffff:169.254.169.254]/"}, 400, "to which nothing is sent"),
        ({"enabled": True, "url": "http://2852039166/"}, 400, "to which nothing is sent"),  # 169.254.169.254
    ],
)
def test_what_is_refused(world: World, prod: Workspace, attributes: Any, status: int, words: str) -> None:
    refused = make(world, prod, **attributes)
    assert (refused.status_code, words in said(refused)) == (status, True), refused.text
    assert world.ask("GET", f"workspaces/{prod.id}/notification-configurations").json["data"] == []


def test_the_destination_stays(world: World, prod: Workspace) -> None:
    ident = make(world, prod).json["data"]["id"]
    assert change(world, ident, **{"destination-type": "generic"}).status_code == 200
    assert change(world, ident, **{"destination-type": "slack"}).status_code == 422


def test_there_is_a_limit(world: World, prod: Workspace) -> None:
    for number in range(MOST_CONFIGURATIONS):
        assert make(world, prod, name=f"n{number}").status_code == 201
    assert (make(world, prod).status_code, "at most 20" in said(make(world, prod))) == (422, True)


def test_the_secrets_are_sealed_and_stay_out_of_reprs(world: World, prod: Workspace) -> None:
    ident = make(world, prod, url="http://127.0.0.1:1/secret-path", token="s3cret").json["data"]["id"]
    configuration = world.services.notification_configurations.get(ident)
    assert (configuration.url, configuration.token) == ("http://127.0.0.1:1/secret-path", "s3cret")
    assert "secret-path" not in repr(configuration)
    assert "s3cret" not in repr(configuration)
    row = world.services.records.row("SELECT * FROM notification_configurations")
    assert "secret-path" not in repr(row)
    assert "s3cret" not in repr(row)
    change(world, ident, name="other")
    assert world.services.notification_configurations.get(ident).token == "s3cret"
    change(world, ident, token=None)
    assert world.services.notification_configurations.get(ident).token == ""


def test_it_goes_with_its_workspace(world: World, prod: Workspace) -> None:
    ident = make(world, prod).json["data"]["id"]
    world.services.workspaces.remove(prod.id)
    assert world.ask("GET", f"notification-configurations/{ident}").status_code == 404
