"""Connections: the host takes the credential before it is kept, and it never comes out."""

from collections.abc import Iterator
from typing import Any

import pytest

from bot.connection import Provider
from handlers.jobs import Job, Verb
from handlers.reactions.joining import _urls
from tests.fakes.door_world import World
from tests.fakes.github_app_keys import key_pair
from tests.fakes.who_am_i import TOKEN, WhoAmI, who_am_i

CLIENTS = "organizations/acme/oauth-clients"


@pytest.fixture
def host() -> Iterator[WhoAmI]:
    with who_am_i() as found:
        yield found


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


def patch(world: World, path: str, **given: Any) -> Any:
    attributes = {name.replace("_", "-"): value for name, value in given.items()}
    return world.ask("PATCH", path, {"data": {"attributes": attributes}})


@pytest.fixture
def connected(world: World, host: WhoAmI) -> str:
    made = make(world, service_provider="github_enterprise", http_url=host.url, oauth_token_string=TOKEN, name="ours")
    host.asked.clear()
    return str(made.json["data"]["id"])


def test_a_connection_gets_another_name_without_asking_the_host(world: World, host: WhoAmI, connected: str) -> None:
    changed = patch(world, f"oauth-clients/{connected}", name="theirs", http_url=host.url, organization_scoped=True)
    assert changed.status_code == 200, changed.text
    assert changed.json["data"]["attributes"]["name"] == "theirs"
    kept = world.services.connections.get(connected)
    assert (kept.name, kept.token) == ("theirs", TOKEN)
    assert host.asked == []
    assert world.enqueued == []


@pytest.mark.parametrize("by", ["client", "token"])
def test_a_connection_gets_another_token_once_the_host_takes_it(
    world: World, host: WhoAmI, connected: str, by: str
) -> None:
    path = f"oauth-clients/{connected}" if by == "client" else f"oauth-tokens/ot-{connected.removeprefix('oc-')}"
    refused = patch(world, path, oauth_token_string="wr0ng-token")
    assert refused.status_code == 422
    assert "wr0ng" not in refused.text
    assert world.services.connections.get(connected).token == TOKEN
    changed = patch(world, path, oauth_token_string=f"{TOKEN}-2")
    assert changed.status_code == 200, changed.text
    assert TOKEN not in changed.text
    assert world.services.connections.get(connected).token == f"{TOKEN}-2"
    assert world.services.connections.get(connected).name == "ours"
    assert host.asked == ["api/v3/user"] * 2
    assert world.enqueued == [Job(Verb.SWEEP)]  # what could not be told is told now


@pytest.mark.parametrize(
    ("what", "given"),
    [
        ("oauth-clients", {"http_url": "https://elsewhere.test"}),
        ("oauth-clients", {"service_provider": "gitlab_hosted"}),
        ("oauth-clients", {"private_key": "k"}),
        ("oauth-clients", {"organization_scoped": False}),
        ("oauth-clients", {"name": "two\nlines"}),
        ("oauth-clients", {"oauth_token_string": "a b"}),
        ("oauth-tokens", {"ssh_key": "-----BEGIN"}),
        ("oauth-tokens", {"name": "x"}),
    ],
)
def test_what_of_a_connection_can_not_be_changed(
    world: World, host: WhoAmI, connected: str, what: str, given: dict[str, Any]
) -> None:
    before = world.services.connections.get(connected)
    path = f"oauth-clients/{connected}" if what == "oauth-clients" else f"oauth-tokens/ot-{connected[3:]}"
    refused = patch(world, path, **given)
    assert refused.status_code == 422
    assert refused.json["errors"][0]["detail"]
    assert world.services.connections.get(connected) == before
    assert host.asked == []


def test_a_connection_keeps_its_token(world: World, connected: str) -> None:
    refused = world.ask("DELETE", f"oauth-tokens/ot-{connected.removeprefix('oc-')}")
    assert (refused.status_code, "replace it" in refused.json["errors"][0]["detail"]) == (409, True)
    assert world.services.connections.get(connected).token == TOKEN


def test_an_app_has_no_token_to_replace(world: World, host: WhoAmI) -> None:
    private_key = key_pair()[0]
    made = make(world, service_provider="github_app", http_url=host.url, app_id=17, private_key=private_key)
    refused = patch(world, f"oauth-clients/{made.json['data']['id']}", oauth_token_string=TOKEN)
    assert refused.status_code == 422
    assert "no token to replace" in refused.json["errors"][0]["detail"]
