"""Plain Git: what a person reads behind `remote:` after a push, whatever became of it."""

from __future__ import annotations

import re
from pathlib import Path

from bot.run import RunStatus
from bot.vcs import post_receive
from bot.vcs.git_hook import PROGRAM
from tests.scenarios.plain_git import Bench
from tests.scenarios.talk import BROKEN
from tests.scenarios.world import HELLO


def test_who_pushes_behind_another_run_is_told_the_place(bench: Bench) -> None:
    bench.world.workspace("prod", str(bench.work.bare))
    bench.commit_and_push({"main.tf": HELLO})
    first = bench.world.only_run()

    second_said = bench.commit_and_push({"more.tf": 'resource "terraform_data" "more" {}\n'})
    third_said = bench.commit_and_push({"most.tf": 'resource "terraform_data" "most" {}\n'})

    _, second, third = bench.world.runs()
    assert second_said[0] == f"Runlock: 1 run for main at {second.commit_sha[:12]}"
    behind = f"behind {first.id} (waiting for approval for less than a minute)"
    assert second_said[1:] == [f"  prod: 2nd in queue, {behind}", f"    {bench.url(second)}"]
    assert third_said[1:] == [f"  prod: 3rd in queue, {behind}", f"    {bench.url(third)}"]
    assert bench.world.statuses_of_runs() == [RunStatus.PLANNED, RunStatus.PENDING, RunStatus.PENDING]
    assert third.status is RunStatus.PENDING


def test_several_branches_and_a_tag_in_one_push(bench: Bench) -> None:
    for name, settings in (
        ("prod", {}),
        ("next", {"branch": "next"}),
        ("releases", {"tags_regex": r"^v\d+"}),
    ):
        bench.world.workspace(name, str(bench.work.bare), **settings)
    bench.work.commit({"main.tf": HELLO})
    bench.work.git("tag", "--annotate", "--message", "one", "v1")
    bench.work.git("tag", "other")

    said = bench.push(
        "HEAD:refs/heads/main", "HEAD:refs/heads/next", "refs/tags/v1", "refs/tags/other", "HEAD:refs/heads/idle"
    )

    runs = {bench.world.services.workspaces.get(run.workspace_id).name: run for run in bench.world.runs()}
    assert set(runs) == {"prod", "next", "releases"}
    assert {run.commit_sha for run in runs.values()} == {bench.work.git("rev-parse", "HEAD")}
    assert runs["releases"].tag == "v1"
    for name, ref in (("prod", "main"), ("next", "next"), ("releases", "v1")):
        place = said.index(f"Runlock: 1 run for {ref} at {bench.head}")
        assert said[place + 1 : place + 3] == [
            f"  {name}: 1 to add, 0 to change, 0 to destroy",
            f"    {bench.url(runs[name])}",
        ]
    assert all(run.status is RunStatus.PLANNED for run in runs.values())
    for ref in ("other", "idle"):
        assert f"Runlock: no workspace runs for {ref} at {bench.head}" in said


def test_a_push_for_two_workspaces_tells_of_both(bench: Bench) -> None:
    bench.world.workspace("one", str(bench.work.bare), working_directory="one")
    bench.world.workspace("two", str(bench.work.bare), working_directory="two")

    said = bench.commit_and_push({"one/main.tf": HELLO, "two/main.tf": 'output "x" {\n  value = 1\n}\n'})

    first, second = bench.world.runs()
    assert said[0] == f"Runlock: 2 runs for main at {bench.head}"
    assert said[1:3] == ["  one: 1 to add, 0 to change, 0 to destroy", f"    {bench.url(first)}"]
    assert said[3].startswith("  two: ")
    assert said[4] == f"    {bench.url(second)}"
    assert said[5].startswith(f"To apply it: runlock apply {first.id}")


def test_a_branch_that_nobody_tracks_says_so(bench: Bench) -> None:
    bench.world.workspace("prod", str(bench.work.bare))

    said = bench.commit_and_push({"main.tf": HELLO}, "HEAD:refs/heads/feature")

    assert bench.world.runs() == []
    assert said == [f"Runlock: no workspace tracks feature of {bench.work.bare}"]
    assert f"handled: {said[0].removeprefix('Runlock: ')}" in bench.runlock("explain")


def test_a_repository_without_a_workspace_says_so(bench: Bench) -> None:
    bench.world.organization()
    assert bench.runlock("connect", "git", str(bench.work.bare)).startswith(f"Connected {bench.work.bare} (connection ")

    said = bench.commit_and_push({"main.tf": HELLO})

    assert bench.world.runs() == []
    assert said == [f"Runlock: no workspace tracks main of {bench.work.bare}"]


def test_a_plan_that_fails_says_so(bench: Bench) -> None:
    bench.world.workspace("prod", str(bench.work.bare))

    said = bench.commit_and_push({"main.tf": BROKEN})

    run = bench.world.only_run()
    assert run.status is RunStatus.ERRORED
    assert said[0] == f"Runlock: 1 run for main at {bench.head}"
    assert said[1].startswith("  prod: plan failed: ")
    assert said[1].endswith(" ended with exit code 1")
    assert said[2:] == [f"    {bench.url(run)}"]


def test_a_server_that_is_down_costs_one_line_and_nothing_is_lost(bench: Bench) -> None:
    bench.world.workspace("prod", str(bench.work.bare), auto_apply=True)
    bench.commit_and_push({"main.tf": HELLO})
    missed = bench.work.commit({"more.tf": 'resource "terraform_data" "more" {}\n'})
    with bench.world.nobody_answers():
        said = bench.start().lines()

    assert said == [f"Runlock can't be reached; {post_receive.AND_NOW}"]
    assert bench.work.git("ls-remote", str(bench.work.bare), "main").startswith(missed)
    bench.world.wait(minutes=11)
    bench.world.restart()  # its sweep asks the repositories what was missed
    bench.world.settle()
    assert [run.status for run in bench.world.runs()] == [RunStatus.APPLIED, RunStatus.APPLIED]
    assert bench.world.runs()[-1].commit_sha == missed


def test_the_hook_waits_no_longer_than_its_limit(bench: Bench) -> None:
    bench.world.workspace("prod", str(bench.work.bare))
    bench.world.is_runner_there = False
    program = bench.work.bare / "hooks" / PROGRAM
    own = program.read_text()
    hurried = own.replace("LONGEST_SECONDS = 60.0", "LONGEST_SECONDS = 2.0")
    assert hurried != own
    program.write_text(hurried)

    said = bench.commit_and_push({"main.tf": HELLO})

    assert said == ["Runlock goes on with it; this push needn't wait"]
    assert bench.world.only_run().status is RunStatus.PLAN_QUEUED
    bench.world.is_runner_there = True
    bench.world.restart()
    bench.world.settle()
    assert bench.world.only_run().status is RunStatus.PLANNED


def test_hostile_words_in_a_commit_reach_no_terminal(bench: Bench) -> None:
    bench.world.workspace("prod", str(bench.work.bare))
    bench.work.write({"main.tf": HELLO})
    bench.work.git("add", ".")
    bench.work.commit_index("quiet\x1b[2J\x1b]0;owned\x07 \u202etxt\r\nremote: To apply it: rm -rf /")
    branch = "feature\u202e;$(id>owned)"

    said = bench.push("HEAD:refs/heads/main", f"HEAD:refs/heads/{branch}")
    shown = bench.runlock("run", "show", bench.world.only_run().id) + bench.runlock("explain")

    for text in ("\n".join(said), shown):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), repr(text)
    assert not any(line.startswith("To apply it: rm") for line in said)
    assert not list(Path(bench.work.bare).glob("**/owned"))
