"""Text from outside stays text, wherever it is shown; headers see to what would slip through."""

import re
from typing import Any

import pytest

from bot.events import HostRepository, HostUser, PullRequest
from bot.plan_summary import PlanSummary
from bot.run import RunKind, RunStatus, Stage, TriggerReason
from tests.fakes.door_world import World, value

NASTY = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\u202e</pre></details>"


def see(world: World, path: str) -> Any:
    return world.browser().get(path, headers={"Authorization": f"Bearer {world.token}"})


def check(text: str, *, lines: int) -> None:
    """The nasty text is there, in full, and only as text."""
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= lines
    assert "<script>" not in text
    assert "<img src=x" not in text
    assert "{{7*7}}" in text
    assert "javascript:" not in re.sub(r"&[#\w]+;", "", text)


def test_every_field_of_a_run_is_escaped(world: World) -> None:
    workspace = world.workspace()
    assert workspace.repository_id is not None
    pull = PullRequest(41, NASTY, HostUser("7", NASTY), "a" * 40, NASTY, NASTY)
    world.services.pulls.know(workspace.repository_id, pull)
    run = world.run(
        workspace,
        RunStatus.ERRORED,
        kind=RunKind.SAVED_PLAN,
        trigger_reason=TriggerReason.PULL_REQUEST,
        pull_number=41,
        message=NASTY,
        created_by=NASTY,
        confirmed_by=NASTY,
        error=NASTY,
        commit_sha=NASTY,
        manifest_digest=NASTY,
        plan_digest=NASTY,
        variables=(value(NASTY, NASTY),),
        summary=PlanSummary(1, 1, 2, 0, (NASTY,), (NASTY,), (NASTY,), (NASTY,)),
    )
    world.services.timeline.add(run.id, NASTY, NASTY)
    world.services.comments.add(run.id, NASTY, NASTY)
    world.services.workspaces.lock(workspace.id, NASTY, NASTY)
    world.stage(run, Stage.PLAN, NASTY.encode() + b"\x1b[31mred\x1b[0m\x00\xff", finished=True)
    answer = see(world, f"/app/acme/prod/runs/{run.id}")
    assert answer.status_code == 200
    check(answer.text, lines=15)
    log = answer.text.split('class="output"')[1].split("</pre>")[0]
    assert "\u202e" not in log
    assert "\x1b" not in log
    assert "red" in log


@pytest.mark.parametrize("trigger", [TriggerReason.PUSH, TriggerReason.TAG, TriggerReason.MANUAL])
def test_names_of_branches_and_tags_are_escaped(world: World, trigger: TriggerReason) -> None:
    workspace = world.workspace()
    run = world.run(workspace, trigger_reason=trigger, branch=NASTY, tag=NASTY)
    check(see(world, f"/app/acme/prod/runs/{run.id}").text, lines=1)


def test_workspace_and_home_are_escaped(world: World) -> None:
    settings = {"branch": NASTY, "working_directory": NASTY, "engine_version": NASTY, "trigger_prefixes": [NASTY]}
    workspace = world.workspace(**settings)
    world.run(workspace, RunStatus.PLANNED, message=NASTY, created_by=NASTY)
    world.services.workspaces.lock(workspace.id, NASTY, NASTY)
    check(see(world, "/app/acme/prod").text, lines=7)
    check(see(world, "/app").text, lines=2)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil.test/x", "", "https://"])
def test_a_hosts_address_is_only_a_link_if_it_is_one(world: World, url: str) -> None:
    workspace = world.workspace()
    connection = world.services.connections.all()[0]
    world.services.repositories.know(connection.id, HostRepository("1", "acme/infra", "https://x", "main", url))
    run = world.run(workspace, RunStatus.PLANNED)
    for path in ("/app/acme/prod", f"/app/acme/prod/runs/{run.id}"):
        text = see(world, path).text
        assert "javascript:" not in text
        assert "data:text" not in text
        assert "evil.test" not in text


def test_a_message_without_text_still_has_a_link(world: World) -> None:
    run = world.run(world.workspace(), message=" \n\u200b")
    assert f"/app/acme/prod/runs/{run.id}" in see(world, "/app/acme/prod").text


@pytest.mark.parametrize("path", ["/app", "/app/none/none", "/login/x", "/app/.assets/app.css", "/app/acme/prod"])
def test_headers_of_every_page(world: World, path: str) -> None:
    world.workspace()
    answers = [see(world, path), world.browser().get(path)]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        answer.close()


def test_no_page_has_a_script_or_style_of_its_own(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNING)
    world.stage(run, Stage.PLAN, b"hello")
    for path in ("/app", "/app/acme/prod", f"/app/acme/prod/runs/{run.id}", "/app/none/none", "/login/x"):
        text = see(world, path).text
        assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []
        assert "<style" not in text
        assert re.findall(r"\s(?:style|on[a-z]+)=", text) == []


def test_assets_are_served_and_pages_are_not_kept(world: World) -> None:
    for name in ("app.css", "live.js", "icon.svg"):
        answer = world.browser().get(f"/app/.assets/{name}")
        assert answer.status_code == 200
        answer.close()
    assert see(world, "/app").headers["Cache-Control"] == "no-store"


def test_what_goes_wrong_inside_is_a_page_without_its_details(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("handlers.access.Asker.organizations", broken)
    world.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = see(world, "/app")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "log says more" in answer.text
