"""States through the API: written under one's own lock, kept for ever, never damaged by what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from bot.run import RunStatus, Stage
from bot.workspace import Workspace
from tests.fakes.door_world import SHA, World

LINEAGE = "0f8fad5b-d9cb-469f-a165-70867728950e"


def a_state(serial: int, lineage: str = LINEAGE, outputs: dict[str, Any] | None = None, **more: Any) -> bytes:
    """As Terraform writes one."""
    document = {
        "version": 4,
        "terraform_version": "1.11.4",
        "serial": serial,
        "lineage": lineage,
        "outputs": outputs or {},
        "resources": [],
        **more,
    }
    return json.dumps(document, indent=2).encode()


def md5(raw: bytes) -> str:
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


def serial_of(raw: bytes) -> int:
    """5 for bytes that say none."""
    try:
        return int(json.loads(raw)["serial"])
    except (ValueError, TypeError, KeyError):
        return 5


class Prod:
    """The workspace prod, and what people ask of its states."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.workspace: Workspace = world.workspace()
        self.path = f"workspaces/{self.workspace.id}"

    def lock(self, token: str | None = None) -> None:
        assert self.world.ask("POST", f"{self.path}/actions/lock", token=token).status_code == 200

    def create(self, raw: bytes, *, token: str | None = None, run: str = "", **attributes: Any) -> TestResponse:
        """POST with the state in the document unless `state` says otherwise."""
        told: dict[str, Any] = {
            "serial": serial_of(raw),
            "md5": md5(raw),
            "lineage": LINEAGE,
            "state": base64.b64encode(raw).decode(),
            **attributes,
        }
        attributes = {name: value for name, value in told.items() if value is not None}
        data: dict[str, Any] = {"type": "state-versions", "attributes": attributes}
        if run:
            data["relationships"] = {"run": {"data": {"type": "runs", "id": run}}}
        return self.world.ask("POST", f"{self.path}/state-versions", {"data": data}, token=token)

    def announce(self, raw: bytes, **attributes: Any) -> dict[str, str]:
        answer = self.create(raw, state=None, **attributes)
        assert answer.status_code == 201, answer.text
        found: dict[str, str] = {**answer.json["data"]["attributes"], "id": answer.json["data"]["id"]}
        return found

    def put(self, url: str, raw: bytes) -> TestResponse:
        """An upload, as clients send it: with nothing but the address."""
        return self.world.app.test_client().put(
            urlsplit(url).path, data=raw, headers={"Content-Type": "application/octet-stream"}
        )

    def upload(self, raw: bytes) -> TestResponse:
        return self.put(self.announce(raw)["hosted-state-upload-url"], raw)

    def current(self) -> bytes | None:
        version = self.world.services.states.current(self.workspace.id)
        return self.world.services.states.read(version) if version else None

    def stored(self, raw: bytes, **facts: Any) -> str:
        version = self.world.services.states.store(self.workspace.id, raw, run_id=None, **facts)
        assert version is not None
        return version.id

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.world.ask("GET", path, **more)

    def blobs(self) -> int:
        return sum(1 for file in (self.world.services.settings.server_folder / "blobs").rglob("blob-*"))


@pytest.fixture
def prod(world: World) -> Prod:
    return Prod(world)


def said(answer: TestResponse) -> str:
    detail: str = answer.json["errors"][0]["detail"]
    return detail


def test_a_state_in_the_document_becomes_current(prod: Prod) -> None:
    prod.lock()
    raw = a_state(1)
    made = prod.create(raw)
    assert made.status_code == 201
    facts = made.json["data"]["attributes"]
    assert (facts["serial"], facts["md5"], facts["size"], facts["status"]) == (1, md5(raw), len(raw), "finalized")
    assert (facts["lineage"], facts["state-version"], facts["terraform-version"]) == (LINEAGE, 4, "1.11.4")
    assert facts["created-at"].endswith("Z")
    assert facts["hosted-state-upload-url"] is None
    assert made.headers["X-Terraform-Snapshot-Interval"].isdecimal()
    shown = prod.get(f"{prod.path}/current-state-version").json["data"]
    assert shown["id"] == made.json["data"]["id"]
    assert shown["relationships"]["created-by"]["data"] == {"id": prod.world.owner.id, "type": "users"}
    downloaded = prod.get(urlsplit(facts["hosted-state-download-url"]).path.removeprefix("/api/v2/"))
    assert downloaded.data == raw
    assert downloaded.content_length == len(raw)


def test_an_announced_state_is_current_once_it_has_come(prod: Prod) -> None:
    prod.lock()
    raw = a_state(1)
    announced = prod.announce(raw)
    assert announced["status"] == "pending"
    assert prod.current() is None
    assert prod.get(f"{prod.path}/current-state-version").status_code == 404
    assert prod.put(announced["hosted-json-state-upload-url"], b'{"format_version": "1.0"}').status_code == 200
    assert prod.put(announced["hosted-state-upload-url"], raw).status_code == 200
    assert prod.current() == raw
    shown = prod.get(f"state-versions/{announced['id']}").json["data"]["attributes"]
    assert (shown["status"], shown["size"], shown["resources-processed"]) == ("finalized", len(raw), True)
    json_path = urlsplit(shown["hosted-json-state-download-url"]).path.removeprefix("/api/v2/")
    assert prod.get(json_path).data == b'{"format_version": "1.0"}'
    # A client whose answer was lost sends the same once more; something else is refused.
    assert prod.put(announced["hosted-state-upload-url"], raw).status_code == 200
    assert prod.put(announced["hosted-state-upload-url"], a_state(2)).status_code == 409
    assert prod.current() == raw


@pytest.mark.parametrize(
    ("raw", "change", "status", "words"),
    [
        (a_state(5, outputs={"x": {"value": 1}}), {"md5": "0" * 32}, 422, "does not match its MD5"),
        (b"not json", {}, 422, "not JSON"),
        (b"", {}, 422, "not JSON"),
        (a_state(5)[:-10], {}, 422, "not JSON"),
        (b"[]", {}, 422, "not a JSON object"),
        (b'{"serial": 5, "lineage": [1]}', {}, 422, "no proper serial and lineage"),
        (a_state(3), {}, 409, "older"),
        (a_state(4, outputs={"x": {"value": 2}}), {}, 409, "serial 4 is stored already"),
        (a_state(5, lineage="another"), {"lineage": "another"}, 409, "another lineage"),
        (a_state(6), {"serial": 5}, 422, "serial 6"),
    ],
)
@pytest.mark.parametrize("way", ["document", "upload"])
def test_a_state_that_does_not_fit_changes_nothing(
    prod: Prod, way: str, raw: bytes, change: dict[str, Any], status: int, words: str
) -> None:
    before = a_state(4)
    prod.stored(before)
    prod.lock()
    blobs = prod.blobs()
    if way == "document":
        answer = prod.create(raw, **change)
    else:
        announced = prod.create(raw, state=None, **change)
        if announced.status_code == 201:
            url = announced.json["data"]["attributes"]["hosted-state-upload-url"]
            answer = prod.put(url, raw)
            # What was refused is over: neither tried again nor in the way of the unlock.
            assert prod.put(url, raw).status_code == 409
            shown = prod.get(f"state-versions/{announced.json['data']['id']}").json["data"]
            assert shown["attributes"]["status"] == "discarded"
        else:
            answer = announced
    assert answer.status_code == status
    assert words in said(answer)
    assert prod.current() == before
    assert prod.blobs() == blobs
    assert prod.world.ask("POST", f"{prod.path}/actions/unlock").status_code == 200


def test_the_same_state_again_is_no_conflict(prod: Prod) -> None:
    prod.lock()
    first = prod.create(a_state(1))
    again = prod.create(a_state(1))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json["data"]["id"] == first.json["data"]["id"]


def test_force_takes_another_lineage(prod: Prod) -> None:
    prod.stored(a_state(4))
    prod.lock()
    other = a_state(1, lineage="another")
    assert prod.create(other, lineage="another").status_code == 409
    assert prod.create(other, lineage="another", force=True).status_code == 201
    assert prod.current() == other


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"state": "%%%"}, "base64"),
        ({"state": None, "md5": None}, "serial and md5"),
        ({"state": None, "serial": None}, "serial and md5"),
        ({"state": None, "md5": "xyz"}, "32 hex digits"),
        ({"state": None, "serial": -1}, "whole number"),
        ({"state": None, "serial": "1"}, "whole number"),
        ({"state": None, "lineage": "a\nb"}, "lineage"),
    ],
)
def test_what_is_said_of_a_state_must_make_sense(prod: Prod, attributes: dict[str, Any], words: str) -> None:
    prod.lock()
    answer = prod.create(a_state(1), **attributes)
    assert answer.status_code == 422
    assert words in said(answer)
    assert prod.current() is None


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


def test_a_state_larger_than_the_limit_is_refused(prod: Prod) -> None:
    prod.world.services.states.intake.most_bytes = 5_000
    prod.stored(a_state(1))
    prod.lock()
    large = a_state(2, padding="x" * 6_000)
    url = prod.announce(large)["hosted-state-upload-url"]
    for answer in (prod.create(large), prod.put(url, large)):
        assert answer.status_code == 413
        assert "RUNLOCK_LARGEST_STATE_MEGABYTES" in said(answer)
    assert prod.current() == a_state(1)


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


def test_every_version_can_be_downloaded(prod: Prod) -> None:
    ids = [prod.stored(a_state(serial)) for serial in (1, 2)]
    assert [prod.get(f"state-versions/{ident}/download").data for ident in ids] == [a_state(1), a_state(2)]
    assert prod.get("state-versions/sv-none/download").status_code == 404


OUTPUTS = {
    "address": {"value": "10.0.0.1", "type": "string"},
    "count": {"value": 3, "type": "number"},
    "names": {"value": ["a", "b"], "type": ["list", "string"]},
    "password": {"value": "hunter2", "type": "string", "sensitive": True},
}


def test_outputs_are_listed_without_what_is_sensitive(prod: Prod) -> None:
    ident = prod.stored(a_state(1, outputs=OUTPUTS))
    for path in (f"{prod.path}/current-state-version-outputs", f"state-versions/{ident}/outputs"):
        answer = prod.get(path)
        found = {each["attributes"]["name"]: each["attributes"] for each in answer.json["data"]}
        assert {name: each["value"] for name, each in found.items()} == {
            "address": "10.0.0.1",
            "count": 3,
            "names": ["a", "b"],
            "password": None,
        }
        assert (found["names"]["type"], found["names"]["detailed-type"]) == ("array", ["list", "string"])
        assert found["password"]["sensitive"] is True
        assert "hunter2" not in answer.text


def test_one_output_is_told_even_if_it_is_sensitive(prod: Prod) -> None:
    ident = prod.stored(a_state(1, outputs=OUTPUTS))
    document = prod.get(f"state-versions/{ident}", query_string={"include": "outputs"}).json
    assert "hunter2" not in json.dumps(document)
    ids = [each["id"] for each in document["data"]["relationships"]["outputs"]["data"]]
    assert ids == [each["id"] for each in document["included"]]
    shown = [prod.get(f"state-version-outputs/{each}").json["data"]["attributes"] for each in ids]
    assert [each["value"] for each in shown if each["name"] == "password"] == ["hunter2"]
    for wrong in (ids[0][:-4] + "ffff", "wsout-", "wsout-x", ident, ids[0] + "zz"):
        assert prod.get(f"state-version-outputs/{wrong}").status_code == 404


def test_all_outputs_come_at_once_unless_a_page_is_asked_for(prod: Prod) -> None:
    outputs = {f"o{number:03}": {"value": number, "type": "number"} for number in range(150)}
    prod.stored(a_state(1, outputs=outputs))
    path = f"{prod.path}/current-state-version-outputs"
    assert len(prod.get(path).json["data"]) == 150
    page = prod.get(path, query_string={"page[number]": "2", "page[size]": "100"})
    assert len(page.json["data"]) == 50
    assert page.json["meta"]["pagination"]["total-pages"] == 2


def test_outputs_of_a_state_of_terraform_0_11(prod: Prod) -> None:
    old = {
        "version": 3,
        "serial": 1,
        "lineage": LINEAGE,
        "modules": [
            {"path": ["root", "child"], "outputs": {"inner": {"value": "no", "type": "string", "sensitive": False}}},
            {
                "path": ["root"],
                "outputs": {"subnet_id": {"value": "subnet-1", "type": "string", "sensitive": False}},
                "resources": {},
            },
        ],
    }
    prod.stored(json.dumps(old).encode())
    (output,) = prod.get(f"{prod.path}/current-state-version-outputs").json["data"]
    assert (output["attributes"]["name"], output["attributes"]["value"]) == ("subnet_id", "subnet-1")


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


def test_two_who_write_at_once_do_not_both_win(prod: Prod) -> None:
    """The same serial twice, at the same moment: one is taken, the other one refused."""
    prod.stored(a_state(1))
    prod.lock()
    answers: list[int] = []

    def write(who: str) -> None:
        raw = a_state(2, outputs={"who": {"value": who, "type": "string"}})
        answers.append(prod.create(raw).status_code)

    threads = [threading.Thread(target=write, args=(f"writer-{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409, 409, 409, 409, 409]
    assert len(prod.world.services.states.of_workspace(prod.workspace.id)) == 2
