"""A run is locked to the values that its variable sets had when it was made (invariant 4)."""

from __future__ import annotations

from bot.run import RunStatus
from handlers.reactions.decisions import confirm
from tests.scenarios.talk import Team
from tests.scenarios.world import HELLO, World


def test_a_run_keeps_what_its_sets_said_when_it_was_made(github_world: World) -> None:
    team, services = Team(github_world), github_world.services
    shared = services.variable_sets.add(team.prod.organization_id, "shared", is_global=True)
    services.set_variables.set(shared.id, "greeting", "first of the set", sensitive=True)
    team.repo.push("main", {"main.tf": HELLO}, by=team.alice)
    github_world.work_until(lambda: bool(github_world.runs()))

    services.set_variables.set(shared.id, "greeting", "second of the set")
    github_world.settle()
    run = github_world.only_run()
    assert run.status is RunStatus.PLANNED
    services.variable_sets.remove(shared.id)
    github_world.enqueue(confirm(services, run.id, "alice"))
    github_world.settle()

    assert b"first of the set" in github_world.state(team.prod)
    frozen = services.runs.manifest(run.id).variables
    assert [(v.key, v.value, v.sensitive) for v in frozen] == [("greeting", "first of the set", True)]
    stored = services.records.value("SELECT manifest FROM runs WHERE id = ?", (run.id,))
    assert b"first of the set" not in stored
