"""Deciding on runs, and writing on them."""

import pytest

from bot.run import RunKind, RunStatus, Stage
from bot.stage_words import Signal
from handlers.jobs import Job, Verb
from tests.fakes.door_world import TWO_CHANGES, World


def test_apply_confirms_what_was_planned(world: World) -> None:
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.PLANNED, summary=TWO_CHANGES)
    answer = world.ask("POST", f"runs/{run.id}/actions/apply", {"comment": "Looks right"})
    assert (answer.status_code, answer.data) == (202, b"")
    after = world.services.runs.get(run.id)
    assert (after.status, after.confirmed_by) == (RunStatus.CONFIRMED, "ada")
    assert Job(Verb.WORK_QUEUE, workspace.id) in world.enqueued
    comments = world.ask("GET", f"runs/{run.id}/comments").json["data"]
    assert [(c["attributes"]["body"], c["attributes"]["author"]) for c in comments] == [("Looks right", "ada")]


def test_discard_and_cancel(world: World) -> None:
    planned, pending = world.run(world.workspace(), RunStatus.PLANNED), world.run(world.workspace("other"))
    assert world.ask("POST", f"runs/{planned.id}/actions/discard", data=b"null").status_code == 202
    assert world.ask("POST", f"runs/{pending.id}/actions/cancel").status_code == 202
    assert world.services.runs.get(planned.id).status is RunStatus.DISCARDED
    assert world.services.runs.get(pending.id).status is RunStatus.CANCELED


@pytest.mark.parametrize("status", RunStatus)
def test_what_a_run_says_that_it_takes_is_what_it_takes(world: World, status: RunStatus) -> None:
    """As flags, by a list's group, and by the deeds themselves."""
    workspace = world.workspace()
    kind = RunKind.SAVED_PLAN if status is RunStatus.PLANNED_AND_SAVED else RunKind.NORMAL
    run = world.run(workspace, status, kind=kind)
    flags = world.ask("GET", f"runs/{run.id}").json["data"]["attributes"]["actions"]
    group = {"filter[status_group]": "discardable"}
    listed = world.ask("GET", f"workspaces/{workspace.id}/runs", query_string=group).json["data"]
    if status is not RunStatus.PENDING:  # as TFE has it: discardable, and yet not of the group
        assert flags["is-discardable"] is bool(listed)
    for deed, flag in (("discard", "is-discardable"), ("cancel", "is-cancelable")):
        another = world.run(world.workspace(deed), status, kind=kind)
        answer = world.ask("POST", f"runs/{another.id}/actions/{deed}")
        assert (answer.status_code == 202) is flags[flag], answer.text


def test_what_is_confirmed_and_waits_is_cancelled(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.CONFIRMED, kind=RunKind.SAVED_PLAN)
    refused = world.ask("POST", f"runs/{run.id}/actions/discard")
    assert refused.status_code == 409
    assert "is confirmed: it can be cancelled, not discarded" in refused.json["errors"][0]["detail"]
    assert world.ask("POST", f"runs/{run.id}/actions/cancel").status_code == 202
    assert world.services.runs.get(run.id).status is RunStatus.CANCELED


def test_force_cancel_comes_after_cancel_and_its_patience(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNING)
    job_id = world.stage(run, Stage.PLAN)
    force = f"runs/{run.id}/actions/force-cancel"

    def actions() -> dict[str, bool]:
        found: dict[str, bool] = world.ask("GET", f"runs/{run.id}").json["data"]["attributes"]["actions"]
        return found

    assert world.ask("POST", force).status_code == 409
    assert actions()["is-cancelable"] is True
    assert world.ask("POST", f"runs/{run.id}/actions/cancel").status_code == 202
    assert world.services.jobs.get(job_id).signal is Signal.INTERRUPT
    assert world.ask("POST", f"runs/{run.id}/actions/cancel").status_code == 409
    assert world.ask("POST", force).status_code == 409
    assert actions()["is-cancelable"] is False
    assert actions()["is-force-cancelable"] is False
    world.clock.advance(seconds=10)
    assert actions()["is-force-cancelable"] is True
    assert world.ask("POST", force).status_code == 202
    shown = world.ask("GET", f"runs/{run.id}").json["data"]["attributes"]
    assert shown["status"] == "canceled"
    assert shown["status-timestamps"]["force-canceled-at"].endswith("Z")
    assert shown["force-cancel-available-at"].endswith("Z")


@pytest.mark.parametrize("action", ["apply", "discard", "cancel", "force-cancel"])
def test_what_the_state_forbids_is_a_conflict_and_leaves_no_trace(world: World, action: str) -> None:
    run = world.run(world.workspace(), RunStatus.APPLIED)
    answer = world.ask("POST", f"runs/{run.id}/actions/{action}", {"comment": "too late"})
    assert answer.status_code == 409
    assert run.id in answer.json["errors"][0]["detail"]
    assert world.services.comments.of(run.id) == []
    assert world.enqueued == []


LOCKS = [  # reason, whose it is, how they are named
    ("moving\nhouse", "user-else", "prod is locked by User grace (moving house): apply it once that is unlocked"),
    ("", "team-ops", "prod is locked by Team grace: apply it once that is unlocked"),
]


@pytest.mark.parametrize(("reason", "holder_id", "said"), LOCKS)
def test_a_plan_that_is_kept_at_a_terminal_is_not_approved_under_a_lock(
    world: World, reason: str, holder_id: str, said: str
) -> None:
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.PLANNED_AND_SAVED, kind=RunKind.SAVED_PLAN, summary=TWO_CHANGES)
    world.services.workspaces.lock(workspace.id, "grace", reason, holder_id)
    answer = world.ask("POST", f"runs/{run.id}/actions/apply")
    assert (answer.status_code, answer.json["errors"][0]["detail"]) == (409, said)
    assert world.services.runs.get(run.id).status is RunStatus.PLANNED_AND_SAVED
    # The CLI asks this first: without it, it would not say why.
    assert world.ask("GET", f"runs/{run.id}").json["data"]["attributes"]["actions"]["is-confirmable"] is True
    world.services.workspaces.unlock(workspace.id)
    assert world.ask("POST", f"runs/{run.id}/actions/apply").status_code == 202


def test_nor_under_ones_own(world: World) -> None:
    """Under a lock no run begins, whoever holds it; so would not theirs, and their terminal would say nothing."""
    workspace = world.workspace()
    run = world.run(workspace, RunStatus.PLANNED_AND_SAVED, kind=RunKind.SAVED_PLAN, summary=TWO_CHANGES)
    assert world.ask("POST", f"workspaces/{workspace.id}/actions/lock", {}).status_code == 200
    answer = world.ask("POST", f"runs/{run.id}/actions/apply")
    assert answer.status_code == 409
    assert "prod is locked by User ada: " in answer.json["errors"][0]["detail"]


def test_comments(world: World) -> None:
    run = world.run(world.workspace())
    made = world.ask(
        "POST", f"runs/{run.id}/comments", {"data": {"type": "comments", "attributes": {"body": "Hm <b>"}}}
    )
    assert made.status_code == 201
    assert made.json["data"]["attributes"]["body"] == "Hm <b>"
    assert world.ask("GET", f"comments/{made.json['data']['id']}").json["data"] == made.json["data"]
    for body in ("", "  ", None):
        assert world.ask("POST", f"runs/{run.id}/comments", {"body": body}).status_code == 422
    assert world.ask("POST", f"runs/{run.id}/comments", {"body": "x" * 10_001}).status_code == 422
    assert len(world.ask("GET", f"runs/{run.id}/comments").json["data"]) == 1
    assert world.ask("GET", "comments/wsc-none").status_code == 404


def test_comments_go_with_their_run(world: World) -> None:
    workspace = world.workspace()
    comment = world.services.comments.add(world.run(workspace, RunStatus.APPLIED).id, "ada", "bye")
    world.services.workspaces.remove(workspace.id)
    assert world.ask("GET", f"comments/{comment.id}").status_code == 404
