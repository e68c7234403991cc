"""Plans, applies and their logs: framed, readable without a token, at any time and from any offset."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from bot.run import Run, RunStatus, Stage
from bot.run_options import RunOptions
from handlers.jobs import Job, Verb
from handlers.run_logs import MOST_BYTES
from handlers.tasks import perform
from tests.fakes.door_world import START, TWO_CHANGES, World

STX, ETX = b"\x02", b"\x03"


def document(world: World, run: Run, stage: Stage = Stage.PLAN) -> dict[str, Any]:
    kind = "plans" if stage is Stage.PLAN else "applies"
    answer = world.ask("GET", f"{kind}/{stage.value}-{run.id.removeprefix('run-')}")
    assert answer.status_code == 200
    assert answer.json["data"]["type"] == kind
    same = world.ask("GET", f"runs/{run.id}/{stage.value}")
    assert same.json == answer.json
    attributes: dict[str, Any] = answer.json["data"]["attributes"]
    return attributes


def log_path(world: World, run: Run, stage: Stage = Stage.PLAN) -> str:
    url = urlsplit(document(world, run, stage)["log-read-url"])
    assert url.netloc == "localhost"  # the address that was asked
    assert url.query == ""  # the CLI replaces the query
    return url.path


def read(world: World, path: str, offset: int | None = None, limit: int | None = None) -> bytes:
    query = {name: value for name, value in (("offset", offset), ("limit", limit)) if value is not None}
    answer = world.browser().get(path, query_string=query)
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return answer.data


def follow(world: World, path: str, limit: int) -> bytes:
    """As a log reader does it, until ETX."""
    found = b""
    while not found.endswith(ETX):
        part = read(world, path, len(found), limit)
        assert 0 < len(part) <= limit
        found += part
    return found


def test_counts_and_times_of_a_plan(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNED, times={"planning": START}, summary=TWO_CHANGES)
    shown = document(world, run)
    assert (shown["status"], shown["has-changes"]) == ("finished", True)
    assert (shown["resource-additions"], shown["resource-destructions"]) == (1, 1)
    assert set(shown["status-timestamps"]) == {"started-at", "finished-at"}
    waiting = document(world, run, Stage.APPLY)
    assert waiting["status"] == "pending"
    assert waiting["log-read-url"]
    assert waiting["resource-additions"] == 0


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 65536])
@pytest.mark.parametrize("text", [b"", b"a", b"Terraform v1.11.4\nhello \xc3\xa9\n"])
def test_a_finished_log_is_framed(world: World, text: bytes, limit: int) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNED)
    world.stage(run, Stage.PLAN, text, finished=True)
    path = log_path(world, run)
    assert follow(world, path, limit) == STX + text + ETX
    assert read(world, path) == STX + text + ETX
    size = len(text) + 2
    for offset in (size, size + 1, size + 1000, 10**18):
        assert read(world, path, offset, limit) == b""


def test_a_log_grows_while_it_is_read(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNING)
    path = log_path(world, run)
    assert read(world, path, 0, 100) == b""
    job_id = world.stage(run, Stage.PLAN)
    assert read(world, path, 0, 100) == b""
    world.services.logs.append(job_id, 0, b"one\n")
    assert read(world, path, 0, 100) == STX + b"one\n"
    assert read(world, path, 5, 100) == b""
    assert read(world, path, 6, 100) == b""
    world.services.logs.append(job_id, 4, b"two\n")
    assert read(world, path, 5, 100) == b"two\n"
    assert read(world, path) == STX + b"one\ntwo\n"
    blob_id, size = world.services.logs.seal(job_id)
    world.services.jobs.finish(world.services.jobs.get(job_id), {}, blob_id, size)
    world.services.logs.forget(job_id)
    assert read(world, path, 9, 100) == ETX
    assert read(world, path, 5, 100) == b"two\n" + ETX
    assert read(world, path, 5, 4) == b"two\n"


@pytest.mark.parametrize("limit", [1, 7, 20, 21, 65536])
def test_the_log_of_an_apply_whose_runner_vanished_says_so_at_its_end(world: World, limit: int) -> None:
    """Whoever follows it by CLI reads nothing else."""
    run = world.run(world.workspace(), RunStatus.APPLYING)
    path = log_path(world, run, Stage.APPLY)
    world.stage(run, Stage.APPLY, b"Creating...\nCreated.\n")
    assert read(world, path) == STX + b"Creating...\nCreated.\n"
    world.clock.advance(seconds=3600)
    (job,) = world.services.jobs.expired()
    perform(world.services, Job(Verb.LOSE_STAGE, job.id))
    said = b"\nRunlock: runner runner-1 vanished in the middle of the apply; nobody knows how far it came; "
    said += b"the workspace is locked until somebody has looked at what is there and unlocks it\n"
    assert read(world, path) == STX + b"Creating...\nCreated.\n" + said + ETX
    assert follow(world, path, limit) == read(world, path)


@pytest.mark.parametrize("limit", [1, 7, 65536])
def test_the_log_of_an_apply_that_was_refused_at_its_turn_says_why(world: World, limit: int) -> None:
    run = world.run(world.workspace(), RunStatus.APPLY_QUEUED, error="the state of prod has changed")
    job_id = world.services.jobs.add(run.id, Stage.APPLY)
    world.services.jobs.withdraw(job_id)
    world.services.runs.move(run, replace(run, status=RunStatus.ERRORED))
    path = log_path(world, run, Stage.APPLY)
    first, on, third, *said = read(world, path).strip(STX + ETX).decode().splitlines()
    assert (first, on) == ("Runlock", "on the server")  # a client leaves the first three lines out
    assert third == f"Ending the apply of {run.id}..."
    assert said == ["", "Runlock: the state of prod has changed"]
    assert follow(world, path, limit) == read(world, path)


def test_so_says_that_of_one_that_was_refused_before(world: World) -> None:
    """No runner was asked for it yet; its plan's log is what it was."""
    run = world.run(world.workspace(), RunStatus.CONFIRMED)
    world.stage(run, Stage.PLAN, b"Plan: 1 to add\n", finished=True)
    path = log_path(world, run, Stage.APPLY)
    assert read(world, path, 0, 100) == b""
    world.services.runs.move(run, replace(run, status=RunStatus.ERRORED, error="the state of prod has changed"))
    assert read(world, path).endswith(b"\n\nRunlock: the state of prod has changed\n" + ETX)
    assert follow(world, path, 7) == read(world, path)
    assert document(world, run, Stage.APPLY)["status"] == "errored"
    assert read(world, log_path(world, run, Stage.PLAN)) == STX + b"Plan: 1 to add\n" + ETX


def test_nor_is_a_plan_that_failed_said_to_be_an_apply(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.ERRORED, error="plan failed")
    assert read(world, log_path(world, run, Stage.APPLY)) == STX + ETX


def test_a_stage_that_never_ran_has_an_empty_log(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.DISCARDED)
    assert read(world, log_path(world, run, Stage.APPLY), 0, 100) == STX + ETX
    assert document(world, run, Stage.APPLY)["status"] == "unreachable"


def test_an_answer_is_never_larger_than_a_mebibyte(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNED)
    text = b"0123456789abcdef" * (MOST_BYTES // 8)
    world.stage(run, Stage.PLAN, text, finished=True)
    path = log_path(world, run)
    assert len(read(world, path, 0, 10**9)) == MOST_BYTES
    assert read(world, path, MOST_BYTES - 5, 20) == (STX + text)[MOST_BYTES - 5 : MOST_BYTES + 15]
    assert read(world, path) == STX + text + ETX


def test_the_address_is_the_secret(world: World) -> None:
    one, two = world.run(world.workspace(), RunStatus.PLANNED), world.run(world.workspace("other"), RunStatus.PLANNED)
    path = log_path(world, one)
    object_id, mark = path.split("/")[-2:]
    other = "plan-" + two.id.removeprefix("run-")
    for bad in (
        path[:-1],
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path.replace(object_id, other),
        path.replace("plan-", "apply-"),
        path.replace(mark, "é"),
    ):
        answer = world.browser().get(bad, query_string={"offset": 0, "limit": 10})
        assert answer.status_code in (401, 404)
        assert answer.json["errors"]
    assert world.browser().get(path).status_code == 200


def test_an_address_ends_after_two_days(world: World) -> None:
    path = log_path(world, world.run(world.workspace(), RunStatus.PLANNED))
    world.clock.advance(days=1)
    assert world.browser().get(path).status_code == 200
    world.clock.advance(days=1)
    assert world.browser().get(path).status_code == 404


@pytest.mark.parametrize("query", ["offset=x", "limit=-1", "offset=1.5", "limit=" + "9" * 30])
def test_senseless_offsets(world: World, query: str) -> None:
    path = log_path(world, world.run(world.workspace(), RunStatus.PLANNED))
    assert world.browser().get(f"{path}?{query}").status_code == 400


def test_other_ids_are_not_there(world: World) -> None:
    run = world.run(world.workspace())
    suffix = run.id.removeprefix("run-")
    for path in ("plans/plan-none", f"plans/{run.id}", f"plans/apply-{suffix}", f"applies/plan-{suffix}"):
        answer = world.ask("GET", path)
        assert answer.status_code == 404
        assert path.split("/")[1] in answer.json["errors"][0]["detail"]


def planned(world: World, *, drawn_by_client: bool) -> Run:
    options = RunOptions(drawn_by_client=drawn_by_client)
    run = world.run(world.workspace(), RunStatus.PLANNED, times={"planning": START}, options=options)
    job = world.services.jobs.get(world.stage(run, Stage.PLAN, b"log"))
    schemas = {"example.test/acme/net": {"resource_schemas": {"net_zone": {"version": 0}}}} if drawn_by_client else {}
    redacted = {"plan_format_version": "1.2", "provider_format_version": "1.0", "provider_schemas": schemas}
    blob_id = world.services.blobs.put(json.dumps(redacted).encode())
    assert world.services.jobs.keep_blob(job, "plan_redacted", blob_id)
    return run


def finish(world: World, run: Run) -> None:
    job = world.services.jobs.of_run(run.id, Stage.PLAN)
    assert job is not None
    blob_id, size = world.services.logs.seal(job.id)
    world.services.jobs.finish(job, {"engine": "terraform", "engine_version": "1.11.4"}, blob_id, size)


@pytest.mark.parametrize("by", ["plan", "run"])
def test_the_schemas_that_a_plan_is_drawn_with(world: World, by: str) -> None:
    run = planned(world, drawn_by_client=True)
    suffix = run.id.removeprefix("run-")
    path = f"plans/plan-{suffix}/json-schema" if by == "plan" else f"runs/{run.id}/plan/json-schema"
    assert world.ask("GET", path).status_code == 204  # the plan may still change
    finish(world, run)
    answer = world.ask("GET", path)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json == {
        "format_version": "1.0",
        "provider_schemas": {"example.test/acme/net": {"resource_schemas": {"net_zone": {"version": 0}}}},
    }


def test_a_plan_says_where_its_json_is(world: World) -> None:
    run = world.run(world.workspace(), RunStatus.PLANNED)
    ident = run.id.removeprefix("run-")
    for path in (f"plans/plan-{ident}", f"runs/{run.id}/plan"):
        links = world.ask("GET", path).json["data"]["links"]
        assert links["json-output"] == f"/api/v2/plans/plan-{ident}/json-output"
    assert world.app.test_client().get(links["json-output"]).status_code == 401
    assert world.ask("GET", links["json-output"].removeprefix("/api/v2/")).status_code == 204
    assert set(world.ask("GET", f"applies/apply-{ident}").json["data"]["links"]) == {"self"}


def test_no_schemas_where_nobody_draws_the_plan(world: World) -> None:
    run = planned(world, drawn_by_client=False)
    finish(world, run)
    assert world.ask("GET", f"runs/{run.id}/plan/json-schema").status_code == 204
    waiting = world.run(world.workspace("other"), options=RunOptions(drawn_by_client=True))
    assert world.ask("GET", f"runs/{waiting.id}/plan/json-schema").status_code == 204
