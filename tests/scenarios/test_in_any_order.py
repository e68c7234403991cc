"""`apply-before-merge` in every order of events: no stale apply, no stuck queue (invariants 5 and 6).

Two pull requests and the tracked branch share one workspace. People push, comment, close, reopen, merge, lock; hosts
deliver late and out of order; a runner takes its time; jobs are lost. After every step the rows are looked at.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from bot.events import Commented, PullAction
from bot.run import Run, RunKind, RunStatus
from bot.vcs.code_host import Thread
from handlers.jobs import Job, Verb
from tests.fakes.quick_host import ALICE
from tests.scenarios.any_order import Machines

SLOTS = st.sampled_from((0, 1))  # there are always two pull requests; who is merged makes room for another
CALMLY = st.sampled_from((True, True, False))  # whether all that follows happens before the next thing does
WAITING_FOR_PEOPLE = (RunStatus.PLANNED, RunStatus.PLANNED_AND_SAVED)


class AnyOrder(Machines):
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

    def afterwards(self, calmly: bool) -> None:
        if calmly:
            self.it_calms_down()

    # What must always be so.

    @invariant()
    def one_run_at_a_time(self) -> None:
        """Invariant 6."""
        if hasattr(self, "services"):
            busy = [run for run in self.services.runs.unfinished(self.workspace_id) if run.holds_workspace]
            assert len(busy) <= 1, busy
            self.clock.tick()

    def teardown(self) -> None:
        if not hasattr(self, "services"):
            return
        try:
            self.come_to_rest()
            self.look_at_the_rest()
        finally:
            self.services.close()
            shutil.rmtree(self.folder)

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
