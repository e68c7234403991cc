"""Who sent a commit, what it was made on, what its pull request says: as the host told it, for whoever asks later."""

from __future__ import annotations

from typing import Any

from bot.run import Run
from handlers.api.configuration_documents import ingress_resources
from tests.fakes.github import FakeGitHub
from tests.scenarios.plain_git import Bench
from tests.scenarios.talk import MORE, OTHER, Team, made_last
from tests.scenarios.world import HELLO, World


def came_from(world: World, run: Run) -> dict[str, Any]:
    version = world.services.configurations.get(run.configuration_version_id)
    (found,) = ingress_resources(world.services, [version])
    attributes: dict[str, Any] = found["attributes"]
    return attributes


def shown_of(team: Team, person: Any) -> dict[str, str]:
    of_github = f"{team.host.url}/avatars/{person.id}"
    of_gitlab = f"{team.host.url}/uploads/-/system/user/avatar/{person.id}/avatar.png"
    return {
        "sender-username": person.login,
        "sender-html-url": f"{team.host.url}/{person.login}",
        "sender-avatar-url": of_github if isinstance(team.host, FakeGitHub) else of_gitlab,
    }


def compared(team: Team, before: str, after: str) -> str:
    way = "/compare/" if isinstance(team.host, FakeGitHub) else "/-/compare/"
    return f"{team.repo.html_url}{way}{before}...{after}"


def test_a_push(world: World) -> None:
    team = Team(world)
    before = team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    world.settle()
    after = team.repo.push("main", {"more.tf": MORE}, by=team.bob)
    world.settle()

    found = came_from(world, made_last(world))
    assert shown_of(team, team.bob).items() <= found.items()
    assert found["compare-url"] == compared(team, before, after)
    assert found["pull-request-body"] is None


def test_a_tag(world: World) -> None:
    team = Team(world, {"main.tf": HELLO}, tags_regex="^v")
    team.repo.tag("v1", team.repo.head(), by=team.bob)
    world.settle()

    found = came_from(world, made_last(world))
    assert shown_of(team, team.bob).items() <= found.items()
    assert (found["tag"], found["compare-url"]) == ("v1", None)


def test_a_pull_request(world: World) -> None:
    team = Team(world)
    pull = team.open(body="Because <b>they</b> are full.")

    found = came_from(world, made_last(world))
    assert shown_of(team, team.alice).items() <= found.items()
    assert found["pull-request-body"] == "Because <b>they</b> are full."
    assert found["compare-url"] == compared(team, pull.base_sha, pull.head_sha)

    pull.push({"main.tf": OTHER}, by=team.bob)
    team.say(pull, "plan", team.bob)
    asked = came_from(world, made_last(world))
    assert shown_of(team, team.bob).items() <= asked.items()


def test_a_push_to_plain_git_has_no_pages(bench: Bench) -> None:
    bench.world.workspace("prod", str(bench.work.bare))
    bench.commit_and_push({"main.tf": HELLO})

    found = came_from(bench.world, made_last(bench.world))
    nowhere = ("compare-url", "sender-html-url", "sender-avatar-url", "commit-url", "pull-request-body")
    assert [found[name] for name in nowhere] == [None] * 5
    assert found["sender-username"] == "ada"
