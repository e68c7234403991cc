"""Secrets leave no trace (invariant 11)."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

from bot.manifest import Category
from bot.run import RunStatus, Stage
from handlers.jobs import Job, Verb
from handlers.reactions.gathering import log_tail
from tests.scenarios.fates import minutes_pass
from tests.scenarios.world import HELLO, World

SECRET = "correct-horse-battery-staple-7731"
BY_ENVIRONMENT = "hunter2-and-some-more"
# Prints both at the apply, whole and byte by byte with pauses, so that they are split over many chunks of the log.
PRINTS = """
variable "password" {}
resource "terraform_data" "teller" {
  provisioner "local-exec" {
    command = "echo $SAID $MORE; for c in $(echo $SAID | sed 's/./& /g'); do printf %s $c; sleep 0.01; done; echo"
    environment = { SAID = var.password }
  }
}
output "password" { value = nonsensitive(var.password) }
"""
FAILS = """
variable "password" {}
resource "terraform_data" "fails" {
  input = var.password
  lifecycle {
    precondition {
      condition     = var.password == "something else"
      error_message = "the password was ${var.password}, which is wrong"
    }
  }
}
"""


class Told:
    def __init__(self, world: World, configuration: str) -> None:
        self.world = world
        self.host: Any = world.host
        self.repo = self.host.create_repository("acme/infra", files={"README.md": "infra"})
        self.alice = self.host.person("alice", role="write", repo=self.repo)
        self.prod = world.workspace("prod", self.repo)
        variables = world.services.variables
        variables.set(self.prod.id, "password", SECRET, Category.TERRAFORM, sensitive=True)
        variables.set(self.prod.id, "MORE", BY_ENVIRONMENT, Category.ENVIRONMENT, sensitive=True)
        self.sha = self.repo.push("main", {"main.tf": configuration}, by=self.alice)
        world.settle()
        minutes_pass(world, 4)

    def all_that_people_see(self) -> str:
        seen = [comment.body for comment in self.repo.all_comments]
        seen += [f"{s.context} {s.description} {s.target_url}" for s in self.repo.statuses(self.sha).values()]
        for run in self.world.runs():
            seen += [run.error, self.world.timeline(run)]
            for stage in Stage:
                job = self.world.services.jobs.of_run(run.id, stage)
                if job is not None:
                    seen += [log_tail(self.world.services, job), str(job.result)]
        return "\n".join(seen)


def files_that_hold(folder: Path, secret: str) -> list[Path]:
    spellings = {secret.encode(), base64.b64encode(secret.encode())}
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and any(spelling in path.read_bytes() for spelling in spellings)
    ]


@pytest.mark.parametrize("configuration", [PRINTS, FAILS], ids=["printed by an apply", "in a plan's error"])
def test_a_sensitive_value_appears_nowhere(
    world: World, configuration: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 11: no log, comment, status, timeline; no byte under the data folder; no line of our own log."""
    caplog.set_level(logging.DEBUG)
    told = Told(world, configuration)
    told.repo.comment_on(told.sha, "apply", told.alice)
    world.settle()
    minutes_pass(world, 2)

    (run,) = world.runs()
    assert run.status is (RunStatus.APPLIED if configuration is PRINTS else RunStatus.ERRORED), run.error
    seen = told.all_that_people_see()
    assert "teller" in seen or "which is wrong" in seen  # the place where it would stand
    said = seen + caplog.text + "".join(capfd.readouterr())
    for secret in (SECRET, BY_ENVIRONMENT):
        assert secret not in said
        assert files_that_hold(world.settings.data, secret) == []
    if configuration is PRINTS:
        assert SECRET.encode() in world.state(told.prod)  # an engine's state holds it; ours is sealed


def test_credentials_stand_nowhere_in_plain(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Invariant 11: not the host's token, not a webhook's secret, not a run's or the pool's token."""
    told = Told(world, HELLO)
    services = world.services
    (run,) = world.runs()
    secrets = [
        world.connection().token,
        world.repository().webhook_secret,
        services.tokens.for_run(run.id, Stage.PLAN),
        services.pool_token,
    ]

    printed = "".join(capfd.readouterr()) + told.all_that_people_see()
    for secret in secrets:
        assert len(secret) > 10
        assert secret not in printed
        assert files_that_hold(world.settings.data, secret) == []
    shown = repr([world.connection(), world.repository(), services.runs.manifest(run.id), world.settings, services])
    assert not any(secret in shown for secret in secrets)


def test_trouble_with_a_host_does_not_name_the_credential(
    world: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Invariant 11: neither in what a failed fetch says, nor in what the API's client says."""
    told = Told(world, HELLO)
    token = world.connection().token
    told.repo.push("main", {"more.tf": "# more\n"}, by=told.alice)
    address = world.repository().clone_url
    world.services.records.change("UPDATE repositories SET clone_url = ?", (address.replace("infra", "away"),))
    told.host.pending.clear()
    told.host.fail_next(".*", 500, times=200)
    world.enqueue([Job(Verb.RECONCILE, world.repository().id)])
    minutes_pass(world, 3)
    told.host.trouble.failures.clear()
    world.enqueue([Job(Verb.RECONCILE, world.repository().id)])
    minutes_pass(world, 1)

    outcomes = " ".join(delivery.outcome for delivery in world.services.inbox.recent())
    assert token not in caplog.text + "".join(capfd.readouterr()) + outcomes + told.all_that_people_see()
    assert files_that_hold(world.settings.data, token) == []
