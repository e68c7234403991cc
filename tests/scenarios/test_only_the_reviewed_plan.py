"""What was reviewed is what is applied, and nothing else (invariant 5)."""

import json
from dataclasses import replace

import pytest

from bot.run import RunStatus, Stage
from handlers.jobs import Job, Verb
from tests.scenarios.talk import BEFORE_MERGE, MORE, OTHER, Team
from tests.scenarios.world import HELLO, World


def approved_but_not_begun(team: Team, pull: object) -> None:
    """`apply` is said, and no runner is there to begin with it."""
    team.world.is_runner_there = False
    assert "Approved" in team.say(pull, "apply", team.bob)
    team.world.is_runner_there = True


def test_a_push_after_the_approval_stops_the_apply(world: World) -> None:
    """Invariant 5: the head moved between the approval and the apply."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    approved_but_not_begun(team, pull)
    assert world.run(run).status is RunStatus.APPLY_QUEUED

    pull.push({"main.tf": OTHER}, by=team.alice)
    world.settle()
    team.sweep()

    assert world.run(run).status is RunStatus.CANCELED
    assert team.nothing_was_applied()
    newer = world.runs()[-1]
    assert newer.commit_sha == pull.head_sha
    assert newer.status is RunStatus.PLANNED_AND_SAVED
    assert team.status(run.commit_sha, "runlock/apply").startswith("failure: cancelled before it was applied")


def test_the_runner_is_refused_an_apply_whose_head_moved(world: World) -> None:
    """Invariant 5, asked again at the claim: the worker noted the newer head, and died before it ended the old run."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    approved_but_not_begun(team, pull)
    known = world.services.pulls.find(world.repository().id, pull.number)
    assert known is not None
    world.services.pulls.know(world.repository().id, replace(known, head_sha="f" * 40))

    team.sweep()

    assert world.run(run).status is RunStatus.ERRORED
    assert "newer commit" in world.run(run).error
    assert team.nothing_was_applied()
    assert "newer commit" in pull.last_comment


def test_an_apply_is_refused_when_the_base_moved(world: World) -> None:
    """Invariant 5: `undiverged` is asked for, and the branch that the pull request goes into has moved."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    team.repo.push("main", {"README.md": "changed"}, by=team.bob)
    world.settle()

    answer = team.say(pull, "apply", team.bob)

    assert "main" in answer
    assert "Nothing was applied" in answer
    assert world.run(run).status is RunStatus.PLANNED_AND_SAVED
    assert team.nothing_was_applied()


def test_the_runner_is_refused_an_apply_whose_base_moved(world: World) -> None:
    """Invariant 5: the base moved after the approval and before the runner came."""
    team = Team(world, **BEFORE_MERGE)
    pull = team.open()
    run = world.only_run()
    approved_but_not_begun(team, pull)
    team.repo.push("main", {"README.md": "changed"}, by=team.bob)
    world.settle()

    team.sweep()

    assert world.run(run).status is RunStatus.ERRORED
    assert "has moved since" in world.run(run).error
    assert team.nothing_was_applied()


def test_a_base_that_moved_is_no_matter_where_nobody_asks_for_it(world: World) -> None:
    team = Team(world, **BEFORE_MERGE, apply_requirements=[])
    pull = team.open()
    run = world.only_run()
    team.repo.push("main", {"other.tf": "# changed\n"}, by=team.bob)
    world.settle()
    for pushed in world.runs()[1:]:
        assert pushed.status is RunStatus.PLANNED_AND_FINISHED

    team.say(pull, "apply", team.bob)

    assert world.run(run).status is RunStatus.APPLIED


@pytest.mark.parametrize("requirements", [["undiverged"], []])
def test_a_retargeted_pull_request_does_not_apply_its_old_plan(world: World, requirements: list[str]) -> None:
    """Invariant 5: it goes into another branch now; what was approved before is ended, and the head planned anew."""
    team = Team(world, **BEFORE_MERGE, apply_requirements=requirements)
    world.workspace("next", team.repo, branch="next", **BEFORE_MERGE)
    team.repo.push("next", {"README.md": "next"}, by=team.bob)
    world.settle()
    pull = team.open()
    run = world.runs(team.prod)[-1]
    approved_but_not_begun(team, pull)

    pull.retarget("next", by=team.alice)
    world.settle()
    team.sweep()

    assert world.run(run).status is RunStatus.CANCELED
    assert team.nothing_was_applied()
    assert world.runs()[-1].status is RunStatus.PLANNED_AND_SAVED
    assert world.runs()[-1].workspace_id != team.prod.id


def test_a_plan_is_refused_when_somebody_else_moved_the_state(world: World) -> None:
    """Invariant 5: the state is another than the one that was planned on."""
    team = Team(world)
    first = team.merged()
    team.say(first, "apply")
    pull = team.merged("more", {"more.tf": MORE})
    run = world.runs()[-1]
    assert run.status is RunStatus.PLANNED
    somebody_moves_the_state(world, team)

    answer = team.say(pull, "apply")

    assert "the state of" in answer
    assert "has changed" in answer
    assert world.run(run).status is RunStatus.PLANNED
    assert b"more" not in world.state(team.prod)


def test_the_runner_is_refused_a_plan_whose_state_moved(world: World) -> None:
    """Invariant 5, asked again at the claim."""
    team = Team(world)
    first = team.merged()
    team.say(first, "apply")
    pull = team.merged("more", {"more.tf": MORE})
    run = world.runs()[-1]
    approved_but_not_begun(team, pull)
    somebody_moves_the_state(world, team)

    team.sweep()

    assert world.run(run).status is RunStatus.ERRORED
    assert "has changed since" in world.run(run).error
    assert RunStatus.APPLYING.value not in world.run(run).times
    assert b"more" not in world.state(team.prod)
    assert "has changed since" in pull.last_comment


def somebody_moves_the_state(world: World, team: Team) -> None:
    state = json.loads(world.state(team.prod))
    state["serial"] += 1
    world.services.states.store(team.prod.id, json.dumps(state).encode(), run_id=None, commit_sha="")


def test_the_runner_applies_no_plan_of_another_digest(world: World) -> None:
    """Invariant 5: what is stored as the plan is not what was reviewed."""
    team = Team(world)
    pull = team.merged()
    run = world.runs()[-1]
    job = world.services.jobs.of_run(run.id, Stage.PLAN)
    assert job is not None
    assert job.plan_blob_id is not None
    whole = world.services.blobs.read(job.plan_blob_id)
    changed = world.services.blobs.put(whole[:-1] + bytes([whole[-1] ^ 1]))
    world.services.records.change("UPDATE stage_jobs SET plan_blob_id = ? WHERE id = ?", (changed, job.id))

    team.say(pull, "apply")

    assert world.run(run).status is RunStatus.ERRORED
    assert world.services.states.current(team.prod.id) is None
    assert "digest" in world.run(run).error


def test_a_newer_commit_on_the_branch_does_not_stand_in_the_way(world: World) -> None:
    """Invariant 5: a newer push only makes a later run."""
    team = Team(world)
    pull = team.merged()
    run = world.runs()[-1]
    team.repo.push("main", {"more.tf": MORE}, by=team.bob)
    world.settle()
    later = world.runs()[-1]
    assert later.status is RunStatus.PENDING

    team.say(pull, "apply")

    assert world.run(run).status is RunStatus.APPLIED
    assert b"more" not in world.state(team.prod)
    assert world.run(later).status is RunStatus.PLANNED


def test_a_late_nudge_applies_nothing_twice(world: World) -> None:
    """Invariants 1 and 5: the runner is nudged again with an apply that is over."""
    team = Team(world)
    pull = team.merged()
    run = world.runs()[-1]
    team.say(pull, "apply")
    job = world.services.jobs.of_run(run.id, Stage.APPLY)
    assert job is not None
    before = world.state(team.prod)

    world.do(Job(Verb.NUDGE_RUNNER, job.id))
    world.do(Job(Verb.WORK_QUEUE, team.prod.id))
    world.settle()

    assert team.how_often_applied(run) == 1
    assert world.state(team.prod) == before


def test_variables_that_change_later_do_not_reach_an_approved_plan(world: World) -> None:
    """Invariants 4 and 5."""
    team = Team(world)
    pull = team.merged(files={"main.tf": HELLO})
    world.services.variables.set(team.prod.id, "greeting", "bonjour")

    team.say(pull, "apply")

    assert b'"hello"' in world.state(team.prod)
    assert b"bonjour" not in world.state(team.prod)
