"""`apply-before-merge` in every order of events: no stale apply, no stuck queue (invariants 5 and 6).

Two pull requests and the tracked branch share one workspace. People push, comment, close, reopen, merge, lock; hosts
deliver late and out of order; a runner takes its time; jobs are lost. After every step the rows are looked at.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.connection import Provider
from bot.events import Commented, HostRepository, PullAction, PullRequest, Pushed
from bot.plan_summary import PlanSummary
from bot.run import Run, RunKind, RunStatus, Stage
from bot.settings import Settings
from bot.vcs.code_host import Thread
from handlers.jobs import Job, Verb
from handlers.reactions.comments import on_comment
from handlers.reactions.joining import VcsChoice, create_workspace
from handlers.reactions.pulls import on_pull_changed
from handlers.reactions.pushes import on_push
from handlers.reactions.stages import StageResult, claim, end_stage
from handlers.services import open_services
from handlers.tasks import perform
from storage.stage_jobs import StageJob
from tests.fakes.quick_host import ALICE, Clock, QuickHost, a_state, quick

LEASE = timedelta(seconds=30)
SLOTS = st.sampled_from((0, 1))  # there are always two pull requests; who is merged makes room for another
CALMLY = st.sampled_from((True, True, False))  # whether all that follows happens before the next thing does
WAITING_FOR_PEOPLE = (RunStatus.PLANNED, RunStatus.PLANNED_AND_SAVED)
Told = PullAction | Pushed | Commented


class AnyOrder(RuleBasedStateMachine):
    @initialize(undiverged=st.booleans())
    def begin(self, undiverged: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="any-order-"))
        self.clock = Clock()
        self.host = QuickHost(self.clock)
        self.services = quick(open_services(Settings(data=self.folder), self.clock))
        acme = self.services.people.add_organization("acme", "ops@acme.test")
        connection = self.services.connections.add(
            acme.id, Provider.GITHUB, name="h", http_url="https://host.test", api_url="https://host.test", token="t"
        )
        self.services.hosts[connection.id] = self.host
        wanted = {
            "vcs_workflow": "apply-before-merge",
            "apply_requirements": ["undiverged"] if undiverged else [],
        }
        self.workspace_id = create_workspace(self.services, acme, "prod", wanted, VcsChoice(connection, "acme/infra"))[
            0
        ].id
        (self.repository,) = self.services.repositories.all()
        told = self.repository
        self.told_repository = HostRepository(told.host_id, told.path, told.clone_url, told.default_branch)
        self.undelivered: list[tuple[int, Told]] = []
        self.jobs: deque[Job] = deque()
        self.later: list[tuple[float, Job]] = []
        self.claimed: StageJob | None = None
        self.deliveries = 0
        self.applied: list[str] = []
        self.holders: set[int] = set()  # pull requests that applied, and are not merged, closed or unlocked since
        self.slots = [0, 0]
        for slot in (0, 1):
            self.open_pull(slot)
        self.it_calms_down()

    # What people do at the host.

    @rule(slot=SLOTS, force=st.booleans(), calmly=CALMLY)
    def push_to_a_pull_request(self, slot: int, force: bool, calmly: bool) -> None:
        pull = self.pull(slot)
        head = self.host.commit(self.host.branches["main"] if force else pull.head_sha)
        self.host.pulls[pull.number] = replace(pull, head_sha=head)
        if pull.is_open:
            self.tell(pull.number, PullAction.UPDATED)
        self.afterwards(calmly)

    @rule(slot=SLOTS, calmly=CALMLY)
    def close_or_reopen(self, slot: int, calmly: bool) -> None:
        pull = self.pull(slot)
        self.host.pulls[pull.number] = replace(pull, is_open=not pull.is_open)
        self.holders.discard(pull.number)
        self.tell(pull.number, PullAction.CLOSED if pull.is_open else PullAction.REOPENED)
        self.afterwards(calmly)

    @rule(slot=SLOTS, calmly=CALMLY)
    def merge(self, slot: int, calmly: bool) -> None:
        pull = self.pull(slot)
        if not pull.is_open:
            return
        before, after = self.host.branches["main"], self.host.commit(pull.head_sha)
        self.host.branches["main"], self.host.merged[after] = after, pull.number
        self.holders.discard(pull.number)
        self.host.pulls[pull.number] = replace(pull, is_open=False, is_merged=True, merge_commit_sha=after)
        self.tell(0, self.a_push(before, after))
        self.tell(pull.number, PullAction.MERGED)
        self.open_pull(slot)
        self.afterwards(calmly)

    @rule(calmly=CALMLY)
    def push_to_main(self, calmly: bool) -> None:
        if self.undecided_pushes():
            return
        before = self.host.branches["main"]
        self.host.branches["main"] = after = self.host.commit(before)
        self.tell(0, self.a_push(before, after))
        self.afterwards(calmly)

    @rule(slot=SLOTS, calmly=CALMLY, text=st.sampled_from(("apply", "plan", "discard", "cancel", "unlock")))
    def comment(self, slot: int, text: str, calmly: bool) -> None:
        number = self.slots[slot]
        if text == "unlock":
            self.holders.discard(number)
        said = self.host.say(Thread(pull_number=number), text, ALICE)
        self.tell(number, Commented(self.told_repository, said.id, ALICE, text, pull_number=number))
        self.afterwards(calmly)

    @rule(slot=SLOTS, calmly=CALMLY)
    def apply_what_is_ready(self, slot: int, calmly: bool) -> None:
        runs = self.services.runs.of_pull(self.repository.id, self.slots[slot])
        if any(run.status is RunStatus.PLANNED_AND_SAVED for run in runs):
            self.comment(slot, "apply", calmly)

    @rule(text=st.sampled_from(("apply", "apply", "discard", "plan")), calmly=CALMLY)
    def decide_about_a_push(self, text: str, calmly: bool) -> None:
        """Where it was asked: in the merged pull request, or at the commit."""
        if not self.undecided_pushes():
            return
        sha = self.undecided_pushes()[0].commit_sha
        number = self.host.merged.get(sha)
        thread = Thread(pull_number=number) if number else Thread(commit_sha=sha)
        said = self.host.say(thread, text, ALICE)
        at_commit = None if number else sha
        self.tell(number or 0, Commented(self.told_repository, said.id, ALICE, text, number, at_commit))
        self.afterwards(calmly)

    @rule(seldom=st.integers(0, 4))
    def lock_or_unlock(self, seldom: int) -> None:
        if seldom and not self.services.workspaces.get(self.workspace_id).is_locked:
            return
        if self.services.workspaces.get(self.workspace_id).is_locked:
            self.services.workspaces.unlock(self.workspace_id)
            self.jobs.append(Job(Verb.WORK_QUEUE, self.workspace_id))
        else:
            self.services.workspaces.lock(self.workspace_id, "ops", "freeze")

    # What machines do.

    @rule(which=st.integers(0, 2))
    def deliver(self, which: int) -> None:
        """Hosts mostly keep the order, not always."""
        if not self.undelivered:
            return
        self.deliveries += 1
        number, told = self.undelivered.pop(which % len(self.undelivered))
        key = str(self.deliveries)
        match told:
            case Pushed():
                self.jobs.extend(on_push(self.services, self.repository, told, key)[1])
            case Commented():
                self.jobs.extend(on_comment(self.services, self.repository, told)[1])
            case _:
                pull = self.host.pulls[number]
                self.jobs.extend(on_pull_changed(self.services, self.repository, pull, told, ALICE, key)[1])

    @rule(what=st.sampled_from(("work", "work on", "lose a job", "sweep", "wait")))
    def go_on(self, what: str) -> None:
        if what == "sweep":
            self.do(Job(Verb.SWEEP))
        elif what == "wait":
            self.clock.tick(60)
            if self.claimed is not None:  # its runner is well, and says so
                self.services.jobs.extend(self.claimed, LEASE)
        elif what == "lose a job" and self.jobs:
            self.jobs.popleft()
        for _ in range({"work": 1, "work on": 10}.get(what, 0)):
            if self.jobs:
                self.do(self.jobs.popleft())

    def it_calms_down(self) -> None:
        """Everything is told and done."""
        for _ in range(2):
            while self.undelivered:
                self.deliver(0)
            self.work_until_nothing_is_left()
            self.clock.tick(200)  # so that nobody looks for pull requests of a push any more
            self.do(Job(Verb.SWEEP))

    @rule()
    def a_runner_begins(self) -> None:
        queued = self.services.jobs.queued()
        if not queued or self.claimed is not None:
            return
        token, jobs = claim(self.services, queued[0], "runner-1")
        self.jobs.extend(jobs)
        if token is not None:
            self.claimed = self.services.jobs.get(queued[0].id)
            if self.claimed.stage is Stage.APPLY:
                self.look_at_an_apply(self.services.runs.get(self.claimed.run_id))

    @rule(fails=st.sampled_from((False, False, False, True)))
    def a_runner_ends(self, fails: bool) -> None:
        if self.claimed is None:
            return
        job, self.claimed = self.claimed, None
        run = self.services.runs.get(job.run_id)
        if job.stage is Stage.APPLY and not fails:
            self.applied.append(run.commit_sha)
            raw = a_state(len(self.applied), self.applied)
            self.services.states.store(run.workspace_id, raw, run_id=run.id, commit_sha=run.commit_sha)
        outcome = "failed" if fails else "succeeded"
        planned = {"has_changes": True, "summary": PlanSummary(additions=1), "plan_digest": digest_of(run)}
        facts = planned if job.stage is Stage.PLAN and not fails else {}
        self.jobs.extend(end_stage(self.services, job, StageResult(outcome, exit_code=int(fails), **facts)))

    # What must always be so.

    @invariant()
    def one_run_at_a_time(self) -> None:
        """Invariant 6."""
        if hasattr(self, "services"):
            busy = [run for run in self.services.runs.unfinished(self.workspace_id) if run.holds_workspace]
            assert len(busy) <= 1, busy
            self.clock.tick()

    def look_at_an_apply(self, run: Run) -> None:
        """Invariant 5: what is applied now was reviewed as it is, on the state as it is, of the head as we know it."""
        workspace = self.services.workspaces.get(run.workspace_id)
        assert run.plan_digest == digest_of(run)
        assert run.planned_on == workspace.current_state_version_id
        assert run.confirmed_by == "alice"
        assert self.services.pulls.plan_posted_at(run.id) is not None, "nobody has seen this plan"
        if run.kind is not RunKind.SAVED_PLAN:
            return
        assert run.pull_number is not None
        pull = self.services.pulls.find(self.repository.id, run.pull_number)
        assert pull is not None
        assert pull.is_open
        assert pull.head_sha == run.commit_sha
        assert self.holders <= {run.pull_number}, f"#{run.pull_number} did not wait for {self.holders}"
        self.holders.add(run.pull_number)

    def teardown(self) -> None:
        if not hasattr(self, "services"):
            return
        try:
            self.come_to_rest()
            self.look_at_the_rest()
        finally:
            self.services.close()
            shutil.rmtree(self.folder)

    def come_to_rest(self) -> None:
        """All is told, all is done, and time enough passes for what was dropped to be found."""
        for _ in range(12):
            while self.undelivered:
                self.deliver(0)
            self.work_until_nothing_is_left()
            self.clock.tick(61)
            self.do(Job(Verb.SWEEP))

    def work_until_nothing_is_left(self) -> None:
        for _ in range(1000):
            if self.jobs:
                self.do(self.jobs.popleft())
            elif self.claimed is not None:
                self.a_runner_ends(False)
            elif self.services.jobs.queued():
                self.a_runner_begins()
            else:
                return
        raise AssertionError(f"it does not come to rest: {list(self.jobs)[:5]}")

    def look_at_the_rest(self) -> None:
        runs = self.services.runs.unfinished(self.workspace_id)
        self.nobody_waits_for_nothing(runs)
        workspace = self.services.workspaces.get(self.workspace_id)
        for run in runs:
            if run.kind is RunKind.SAVED_PLAN:
                assert run.pull_number is not None
                pull = self.host.pulls[run.pull_number]
                assert pull.is_open, f"{run.id} outlived #{pull.number}"
                assert pull.head_sha == run.commit_sha, f"{run.id} is of an older head"
            if run.status is RunStatus.PLANNED_AND_SAVED:
                assert run.planned_on == workspace.current_state_version_id, f"{run.id} is out of date"
        of_pulls = [run for run in runs if run.kind is RunKind.SAVED_PLAN]
        assert len({run.pull_number for run in of_pulls}) == len(of_pulls), "a pull request has two plans"
        hold = self.services.workspaces.hold(self.workspace_id)
        assert hold is None or self.host.pulls[hold.pull_number].is_open, "a closed pull request holds the workspace"
        for pull in self.host.open_pulls(self.repository):
            heads = [run.commit_sha for run in self.services.runs.of_pull(self.repository.id, pull.number)]
            assert pull.head_sha in heads, f"the head of #{pull.number} was never planned"

    def nobody_waits_for_nothing(self, runs: list[Run]) -> None:
        """Invariant 6: whoever waits waits for a person: for a decision, or for the lock to be taken off."""
        locked = self.services.workspaces.get(self.workspace_id).is_locked
        undecided = any(run.status is RunStatus.PLANNED for run in runs)
        for run in runs:
            in_queue = run.status in (RunStatus.PENDING, RunStatus.CONFIRMED) and (locked or undecided)
            assert run.status in WAITING_FOR_PEOPLE or in_queue, f"{run.id} is stuck: {run.status}"

    def undecided_pushes(self) -> list[Run]:
        runs = self.services.runs.unfinished(self.workspace_id)
        return [run for run in runs if run.status is RunStatus.PLANNED]

    def afterwards(self, calmly: bool) -> None:
        if calmly:
            self.it_calms_down()

    def pull(self, slot: int) -> PullRequest:
        return self.host.pulls[self.slots[slot]]

    def open_pull(self, slot: int) -> None:
        number = self.slots[slot] = len(self.host.pulls) + 1
        head = self.host.commit(self.host.branches["main"])
        self.host.pulls[number] = PullRequest(number, "Change", ALICE, head, f"branch-{number}", "main")
        self.tell(number, PullAction.OPENED)

    def tell(self, number: int, told: Told) -> None:
        self.undelivered.append((number, told))

    def a_push(self, before: str, after: str) -> Pushed:
        return Pushed(self.told_repository, "main", before, after, forced=False, changed_paths=None, sender=ALICE)

    def do(self, job: Job) -> None:
        if job.verb is Verb.NUDGE_RUNNER:
            return  # the runner looks by itself here
        for following in perform(self.services, job):
            if following.delay_seconds > 0:
                continue  # the sweep finds it, as it finds what is lost
            self.jobs.append(following)


DEEDS: dict[str, Callable[[AnyOrder], None]] = {
    "apply the first": lambda world: world.apply_what_is_ready(0, calmly=True),
    "apply the second": lambda world: world.apply_what_is_ready(1, calmly=True),
    "apply the push": lambda world: world.decide_about_a_push("apply", calmly=True),
    "push to the first": lambda world: world.push_to_a_pull_request(0, force=True, calmly=True),
    "merge the second": lambda world: world.merge(1, calmly=True),
}


@pytest.mark.parametrize("first", DEEDS)
def test_every_order_of_three_deeds(first: str) -> None:
    """Invariants 5 and 6: two plans are ready and a push waits for its approval; then three things happen."""
    others = [name for name in DEEDS if name != first]
    for second, third in itertools.permutations(others, 2):
        world = AnyOrder()
        world.begin(undiverged=False)
        world.push_to_main(calmly=True)
        try:
            for deed in (first, second, third):
                DEEDS[deed](world)
                world.one_run_at_a_time()
        except AssertionError as error:
            raise AssertionError(f"{first}, {second}, {third}: {error}") from error
        finally:
            world.teardown()


def digest_of(run: Run) -> str:
    """Of what was planned: the commit, on that state."""
    return hashlib.sha256(f"{run.commit_sha} on {run.planned_on}".encode()).hexdigest()


# `make chaos` draws orders at random; `make test` walks the fixed ones above, which take a known time.
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "0"))
AnyOrder.TestCase.settings = settings(
    max_examples=max(ROUNDS, 1),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
TestAnyOrder = pytest.mark.skipif(ROUNDS == 0, reason="orders drawn at random: make chaos")(AnyOrder.TestCase)
