"""A job is a nudge: lost, doubled, late, or killed with its process, it changes nothing (invariant 1)."""

from typing import Any

import pytest

from handlers.jobs import Verb
from tests.scenarios.fates import Fate, PushToApply, at_random, decide_fates, minutes_pass
from tests.scenarios.world import HELLO, World

APART = 19  # jobs between two deaths: some three in a story, and every job of it meets one in some test


@pytest.mark.parametrize("number", range(APART))
def test_the_process_dies_before_a_job(github_world: World, number: int) -> None:
    """Invariant 1: whichever job it is, and whatever was queued behind it, a sweep at the start finds it."""
    story = PushToApply(github_world)
    decide_fates(github_world, lambda n, job: Fate.KILLED if n % APART == number else Fate.DONE)

    story.tell()

    story.check_its_end()


def test_every_job_is_done_twice(world: World) -> None:
    """Invariant 1: Huey gives each task to two workers."""
    story = PushToApply(world)
    decide_fates(world, lambda n, job: Fate.TWICE)

    story.tell()

    story.check_its_end()


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.SWEEP])
def test_every_nudge_of_a_kind_is_lost(github_world: World, verb: Verb) -> None:
    """Invariant 1: each thing that is nudged at all has something in the rows that the sweep finds it by."""
    story = PushToApply(github_world)
    decide_fates(github_world, lambda n, job: Fate.LOST if job.verb is verb else Fate.DONE, spares_swept=True)

    story.tell(minutes=9)

    story.check_its_end()


def test_the_search_for_a_pull_request_is_lost(world: World) -> None:
    """Invariant 1: a push that no pull request brought is asked about at its commit, though nobody came to look."""
    host: Any = world.host
    repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
    world.workspace("prod", repo)
    decide_fates(world, lambda n, job: Fate.LOST if job.verb is Verb.FIND_PULLS else Fate.DONE, spares_swept=True)

    sha = repo.push("main", {"more.tf": "# more\n"})
    world.settle()
    minutes_pass(world, 5)

    (comment,) = repo.comments_on(sha)
    assert "waits for approval" in comment.body


@pytest.mark.parametrize("seed", range(4))
def test_a_bad_day(github_world: World, seed: int) -> None:
    """Invariant 1: a third of all jobs is lost, doubled or killed, and the end is the same."""
    story = PushToApply(github_world)
    decide_fates(github_world, at_random(seed))

    story.tell()
    minutes_pass(github_world, 4)

    story.check_its_end()


def test_late_jobs_change_nothing(github_world: World) -> None:
    """Invariant 1: every job comes once more, hours later."""
    story = PushToApply(github_world)
    jobs = decide_fates(github_world, lambda n, job: Fate.DONE)
    story.tell()
    github_world.wait(hours=3)

    for job in list(jobs):
        github_world.enqueue([job])
    github_world.settle()

    story.check_its_end()
