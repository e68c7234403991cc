"""Connections: the host takes the credential before it is kept, and it never comes out."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

from bot.connection import Provider
from handlers.reactions.joining import _urls
from tests.fakes.door_world import World
from tests.fakes.github_app_keys import key_pair

CLIENTS = "organizations/acme/oauth-clients"
TOKEN = "glpat-s3cret"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"

    def log(self, type: str, message: str, *args: object) -> None:
        pass


@dataclass
class WhoAmI:
    """A host that knows one token, one App, and nothing but who they are."""

    url: str = ""
    status: int = 0  # else what it answers to everything
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        if self.status:
            return Response('{"message": "trouble"}', self.status, content_type="application/json")
        given = request.headers.get("Authorization", "") + request.headers.get("Private-Token", "")
        if path == "api/v3/app":
            return jsonify(id=1, name="Runlock of acme", slug="runlock")
        if TOKEN not in given:
            return Response('{"message": "Bad credentials"}', 401, content_type="application/json")
        return jsonify(id=1, login="bot", username="bot")


@pytest.fixture
def host() -> Iterator[WhoAmI]:
    found, app = WhoAmI(), Flask("host")
    app.add_url_rule("/<path:path>", "answer", found.answer, methods=["GET"])
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def make(world: World, **given: Any) -> Any:
    attributes = {name.replace("_", "-"): value for name, value in given.items()}
    return world.ask("POST", CLIENTS, {"data": {"type": "oauth-clients", "attributes": attributes}})


@pytest.mark.parametrize(
    ("provider", "api"), [("github_enterprise", "/api/v3"), ("gitlab_enterprise_edition", "/api/v4")]
)
def test_a_token_that_the_host_takes(world: World, host: WhoAmI, provider: str, api: str) -> None:
    made = make(world, service_provider=provider, http_url=f"{host.url}/", oauth_token_string=TOKEN, name="ours")
    assert made.status_code == 201, made.text
    data = made.json["data"]
    assert data["attributes"]["http-url"] == host.url
    assert data["attributes"]["api-url"] == host.url + api
    assert data["attributes"]["webhook-url"] == f"http://localhost:8080/webhooks/{data['id']}"
    assert data["attributes"]["created-at"].endswith("Z")
    assert host.asked == [f"{api[1:]}/user"]
    token = data["relationships"]["oauth-tokens"]["data"][0]["id"]
    assert token == "ot-" + data["id"].removeprefix("oc-")
    for path in (CLIENTS, f"oauth-clients/{data['id']}", f"oauth-tokens/{token}", "organizations/acme/oauth-tokens"):
        answer = world.ask("GET", path)
        assert answer.status_code == 200
        assert TOKEN not in answer.text
    assert (
        world.ask("GET", f"oauth-tokens/{token}").json["data"]["relationships"]["oauth-client"]["data"]["id"]
        == data["id"]
    )
    assert TOKEN not in made.text
    assert world.services.connections.get(data["id"]).token == TOKEN


@pytest.mark.parametrize("provider", ["github_enterprise", "gitlab_enterprise_edition"])
def test_a_token_that_the_host_does_not_take(world: World, host: WhoAmI, provider: str) -> None:
    refused = make(world, service_provider=provider, http_url=host.url, oauth_token_string="wr0ng-token")
    assert refused.status_code == 422
    assert "401" in refused.json["errors"][0]["detail"]
    assert "wr0ng" not in refused.text
    assert world.services.connections.all() == []


@pytest.mark.parametrize("provider", ["github_enterprise", "gitlab_enterprise_edition"])
def test_a_host_in_trouble_is_worth_another_try(world: World, host: WhoAmI, provider: str) -> None:
    host.status = 502
    answer = make(world, service_provider=provider, http_url=host.url, oauth_token_string=TOKEN)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert world.services.connections.all() == []


def test_an_app_gets_its_webhook_secret_shown_once(world: World, host: WhoAmI) -> None:
    private_key = key_pair()[0]
    made = make(world, service_provider="github_app", http_url=host.url, app_id=17, private_key=private_key)
    assert made.status_code == 201, made.text
    data = made.json["data"]
    kept = world.services.connections.get(data["id"])
    assert data["attributes"]["webhook-secret"] == kept.app_webhook_secret != ""
    assert data["attributes"]["webhook-url"] == f"http://localhost:8080/webhooks/apps/{data['id']}"
    assert data["attributes"]["app-id"] == "17"
    again = world.ask("GET", f"oauth-clients/{data['id']}")
    assert kept.app_webhook_secret not in again.text
    assert "PRIVATE" not in again.text + made.text
    assert host.asked == ["api/v3/app"]


def test_an_app_with_a_broken_key(world: World, host: WhoAmI) -> None:
    answer = make(world, service_provider="github_app", http_url=host.url, app_id="17", private_key="-----nonsense")
    assert answer.status_code == 422
    assert "nonsense" not in answer.text
    assert host.asked == []


def test_plain_git_is_connected_on_the_server_only(world: World) -> None:
    """It reads any path of the server, so whoever has only a token of the API doesn't get it."""
    made = make(world, service_provider="git", oauth_token_string="")
    assert made.status_code == 422
    assert "runlock connect git PATH" in made.text
    assert world.ask("GET", CLIENTS).json["data"] == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"service_provider": "bitbucket"},
        {"service_provider": "github"},
        {"service_provider": "github", "oauth_token_string": "a b"},
        {"service_provider": "github", "oauth_token_string": "a\nHost: x"},
        {"service_provider": "github", "oauth_token_string": "ä"},
        {"service_provider": "github_enterprise", "oauth_token_string": TOKEN},
        {"service_provider": "github_enterprise", "oauth_token_string": TOKEN, "http_url": "ftp://x.test"},
        {"service_provider": "github_enterprise", "oauth_token_string": TOKEN, "http_url": "https://u:p@x.test"},
        {"service_provider": "github_enterprise", "oauth_token_string": TOKEN, "http_url": "https://x.test/?a=b"},
        {"service_provider": "github_enterprise", "oauth_token_string": TOKEN, "http_url": "https://x.test:99999"},
        {"service_provider": "github_enterprise", "oauth_token_string": TOKEN, "http_url": "https://"},
        {"service_provider": "gitlab_enterprise_edition", "oauth_token_string": TOKEN, "http_url": "file:///etc"},
        {"service_provider": "github_app", "app_id": "17"},
        {"service_provider": "github_app", "app_id": "x", "private_key": "k"},
    ],
)
def test_bad_connections(world: World, given: dict[str, Any]) -> None:
    answer = make(world, **given)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["detail"]
    assert world.services.connections.all() == []


def test_a_connection_that_is_listened_through_stays(world: World) -> None:
    workspace = world.workspace()
    connection = world.services.connections.all()[0]
    refused = world.ask("DELETE", f"oauth-clients/{connection.id}")
    assert refused.status_code == 409
    assert "prod" in refused.json["errors"][0]["detail"]
    world.services.workspaces.listen_to(workspace.id, None)
    assert world.ask("DELETE", f"oauth-clients/{connection.id}").status_code == 204
    assert world.ask("GET", f"oauth-clients/{connection.id}").status_code == 404


def test_the_public_hosts_have_known_addresses() -> None:
    assert _urls(Provider.GITHUB, "", "") == ("https://github.com", "https://api.github.com")
    assert _urls(Provider.GITHUB_APP, "https://github.com/", "") == ("https://github.com", "https://api.github.com")
    assert _urls(Provider.GITLAB, "", "") == ("https://gitlab.com", "https://gitlab.com/api/v4")
