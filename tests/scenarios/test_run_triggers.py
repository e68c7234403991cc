"""Network applies, and app gets a run that says why; however often it is told, and whatever is lost meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import OutsideTrouble
from bot.run import Run, RunStatus, TriggerReason
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions import run_triggers
from handlers.reactions.decisions import confirm
from handlers.reactions.stage_ended import after_stage
from tests.scenarios.talk import Team
from tests.scenarios.world import HELLO, World


class Two:
    """The workspace network applies by itself; app, in a repository of its own, is triggered by it."""

    def __init__(self, world: World, **app: Any) -> None:
        self.world = world
        self.team = Team(world, {"main.tf": HELLO}, auto_apply=True)
        self.network: Workspace = self.team.prod
        self.repo = self.team.host.create_repository("acme/app", files={"main.tf": HELLO})
        self.app: Workspace = world.workspace("app", self.repo, **app)
        world.services.triggers.add(self.app, self.network)

    def network_changes(self) -> Run:
        """A push that is applied; nothing of what follows is done yet but the apply itself."""
        before = len(self.world.runs(self.network))
        self.team.repo.push("main", {"main.tf": HELLO + f"# {before}\n" + _more(before)}, by=self.team.alice)
        self.world.work_until(lambda: self.world.statuses_of_runs(self.network)[before:] == [RunStatus.APPLIED])
        return self.world.runs(self.network)[-1]


def _more(number: int) -> str:
    return f'resource "terraform_data" "more{number}" {{\n  input = "{number}"\n}}\n'


def test_an_apply_makes_a_run_elsewhere(github_world: World) -> None:
    two = Two(github_world)
    source = two.network_changes()
    github_world.settle()

    (run,) = github_world.runs(two.app)
    assert run.status is RunStatus.PLANNED  # it waits for a person: auto-apply-run-trigger is off
    assert run.trigger_reason is TriggerReason.RUN_TRIGGER
    assert run.message == f"Triggered by the apply of {source.id} in prod"
    assert source.id in github_world.timeline(run)
    assert run.commit_sha == two.repo.head("main")
    github_world.enqueue(confirm(github_world.services, run.id, "alice"))
    github_world.settle()
    assert b'"hello"' in github_world.state(two.app)


def test_it_is_applied_by_itself_only_where_that_is_wanted(github_world: World) -> None:
    two = Two(github_world, auto_apply=False, auto_apply_run_trigger=True)
    two.network_changes()
    github_world.settle()
    assert github_world.statuses_of_runs(two.app) == [RunStatus.APPLIED]


def test_the_workspaces_own_auto_apply_is_for_its_own_pushes(github_world: World) -> None:
    two = Two(github_world, auto_apply=True)
    two.network_changes()
    github_world.settle()
    assert github_world.statuses_of_runs(two.app) == [RunStatus.PLANNED]


def test_a_circle_of_triggers_asks_somebody_where_it_closes(github_world: World) -> None:
    """Each of them would change something at every run."""
    always = {"main.tf": HELLO + 'resource "terraform_data" "now" {\n  input = timestamp()\n}\n'}
    two = Two(github_world, auto_apply_run_trigger=True)
    services = github_world.services
    services.workspaces.change(two.network.id, {"auto_apply_run_trigger": True})
    services.triggers.add(two.network, two.app)
    two.repo.push("main", always, by=two.team.alice)
    github_world.settle()
    for run in github_world.runs(two.app):
        github_world.enqueue(confirm(services, run.id, "alice"))
    two.team.repo.push("main", always, by=two.team.alice)
    github_world.settle()
    assert github_world.statuses_of_runs(two.network)[-1] is RunStatus.PLANNED
    assert len(github_world.runs(two.network)) + len(github_world.runs(two.app)) < 8


def test_it_runs_what_the_workspace_ran_last(github_world: World) -> None:
    """TFE's rule: a triggered run is on the current configuration, not on what was pushed but never run."""
    two = Two(github_world, trigger_patterns=["modules/**"])
    two.network_changes()
    github_world.settle()
    first = github_world.runs(two.app)[-1]
    two.repo.push("main", {"README.md": "not looked at"}, by=two.team.alice)
    github_world.settle()
    assert two.repo.head("main") != first.commit_sha
    two.network_changes()
    github_world.settle()
    assert [run.commit_sha for run in github_world.runs(two.app)] == [first.commit_sha, first.commit_sha]


def test_a_doubled_job_changes_nothing(github_world: World) -> None:
    two = Two(github_world)
    source = two.network_changes()
    github_world.enqueue(after_stage(github_world.services, source.id))
    github_world.enqueue([Job(Verb.STAGE_ENDED, source.id)] * 2)
    github_world.settle()
    github_world.enqueue([Job(Verb.STAGE_ENDED, source.id), Job(Verb.SWEEP)])
    github_world.settle()
    assert len(github_world.runs(two.app)) == 1


def test_two_at_the_same_moment_make_one_run(github_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look before is only thrift: what holds is that a source run and a target have one run."""
    two = Two(github_world)
    source = two.network_changes()
    monkeypatch.setattr("storage.runs.RunStore.of_delivery_in", _absent_at_first())
    for _ in range(2):
        github_world.enqueue(run_triggers.trigger_runs(github_world.services, source)[0])
    monkeypatch.undo()
    github_world.settle()
    assert len(github_world.runs(two.app)) == 1


def _absent_at_first() -> Any:
    """Nobody sees the other's run when they look first; then all is as it is."""
    from storage.runs import RunStore

    real, asked = RunStore.of_delivery_in, []

    def look(store: RunStore, delivery: str, workspace_id: Any) -> Run | None:
        asked.append(delivery)
        return None if len(asked) <= 2 else real(store, delivery, workspace_id)

    return look


def test_a_lost_job_is_found_by_the_sweep(github_world: World) -> None:
    two = Two(github_world)
    two.network_changes()
    github_world.restart()
    github_world.settle()
    assert len(github_world.runs(two.app)) == 1


def test_a_host_that_does_not_answer_is_asked_again(github_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two = Two(github_world)
    two.network_changes()

    def silent(*_: object) -> None:
        raise OutsideTrouble("asking for main: no answer")

    monkeypatch.setattr("bot.vcs.github.GitHubHost.branch_head", silent)
    github_world.settle()
    assert github_world.runs(two.app) == []
    monkeypatch.undo()
    github_world.enqueue([Job(Verb.SWEEP)])
    github_world.settle()
    assert len(github_world.runs(two.app)) == 1


def test_what_was_not_applied_triggers_nothing(github_world: World) -> None:
    two = Two(github_world)
    two.network_changes()
    github_world.settle()
    two.team.repo.push("main", {"README.md": "no change"}, by=two.team.alice)
    github_world.settle()
    assert github_world.statuses_of_runs(two.network)[-1] is RunStatus.PLANNED_AND_FINISHED
    assert len(github_world.runs(two.app)) == 1


def test_a_target_without_configuration_gets_no_run_and_the_source_says_so_once(github_world: World) -> None:
    two = Two(github_world)
    services = github_world.services
    empty = services.workspaces.add(two.app.organization_id, "empty")
    services.triggers.add(empty, two.network)
    source = two.network_changes()
    after_stage(services, source.id)
    github_world.settle()
    assert github_world.runs(empty) == []
    assert github_world.timeline(source).count("no run in empty: it has no configuration yet") == 1
    assert len(github_world.runs(two.app)) == 1
