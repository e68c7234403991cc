"""What was is kept: older states are listed, downloaded, compared and rolled back to."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from bot.run import RunStatus, Stage
from tests.handlers.api.state_world import Prod, a_state


def test_versions_are_listed_in_pages_newest_first(prod: Prod) -> None:
    ids = [prod.stored(a_state(serial)) for serial in range(1, 6)]
    query = {
        "filter[organization][name]": "acme",
        "filter[workspace][name]": "prod",
        "page[size]": "2",
        "page[number]": "2",
    }
    answer = prod.get("state-versions", query_string=query)
    assert [version["id"] for version in answer.json["data"]] == [ids[2], ids[1]]
    assert answer.json["meta"]["pagination"]["total-count"] == 5
    of_workspace = prod.get(f"{prod.path}/state-versions")
    assert [version["id"] for version in of_workspace.json["data"]] == ids[::-1]
    assert prod.get("state-versions", query_string={"filter[workspace][name]": "prod"}).status_code == 400


def test_a_list_names_the_outputs_of_versions_that_have_not_too_many(prod: Prod) -> None:
    some, many = ({f"o{n:04}": {"value": n, "type": "number"} for n in range(count)} for count in (1_000, 1_001))
    few, lot = prod.stored(a_state(1, outputs=some)), prod.stored(a_state(2, outputs=many))
    include = {"include": "outputs"}
    by_name = {"filter[organization][name]": "acme", "filter[workspace][name]": "prod"}
    for answer in (
        prod.get(f"{prod.path}/state-versions", query_string=include),
        prod.get("state-versions", query_string=by_name | include),
    ):
        listed = {version["id"]: version["relationships"]["outputs"] for version in answer.json["data"]}
        assert len(listed[few]["data"]) == 1_000
        assert listed[lot] == {"links": {"related": f"/api/v2/state-versions/{lot}/outputs"}}
        assert [extra["id"] for extra in answer.json["included"]] == [named["id"] for named in listed[few]["data"]]
    assert len(prod.get(f"state-versions/{lot}/outputs").json["data"]) == 1_001
    for path in (f"state-versions/{lot}", f"{prod.path}/current-state-version"):
        answer = prod.get(path, query_string=include)
        named = [each["id"] for each in answer.json["data"]["relationships"]["outputs"]["data"]]
        assert named == [extra["id"] for extra in answer.json["included"]]
        assert len(named) == 1_001


def test_every_version_can_be_downloaded(prod: Prod) -> None:
    ids = [prod.stored(a_state(serial)) for serial in (1, 2)]
    assert [prod.get(f"state-versions/{ident}/download").data for ident in ids] == [a_state(1), a_state(2)]
    assert prod.get("state-versions/sv-none/download").status_code == 404


def test_a_rollback_is_a_new_version_with_a_serial_of_its_own(prod: Prod) -> None:
    first = prod.stored(a_state(1, outputs={"who": {"value": "first", "type": "string"}}))
    prod.stored(a_state(7))
    prod.lock()
    relationship = {"rollback-state-version": {"data": {"type": "state-versions", "id": first}}}
    body = {"data": {"type": "state-versions", "relationships": relationship}}
    made = prod.world.ask("PATCH", f"{prod.path}/state-versions", body)
    assert made.status_code == 201
    assert made.json["data"]["id"] != first
    assert made.json["data"]["attributes"]["serial"] == 8
    assert prod.current() == a_state(8, outputs={"who": {"value": "first", "type": "string"}})
    # Whoever still works on serial 7 does not write over it.
    assert prod.create(a_state(8)).status_code == 409
    assert prod.get(f"state-versions/{first}/download").data == a_state(
        1, outputs={"who": {"value": "first", "type": "string"}}
    )


@pytest.mark.parametrize("mebibytes", [1, 2, 5])
def test_a_large_state_that_came_in_a_document_is_whole_and_can_be_returned_to(prod: Prod, mebibytes: int) -> None:
    """It is read and sealed piece by piece, and the pieces of one are not as long as those of the other."""
    outputs = {"filling": {"value": random.Random(mebibytes).randbytes(mebibytes << 19).hex(), "type": "string"}}
    prod.lock()
    large, small = a_state(1, outputs=outputs), a_state(2)
    first = prod.create(large)
    assert first.status_code == 201
    assert prod.current() == large
    assert prod.create(small).status_code == 201
    relationship = {"rollback-state-version": {"data": {"type": "state-versions", "id": first.json["data"]["id"]}}}
    body = {"data": {"type": "state-versions", "relationships": relationship}}
    assert prod.world.ask("PATCH", f"{prod.path}/state-versions", body).status_code == 201
    assert prod.current() == large.replace(b'"serial": 1', b'"serial": 3')


def test_what_a_run_ended_with_is_no_snapshot_after_a_rollback_to_it(prod: Prod) -> None:
    run = prod.world.run(prod.workspace, RunStatus.APPLYING)
    token = prod.world.services.tokens.for_run(run.id, Stage.APPLY)
    written = prod.create(a_state(1), token=token).json["data"]["id"]
    prod.world.services.runs.move(run, replace(run, status=RunStatus.APPLIED))
    prod.lock()
    relationship = {"rollback-state-version": {"data": {"type": "state-versions", "id": written}}}
    body = {"data": {"type": "state-versions", "relationships": relationship}}
    made = prod.world.ask("PATCH", f"{prod.path}/state-versions", body)
    assert made.status_code == 201, made.text
    assert made.json["data"]["relationships"]["run"]["data"]["id"] == run.id
    assert prod.get(f"state-versions/{written}").json["data"]["attributes"]["intermediate"] is False


def test_a_rollback_finds_the_states_own_serial(prod: Prod) -> None:
    raw = json.dumps(
        {"resources": [{"type": "x", "name": "y", "instances": [{"attributes": {"serial": 1}}]}]}
        | json.loads(a_state(1))
        | {"outputs": {"serial": {"value": {"serial": 1}, "type": "dynamic"}}}
    ).encode()
    first = prod.stored(raw)
    prod.stored(a_state(2))
    prod.lock()
    relationship = {"rollback-state-version": {"data": {"type": "state-versions", "id": first}}}
    made = prod.world.ask("PATCH", f"{prod.path}/state-versions", {"data": {"relationships": relationship}})
    assert made.status_code == 201, made.text
    assert json.loads(prod.current() or b"") == json.loads(raw) | {"serial": 3}


def test_a_rollback_needs_the_lock_and_a_version_of_this_workspace(prod: Prod) -> None:
    first = prod.stored(a_state(1))
    other = prod.world.services.workspaces.add(prod.world.organization.id, "other")
    foreign = prod.world.services.states.store(other.id, a_state(1), run_id=None)
    assert foreign is not None

    def to(ident: str) -> int:
        body = {"data": {"relationships": {"rollback-state-version": {"data": {"id": ident}}}}}
        return prod.world.ask("PATCH", f"{prod.path}/state-versions", body).status_code

    assert to(first) == 409
    prod.lock()
    assert [to(ident) for ident in (foreign.id, "sv-none")] == [404, 404]
    assert prod.world.ask("PATCH", f"{prod.path}/state-versions", {}).status_code == 422


def managed(name: str, **attributes: Any) -> dict[str, Any]:
    return {"mode": "managed", "type": "thing", "name": name, "instances": [{"attributes": attributes}]}


def test_the_difference_to_the_version_before(prod: Prod) -> None:
    prod.stored(
        a_state(
            1,
            outputs={
                "same": {"value": 1, "type": "number"},
                "gone": {"value": "old", "type": "string"},
                "key": {"value": "s3cret-1", "type": "string", "sensitive": True},
                "size": {"value": 1, "type": "number"},
            },
            resources=[managed("kept", a=1), managed("changed", a=1, b=2), managed("removed")],
        )
    )
    second = prod.stored(
        a_state(
            2,
            outputs={
                "same": {"value": 1, "type": "number"},
                "key": {"value": "s3cret-2", "type": "string", "sensitive": True},
                "size": {"value": 2, "type": "number"},
                "new": {"value": "fresh", "type": "string"},
            },
            resources=[managed("added"), managed("changed", a=1, b=3, c="s3cret-3"), managed("kept", a=1)],
        )
    )
    answer = prod.get(f"state-versions/{second}/diff")
    assert answer.json["data"]["attributes"] == {
        "serial": 2,
        "resources": {
            "added": [{"address": "thing.added"}],
            "changed": [{"address": "thing.changed", "attributes": ["b", "c"]}],
            "removed": [{"address": "thing.removed"}],
        },
        "outputs": {
            "added": [{"name": "new", "sensitive": False, "after": "fresh"}],
            "changed": [
                {"name": "key", "sensitive": True, "before": "(sensitive)", "after": "(sensitive)"},
                {"name": "size", "sensitive": False, "before": 1, "after": 2},
            ],
            "removed": [{"name": "gone", "sensitive": False, "before": "old"}],
        },
    }
    assert "s3cret" not in answer.text


def test_the_first_version_is_compared_to_nothing(prod: Prod) -> None:
    first = prod.stored(a_state(1, resources=[managed("one")]))
    document = prod.get(f"state-versions/{first}/diff").json["data"]
    assert document["attributes"]["resources"]["added"] == [{"address": "thing.one"}]
    assert document["relationships"]["previous-state-version"]["data"] is None


def test_what_an_apply_could_not_save_is_offered(prod: Prod) -> None:
    run = prod.world.run(prod.workspace, RunStatus.APPLYING)
    apply_path = f"applies/apply-{run.id.removeprefix('run-')}/errored-state"
    assert prod.get(apply_path).status_code == 404
    job = prod.world.services.jobs.get(prod.world.stage(run, Stage.APPLY))
    prod.world.services.jobs.keep_blob(job, "errored_state", prod.world.services.blobs.put(a_state(9)))
    assert prod.get(apply_path).data == a_state(9)
    assert prod.get(apply_path, token=prod.world.stranger()).status_code == 404
