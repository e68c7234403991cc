"""The runners' door: one runner per stage, a stale lease gets 409, and nobody is trusted to be well-formed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests

from bot.run import Run, RunStatus, Stage
from bot.runner.client import LogGap, StaleLease, claim_job
from bot.stage_words import Outcome
from handlers.app import create_app
from tests.scenarios.fates import minutes_pass
from tests.scenarios.runners import HandRunner
from tests.scenarios.world import HELLO, World


class Waiting:
    """A run that waits for a runner to plan it."""

    def __init__(self, world: World) -> None:
        self.world = world
        host: Any = world.host
        self.repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
        world.workspace("prod", self.repo)
        world.is_runner_there = False
        self.repo.push("main", {"more.tf": "# one\n"})
        world.settle()
        self.run: Run = world.only_run()
        job = world.services.jobs.of_run(self.run.id, Stage.PLAN)
        assert job is not None
        self.job = job
        self.base = f"{world.address}/runner/v1/jobs/{job.id}"

    def ask(self, runner: HandRunner, method: str, path: str, **options: Any) -> requests.Response:
        headers = {
            "Authorization": f"Bearer {runner.claim.job_token}",
            "X-Runlock-Lease": runner.claim.lease_id,
            **options.pop("headers", {}),
        }
        return requests.request(method, f"{self.base}/{path}", headers=headers, timeout=10, **options)


@pytest.fixture
def waiting(github_world: World) -> Waiting:
    return Waiting(github_world)


def test_the_second_runner_gets_nothing(waiting: Waiting) -> None:
    """A doubled nudge: two runners hear of the same job."""
    with HandRunner(waiting.world, waiting.run, Stage.PLAN):
        assert claim_job(waiting.world.address, waiting.world.services.pool_token, waiting.job.id, "runner-8") is None


@pytest.mark.parametrize("token", ["", "x", "Bearer"])
def test_only_the_pool_claims(waiting: Waiting, token: str) -> None:
    bearer = {"Authorization": f"Bearer {token}"}

    assert requests.post(f"{waiting.base}/claim", json={}, headers=bearer, timeout=10).status_code == 401
    assert waiting.world.run(waiting.run).status is RunStatus.PLAN_QUEUED


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"runner": 7}', b'{"runner": "\\ud800"}'])
def test_a_claim_of_any_shape_is_a_claim(waiting: Waiting, body: bytes) -> None:
    bearer = {"Authorization": f"Bearer {waiting.world.services.pool_token}", "Content-Type": "application/json"}

    answer = requests.post(f"{waiting.base}/claim", data=body, headers=bearer, timeout=10)

    assert answer.status_code == 200
    assert waiting.world.run(waiting.run).status is RunStatus.PLANNING


def test_a_job_that_is_not_there_is_gone(waiting: Waiting) -> None:
    assert claim_job(waiting.world.address, waiting.world.services.pool_token, "job-nobody", "runner-8") is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "configuration"), ("GET", "work-folder"), ("PUT", "log?offset=0"), ("POST", "heartbeat")),
        *(("PUT", "plan"), ("PUT", "plan-json"), ("PUT", "work-folder"), ("PUT", "errored-state"), ("POST", "result")),
    ],
)
def test_a_stale_lease_gets_409_always(waiting: Waiting, method: str, path: str) -> None:
    """Whatever it asks: with another lease, and after its own was lost."""
    with HandRunner(waiting.world, waiting.run, Stage.PLAN) as runner:
        for lease in ("", "lease-other"):
            assert waiting.ask(runner, method, path, headers={"X-Runlock-Lease": lease}).status_code == 409
        for token in (
            "",
            "x",
            waiting.world.services.pool_token,
            waiting.world.services.tokens.for_run(waiting.run.id, Stage.PLAN),
        ):
            answer = waiting.ask(runner, method, path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401
        minutes_pass(waiting.world, 2)
        assert waiting.ask(runner, method, path).status_code == 409


def test_a_log_is_written_once_however_often_it_is_sent(waiting: Waiting) -> None:
    with HandRunner(waiting.world, waiting.run, Stage.PLAN) as runner:
        assert runner.client.put_log(0, b"one two ") == 8
        assert runner.client.put_log(0, b"one two ") == 8
        assert runner.client.put_log(4, b"two three") == 13
        with pytest.raises(LogGap) as gap:
            runner.client.put_log(99, b"later")
        assert gap.value.size == 13
        assert waiting.world.services.logs.read(waiting.job.id) == b"one two three"
        assert waiting.ask(runner, "PUT", "log", data=b"x").status_code == 422
        assert waiting.ask(runner, "PUT", "log?offset=-4", data=b"x").status_code == 422
        runner.plans_something()

    job = waiting.world.services.jobs.get(waiting.job.id)
    assert job.log_blob_id is not None
    assert waiting.world.services.blobs.read(job.log_blob_id) == b"one two three"
    with pytest.raises(StaleLease):
        runner.client.put_log(13, b"after the end")


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        {},
        {"outcome": "fine"},
        {"outcome": ["succeeded"]},
        {"outcome": "succeeded", "exit_code": "0"},
        {"outcome": "succeeded", "plan_digest": "short"},
        {"outcome": "succeeded", "summary": []},
        {"outcome": "succeeded", "summary": {"additions": "many"}},
        {"outcome": "succeeded", "summary": {"added": "all"}},
        {"outcome": "failed", "notes": {"a": 1}},
        {"outcome": "failed", "notes": 7},
    ],
)
def test_a_result_that_is_none_is_refused(waiting: Waiting, result: Any) -> None:
    """In a sentence; the job stays open for a proper one."""
    with HandRunner(waiting.world, waiting.run, Stage.PLAN) as runner:
        answer = waiting.ask(runner, "POST", "result", json=result)

        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]
        runner.says(Outcome.FAILED, 1, error="no")
    assert waiting.world.run(waiting.run).status is RunStatus.ERRORED


def test_words_that_can_not_be_written_are_replaced(waiting: Waiting) -> None:
    """An engine's output may hold anything; its end must not be lost over a character."""
    with HandRunner(waiting.world, waiting.run, Stage.PLAN) as runner:
        body = b'{"outcome": "failed", "exit_code": 1, "error": "half \\ud800 and \\u0000", "notes": ["\\udfff"]}'
        answer = waiting.ask(runner, "POST", "result", data=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 200
    assert waiting.world.run(waiting.run).error.startswith("half ")


def test_a_claim_whose_answer_was_lost_is_made_again_by_the_same_attempt_only(waiting: Waiting) -> None:
    """Invariant 9: else an apply would become one of unknown outcome, though nobody ever ran it."""
    url, pool, job = waiting.world.address, waiting.world.services.pool_token, waiting.job.id
    lost = claim_job(url, pool, job, "runner-1", "attempt-1")
    again = claim_job(url, pool, job, "runner-1", "attempt-1")
    assert lost is not None
    assert again is not None
    assert again.lease_id == lost.lease_id
    assert claim_job(url, pool, job, "runner-1", "attempt-2") is None
    assert claim_job(url, pool, job, "runner-1", "") is None
    assert waiting.world.run(waiting.run).status is RunStatus.PLANNING


def test_an_upload_that_ends_after_the_result_changes_nothing(waiting: Waiting) -> None:
    """Invariant 5: what people reviewed is what the runner had handed in when it gave its result."""
    services = waiting.world.services
    with HandRunner(waiting.world, waiting.run, Stage.PLAN) as runner:
        job = services.jobs.get(waiting.job.id)  # what the door looked up when the slow upload began
        runner.plans_something()
    before = services.jobs.get(job.id).work_folder_blob_id
    assert not services.jobs.keep_blob(job, "work_folder", services.blobs.put(b"something else"))
    assert services.jobs.get(job.id).work_folder_blob_id == before


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8080", "http://127.0.0.1:8080/api/http-state/acme/"),  # the embedded runner, past the proxy
        ("runlock.example.com", "https://runlock.example.com/api/http-state/acme/"),  # behind it: its scheme is kept
    ],
)
def test_an_engine_finds_its_state_where_its_runner_found_us(waiting: Waiting, host: str, expected: str) -> None:
    settings = replace(waiting.world.services.settings, address="https://runlock.example.com")
    app = create_app(replace(waiting.world.services, settings=settings), lambda jobs: None)
    headers = {"Authorization": f"Bearer {waiting.world.services.pool_token}", "Host": host}
    answer = app.test_client().post(f"/runner/v1/jobs/{waiting.job.id}/claim", json={}, headers=headers)
    assert answer.status_code == 200
    assert answer.get_json()["job"]["state_url"].startswith(expected)
    assert answer.get_json()["job"]["address"] == "https://runlock.example.com"
