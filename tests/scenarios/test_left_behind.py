"""What no row names any more is not left behind: blobs that were replaced or never taken, live logs, expired links."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.run import RunStatus
from bot.stage_words import Outcome
from handlers.jobs import Job, Verb
from handlers.reactions.stages import StageResult, end_stage
from storage.stage_jobs import JobStatus, StageJob
from storage.tokens import TokenKind
from tests.fakes.states import a_state
from tests.scenarios.fates import minutes_pass
from tests.scenarios.talk import BEFORE_MERGE, Team
from tests.scenarios.under_way import At, UnderWay
from tests.scenarios.world import World

LOG = b"Plan: 1 to add\n"
DAY = timedelta(hours=25)  # what is done daily is due


def _begun(story: UnderWay) -> StageJob:
    """The stage job that is in its runner's hands, with a log."""
    assert story.runner
    story.runner.client.put_log(0, LOG)
    return _job(story)


def _job(story: UnderWay) -> StageJob:
    assert story.runner
    job = story.team.world.services.jobs.of_run(story.id, story.runner.claim.job.stage)
    assert job
    return job


def _blobs(world: World) -> set[str]:
    return {path.name for path in (world.services.settings.server_folder / "blobs").rglob("blob-*")}


def _live_logs(world: World) -> list[str]:
    return [path.stem for path in world.services.settings.server_folder.rglob("job-*.log")]


def _noted(world: World) -> int:
    return int(world.services.records.value("SELECT count(*) FROM dropped_blobs"))


def _swept(world: World) -> None:
    world.enqueue([Job(Verb.SWEEP)])
    world.settle()


def test_the_log_of_a_plan_that_was_lost_while_its_result_came(github_world: World) -> None:
    """The door saw the job claimed; the sweep was faster."""
    services = github_world.services
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.PLANNING) as story:
        job = _begun(story)
        minutes_pass(github_world, 2)
        assert services.jobs.get(job.id).status is JobStatus.LOST
        before = _blobs(github_world)

        assert end_stage(services, job, StageResult(Outcome.SUCCEEDED, 0)) == []

        assert _noted(github_world) == 1
        assert _live_logs(github_world) == []
        _swept(github_world)
        assert _blobs(github_world) == before
        assert story.run.status is RunStatus.PLAN_QUEUED


def test_the_log_of_a_result_that_comes_twice(github_world: World) -> None:
    services = github_world.services
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.PLANNING) as story:
        job = _begun(story)
        assert story.runner
        story.runner.says(Outcome.FAILED, 1)
        before = _blobs(github_world)

        assert end_stage(services, job, StageResult(Outcome.FAILED, 1)) == []
        _swept(github_world)

        assert _blobs(github_world) == before
        sealed = services.jobs.get(job.id).log_blob_id
        assert sealed
        assert services.blobs.read(sealed) == LOG


def test_the_log_of_a_stage_whose_workspace_is_gone(github_world: World) -> None:
    services = github_world.services
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.PLANNING) as story:
        job = _begun(story)
        before = _blobs(github_world)
        services.records.change("DELETE FROM stage_jobs WHERE id = ?", (job.id,))

        assert end_stage(services, job, StageResult(Outcome.SUCCEEDED, 0)) == []
        _swept(github_world)

        assert _blobs(github_world) == before
        assert _live_logs(github_world) == []


@pytest.mark.parametrize("days", [30, 0])
def test_the_live_log_of_a_plan_whose_runner_never_came_back(github_world: World, days: int) -> None:
    """Removed within a day, however long the past is kept; as is one that a kill left beside its sealed blob."""
    services = github_world.services
    object.__setattr__(services.settings, "retention_days", days)
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.PLANNING) as story:
        job = _begun(story)
        minutes_pass(github_world, 2)
        assert services.jobs.get(job.id).status is JobStatus.LOST
        assert _live_logs(github_world) == [job.id]

        github_world.wait(hours=25)
        _swept(github_world)

        assert _live_logs(github_world) == []


def test_the_live_log_of_an_apply_that_may_still_end_is_kept(github_world: World) -> None:
    services = github_world.services
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.APPLYING) as story:
        job = _begun(story)
        minutes_pass(github_world, 2)
        assert services.jobs.get(job.id).status is JobStatus.LOST
        github_world.wait(hours=25)
        _swept(github_world)
        assert services.logs.read(job.id) == LOG

        assert story.runner
        story.runner.says(Outcome.FAILED, 1)

        sealed = services.jobs.get(job.id).log_blob_id
        assert sealed
        assert services.blobs.read(sealed) == LOG


def test_the_live_log_of_a_stage_that_goes_on_is_kept(github_world: World) -> None:
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.PLANNING) as story:
        job = _begun(story)
        _swept(github_world)
        github_world.offset += DAY
        assert story.runner
        story.runner.client.heartbeat()
        _swept(github_world)
        assert _live_logs(github_world) == [job.id]


@pytest.mark.parametrize("what", ["plan", "plan-json", "plan-redacted", "work-folder"])
def test_what_is_handed_in_again_replaces_what_was_there(github_world: World, what: str) -> None:
    """The answer to the first attempt was lost."""
    services = github_world.services
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.PLANNING) as story:
        assert story.runner
        before = _blobs(github_world)
        story.runner.hand_in(what, b"first")
        story.runner.hand_in(what, b"second")
        _swept(github_world)

        kept = getattr(_job(story), f"{what.replace('-', '_')}_blob_id")
        assert kept
        assert _blobs(github_world) - before == {kept}
        assert services.blobs.read(kept) == b"second"


def test_a_state_that_is_handed_in_again_removes_no_state(github_world: World) -> None:
    """The result that takes the first one may be under way already."""
    services = github_world.services
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.APPLYING) as story:
        assert story.runner
        story.runner.hand_in("errored-state", a_state(1))
        first = _job(story).errored_state_blob_id
        assert first
        story.runner.hand_in("errored-state", a_state(2))
        _swept(github_world)
        assert services.blobs.read(first) == a_state(1)


def test_links_and_codes_that_ran_out_are_removed_and_api_tokens_stay(plain_world: World) -> None:
    services = plain_world.services
    user = services.people.add_user("ada", "ada@acme.test")
    _swept(plain_world)
    plain_world.wait(hours=25)
    for kind in (TokenKind.LOGIN_LINK, TokenKind.AUTHORIZATION_CODE, TokenKind.USER):
        for lifetime in (-DAY, DAY):
            services.tokens.give(kind, user.id, "for a test", lifetime)

    _swept(plain_world)

    sql = "SELECT kind, count(*) AS number FROM tokens GROUP BY kind"
    left = {row["kind"]: row["number"] for row in services.records.rows(sql)}
    assert left == {TokenKind.LOGIN_LINK: 1, TokenKind.AUTHORIZATION_CODE: 1, TokenKind.USER: 2}


def test_a_blob_whose_process_was_killed_before_it_named_it(github_world: World) -> None:
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.APPLYING):
        _swept(github_world)
        before = _blobs(github_world)
        assert before
        lost = github_world.services.blobs.put(b"and then it was killed")
        _swept(github_world)
        assert _blobs(github_world) == {*before, lost}

        github_world.wait(hours=25)
        _swept(github_world)

        assert _blobs(github_world) == before


@pytest.mark.parametrize("comes_back", [True, False])
def test_the_live_log_of_an_apply_that_was_lost_long_ago(github_world: World, comes_back: bool) -> None:
    """It is sealed, and still to be read; a runner that comes back after all sends it again, and ends it."""
    services = github_world.services
    with UnderWay(Team(github_world, **BEFORE_MERGE), At.APPLYING) as story:
        job = _begun(story)
        minutes_pass(github_world, 2)
        github_world.wait(hours=25 + 7 * 24)
        _swept(github_world)

        kept = services.jobs.get(job.id)
        assert (kept.status, kept.log_size) == (JobStatus.LOST, len(LOG))
        assert kept.log_blob_id
        assert services.blobs.read(kept.log_blob_id) == LOG
        assert _live_logs(github_world) == []
        if comes_back:
            assert services.logs.append(job.id, 0, LOG + b"Apply complete\n")
        end_stage(services, job, StageResult("succeeded", 0))
        ended = services.jobs.get(job.id)
        assert ended.log_blob_id
        assert services.blobs.read(ended.log_blob_id) == LOG + (b"Apply complete\n" if comes_back else b"")
        assert ended.log_size == len(services.blobs.read(ended.log_blob_id))
        before = _blobs(github_world)
        _swept(github_world)
        assert len(before - _blobs(github_world)) == 1  # of the two logs
