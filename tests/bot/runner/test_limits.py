"""An engine can't use up the machine, and what it leaves behind can't use up the runner."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.runner import free_space, plan_reader
from bot.runner.limits import MEGABYTE, Limits
from bot.runner.settings import SandboxMode
from tests.bot.runner.conftest import Runner
from tests.fakes.runner_server import FakeRunlock

PLANS = """plan) for a; do case $a in -out=*) out=${a#-out=} ;; esac; done; %s; exit 2 ;;
show) echo '{"resource_changes": []}' ;;"""
SMALL = Limits(file_bytes=MEGABYTE, open_files=99, processes=77, memory_bytes=4096 * MEGABYTE, tmp_bytes=MEGABYTE)


@pytest.mark.parametrize("sandbox", [SandboxMode.AUTO, SandboxMode.NONE])
def test_an_engine_has_limits_with_and_without_a_sandbox(
    make_runner: Callable[..., Runner], server: FakeRunlock, sandbox: SandboxMode
) -> None:
    runner = make_runner(sandbox=sandbox, limits=SMALL)
    version = runner.add_engine("9.0.0", PLANS % "cat /proc/self/limits; echo p > $out")
    job = server.plan({"main.tf": ""}, engine_version=version)
    runner.execute(job)
    limits = {line[:26].strip(): line[26:].split()[:2] for line in job.text.splitlines() if line.startswith("Max ")}
    assert limits["Max file size"] == [str(MEGABYTE)] * 2
    assert limits["Max open files"] == ["99", "99"]
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max address space"] == [str(4096 * MEGABYTE)] * 2
    assert (limits["Max processes"] == ["77", "77"]) is (sandbox is SandboxMode.AUTO)


def test_address_space_is_not_limited_by_default(runner: Runner, server: FakeRunlock) -> None:
    version = runner.add_engine("9.0.0", PLANS % "cat /proc/self/limits; echo p > $out")
    job = server.plan({"main.tf": ""}, engine_version=version)
    runner.execute(job)
    assert "Max address space         unlimited" in job.text


def test_what_is_memory_in_the_sandbox_is_bounded(make_runner: Callable[..., Runner], server: FakeRunlock) -> None:
    runner = make_runner(limits=replace(SMALL, file_bytes=1024 * MEGABYTE))
    fills = "head -c 3000000 /dev/zero > /tmp/x; stat -c 'tmp %s' /tmp/x; echo > /dev/null; echo x > /dev/full-of-it"
    fills += "; head -c 80000000 /dev/zero > /dev/shm/x; stat -c 'shm %s' /dev/shm/x; echo p > $out"
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % fills))
    runner.execute(job)
    assert f"tmp {MEGABYTE}\n" in job.text
    assert f"shm {64 * MEGABYTE}\n" in job.text
    assert "full-of-it: Read-only file system" in job.text


def test_a_file_over_the_limit_ends_the_engine_that_writes_it(
    make_runner: Callable[..., Runner], server: FakeRunlock
) -> None:
    runner = make_runner(limits=SMALL)
    writes = "head -c 3000000 /dev/zero > $out || exit 1"
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % writes))
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "failed"


@pytest.mark.parametrize("grown", [".terraform.lock.hcl", "$out"])
def test_a_sparse_file_is_refused_by_its_size(runner: Runner, server: FakeRunlock, grown: str) -> None:
    grows = f"echo p > $out; truncate -s 15G {grown}"
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % grows))
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "16106127360 bytes" in job.result["error"]
    assert "plan" not in job.uploads


def test_a_plan_that_is_too_large_to_be_reviewed_is_refused(
    runner: Runner, server: FakeRunlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_reader, "LARGEST_PLAN_JSON", 100_000)
    script = (PLANS % "echo p > $out").replace(
        """echo '{"resource_changes": []}'""", "head -c 50000000 /dev/zero || echo cut off >&2"
    )
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", script))
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "too large to be reviewed" in job.result["error"]
    assert "cut off" in job.text  # and not written to the runner's disk first
    assert "plan-json" not in job.uploads


def test_a_plan_too_deep_to_be_read_is_trouble(runner: Runner, server: FakeRunlock) -> None:
    nested = "head -c 100000 /dev/zero | tr '\\0' '['"
    script = (PLANS % "echo p > $out").replace("""echo '{"resource_changes": []}'""", nested)
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", script))
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "trouble"
    assert "another JSON than known" in job.result["error"]


def test_a_plan_is_ended_when_the_disk_is_almost_full(
    runner: Runner, server: FakeRunlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [600 * MEGABYTE]
    monkeypatch.setattr(free_space, "free_bytes", lambda _: free[0])
    version = runner.add_engine("9.0.0", PLANS % "echo filling; while :; do sleep 0.1; done")
    job = server.plan({"main.tf": ""}, engine_version=version)
    thread = runner.start(job)
    with server.waiting_for() as waiting:
        waiting.log_has(job, "filling")
    free[0] = 500 * MEGABYTE
    thread.join(20)
    assert job.result is not None
    assert (job.result["outcome"], job.result["exit_code"]) == ("trouble", -9)
    assert job.result["error"] == "the plan was ended: its runner's disk was almost full"


def test_an_apply_goes_on_though_the_disk_is_almost_full(
    runner: Runner, server: FakeRunlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = PLANS % "echo p > $out" + "\napply) sleep 1.2; echo applied ;;"
    planned = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", script))
    runner.execute(planned)
    monkeypatch.setattr(free_space, "free_bytes", lambda _: 0)
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert (applied.result["outcome"], applied.result["exit_code"]) == ("succeeded", 0)
    again = server.plan({"main.tf": ""}, engine_version="9.0.0")
    runner.execute(again)
    assert again.result is not None
    assert again.result["outcome"] == "trouble"


def test_free_space_is_the_disks(tmp_path: Path) -> None:
    status = os.statvfs(tmp_path)
    assert 0 < free_space.free_bytes(tmp_path) <= status.f_blocks * status.f_frsize
