"""A repository is renamed unheard, and somebody makes a new one of its old name: that one is not ours (GitHub)."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import OutsideTrouble
from bot.events import Commented, HostRepository, HostUser
from bot.run import RunKind, RunStatus, TriggerReason
from handlers.jobs import Job, Verb
from handlers.reactions.comments import on_comment
from handlers.reactions.decisions import discard
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import create_run
from tests.scenarios.fates import minutes_pass
from tests.scenarios.talk import BEFORE_MERGE, MORE, Team
from tests.scenarios.world import HELLO, World


class Mistaken(Team):
    """acme/infra is acme/old now, which nobody told us; the new acme/infra has a pull request of the same number."""

    def __init__(self, world: World) -> None:
        super().__init__(world, {"main.tf": HELLO}, **BEFORE_MERGE, apply_requirements=())
        self.pull = self.open(files={"more.tf": MORE})
        minutes_pass(world, 2)
        self.repo.rename("old")
        self.host.pending.clear()
        self.new: Any = self.host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.mallory = self.host.person("mallory", role="admin", repo=self.new)
        self.new.push("feature", {"more.tf": MORE}, by=self.mallory)
        self.strange = self.new.open_pull("feature", by=self.mallory)
        self.host.pending.clear()
        self.a_moment_passes(minutes=2)


def test_the_new_repository_is_not_compared_with_what_we_know(github_world: World) -> None:
    mistaken = Mistaken(github_world)
    (before,) = github_world.runs()

    minutes_pass(github_world, 25)

    assert github_world.only_run() == before
    assert mistaken.strange.comments == []
    assert mistaken.new.statuses(mistaken.strange.head_sha) == {}


def test_a_command_is_not_looked_for_in_the_new_repository(github_world: World) -> None:
    """What was said in our pull request, told late and under the old name, is not read from the new one."""
    mistaken = Mistaken(github_world)
    asked = len(mistaken.host.requests_to("/comments", "GET"))
    told = HostRepository(mistaken.repo.host_id, "acme/infra", mistaken.new.clone_url, "main")
    said = mistaken.strange.comment("apply", mistaken.mallory)
    event = Commented(told, str(said.id), HostUser(str(mistaken.mallory.id), "mallory"), "apply", mistaken.pull.number)

    with pytest.raises(OutsideTrouble, match="acme/infra is another repository now") as trouble:
        on_comment(github_world.services, github_world.repository(), event)

    assert trouble.value.permanent
    assert github_world.only_run().status is RunStatus.PLANNED_AND_SAVED
    assert len(mistaken.host.requests_to("/comments", "GET")) == asked


def test_the_new_repository_is_told_nothing_of_ours(github_world: World) -> None:
    mistaken = Mistaken(github_world)
    run = github_world.only_run()

    github_world.enqueue(discard(github_world.services, run.id, "carol"))
    minutes_pass(github_world, 2)

    assert github_world.only_run().status is RunStatus.DISCARDED
    assert mistaken.strange.comments == []
    assert mistaken.new.statuses(mistaken.strange.head_sha) == {}
    told = [moment.text for moment in github_world.services.timeline.of(run.id)]
    assert any("could not be told: looking whether acme/infra is the same as before" in text for text in told), told


def test_no_configuration_is_fetched_from_the_new_repository(github_world: World) -> None:
    mistaken = Mistaken(github_world)
    request = RunRequest(github_world.repository(), mistaken.strange.head_sha, TriggerReason.MANUAL, "by hand")

    with pytest.raises(OutsideTrouble, match="another repository now"):
        create_run(github_world.services, mistaken.prod, RunKind.NORMAL, request)

    assert len(github_world.runs()) == 1


def test_the_delivery_that_names_the_new_path_mends_it(github_world: World) -> None:
    mistaken = Mistaken(github_world)
    head = mistaken.pull.push({"more.tf": MORE + "# more\n"})

    github_world.settle()

    run = github_world.runs()[-1]
    assert (run.commit_sha, run.status) == (head, RunStatus.PLANNED_AND_SAVED)
    assert mistaken.repo.statuses(head)["runlock/plan"].state == "success"
    github_world.enqueue([Job(Verb.SWEEP, "start")])
    github_world.settle()
    assert github_world.repository().path == "acme/old"
