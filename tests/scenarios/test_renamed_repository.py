"""A repository that got another name or owner is the same one: its runs, its workspaces, its conversation go on."""

from __future__ import annotations

import pytest

from bot.run import RunStatus
from tests.scenarios.talk import MORE, Team
from tests.scenarios.world import HELLO, World


def _move(team: Team, how: str) -> str:
    if how == "renamed":
        team.repo.rename("platform")
    elif team.world.connection().provider.is_gitlab:
        team.repo.transfer("globex")
    else:
        team.repo.transfer(team.host.person("globex", kind="Organization"))
    team.world.settle()
    return "acme/platform" if how == "renamed" else "globex/infra"


@pytest.mark.parametrize("how", ["renamed", "transferred"])
def test_what_happens_under_the_new_name_happens_to_the_same_repository(world: World, how: str) -> None:
    team = Team(world, {"main.tf": HELLO})
    pull = team.open(files={"more.tf": MORE})
    before = world.repository()
    new_path = _move(team, how)
    posted = len(team.host.requests_to("/statuses", "POST"))

    head = pull.push({"more.tf": MORE + "# more\n"}, by=team.alice)
    world.settle()

    (known,) = world.services.repositories.all()
    assert (known.id, known.path) == (before.id, new_path)
    assert known.clone_url != before.clone_url
    run = world.runs()[-1]
    assert (run.commit_sha, run.status) == (head, RunStatus.PLANNED_AND_FINISHED)
    assert team.status(head, "runlock/plan").startswith("success")
    asked = [exchange.path for exchange in team.host.requests_to("/statuses", "POST")[posted:]]
    assert asked
    if not world.connection().provider.is_gitlab:  # which is asked by the project's id
        assert all(new_path in path for path in asked)


@pytest.mark.parametrize("how", ["renamed", "transferred"])
def test_a_plan_from_before_is_applied_by_a_comment_after_it(world: World, how: str) -> None:
    team = Team(world, {"main.tf": HELLO}, vcs_workflow="apply-before-merge", apply_requirements=())
    pull = team.open(files={"more.tf": MORE})
    (run,) = world.runs()
    _move(team, how)

    team.say(pull, "apply")

    assert world.run(run).status is RunStatus.APPLIED
