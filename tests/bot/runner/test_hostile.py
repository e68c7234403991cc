"""Engines and configurations that misbehave."""

import io
import json
import tarfile
import time
from collections.abc import Callable

import pytest

from bot.runner import stage
from bot.runner.settings import SandboxMode
from tests.bot.runner.conftest import PLANS, Runner
from tests.fakes.runner_server import RUN_TOKEN, FakeRunlock


def test_an_engine_finds_the_names_of_today_in_its_environment(runner: Runner, server: FakeRunlock) -> None:
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % "env | sort; echo p > $out"))
    runner.execute(job)
    lines = job.text.splitlines()
    for name, value in {
        "TFC_RUN_ID": "run-7",
        "TFC_WORKSPACE_NAME": "prod",
        "TFC_WORKSPACE_SLUG": "acme/prod",
        "TFC_PROJECT_NAME": "Payments",
        "TFC_CONFIGURATION_VERSION_GIT_BRANCH": "main",
        "TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA": "0" * 40,
    }.items():
        assert f"{name}={value}" in lines
        assert f"TF_VAR_{name}={value}" in lines


def test_a_hundred_megabytes_of_output_break_nothing(runner: Runner, server: FakeRunlock) -> None:
    prints = 'head -c 100000000 /dev/zero | tr "\\\\0" "x"; echo; echo "Plan: the end"; echo p > $out'
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % prints))
    start = time.monotonic()
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "succeeded"
    assert job.result["log_size"] == len(job.log) < 66 * 1024**2
    assert b"was cut here; the engine goes on" in job.log
    assert job.log.endswith(b"Plan: the end\n")
    assert time.monotonic() - start < 20


def test_a_secret_is_masked_though_the_engine_prints_it_in_halves(runner: Runner, server: FakeRunlock) -> None:
    half = len(RUN_TOKEN) // 2
    prints = f"printf {RUN_TOKEN[:half]}; sleep 0.6; printf {RUN_TOKEN[half:]}; echo p > $out"
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % prints))
    runner.execute(job)
    assert RUN_TOKEN not in job.text
    assert "(redacted)" in job.text


def test_a_plan_file_of_a_failed_plan_counts_for_nothing(runner: Runner, server: FakeRunlock) -> None:
    script = (PLANS % "echo incomplete > $out").replace("exit 2", "exit 1")
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", script))
    runner.execute(job)
    assert job.result is not None
    assert (job.result["outcome"], job.result["plan_digest"]) == ("failed", "")
    assert job.uploads == {}


@pytest.mark.parametrize("made", ["ln -s /etc/hostname $out", "mkfifo $out", "mkdir $out"])
def test_a_plan_file_that_is_none_is_not_followed(runner: Runner, server: FakeRunlock, made: str) -> None:
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % made))
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "not a file" in job.result["error"]
    assert job.uploads == {}


def test_an_errored_state_that_points_elsewhere_is_not_handed_in(runner: Runner, server: FakeRunlock) -> None:
    script = PLANS % "echo p > $out" + "\napply) ln -s /etc/hostname errored.tfstate; exit 1 ;;"
    planned = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", script))
    runner.execute(planned)
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.uploads == {}


@pytest.mark.parametrize(
    "left",
    [
        "mkdir errored.tfstate",
        "ln -s /etc/hostname errored.tfstate",
        "truncate -s 15G errored.tfstate",
        "cd ..; rm -rf live",
        "cd ..; rm -rf live; ln -s /etc live",
    ],
)
def test_an_apply_that_failed_and_whose_state_cannot_be_read_has_an_unknown_outcome(
    runner: Runner, server: FakeRunlock, left: str
) -> None:
    script = PLANS % "echo p > $out" + f"\napply) {left}; exit 3 ;;"
    version = runner.add_engine("9.0.0", script)
    planned = server.plan({"live/main.tf": ""}, engine_version=version, working_directory="live")
    runner.execute(planned)
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert applied.uploads == {}
    assert (applied.result["outcome"], applied.result["exit_code"]) == ("failed", None)
    assert applied.result["apply_started"] is True
    assert "ended with exit code 3. Whether it left a state" in applied.result["error"]


def test_a_working_directory_that_was_replaced_while_planning_is_not_followed(
    runner: Runner, server: FakeRunlock
) -> None:
    replaces = "echo p > $out; cd ..; rm -rf live; ln -s /etc live"
    version = runner.add_engine("9.0.0", PLANS % replaces)
    job = server.plan({"live/main.tf": ""}, engine_version=version, working_directory="live")
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "leaves the configuration by a symlink" in job.result["error"]
    assert job.uploads == {}


def test_an_apply_that_succeeded_stays_so_whatever_it_left(runner: Runner, server: FakeRunlock) -> None:
    script = PLANS % "echo p > $out" + "\napply) mkdir errored.tfstate; exit 0 ;;"
    planned = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", script))
    runner.execute(planned)
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert (applied.result["outcome"], applied.result["exit_code"]) == ("succeeded", 0)
    assert "errored.tfstate behind as something that is not a file" in applied.result["notes"][0]


DEEP = "/".join("a" * 1100)


def test_a_configuration_that_is_too_deep_is_refused_and_the_runner_goes_on(
    runner: Runner, server: FakeRunlock
) -> None:
    version = runner.add_engine("9.0.0", PLANS % "echo p > $out")
    job = server.plan({f"{DEEP}/main.tf": ""}, engine_version=version)
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "a path of over 100 parts" in job.result["error"]
    assert list(runner.settings.work_folder.iterdir()) == []


def test_an_engine_that_makes_a_deep_tree_is_answered_and_cleaned_up_after(runner: Runner, server: FakeRunlock) -> None:
    version = runner.add_engine("9.0.0", PLANS % f"mkdir -p {DEEP}; echo p > $out")
    job = server.plan({"main.tf": ""}, engine_version=version)
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "the work folder after the plan has a path of over 100 parts" in job.result["error"]
    assert list(runner.settings.work_folder.iterdir()) == []


def test_what_nobody_foresaw_is_posted_and_logged_without_secrets(
    runner: Runner, server: FakeRunlock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise RecursionError(f"while holding {RUN_TOKEN}")

    monkeypatch.setattr(stage, "pack", break_down)
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % "echo p > $out"))
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "trouble"
    assert "unforeseen way (RecursionError)" in job.result["error"]
    assert RUN_TOKEN not in job.text
    logged = capsys.readouterr().out
    assert "break_down" in logged
    assert "while holding (redacted)" in logged
    assert RUN_TOKEN not in logged


def test_secrets_are_masked_in_all_that_is_posted(runner: Runner, server: FakeRunlock) -> None:
    def change(action: str) -> dict[str, object]:
        address = f'terraform_data.{action}["{RUN_TOKEN}"]'
        return {"address": address, "mode": "managed", "change": {"actions": action.split("_")}}

    shown = json.dumps({"resource_changes": [change(a) for a in ("create", "update", "delete", "create_delete")]})
    script = (PLANS % "echo p > $out").replace("""'{"resource_changes": []}'""", f"'{shown}'")
    variable = {"key": f"NO {RUN_TOKEN}", "value": "x", "category": "env", "hcl": False, "sensitive": False}
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", script), variables=[variable])
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "succeeded"
    assert job.result["summary"]["added"] == ['terraform_data.create["(redacted)"]']
    assert job.result["summary"]["replaced"] == ['terraform_data.create_delete["(redacted)"]']
    assert "'NO (redacted)'" in job.result["notes"][0]
    assert RUN_TOKEN not in json.dumps(job.result)

    refused = server.plan({"main.tf": ""}, engine_version="9.0.0", working_directory=f"live-{RUN_TOKEN}")
    runner.execute(refused)
    assert refused.result is not None
    assert "'live-(redacted)' is not a folder" in refused.result["error"]


def test_what_an_engine_leaves_running_ends_with_it(make_runner: Callable[..., Runner], server: FakeRunlock) -> None:
    runner = make_runner(sandbox=SandboxMode.NONE)
    leaves = "(sleep 30; echo late) & echo p > $out"
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % leaves))
    start = time.monotonic()
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "succeeded"
    assert time.monotonic() - start < 10


def test_a_configuration_with_a_fifo_is_refused_with_its_name(runner: Runner, server: FakeRunlock) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("modules/pipe")
        info.type = tarfile.FIFOTYPE
        tar.addfile(info)
    job = server.plan({}, engine_version=runner.add_engine("9.0.0", PLANS % "echo p > $out"))
    job.downloads["configuration"] = buffer.getvalue()
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "a FIFO: modules/pipe" in job.result["error"]
    assert "a FIFO: modules/pipe" in job.text
