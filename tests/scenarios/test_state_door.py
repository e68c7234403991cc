"""An engine reads and writes its state with its run's token: only reading before `applying`, nothing after its end."""

from __future__ import annotations

import base64
import hashlib
import itertools
from typing import Any

import pytest
import requests

from bot.errors import NotAllowed
from bot.needs import Needs
from bot.run import Run, RunStatus, Stage
from bot.stage_words import Outcome
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.reactions.decisions import cancel, confirm, discard
from handlers.state.holding import check_may_write
from tests.fakes.states import a_state
from tests.scenarios.fates import minutes_pass
from tests.scenarios.runners import HandRunner
from tests.scenarios.world import HELLO, World


def md5(raw: bytes) -> dict[str, str]:
    return {"Content-MD5": base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()}


class Engine:
    """An engine with the token of a run, as Terraform's `http` backend speaks."""

    def __init__(self, world: World, run: Run) -> None:
        self.world = world
        self.run = run
        self.of_stage(Stage.APPLY)

    def of_stage(self, stage: Stage) -> Engine:
        """The engine of that stage: each has a token of its own."""
        self.token = self.world.services.tokens.for_run(self.run.id, stage)
        self.auth = ("runlock", self.token)
        return self

    def url(self, workspace: Workspace) -> str:
        return f"{self.world.address}/api/http-state/{workspace.organization_name}/{workspace.name}"

    def read(self, workspace: Workspace) -> requests.Response:
        return requests.get(self.url(workspace), auth=self.auth, timeout=10)

    def write(self, workspace: Workspace, raw: bytes, headers: dict[str, str] | None = None) -> int:
        sent = requests.post(
            self.url(workspace), data=raw, headers=md5(raw) if headers is None else headers, auth=self.auth, timeout=10
        )
        assert "<html" not in sent.text
        return sent.status_code


class Applying:
    """prod is being applied by a runner; its state has serial 4."""

    def __init__(self, world: World) -> None:
        self.world = world
        host: Any = world.host
        self.repo = host.create_repository("acme/infra", files={"main.tf": HELLO})
        self.prod = world.workspace("prod", self.repo)
        self.other = world.workspace("other", self.repo, branch="elsewhere")
        world.services.states.store(self.prod.id, a_state(4), run_id=None)
        world.is_runner_there = False
        self.repo.push("main", {"more.tf": "# one\n"})
        world.settle()
        (self.run,) = world.runs()
        self.engine = Engine(world, self.run)

    def plans(self) -> None:
        with HandRunner(self.world, self.run, Stage.PLAN) as planner:
            planner.plans_something()
        self.world.settle()

    def applies(self) -> None:
        self.plans()
        self.world.enqueue(confirm(self.world.services, self.run.id, "alice"))
        self.world.settle()
        self.runner = HandRunner(self.world, self.run, Stage.APPLY)
        self.runner.client.__exit__()


@pytest.fixture
def told(github_world: World) -> Applying:
    return Applying(github_world)


def test_a_plan_only_reads_and_an_apply_writes(told: Applying) -> None:
    """Invariant 12: each stage's token lives while its stage is worked on; the plan's never writes."""
    planning, applying = Engine(told.world, told.run).of_stage(Stage.PLAN), told.engine
    assert planning.read(told.prod).status_code == 401
    with HandRunner(told.world, told.run, Stage.PLAN) as planner:
        assert planning.read(told.prod).content == a_state(4)
        assert planning.write(told.prod, a_state(5)) == 403
        assert applying.write(told.prod, a_state(5)) == 401
        planner.plans_something()
    told.world.settle()
    told.world.enqueue(confirm(told.world.services, told.run.id, "alice"))
    told.world.settle()
    assert told.world.run(told.run).status is RunStatus.APPLY_QUEUED
    for engine in (planning, applying):
        assert engine.read(told.prod).status_code == 401
        assert engine.write(told.prod, a_state(5)) == 401
    assert told.world.state(told.prod) == a_state(4)

    with HandRunner(told.world, told.run, Stage.APPLY):
        assert planning.write(told.prod, a_state(5)) == 401
        assert applying.write(told.prod, a_state(5)) == 200
    assert told.world.state(told.prod) == a_state(5)


def test_the_token_dies_with_the_run(told: Applying) -> None:
    """Invariant 12: after applied, discarded or cancelled it neither reads nor writes."""
    told.applies()
    with told.runner:
        told.runner.says(Outcome.SUCCEEDED)

    assert told.engine.read(told.prod).status_code == 401
    assert told.engine.write(told.prod, a_state(5)) == 401


def test_a_run_that_ended_after_it_was_let_in_writes_nothing(told: Applying) -> None:
    """Invariant 12: it is asked again in the transaction that writes, which may wait for its turn."""
    told.applies()
    services = told.world.services
    let_in = Asker(services.runs.get(told.run.id), services, Needs.STATE_WRITE)
    assert check_may_write(let_in, told.prod.id)
    with told.runner:
        told.runner.says(Outcome.SUCCEEDED)

    with pytest.raises(NotAllowed, match="only read state"):
        check_may_write(let_in, told.prod.id)


@pytest.mark.parametrize("end", ["discarded", "cancelled", "lost"])
def test_the_token_dies_with_the_run_however_it_ends(told: Applying, end: str) -> None:
    """Invariant 12"""
    services = told.world.services
    match end:
        case "discarded":
            told.plans()
            told.world.enqueue(discard(services, told.run.id, "alice"))
        case "cancelled":
            told.world.enqueue(cancel(services, told.run.id, "alice"))
        case "lost":
            told.applies()
            minutes_pass(told.world, 2)

    assert told.engine.read(told.prod).status_code == 401
    assert told.engine.write(told.prod, a_state(5)) == 401
    assert told.world.state(told.prod) == a_state(4)


def test_an_applying_run_writes_its_own_workspace_only(told: Applying) -> None:
    """Invariant 12: it may read another workspace of its organization, and no other organization's."""
    told.applies()
    services = told.world.services
    theirs = services.workspaces.add(told.world.organization("rivals").id, "prod")
    services.states.store(theirs.id, a_state(9, secret="theirs"), run_id=None)
    services.states.store(told.other.id, a_state(2), run_id=None)

    assert told.engine.read(told.other).content == a_state(2)
    assert told.engine.write(told.other, a_state(3)) == 403
    assert told.engine.read(theirs).status_code == 404
    assert told.engine.write(theirs, a_state(10)) == 404
    assert told.world.state(theirs) == a_state(9, secret="theirs")


@pytest.mark.parametrize("token", ["", "run-x", "run-x.00", "{run}", "{run}.", "{run}." + "0" * 64, "{pool}", "{job}"])
def test_other_tokens_open_nothing(told: Applying, token: str) -> None:
    """Invariant 12: not a guessed one, not the pool's, not the job's."""
    told.applies()
    said = token.format(run=told.run.id, pool=told.world.services.pool_token, job=told.runner.claim.job_token)
    told.engine.auth = ("runlock", said)

    assert told.engine.read(told.prod).status_code == 401
    assert told.engine.write(told.prod, a_state(5)) == 401


def test_the_runs_token_opens_no_other_door(told: Applying) -> None:
    """Invariant 12: `/runner/v1` and the API don't know it."""
    job = told.world.services.jobs.of_run(told.run.id, Stage.PLAN)
    assert job is not None
    bearer = {"Authorization": f"Bearer {told.engine.token}"}
    claim = f"{told.world.address}/runner/v1/jobs/{job.id}/claim"

    assert requests.post(claim, json={}, headers=bearer, timeout=10).status_code == 401
    for path in ("/api/v2/organizations", f"/api/v2/runs/{told.run.id}", f"/api/v2/workspaces/{told.prod.id}/vars"):
        assert requests.get(told.world.address + path, headers=bearer, timeout=10).status_code in (401, 404)


def test_a_plan_beside_a_running_apply_needs_no_lock(told: Applying) -> None:
    """Invariant 12: a speculative plan reads while an apply writes; its own write is refused, and no lock is asked."""
    told.applies()
    told.repo.push("feature", {"new.tf": 'resource "terraform_data" "new" {}\n'})
    told.repo.open_pull("feature")
    told.world.is_runner_there = True
    told.world.settle()

    speculative = told.world.runs()[-1]
    assert speculative.status is RunStatus.PLANNED_AND_FINISHED, speculative.error
    assert told.world.run(told.run).status is RunStatus.APPLYING
    assert told.engine.write(told.prod, a_state(5)) == 200
    for method in ("LOCK", "UNLOCK"):
        answer = requests.request(method, told.engine.url(told.prod), auth=told.engine.auth, timeout=10)
        assert answer.status_code == 405


@pytest.mark.parametrize(
    ("raw", "headers", "status"),
    [
        (a_state(5), {"Content-MD5": md5(a_state(6))["Content-MD5"]}, 400),
        (a_state(5), {"Content-MD5": "nonsense"}, 400),
        (a_state(5), {}, 200),
        (a_state(3), None, 409),
        (a_state(4, greeting="other"), None, 409),
        (a_state(4), None, 200),
        (a_state(5, lineage="lineage-2"), None, 409),
        (b"", None, 400),
        (b"not json", None, 400),
        (b"[]", None, 400),
        (b'{"serial": "5", "lineage": "lineage-1"}', None, 400),
        (b'{"serial": -1, "lineage": "lineage-1"}', None, 400),
        (b'{"serial": 99999999999999999999999, "lineage": "lineage-1"}', None, 400),
        (b'{"serial": true, "lineage": "lineage-1"}', None, 400),
        (b'{"serial": 5, "lineage": 1}', None, 400),
        (b'{"serial": 5, "lineage": "\\ud800"}', None, 400),
        (b"[" * 100_000, None, 400),
        (b"\xff\xfe\x00", None, 400),
    ],
    ids=itertools.count(),
)
def test_a_state_that_does_not_fit_is_refused(
    told: Applying, raw: bytes, headers: dict[str, str] | None, status: int
) -> None:
    """Wrong sum, old serial, same serial with other content, another lineage, not a state at all."""
    told.applies()

    assert told.engine.write(told.prod, raw, headers) == status

    assert told.world.state(told.prod) == (raw if status == 200 else a_state(4))


def test_every_version_is_kept_and_sealed(told: Applying) -> None:
    told.applies()
    for serial in (5, 6):
        assert told.engine.write(told.prod, a_state(serial, greeting="only-in-the-state")) == 200

    versions = told.world.services.states.of_workspace(told.prod.id)
    assert [version.serial for version in versions] == [6, 5, 4]
    assert versions[0].run_id == told.run.id
    for file in told.world.settings.data.rglob("*"):
        assert not file.is_file() or b"only-in-the-state" not in file.read_bytes(), file
