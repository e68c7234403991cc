"""Runlock as a GitHub App: one webhook for all repositories, tokens that end, a check run with buttons."""

from datetime import timedelta
from typing import Any

import pytest

from bot.connection import Provider
from bot.run import RunStatus
from tests.scenarios.world import HELLO, World


@pytest.fixture
def app_world(github_world: World) -> World:
    """The connection is the App's, installed on acme/infra."""
    world = github_world
    host: Any = world.host
    repo = host.create_repository("acme/infra", files={"README.md": "infra"})
    app = host.create_app()
    connection = world.services.connections.add(
        world.organization().id,
        Provider.GITHUB_APP,
        name="App",
        http_url=host.url,
        api_url=host.api_url,
        app_id=str(app.id),
        private_key=app.private_key,
        app_webhook_secret=app.webhook_secret,
    )
    app.webhook_url = f"{world.address}/webhooks/apps/{connection.id}"
    host.install(repo)
    world.workspace("prod", repo, vcs_workflow="apply-before-merge", apply_requirements=[])
    return world


def _opened(world: World) -> tuple[Any, Any, Any]:
    host: Any = world.host
    repo = host.repository("acme/infra")
    alice = host.person("alice", role="write", repo=repo)
    repo.push("feature", {"main.tf": HELLO}, by=alice)
    pull = repo.open_pull("feature", by=alice)
    world.settle()
    return repo, alice, pull


def _check(repo: Any) -> Any:
    (check,) = [run for run in repo.check_runs if run.body["name"] == "runlock/runs"]
    return check


def test_the_check_run_asks_and_its_button_applies_exactly_what_it_shows(app_world: World) -> None:
    repo, alice, _ = _opened(app_world)
    run = app_world.runs()[-1]
    check = _check(repo)
    assert check.body["conclusion"] == "action_required"
    assert check.body["external_id"] == run.plan_digest[:12]
    assert "1 to add" in check.body["output"]["summary"]
    assert [action["identifier"] for action in check.body["actions"]] == ["apply", "discard"]

    check.press("apply", alice)
    app_world.settle()

    applied = app_world.run(run)
    assert applied.status is RunStatus.APPLIED
    assert applied.confirmed_by == "alice"
    assert _check(repo).body["conclusion"] == "success"
    assert not _check(repo).body["actions"]


def test_a_reader_presses_and_is_refused_and_a_writer_may_after_that(app_world: World) -> None:
    repo, alice, pull = _opened(app_world)
    rhea = app_world.host.person("rhea", role="read", repo=repo)
    _check(repo).press("apply", rhea)
    app_world.settle()
    assert app_world.runs()[-1].status is RunStatus.PLANNED_AND_SAVED
    assert "may not" in pull.comments[-1].body
    _check(repo).press("discard", alice)
    app_world.settle()
    assert app_world.runs()[-1].status is RunStatus.DISCARDED


def test_a_button_needs_what_the_user_behind_the_account_may(app_world: World) -> None:
    """Invariant 13: as a comment does."""
    repo, alice, pull = _opened(app_world)
    services, connection = app_world.services, app_world.services.connections.all()[0]
    user = services.people.add_user("alice-here", "alice@acme.test")
    services.host_accounts.link(connection.id, str(alice.id), user.id)
    for button in ("apply", "discard"):
        _check(repo).press(button, alice)
        app_world.settle()
        assert app_world.runs()[-1].status is RunStatus.PLANNED_AND_SAVED
        assert "no access for applying runs" in pull.comments[-1].body
    services.people.make_owner(app_world.organization().id, user.id)
    _check(repo).press("apply", alice)
    app_world.settle()
    assert app_world.runs()[-1].status is RunStatus.APPLIED


def test_a_button_pressed_on_an_old_plan_applies_nothing(app_world: World) -> None:
    """Invariant 5: the button covers the plans that it showed, and those are gone."""
    repo, alice, pull = _opened(app_world)
    pull.push({"more.tf": 'resource "terraform_data" "more" {}\n'}, by=alice)
    _check(repo).press("apply", alice)  # the page still shows the old plan's button
    app_world.settle()
    assert app_world.statuses_of_runs() == [RunStatus.DISCARDED, RunStatus.PLANNED_AND_SAVED]
    assert "apply" in pull.comments[-1].body


def test_the_apps_token_is_renewed_before_it_ends(app_world: World) -> None:
    repo, alice, pull = _opened(app_world)
    for _ in range(3):
        app_world.wait(minutes=58)
        pull.push({"n.tf": f"# {app_world.offset}\n"}, by=alice)
        app_world.settle()
        assert repo.statuses(repo.head("feature"))["runlock/plan"].state == "success"
    assert app_world.offset > timedelta(hours=2)


def test_the_apps_door_takes_only_what_the_app_signed(app_world: World) -> None:
    repo, alice, _ = _opened(app_world)
    made = len(app_world.runs())
    repo.push("feature", {"x.tf": "# x\n"}, by=alice)
    (delivery, *_) = app_world.host.pending
    forged = {name: value for name, value in delivery.headers.items() if name.lower() != "x-hub-signature-256"}
    client = app_world._app.test_client()
    answer = client.post(
        f"/webhooks/apps/{app_world.services.connections.all()[0].id}", data=delivery.body, headers=forged
    )
    assert answer.status_code == 401
    assert len(app_world.runs()) == made
