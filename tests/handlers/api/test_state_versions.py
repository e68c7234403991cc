"""States through the API: taken whole or not at all, and never damaged by what is refused."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.handlers.api.state_world import LINEAGE, Prod, a_state, md5, said


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


@pytest.mark.parametrize("way", ["document", "upload"])
def test_a_state_of_another_lineage_than_was_announced(prod: Prod, way: str) -> None:
    prod.lock()
    other = a_state(1, lineage="another")
    if way == "document":
        answer = prod.create(other)
        assert prod.create(other, md5=None).status_code == 422
    else:
        answer = prod.put(prod.announce(other)["hosted-state-upload-url"], other)
    assert answer.status_code == 422
    assert "is of lineage another" in said(answer)
    assert prod.current() is None


def test_after_wrong_bytes_the_right_ones_are_announced_again(prod: Prod) -> None:
    prod.lock()
    url = prod.announce(a_state(1))["hosted-state-upload-url"]
    assert prod.put(url, a_state(2)).status_code == 422
    late = prod.put(url, a_state(1))
    assert late.status_code == 409
    assert "an upload to it was refused, or the lock" in said(late)
    assert "announce the state again" in said(late)
    assert prod.put(prod.announce(a_state(1))["hosted-state-upload-url"], a_state(1)).status_code == 200


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
    assert prod.world.ask("POST", f"{prod.path}/actions/unlock").status_code == 200  # nobody waits for it any more


def test_the_form_for_programs_may_be_larger_than_the_state(prod: Prod) -> None:
    prod.world.services.states.intake.most_bytes = 5_000
    prod.lock()
    announced = prod.announce(a_state(1))
    assert prod.put(announced["hosted-state-upload-url"], a_state(1)).status_code == 200
    url = announced["hosted-json-state-upload-url"]
    assert prod.put(url, b"{" + b" " * 20_000 + b"}").status_code == 413
    assert prod.put(url, b"{" + b" " * 12_000 + b"}").status_code == 200


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
