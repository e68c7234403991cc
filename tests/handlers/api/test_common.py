"""What holds for the whole API: who may ask, sloppy requests, pages, errors, headers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.manifest import Category, VariableValue
from bot.run import RunStatus
from handlers.api.documents import MEDIA_TYPE, one, resource
from storage.tokens import TokenKind
from tests.fakes.door_world import World


def test_ping_needs_no_token_and_carries_what_the_cli_reads(world: World) -> None:
    for path in ("/api/v2/ping", "/api/v2/ping/"):
        answer = world.browser().get(path)
        assert answer.status_code == 204
        assert answer.headers["TFP-API-Version"] == "2.6"
        assert answer.headers["TFP-AppName"] == "Terraform Enterprise"
        assert answer.headers["X-TFE-Version"] == "v202503-1"


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Basic YWRhOng=", "Bearer \xe9"])
def test_without_a_good_token_there_is_only_401(world: World, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    for path in ("organizations", "organizations/acme", "no/such/thing"):
        answer = world.browser().get(f"/api/v2/{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.json["errors"][0]["status"] == "401"
        assert answer.content_type == MEDIA_TYPE


def test_a_session_is_for_pages_not_for_the_api(world: World) -> None:
    browser = world.browser()
    with browser.session_transaction() as session:
        session["user"], session["until"] = world.owner.id, "2999-01-01T00:00:00Z"
    assert browser.get("/app").status_code == 200
    assert browser.get("/api/v2/account/details").status_code == 401


def test_an_expired_or_removed_token_is_none(world: World) -> None:
    token = world.services.tokens.give(TokenKind.USER, world.owner.id, "short", timedelta(hours=1))
    assert world.ask("GET", "account/details", token=token).status_code == 200
    world.clock.advance(hours=2)
    assert world.ask("GET", "account/details", token=token).status_code == 401


def test_a_login_link_is_no_api_token(world: World) -> None:
    link = world.services.tokens.give(TokenKind.LOGIN_LINK, world.owner.id, "link")
    assert world.ask("GET", "account/details", token=link).status_code == 401


def test_what_is_not_yours_is_not_there(world: World) -> None:
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.PLANNED)
    variable = world.services.variables.set(workspace.id, "region", "x")
    comment = world.services.comments.add(run.id, "ada", "hello")
    connection = world.services.connections.all()[0]
    suffix, token = run.id.removeprefix("run-"), world.stranger()
    asked = [
        *(("GET", f"organizations/acme{rest}") for rest in ("", "/entitlement-set", "/workspaces", "/runs")),
        *(
            ("GET", f"organizations/acme/{rest}")
            for rest in ("runs/queue", "capacity", "oauth-clients", "oauth-tokens")
        ),
        *((method, "organizations/acme/workspaces/prod") for method in ("GET", "PATCH", "DELETE")),
        *((method, f"workspaces/{workspace.id}") for method in ("GET", "PATCH", "DELETE")),
        *(("POST", f"workspaces/{workspace.id}/actions/{verb}") for verb in ("lock", "unlock", "force-unlock")),
        *((method, f"workspaces/{workspace.id}/vars") for method in ("GET", "POST")),
        *((method, f"workspaces/{workspace.id}/vars/{variable.id}") for method in ("GET", "PATCH", "DELETE")),
        *(("GET", f"{rest}") for rest in (f"workspaces/{workspace.id}/runs", f"runs/{run.id}")),
        *(("GET", f"runs/{run.id}/{rest}") for rest in ("run-events", "comments", "plan", "apply")),
        *(("POST", f"runs/{run.id}/actions/{verb}") for verb in ("apply", "discard", "cancel", "force-cancel")),
        ("POST", f"runs/{run.id}/comments"),
        *(("GET", rest) for rest in (f"comments/{comment.id}", f"plans/plan-{suffix}", f"applies/apply-{suffix}")),
        *((method, f"oauth-clients/{connection.id}") for method in ("GET", "DELETE")),
        ("GET", f"oauth-clients/{connection.id}/oauth-tokens"),
        ("GET", f"oauth-tokens/ot-{connection.id.removeprefix('oc-')}"),
        ("POST", "organizations/acme/workspaces"),
        ("POST", "organizations/acme/oauth-clients"),
        ("DELETE", "organizations/acme"),
    ]
    for method, path in asked:
        answer = world.ask(method, path, None if method == "GET" else {}, token=token)
        assert answer.status_code == 404, (method, path)
        assert answer.json["errors"][0]["title"] == "not found"
    assert world.services.runs.get(run.id).status is RunStatus.PLANNED
    assert world.services.workspaces.get(workspace.id).is_locked is False


def test_unknown_paths_and_methods_answer_in_json(world: World) -> None:
    for method, path in (("GET", "nothing/here"), ("PUT", "organizations"), ("DELETE", "account/details")):
        answer = world.ask(method, path)
        assert answer.status_code == 404
        assert answer.json["errors"][0]["status"] == "404"
        assert answer.headers["TFP-API-Version"] == "2.6"


LOCK_BODIES: list[tuple[bytes, str]] = [
    (b"", ""),
    (b"null", ""),
    (b"{}", ""),
    (b'{"reason": "plain"}', "plain"),
    (b'{"data": null}', ""),
    (b'{"data": {"type": "", "attributes": {"reason": "wrapped"}}}', "wrapped"),
    (b'{"data": {"attributes": {"reason": "more", "unknown": {"a": [1]}}}, "meta": 3}', "more"),
    (b'{"reason": null}', ""),
]


@pytest.mark.parametrize(("body", "reason"), LOCK_BODIES)
def test_sloppy_bodies_are_understood(world: World, body: bytes, reason: str) -> None:
    workspace = world.workspace()
    answer = world.ask("POST", f"workspaces/{workspace.id}/actions/lock/", data=body)
    assert answer.status_code == 200
    assert world.services.workspaces.get(workspace.id).lock_reason == reason


@pytest.mark.parametrize(
    "body",
    [
        *(b"[]", b"3", b'"x"', b"{", b"\xff\xfe", b'{"data": []}', b'{"data": {"attributes": []}}', b"[" * 100_000),
        *(b'{"reason": "\\ud800"}', b"1" * 5_000),
    ],
)
def test_what_cannot_be_read_is_400(world: World, body: bytes) -> None:
    workspace = world.workspace()
    answer = world.ask("POST", f"workspaces/{workspace.id}/actions/lock", data=body)
    assert answer.status_code == 400
    assert answer.json["errors"][0]["detail"]
    assert not world.services.workspaces.get(workspace.id).is_locked


def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    answer = world.ask("POST", "organizations", data=b'{"name": "' + b"x" * (3 << 20) + b'"}')
    assert answer.status_code == 413
    assert answer.json["errors"][0]["status"] == "413"


@pytest.mark.parametrize("slash", ["", "/"])
def test_trailing_slashes_are_nothing(world: World, slash: str) -> None:
    workspace = world.workspace()
    answer = world.ask("POST", f"workspaces/{workspace.id}/vars{slash}", {"key": "a", "value": "b"})
    assert answer.status_code == 201
    assert world.ask("GET", f"workspaces/{workspace.id}/vars{slash}").status_code == 200


def page(world: World, query: dict[str, str]) -> Any:
    answer = world.ask("GET", "organizations/acme/workspaces", query_string=query)
    assert answer.status_code == 200
    return answer.json


def test_pages(world: World) -> None:
    for number in range(5):
        world.services.workspaces.add(world.organization.id, f"w{number}")
    found = page(world, {"page[number]": "2", "page[size]": "2"})
    assert [w["attributes"]["name"] for w in found["data"]] == ["w2", "w3"]
    assert found["meta"]["pagination"] == {
        "current-page": 2,
        "page-size": 2,
        "prev-page": 1,
        "next-page": 3,
        "total-pages": 3,
        "total-count": 5,
    }
    last = page(world, {"page[number]": "3", "page[size]": "2"})
    assert last["meta"]["pagination"]["next-page"] is None
    beyond = page(world, {"page[number]": "9", "page[size]": "2"})
    assert beyond["data"] == []
    assert beyond["meta"]["pagination"]["next-page"] is None
    assert page(world, {"search[name]": "none"})["meta"]["pagination"]["total-pages"] == 1


@pytest.mark.parametrize("number", ["", "0", "-1", "x", "1.5", "9" * 30, "٣"])
def test_senseless_page_numbers_are_not_asked(world: World, number: str) -> None:
    world.services.workspaces.add(world.organization.id, "w")
    found = page(world, {"page[number]": number, "page[size]": number})
    assert found["meta"]["pagination"]["current-page"] == 1
    assert found["meta"]["pagination"]["page-size"] == 20


def test_a_page_has_at_most_a_hundred(world: World) -> None:
    assert page(world, {"page[size]": "5000"})["meta"]["pagination"]["page-size"] == 100
    assert page(world, {"page[number]": "99999999999"})["data"] == []


@pytest.mark.parametrize(
    ("path", "name"),
    [("runs", "search[user]"), ("runs", "search[basic]"), ("workspaces", "search[wildcard-name]"), ("teams", "q")],
)
def test_what_is_searched_for_is_no_book(world: World, path: str, name: str) -> None:
    """SQLite's patterns have a longest length, and a text is looked for in every row."""
    path = f"organizations/acme/{path}"
    assert world.ask("GET", path, query_string={name: "%" * 1_000}).status_code == 200
    answer = world.ask("GET", path, query_string={name: "a" * 1_001})
    assert answer.status_code == 400
    assert answer.json["errors"][0]["detail"] == f"{name} has at most 1000 characters"


@pytest.mark.parametrize("slip", [VariableValue("token", "hunter2", Category.ENVIRONMENT), datetime.now(UTC)])
def test_what_is_no_json_is_never_written(slip: object) -> None:
    """A dataclass would show what its repr hides, and a moment would end as Terraform's CLI can't read it."""
    with pytest.raises(TypeError):
        one(resource("runs", "run-1", {"slip": slip}))


@pytest.mark.parametrize(
    ("path", "attributes"),
    [
        ("organizations/acme/workspaces", {"name": "dev", "auto-apply": "yes"}),
        ("organizations/acme/workspaces", {"name": "dev", "description": 3}),
        ("runs", {"auto-apply": "yes"}),
        ("runs", {"message": 3}),
        ("runs", {"message": "x" * 1_000_000}),
        ("runs", {"target-addrs": "terraform_data.a"}),
        ("runs", {"variables": {"size": "2"}}),
        ("runs", {"terraform-version": "9.9.9"}),
        ("workspaces/:id/actions/lock", {"reason": 3}),
        ("workspaces/:id/actions/lock", {"reason": "x" * 1_001}),
        ("workspaces/:id/notification-configurations", {"destination-type": 3, "name": "ops"}),
        ("workspaces/:id/vars", {"key": "size", "hcl": "yes"}),
        ("organizations/acme/teams", {"name": "ops", "organization-access": []}),
    ],
)
def test_an_attribute_that_can_not_be_is_422(world: World, path: str, attributes: dict[str, Any]) -> None:
    """Whatever it belongs to; only what can't be read at all is 400."""
    workspace = world.workspace()
    related = {"workspace": {"data": {"type": "workspaces", "id": workspace.id}}}
    body = {"data": {"attributes": attributes, "relationships": related}}
    answer = world.ask("POST", path.replace(":id", workspace.id), body)
    assert answer.status_code == 422, answer.text
    (name,) = attributes.keys() - {"name", "key"}
    assert name in answer.json["errors"][0]["detail"]
    assert not world.services.workspaces.get(workspace.id).is_locked


def test_includes_with_hyphens_and_underscores(world: World) -> None:
    run = world.run(world.workspace())
    for names in ("configuration-version,workspace", "configuration_version,workspace"):
        answer = world.ask("GET", f"runs/{run.id}", query_string={"include": names})
        assert [i["type"] for i in answer.json["included"]] == ["workspaces"]
    refused = world.ask("GET", f"runs/{run.id}", query_string={"include": "workspace,passwords"})
    assert refused.status_code == 400
    assert refused.json["errors"][0]["title"] == "Invalid include parameter"
    assert world.ask("GET", f"runs/{run.id}", query_string={"include": ""}).status_code == 200
    assert world.ask("GET", f"runs/{run.id}", query_string={"include": "task_stages"}).status_code == 200


def test_what_goes_wrong_inside_is_said_in_json(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("handlers.access.Asker.organizations", broken)
    world.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = world.ask("GET", "organizations")
    assert answer.status_code == 500
    assert answer.json["errors"][0]["status"] == "500"
    assert "secret" not in answer.text
