"""A workspace that takes submodules plans them at their pinned commits; another one sees empty folders."""

from __future__ import annotations

import pytest

from bot.run import RunStatus
from tests.fakes.github_git import Content, Submodule
from tests.scenarios.talk import Team
from tests.scenarios.world import HELLO, World

USING = 'module "hello" {\n  source = "./modules/hello"\n}\noutput "greeting" {\n  value = module.hello.greeting\n}\n'


def _pinning(team: Team, url: str) -> dict[str, Content]:
    """What main.tf uses comes from another repository, at a commit that isn't its newest."""
    library = team.host.create_repository("acme/library", files={"hello.tf": HELLO})
    pinned = library.head("main")
    library.push("main", {"hello.tf": "this is no configuration"}, by=team.alice)
    team.host.pending.clear()
    modules = f'[submodule "hello"]\n\tpath = modules/hello\n\turl = {url}\n'
    return {".gitmodules": modules, "modules/hello": Submodule(pinned), "main.tf": USING}


def test_a_run_holds_its_submodules_at_their_pinned_commits(world: World) -> None:
    team = Team(world, ingress_submodules=True)
    team.repo.push("main", _pinning(team, "../library.git"), by=team.alice)
    world.settle()

    run = world.only_run()
    assert run.status is RunStatus.PLANNED, (run.error, world.timeline(run))
    team.the_host_is_asked_for_two_minutes()
    team.say(run.commit_sha, "apply")
    assert world.run(run).status is RunStatus.APPLIED
    assert b'"hello"' in world.state(team.prod)


def test_a_workspace_without_them_says_what_is_missing(world: World) -> None:
    team = Team(world)
    team.repo.push("main", _pinning(team, "../library.git"), by=team.alice)
    world.settle()

    run = world.only_run()
    assert run.status is RunStatus.ERRORED
    assert run.error


@pytest.mark.parametrize("url", ["file:///etc", "/etc"])
def test_a_submodule_from_the_servers_own_files_makes_no_run(world: World, url: str) -> None:
    team = Team(world, ingress_submodules=True)
    sha = team.repo.push("main", _pinning(team, url), by=team.alice)
    world.settle()

    assert world.runs() == []
    (delivery, *_) = world.services.inbox.recent(1)
    assert "submodule" in delivery.outcome or "hello" in delivery.outcome, delivery.outcome
    assert sha
