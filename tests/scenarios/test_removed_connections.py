"""A connection is removed that its workspace has left: what it brought is over by then, and nothing is owed to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import requests

from bot.errors import NotFound
from bot.run import RunKind, RunStatus, Stage
from handlers.jobs import Job, Verb
from handlers.reactions.decisions import discard
from handlers.reactions.joining import change_workspace
from handlers.tasks import REACTIONS, perform
from storage.tokens import TokenKind
from tests.scenarios.pushes import Pushes
from tests.scenarios.runners import HandRunner
from tests.scenarios.world import World


class Leaving(Pushes):
    """prod was pushed to, and listens to no repository any more."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.world = world
        self.commit_sha = self.push()
        world.settle()
        (self.run,) = world.runs()
        change_workspace(world.services, world.organization(), self.workspaces[0], {}, leave_vcs=True)
        owner = world.services.people.add_user("ada", "ada@acme.test")
        world.services.people.make_owner(world.organization().id, owner.id)
        self.token = world.services.tokens.give(TokenKind.USER, owner.id, "for a test")

    def remove_connection(self) -> requests.Response:
        url = f"{self.world.address}/api/v2/oauth-clients/{self.world.connection().id}"
        return requests.delete(url, headers={"Authorization": f"Bearer {self.token}"}, timeout=10)

    def settle_alone(self) -> list[Job]:
        """Sweep and do all that comes of it, each minute for five; the jobs. What a job raises is raised here."""
        done: list[Job] = []
        for _ in range(5):
            waiting = [Job(Verb.SWEEP)]
            while waiting:
                done.append(waiting.pop(0))
                waiting += [job for job in perform(self.world.services, done[-1]) if not job.delay_seconds]
            self.world.offset += timedelta(minutes=1)
        return done


@pytest.fixture
def leaving(world: World) -> Leaving:
    return Leaving(world)


def test_not_while_a_run_of_it_waits(leaving: Leaving) -> None:
    refused = leaving.remove_connection()
    assert refused.status_code == 409
    assert f"{leaving.run.id} of acme/infra is not over" in refused.json()["errors"][0]["detail"]
    discard(leaving.world.services, leaving.run.id, "alice")
    assert leaving.world.run(leaving.run).status is RunStatus.DISCARDED
    assert leaving.remove_connection().status_code == 204


def test_nothing_is_owed_to_a_host_that_is_gone(leaving: Leaving) -> None:
    """Otherwise each sweep would come back for what can't be said, and for pull requests that nobody can ask for."""
    world, services = leaving.world, leaving.world.services
    discard(services, leaving.run.id, "alice")  # of which the host has not been told
    assert services.outbox.backlog()[0] > 0
    services.records.change("DELETE FROM commit_pulls")
    blob_id = services.configurations.get(leaving.run.configuration_version_id).blob_id
    blobs = services.settings.server_folder / "blobs"
    assert list(blobs.rglob(blob_id))

    assert leaving.remove_connection().status_code == 204
    done = leaving.settle_alone()

    assert not {Verb.SEND, Verb.FIND_PULLS, Verb.RECONCILE}.intersection(job.verb for job in done)
    assert services.outbox.backlog()[0] == 0
    assert not list(blobs.rglob(blob_id))
    page = requests.get(
        f"{world.address}/app/acme/prod/runs/{leaving.run.id}",
        headers={"Authorization": f"Bearer {leaving.token}"},
        timeout=10,
    )
    assert page.status_code == 200


def test_a_merge_that_would_follow_an_apply_is_given_up(leaving: Leaving) -> None:
    world, services = leaving.world, leaving.world.services
    discard(services, leaving.run.id, "alice")
    over = world.run(leaving.run)
    as_applied = replace(over, kind=RunKind.SAVED_PLAN, pull_number=7, times={"applying": over.created_at})
    services.runs.move(over, as_applied)
    services.runs.owe_follow_up(over.id)

    assert leaving.remove_connection().status_code == 204
    leaving.settle_alone()

    assert services.runs.follow_ups() == []


def test_what_can_not_be_dealt_with_keeps_nothing_else_from_being_found(world: World) -> None:
    """The sweep only looks: what raises does so in a job of its own."""
    world.is_runner_there = False
    pushes = Pushes(world, ("prod", "stage"))
    pushes.push()
    world.settle()
    spoiled, other = world.runs()
    for run in (spoiled, other):
        HandRunner(world, run, Stage.PLAN).client.__exit__()
    world.services.records.change("UPDATE runs SET repository_id = 'repo-gone' WHERE id = ?", (spoiled.id,))
    world.offset += timedelta(minutes=10)

    jobs = perform(world.services, Job(Verb.SWEEP))

    (of_spoiled,) = (job for job in jobs if job.ident == world.services.jobs.of_run(spoiled.id, Stage.PLAN).id)
    with pytest.raises(NotFound):
        perform(world.services, of_spoiled)
    for job in jobs:
        if job != of_spoiled and job.verb is not Verb.HANDLE_DELIVERIES:
            world.enqueue(perform(world.services, job))
    assert world.run(spoiled).status is RunStatus.PLANNING
    assert world.run(other).status is RunStatus.PLAN_QUEUED


def test_every_verb_has_its_reaction() -> None:
    assert set(REACTIONS) | {Verb.NUDGE_RUNNER} == set(Verb)


def test_a_runner_that_is_heard_of_between_the_sweep_and_its_job_keeps_its_stage(github_world: World) -> None:
    world = github_world
    world.is_runner_there = False
    Pushes(world).push()
    world.settle()
    (run,) = world.runs()
    with HandRunner(world, run, Stage.PLAN) as runner:
        world.offset += timedelta(minutes=10)
        lost = [job for job in perform(world.services, Job(Verb.SWEEP)) if job.verb is Verb.LOSE_STAGE]
        runner.client.heartbeat()
        (job,) = lost
        assert perform(world.services, job) == []
        runner.plans_something()
    assert world.run(run).status is RunStatus.PLANNED
