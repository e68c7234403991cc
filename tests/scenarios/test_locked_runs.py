"""A run never changes what it is locked to (invariant 4)."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import OutsideTrouble
from bot.manifest import Category
from bot.run import Run, RunStatus
from bot.vcs.mirror import Mirror
from handlers.jobs import Job, Verb
from handlers.reactions.decisions import confirm
from tests.scenarios.world import World

SHOWS = """
variable "greeting" { default = "none" }
resource "terraform_data" "hello" { input = var.greeting }
output "greeting" { value = terraform_data.hello.output }
"""


class Pending:
    """A push whose run waits for a runner; the greeting was `hello` when it was made."""

    def __init__(self, world: World, **settings: Any) -> None:
        self.world = world
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"main.tf": "", "sub/main.tf": ""})
        self.prod = world.workspace("prod", self.repo, **settings)
        self.greets("hello")
        world.is_runner_there = False
        self.sha = self.repo.push("main", {"main.tf": SHOWS})
        world.settle()
        self.run: Run = world.only_run()
        self.manifest = world.services.runs.manifest(self.run.id)

    def greets(self, value: str) -> None:
        self.world.services.variables.set(self.prod.id, "greeting", value, Category.TERRAFORM)

    def goes_on(self) -> None:
        """A runner is there now; what is planned is approved and applied."""
        self.world.is_runner_there = True
        job = self.world.services.jobs.queued()[0]
        self.world.enqueue([Job(Verb.NUDGE_RUNNER, job.id)])
        self.world.settle()
        assert self.world.run(self.run).status is RunStatus.PLANNED, self.world.run(self.run).error
        self.world.enqueue(confirm(self.world.services, self.run.id, "alice"))
        self.world.settle()
        assert self.world.run(self.run).status is RunStatus.APPLIED


def test_a_variable_changed_while_pending_is_for_later_runs(world: World) -> None:
    """Invariant 4: the run applies what it was made with; the next one has the new value."""
    told = Pending(world)
    told.greets("changed")

    told.goes_on()

    assert b'"hello"' in world.state(told.prod)
    assert b"changed" not in world.state(told.prod)
    told.repo.push("main", {"more.tf": "# next\n"})
    world.settle()
    assert world.services.runs.manifest(world.runs()[-1].id).variables[0].value == "changed"


def test_settings_changed_while_pending_are_for_later_runs(github_world: World) -> None:
    """Invariant 4: engine, version and folder are those of its creation."""
    told = Pending(github_world)

    github_world.services.workspaces.change(
        told.prod.id, {"working_directory": "sub", "engine_version": "0.0.1", "auto_apply": True}
    )
    told.goes_on()

    assert github_world.services.runs.manifest(told.run.id) == told.manifest
    assert b'"hello"' in github_world.state(told.prod)
    assert not github_world.run(told.run).auto_apply


def test_the_configuration_outlives_its_branch(world: World) -> None:
    """Invariant 4: the branch is forced away and the commit collected; the mirror's pin and our archive keep it."""
    told = Pending(world)
    told.repo.push("main", {"main.tf": "# nothing left\n"}, force=True)
    world.settle()
    mirror = world.settings.server_folder / "mirrors" / world.repository().id
    for folder in (told.repo.bare.folder, mirror):
        for command in (["reflog", "expire", "--expire=now", "--all"], ["gc", "--quiet", "--prune=now"]):
            subprocess.run(["git", "-C", str(folder), *command], check=True, capture_output=True)
    assert not told.repo.bare.has(told.sha)

    told.goes_on()

    assert b'"hello"' in world.state(told.prod)
    assert world.services.mirror(world.repository()).has_commit(told.sha)


def test_the_manifests_digest_is_keyed(github_world: World) -> None:
    """Invariant 4: who sees the digest can't check a guess of a value, and any change of what is locked changes it."""
    told = Pending(github_world)
    key = github_world.services.keyring.derive("manifests")

    assert told.run.manifest_digest == told.manifest.digest(key)
    assert told.run.manifest_digest != told.manifest.digest(b"guessed")
    others = [
        replace(told.manifest, variables=()),
        replace(told.manifest, variables=(replace(told.manifest.variables[0], value="hullo"),)),
        replace(told.manifest, variables=(replace(told.manifest.variables[0], sensitive=True),)),
        replace(told.manifest, working_directory="sub"),
        replace(told.manifest, commit_sha="0" * 40),
        replace(told.manifest, base_sha="0" * 40),
        replace(told.manifest, pull_number=7),
        replace(told.manifest, engine_version="1.0"),
        replace(told.manifest, is_destroy=True),
    ]
    digests = {manifest.digest(key) for manifest in [told.manifest, *others]}
    assert len(digests) == len(others) + 1


def test_there_is_no_run_before_its_configuration_is_here(github_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invariant 4: fetched, archived and pinned first; if that fails the delivery waits, and there is no half run."""
    told = Pending(github_world)
    really_archive, is_full = Mirror.archive, [True]

    def archive(mirror: Mirror, *rest: Any, **more: Any) -> None:
        if is_full[0]:
            raise OutsideTrouble("archiving: no space left on device")
        really_archive(mirror, *rest, **more)

    monkeypatch.setattr(Mirror, "archive", archive)
    told.repo.push("main", {"more.tf": "# next\n"})
    github_world.settle()
    assert len(github_world.runs()) == 1

    is_full[0] = False
    github_world.wait(seconds=10)

    run = github_world.runs()[-1]
    services = github_world.services
    version = services.configurations.get(run.configuration_version_id)
    assert run.commit_sha == version.commit_sha == told.repo.head()
    assert services.blobs.read(version.blob_id)
