"""Who writes a state? The holder of the lock, or the run that is being applied; nobody too late, nobody by guessing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.run import RunStatus, Stage
from tests.fakes.door_world import SHA
from tests.handlers.api.state_world import OUTPUTS, Prod, a_state, said


def test_only_the_holder_of_the_lock_writes(prod: Prod) -> None:
    grace = prod.world.services.people.add_user("grace", "grace@acme.test")
    prod.world.services.people.make_owner(prod.world.organization.id, grace.id)
    unlocked = prod.create(a_state(1))
    assert unlocked.status_code == 409
    assert "not locked" in said(unlocked)
    prod.lock(token=prod.world.token_of(grace))
    for attributes in ({}, {"state": None}):
        refused = prod.create(a_state(1), **attributes)
        assert refused.status_code == 409
        assert "is locked by User grace" in said(refused)
    assert prod.current() is None


def test_what_a_run_holds_no_person_writes(prod: Prod) -> None:
    run = prod.world.run(prod.workspace, RunStatus.APPLYING)
    refused = prod.create(a_state(1))
    assert refused.status_code == 409
    assert f"is locked by Run {run.id}" in said(refused)


def test_a_run_writes_with_its_own_token_while_it_is_applied(prod: Prod) -> None:
    run = prod.world.run(prod.workspace, RunStatus.APPLYING)
    token = prod.world.services.tokens.for_run(run.id, Stage.APPLY)
    first, second = prod.create(a_state(1), token=token), prod.create(a_state(2), token=token)
    assert (first.status_code, second.status_code) == (201, 201)
    facts = second.json["data"]
    assert facts["relationships"]["run"]["data"]["id"] == run.id
    assert facts["attributes"]["vcs-commit-sha"] == SHA
    assert facts["attributes"]["intermediate"] is False
    # What it wrote before was a snapshot in the middle.
    snapshot = prod.get(f"state-versions/{first.json['data']['id']}").json["data"]
    assert snapshot["attributes"]["intermediate"] is True


def test_a_run_of_another_workspace_writes_nothing_here(prod: Prod) -> None:
    other = prod.world.services.workspaces.add(prod.world.organization.id, "other")
    run = prod.world.run(other, RunStatus.APPLYING)
    token = prod.world.services.tokens.for_run(run.id, Stage.APPLY)
    assert prod.create(a_state(1), token=token).status_code in (403, 404)
    assert prod.current() is None


def test_an_upload_of_a_run_that_is_over_comes_too_late(prod: Prod) -> None:
    run = prod.world.run(prod.workspace, RunStatus.APPLYING)
    token = prod.world.services.tokens.for_run(run.id, Stage.APPLY)
    announced = prod.announce(a_state(1), token=token)
    ended = prod.world.services.runs.get(run.id)
    prod.world.services.runs.move(ended, replace(ended, status=RunStatus.ERRORED))
    late = prod.put(announced["hosted-state-upload-url"], a_state(1))
    assert late.status_code == 409
    assert "is over" in said(late)
    assert prod.current() is None


def test_a_persons_state_is_tied_to_the_run_that_they_name(prod: Prod) -> None:
    run = prod.world.run(prod.workspace, RunStatus.APPLIED)
    other = prod.world.services.workspaces.add(prod.world.organization.id, "other")
    foreign = prod.world.run(other, RunStatus.APPLIED)
    prod.lock()
    made = prod.create(a_state(1), run=run.id)
    assert made.json["data"]["relationships"]["run"]["data"]["id"] == run.id
    assert made.json["data"]["attributes"]["vcs-commit-sha"] == SHA
    for wrong in (foreign.id, "run-nothere"):
        assert prod.create(a_state(2), run=wrong).status_code == 422


def test_no_unlock_while_an_upload_is_on_its_way(prod: Prod) -> None:
    prod.lock()
    announced = prod.announce(a_state(1))
    refused = prod.world.ask("POST", f"{prod.path}/actions/unlock")
    assert refused.status_code == 409
    assert "latest state version is still pending" in said(refused)
    assert prod.put(announced["hosted-state-upload-url"], a_state(1)).status_code == 200
    assert prod.world.ask("POST", f"{prod.path}/actions/unlock").status_code == 200


def test_a_lock_that_is_stolen_takes_the_upload_with_it(prod: Prod) -> None:
    """Force-unlocked in between, and locked by the same person elsewhere: what was on its way is not taken."""
    prod.stored(a_state(1))
    prod.lock()
    announced = prod.announce(a_state(2))
    assert prod.world.ask("POST", f"{prod.path}/actions/force-unlock").status_code == 200
    prod.lock()
    assert prod.upload(a_state(2, outputs={"mine": {"value": 1, "type": "number"}})).status_code == 200
    late = prod.put(announced["hosted-state-upload-url"], a_state(2))
    assert late.status_code == 409
    assert b"mine" in (prod.current() or b"")


def test_an_upload_nobody_sends_is_not_waited_for_for_ever(prod: Prod) -> None:
    prod.lock()
    announced = prod.announce(a_state(1))
    prod.world.clock.advance(minutes=16)
    assert prod.put(announced["hosted-state-upload-url"], a_state(1)).status_code == 404
    assert prod.get(f"state-versions/{announced['id']}").json["data"]["attributes"]["status"] == "discarded"
    assert prod.world.ask("POST", f"{prod.path}/actions/unlock").status_code == 200
    assert prod.current() is None


@pytest.mark.parametrize("change", [lambda path: path[:-1] + "0", lambda path: path.replace("/state/", "/json-state/")])
def test_an_address_that_was_guessed_opens_nothing(prod: Prod, change: Any) -> None:
    prod.lock()
    url = prod.announce(a_state(1))["hosted-state-upload-url"]
    guessed = change(url) if change(url) != url else url[:-1] + "1"
    assert prod.put(guessed, a_state(1)).status_code == 404
    assert prod.world.app.test_client().get(urlsplit(url).path).status_code in (401, 404, 405)


def test_a_stranger_sees_and_does_nothing(prod: Prod) -> None:
    ident = prod.stored(a_state(1, outputs=OUTPUTS))
    output = prod.get(f"state-versions/{ident}").json["data"]["relationships"]["outputs"]["data"][0]["id"]
    token = prod.world.stranger()
    paths = [f"{prod.path}/{what}" for what in ("current-state-version", "current-state-version-outputs")]
    paths += [f"state-versions/{ident}{what}" for what in ("", "/download", "/json-download", "/outputs", "/diff")]
    for path in [*paths, f"{prod.path}/state-versions", f"state-version-outputs/{output}"]:
        answer = prod.get(path, token=token)
        assert answer.status_code == 404, path
        assert prod.workspace.id in path or prod.workspace.id not in answer.text
    assert prod.create(a_state(2), token=token).status_code == 404
    assert prod.get(f"state-versions/{ident}", token="nobody's").status_code == 401


def test_a_run_that_is_planned_only_reads(prod: Prod) -> None:
    ident = prod.stored(a_state(1, outputs=OUTPUTS))
    services, world = prod.world.services, prod.world
    run = world.run(prod.workspace, RunStatus.PLANNING)
    token = services.tokens.for_run(run.id, Stage.PLAN)
    assert prod.get(f"state-versions/{ident}/download", token=token).status_code == 200
    assert prod.create(a_state(2), token=token).status_code == 403
