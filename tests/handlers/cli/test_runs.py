"""Runs, deliveries and trouble at the terminal: what is said, and that it never is a traceback."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.manifest import Manifest
from bot.run import RunStatus
from handlers.jobs import Job
from storage.inbox import DeliveryStatus
from tests.bot.messages.lines import a_run
from tests.fakes.command_line import Terminal

ROOT = Path(__file__).parents[3]


def deliver(terminal: Terminal, outcome: str = "1 run", event: str = "push") -> int:
    """A delivery that was taken, and handled."""
    with terminal.services() as services:
        (connection,) = services.connections.all(services.people.organizations()[0].id)
        seq = services.inbox.remember(connection.id, "d-1", f"{connection.id}/1", event, b"{}")
        assert seq is not None
        services.inbox.finish(seq, DeliveryStatus.HANDLED, outcome)
        return seq


@pytest.mark.parametrize("command", [["run", "show"], ["apply"], ["discard"], ["cancel"]])
@pytest.mark.parametrize("run_id", ["run-nowhere", "", "../etc", "run-\x1b[2J"])
def test_a_run_that_is_not_there(acme: Terminal, command: list[str], run_id: str) -> None:
    assert acme.refused(*command, run_id).startswith("there is no run ")


def test_what_was_approved_and_waits_is_cancelled(acme: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.cli.runs.enqueue", lambda services, jobs: None)
    acme.runlock("workspace", "create", "prod")
    with acme.services() as services:
        workspace = services.workspaces.of_organization(services.people.organizations()[0].id)[0]
        run = a_run(workspace_id=workspace.id, repository_id=None)
        services.runs.add(run, Manifest(workspace.id, "cv-none", run.commit_sha, "terraform", "1.11.4", ""))
        services.runs.move(run, replace(run, status=RunStatus.CONFIRMED))

    assert acme.refused("discard", run.id) == f"{run.id} is confirmed: it can be cancelled, not discarded"
    assert acme.runlock("cancel", run.id) == f"{run.id} is cancelled\n"
    assert acme.refused("cancel", run.id) == f"{run.id} is canceled: there is nothing to cancel"


def test_no_runs_yet(acme: Terminal) -> None:
    acme.runlock("workspace", "create", "prod")
    assert acme.runlock("run", "list") == ""
    assert acme.runlock("run", "list", "--workspace", "prod") == ""
    assert acme.refused("run", "list", "-w", "nowhere") == "there is no workspace named nowhere in acme"


def test_explain_tells_what_became_of_a_delivery_and_replay_takes_it_up(
    acme: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Job] = []
    monkeypatch.setattr("handlers.cli.deliveries.enqueue", lambda services, jobs: asked.extend(jobs))
    seq = deliver(acme, "1 run: \x1b]0;owned\x07run-1\nsecond line")

    (line,) = acme.runlock("explain").splitlines()
    assert line.split("  ")[-1] == "handled: 1 run: run-1 second line"

    assert acme.runlock("replay", str(seq)) == f"delivery {seq} (push) will be handled again\n"
    assert len(asked) == 1
    (line,) = acme.runlock("explain", "--limit", "1").splitlines()
    assert "received" in line


def test_replaying_what_is_not_there(acme: Terminal) -> None:
    assert acme.refused("replay", "17") == "there is no delivery 17"
    assert "not a valid integer" in acme.misused("replay", "seventeen")
    assert acme.misused("explain", "--limit", "0")


@pytest.mark.parametrize("command", ["web", "worker", "serve", "init"])
def test_a_bad_setting_is_one_sentence_that_shows_no_secret(terminal: Terminal, command: str) -> None:
    terminal.set("RUNLOCK_SECRET_KEY", "s3cr3t")
    options = ["--organization", "acme", "--email", "ada@example.com"] if command == "init" else []
    assert terminal.refused(command, *options) == "RUNLOCK_SECRET_KEY must be 64 hex digits"


def test_a_data_folder_that_can_not_be_used_is_one_sentence(terminal: Terminal) -> None:
    (terminal.folder / "file").write_text("")
    terminal.set("RUNLOCK_DATA", str(terminal.folder / "file" / "data"))
    said = terminal.refused("workspace", "list")
    assert said == f"opening the data folder {terminal.folder}/file/data: Not a directory"


def test_a_runner_without_its_pool_s_token_says_so(terminal: Terminal) -> None:
    said = terminal.refused("runner")
    assert (
        said == "RUNLOCK_RUNNER_POOL_TOKEN is not set; give the runner and the web process the same long random value"
    )


def test_as_a_program_it_ends_with_the_same_codes_and_sentences(tmp_path: Path) -> None:
    """The same once more as a process of its own: `python -m handlers.cli`."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "handlers.cli", *arguments],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "RUNLOCK_DATA": str(tmp_path / "data")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    refused = run("workspace", "list")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "Error: there are 0 organizations; runlock init --organization NAME --email EMAIL makes one\n"
    )
    misused = run("workspace", "paint")
    assert misused.returncode == 2
    assert misused.stderr.splitlines()[-1] == "Error: No such command 'paint'."
    assert run("init", "--organization", "acme", "--email", "ada@example.com").returncode == 0
    assert run("workspace", "create", "prod").returncode == 0
    assert run("workspace", "list").stdout.split() == ["prod", "no", "run", "yet"]
