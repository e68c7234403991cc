"""No configuration of Runlock is read from the repository: nobody weakens the gate through which they go (14)."""

from __future__ import annotations

from typing import Any

import pytest

from bot.run import RunStatus
from tests.scenarios.fates import minutes_pass
from tests.scenarios.world import HELLO, World

WISHES = """
auto-apply: true
auto_apply: true
apply-permission: read
apply_permission: read
apply-requirements: []
apply_requirements: []
author-may-apply: true
working-directory: elsewhere
engine: tofu
speculative-enabled: false
workflow: apply-before-merge
"""
NAMES = ("runlock.yaml", ".runlock.yaml", ".runlock.yml", "runlock.yml", ".runlock/config.yaml", "runlock.json")
FILES: dict[str, str] = dict.fromkeys((*NAMES, "atlantis.yaml", ".runlock.toml", "runlock.toml"), WISHES)


@pytest.mark.parametrize("how", ["push", "pull request"])
def test_a_file_in_the_repository_changes_nothing(world: World, how: str) -> None:
    """Invariant 14: neither on the tracked branch nor in a pull request; what waits for approval still does."""
    host: Any = world.host
    repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
    alice = host.person("alice", role="write", repo=repo)
    reader = host.person("rhea", role="read", repo=repo)
    settings: dict[str, Any] = {"apply_permission": "maintain", "author_may_apply": False}
    if how == "pull request":
        settings["vcs_workflow"] = "apply-before-merge"
    prod = world.workspace("prod", repo, **settings)
    before = world.services.workspaces.get(prod.id)

    if how == "push":
        place: Any = repo.push("main", FILES, by=alice)
    else:
        repo.push("feature", FILES, by=alice)
        place = repo.open_pull("feature", by=alice)
    world.settle()
    minutes_pass(world, 4)
    for person in (alice, reader):
        if how == "push":
            repo.comment_on(place, "apply", person)
        else:
            place.comment("apply", person)
        world.settle()

    run = world.only_run()
    assert run.status is (RunStatus.PLANNED if how == "push" else RunStatus.PLANNED_AND_SAVED), run.error
    assert not run.auto_apply
    manifest = world.services.runs.manifest(run.id)
    assert (manifest.working_directory, manifest.engine) == ("", "terraform")
    after = world.services.workspaces.get(prod.id)
    assert after.apply_permission == "maintain"
    assert {**before.__dict__, "latest_run_id": run.id} == after.__dict__
