"""What goes on by itself in `test_in_any_order.py`? Hosts deliver, jobs are done or lost, a runner takes its time."""

from __future__ import annotations

import hashlib
import tempfile
from collections import deque
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bot.connection import Provider
from bot.events import Commented, HostRepository, PullAction, PullRequest, Pushed
from bot.plan_summary import PlanSummary
from bot.run import Run, RunKind, RunStatus, Stage
from bot.settings import Settings
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
Told = PullAction | Pushed | Commented


class Machines(RuleBasedStateMachine):
    """One workspace, two pull requests and the tracked branch; every apply is looked at as it begins."""

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
        self.claimed: StageJob | None = None
        self.deliveries = 0
        self.applied: list[str] = []
        self.holders: set[int] = set()  # pull requests that applied, and are not merged, closed or unlocked since
        self.slots = [0, 0]
        for slot in (0, 1):
            self.open_pull(slot)
        self.it_calms_down()

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

    def it_calms_down(self) -> None:
        """Everything is told and done."""
        for _ in range(2):
            while self.undelivered:
                self.deliver(0)
            self.work_until_nothing_is_left()
            self.clock.tick(200)  # so that nobody looks for pull requests of a push any more
            self.do(Job(Verb.SWEEP))

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

    def do(self, job: Job) -> None:
        if job.verb is Verb.NUDGE_RUNNER:
            return  # the runner looks by itself here
        for following in perform(self.services, job):
            if following.delay_seconds > 0:
                continue  # the sweep finds it, as it finds what is lost
            self.jobs.append(following)

    # What must be so whenever an apply begins.

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

    # What people's deeds are made of.

    def undecided_pushes(self) -> list[Run]:
        runs = self.services.runs.unfinished(self.workspace_id)
        return [run for run in runs if run.status is RunStatus.PLANNED]

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


def digest_of(run: Run) -> str:
    """Of what was planned: the commit, on that state."""
    return hashlib.sha256(f"{run.commit_sha} on {run.planned_on}".encode()).hexdigest()
