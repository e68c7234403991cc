"""Who gets in: a login link, once, by a button; a bearer token; nobody else."""

from pathlib import Path

import pytest

from storage.tokens import LINK_LIFETIME, TokenKind
from tests.fakes.door_world import World, open_world


def a_link(world: World) -> str:
    return "/login/" + world.services.tokens.give(TokenKind.LOGIN_LINK, world.owner.id, "link")


def test_without_a_session_the_way_in_is_told(world: World) -> None:
    world.run(world.workspace())
    for path in ("/app", "/app/", "/app/acme/prod", "/app/acme/prod/runs/run-x", "/app/no/such/page/at/all"):
        answer = world.browser().get(path)
        assert answer.status_code == 401
        assert "runlock login-link" in answer.text
        assert "acme" not in answer.text


def test_the_address_alone_leads_to_the_home_page(world: World) -> None:
    assert world.browser().get("/").headers["Location"] == "/app"


def test_a_login_link_opens_one_session_once(world: World) -> None:
    browser, link = world.browser(), a_link(world)
    for _ in range(3):  # a chat's preview looks, and looks again
        shown = world.browser().get(link)
        assert shown.status_code == 200
        assert "Set-Cookie" not in shown.headers
    opened = browser.post(link)
    assert opened.status_code == 303
    assert opened.headers["Location"] == "/app"
    cookie = opened.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert browser.get("/app").status_code == 200
    again = world.browser()
    assert again.post(link).status_code == 403
    assert again.get("/app").status_code == 401


def test_over_https_the_cookie_is_secure(tmp_path: Path) -> None:
    with open_world(tmp_path, address="https://runlock.acme.test") as world:
        opened = world.browser().post(a_link(world), base_url="https://runlock.acme.test")
        assert "Secure" in opened.headers["Set-Cookie"]


def test_a_link_is_for_now(world: World) -> None:
    token = world.services.tokens.give(TokenKind.LOGIN_LINK, world.owner.id, "link", LINK_LIFETIME)
    world.clock.advance(minutes=11)
    assert world.browser().post(f"/login/{token}").status_code == 403


def test_a_session_ends_after_twelve_hours(world: World) -> None:
    browser = world.browser()
    browser.post(a_link(world))
    world.clock.advance(hours=11, minutes=59)
    assert browser.get("/app").status_code == 200
    world.clock.advance(minutes=2)
    assert browser.get("/app").status_code == 401


def test_logging_out(world: World) -> None:
    browser = world.browser()
    browser.post(a_link(world))
    assert browser.post("/app/.log-out").status_code == 303
    assert browser.get("/app").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
    ],
)
def test_another_site_does_not_log_anybody_in(world: World, headers: dict[str, str]) -> None:
    link = a_link(world)
    refused = world.browser().post(link, headers=headers)
    assert refused.status_code == 403
    assert "Set-Cookie" not in refused.headers
    assert world.browser().post(link, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303


def test_an_api_token_is_no_login_link(world: World) -> None:
    assert world.browser().post(f"/login/{world.token}").status_code == 403
    assert world.ask("GET", "account/details").status_code == 200  # and it was not spent


def test_a_forged_or_foreign_cookie_is_none(world: World, tmp_path: Path) -> None:
    browser = world.browser()
    browser.post(a_link(world))
    cookie = browser.get_cookie("runlock_session")
    assert cookie is not None
    forged = world.browser()
    forged.set_cookie("runlock_session", cookie.value[:-2])
    assert forged.get("/app").status_code == 401
    with open_world(tmp_path / "another") as other:
        elsewhere = other.browser()
        elsewhere.set_cookie("runlock_session", cookie.value)
        assert elsewhere.get("/app").status_code == 401


def test_a_bearer_token_shows_pages_too(world: World) -> None:
    world.workspace()
    headers = {"Authorization": f"Bearer {world.token}"}
    assert "prod" in world.browser().get("/app", headers=headers).text
    assert world.browser().get("/app", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_what_is_not_yours_is_not_there(world: World) -> None:
    run = world.run(world.workspace())
    other = world.services.workspaces.add(world.organization.id, "other")
    stranger = {"Authorization": f"Bearer {world.stranger()}"}
    for path in ("/app/acme/prod", f"/app/acme/prod/runs/{run.id}", "/app/acme/none", "/app/none/prod"):
        answer = world.browser().get(path, headers=stranger)
        assert answer.status_code == 404
        assert run.message not in answer.text
    assert "acme" not in world.browser().get("/app", headers=stranger).text
    owner = {"Authorization": f"Bearer {world.token}"}
    for path in (f"/app/acme/{other.name}/runs/{run.id}", "/app/acme/prod/runs/run-none", "/app/acme", "/app/a/b/c/d"):
        assert world.browser().get(path, headers=owner).status_code == 404
