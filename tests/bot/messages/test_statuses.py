"""Does every SHA get the statuses of DESIGN's table, within the hosts' limits?"""

from datetime import timedelta
from typing import Any

import pytest

from bot.messages.facts import GITLAB_WORDS, NoLines, RunLine, Trouble
from bot.messages.statuses import StatusScope, fit_context, statuses_for
from bot.plan_summary import PlanSummary
from bot.run import RunKind, RunStatus
from bot.vcs.code_host import CommitStatus, StatusState
from tests.bot.messages.lines import NOON, SAME, a_line

PAGE = "https://runlock.example/app/commits/1a2b"
S, K = RunStatus, RunKind
PENDING, SUCCESS, FAILURE, ERROR = StatusState


def told(*lines: RunLine, **scope: Any) -> dict[str, tuple[StatusState, str]]:
    """Context → (state, description)."""
    return {s.context: (s.state, s.description) for s in statuses_for(StatusScope(lines, PAGE, **scope))}


@pytest.mark.parametrize(
    ("line", "state", "words"),
    [
        (
            a_line(status=S.PENDING, place="3rd in queue, behind run-a (planning for 2 minutes)"),
            PENDING,
            "3rd in queue",
        ),
        (a_line(status=S.PENDING), PENDING, "waiting for its turn"),
        (a_line(status=S.PENDING, kind=K.PLAN_ONLY), PENDING, "waiting for a runner"),
        (a_line(status=S.PLAN_QUEUED), PENDING, "waiting for a runner"),
        (a_line(status=S.PLANNING), PENDING, "planning"),
        (a_line(status=S.PLANNED), SUCCESS, "2 to add, 0 to change, 1 to destroy"),
        (a_line(status=S.PLANNED_AND_SAVED, kind=K.SAVED_PLAN), SUCCESS, "2 to add, 0 to change, 1 to destroy"),
        (a_line(status=S.PLANNED_AND_FINISHED, kind=K.PLAN_ONLY), SUCCESS, "2 to add, 0 to change, 1 to destroy"),
        (a_line(status=S.PLANNED_AND_FINISHED, run={"summary": SAME}), SUCCESS, "no changes"),
        (a_line(status=S.APPLIED), SUCCESS, "2 to add, 0 to change, 1 to destroy"),
        (a_line(status=S.ERRORED, after=S.APPLYING), SUCCESS, "2 to add, 0 to change, 1 to destroy"),
        (a_line(status=S.DISCARDED, after=S.PLANNED), SUCCESS, "2 to add, 0 to change, 1 to destroy"),
        (a_line(status=S.DISCARDED, after=S.PENDING), SUCCESS, "discarded before it was planned"),
        (a_line(status=S.DISCARDED, after=S.PENDING, kind=K.PLAN_ONLY), FAILURE, "discarded before it was planned"),
        (a_line(status=S.CANCELED, after=S.PLANNING), FAILURE, "cancelled while planning"),
        (a_line(status=S.CANCELED, after=S.PENDING), FAILURE, "cancelled before it was planned"),
        (a_line(status=S.ERRORED, after=S.PLANNING), FAILURE, "plan failed"),
        (a_line(status=S.ERRORED, after=S.PLANNING, run={"error": "no\nsuch"}), FAILURE, "plan failed: no"),
        (a_line(status=S.ERRORED, after=S.PLANNED, trouble=Trouble.POLICY), FAILURE, "a policy refused the plan"),
        (a_line(status=S.ERRORED, after=S.PLAN_QUEUED, trouble=Trouble.OURS), ERROR, "plan couldn't be carried out"),
    ],
)
def test_the_plan_row(line: RunLine, state: StatusState, words: str) -> None:
    statuses = told(line)
    assert statuses["runlock/plan"] == statuses["runlock/plan: prod"]
    assert statuses["runlock/plan"][0] is state
    assert statuses["runlock/plan"][1].startswith(words)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (a_line(status=S.PLANNING), None),
        (a_line(status=S.ERRORED, after=S.PLANNING), None),
        (a_line(status=S.DISCARDED, after=S.PENDING), None),
        (a_line(status=S.CANCELED, after=S.PLANNING), None),
        (a_line(status=S.ERRORED, after=S.PLANNED, trouble=Trouble.POLICY), None),
        (a_line(status=S.PLANNED), (PENDING, "waiting for approval: 2 to add, 0 to change, 1 to destroy")),
        (a_line(status=S.CONFIRMED, run={"confirmed_by": "ada"}), (PENDING, "approved by ada, waiting to apply")),
        (a_line(status=S.APPLY_QUEUED), (PENDING, "approved, waiting to apply")),
        (a_line(status=S.APPLYING), (PENDING, "applying")),
        (a_line(status=S.APPLIED), (SUCCESS, "applied: 2 added, 0 changed, 1 destroyed")),
        (
            a_line(status=S.APPLIED, run={"summary": PlanSummary(outputs_changed=True)}),
            (SUCCESS, "applied: outputs updated"),
        ),
        (a_line(status=S.PLANNED_AND_FINISHED, run={"summary": SAME}), (SUCCESS, "nothing to change")),
        (
            a_line(status=S.DISCARDED, after=S.PLANNED),
            (SUCCESS, "discarded, nothing was applied: 2 to add, 0 to change, 1 to destroy"),
        ),
        (a_line(status=S.ERRORED, after=S.APPLYING, run={"error": "denied"}), (FAILURE, "apply failed: denied")),
        (
            a_line(status=S.ERRORED, after=S.APPLYING, trouble=Trouble.OUTCOME_UNKNOWN),
            (ERROR, "outcome unknown: the apply was interrupted"),
        ),
        (a_line(status=S.ERRORED, after=S.CONFIRMED, trouble=Trouble.OURS), (ERROR, "apply couldn't be carried out")),
        (a_line(status=S.CANCELED, after=S.APPLYING), (FAILURE, "cancelled while applying")),
        (a_line(status=S.CANCELED, after=S.CONFIRMED), (FAILURE, "cancelled before it was applied")),
    ],
)
def test_the_apply_row_of_a_push(line: RunLine, expected: tuple[StatusState, str] | None) -> None:
    statuses = told(line)
    assert statuses.get("runlock/apply") == expected
    assert statuses.get("runlock/apply: prod") == expected


@pytest.mark.parametrize("status", [S.PENDING, S.PLAN_QUEUED, S.PLANNING, S.PLANNED_AND_FINISHED])
def test_a_speculative_run_never_has_an_apply_status(status: RunStatus) -> None:
    statuses = told(a_line(status=status, kind=K.PLAN_ONLY), is_pull_head=True)
    assert set(statuses) == {"runlock/plan", "runlock/plan: prod"}


SAVED = "comment apply to apply it: 2 to add, 0 to change, 1 to destroy"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (a_line(status=S.PLANNING, kind=K.SAVED_PLAN), (PENDING, "not planned yet: planning")),
        (a_line(status=S.ERRORED, after=S.PLANNING, kind=K.SAVED_PLAN), (PENDING, "not planned yet: plan failed")),
        (a_line(status=S.PLANNED_AND_SAVED, kind=K.SAVED_PLAN), (PENDING, SAVED)),
        (
            a_line(status=S.PLANNED_AND_SAVED, kind=K.SAVED_PLAN, held_by_pull=41),
            (PENDING, "waits for #41: 2 to add, 0 to change, 1 to destroy"),
        ),
        (
            a_line(status=S.DISCARDED, after=S.PLANNED_AND_SAVED, kind=K.SAVED_PLAN),
            (PENDING, "discarded: comment plan for a new plan"),
        ),
        (
            a_line(status=S.PLANNED_AND_FINISHED, kind=K.SAVED_PLAN, run={"summary": SAME}),
            (SUCCESS, "nothing to change"),
        ),
        (
            a_line(status=S.CONFIRMED, kind=K.SAVED_PLAN, place="2nd in queue, behind run-a"),
            (PENDING, "2nd in queue, behind run-a"),
        ),
        (a_line(status=S.APPLIED, kind=K.SAVED_PLAN), (SUCCESS, "applied: 2 added, 0 changed, 1 destroyed")),
        (a_line(status=S.ERRORED, after=S.APPLYING, kind=K.SAVED_PLAN), (FAILURE, "apply failed")),
    ],
)
def test_the_apply_row_before_the_merge(line: RunLine, expected: tuple[StatusState, str]) -> None:
    statuses = told(line, is_pull_head=True, applies_before_merge=True)
    assert statuses["runlock/apply"] == expected
    assert statuses["runlock/apply: prod"] == expected


def test_gitlab_has_its_own_sign() -> None:
    line = a_line(status=S.PLANNED_AND_SAVED, kind=K.SAVED_PLAN, held_by_pull=41)
    assert told(line, is_pull_head=True, words=GITLAB_WORDS)["runlock/apply"][1].startswith("waits for !41:")


def test_no_workspace_affected_is_a_success_also_where_an_apply_is_required() -> None:
    assert told() == {"runlock/plan": (SUCCESS, "no workspace affected")}
    assert told(is_pull_head=True) == {"runlock/plan": (SUCCESS, "no workspace affected")}
    assert told(is_pull_head=True, applies_before_merge=True) == {
        "runlock/plan": (SUCCESS, "no workspace affected"),
        "runlock/apply": (SUCCESS, "no workspace affected"),
    }


def test_a_fork_is_a_success_that_says_so_and_a_draft_waits() -> None:
    assert told(is_pull_head=True, no_lines=NoLines.FORK) == {
        "runlock/plan": (SUCCESS, "fork, not planned: plans of forks are off")
    }
    assert told(is_pull_head=True, no_lines=NoLines.DRAFT)["runlock/plan"][0] is PENDING


def test_where_only_others_apply_before_the_merge_the_required_apply_does_not_block() -> None:
    line = a_line(status=S.PLANNED_AND_FINISHED, kind=K.PLAN_ONLY)
    statuses = told(line, is_pull_head=True, applies_before_merge=True)
    assert statuses["runlock/apply"] == (SUCCESS, "nothing to apply before the merge")
    assert "runlock/apply: prod" not in statuses


# Aggregates


def test_an_aggregate_counts() -> None:
    done = [a_line(name, S.PLANNED_AND_FINISHED, K.PLAN_ONLY) for name in "abc"]
    waiting = [a_line(name, S.PLANNING, K.PLAN_ONLY) for name in "de"]
    failed = [a_line("f", S.ERRORED, K.PLAN_ONLY, after=S.PLANNING)]
    ours = [a_line("g", S.ERRORED, K.PLAN_ONLY, after=S.PLANNING, trouble=Trouble.OURS)]
    assert told(*done, *waiting)["runlock/plan"] == (PENDING, "3 of 5 workspaces planned")
    assert told(*done)["runlock/plan"] == (SUCCESS, "3 of 3 workspaces planned: 6 to add, 0 to change, 3 to destroy")
    assert told(*done, *waiting, *failed)["runlock/plan"] == (FAILURE, "3 of 6 workspaces planned, 1 not")
    assert told(*done, *failed, *ours)["runlock/plan"] == (ERROR, "3 of 5 workspaces planned, 2 not")
    nothing = [a_line(name, S.PLANNED_AND_FINISHED, K.PLAN_ONLY, run={"summary": SAME}) for name in "ab"]
    assert told(*nothing)["runlock/plan"] == (SUCCESS, "2 of 2 workspaces planned: no changes")


def test_an_apply_is_not_done_while_others_are_still_planned() -> None:
    applied, planning = a_line("a", S.APPLIED), a_line("b", S.PLANNING)
    assert told(applied, planning)["runlock/apply"] == (PENDING, "1 of 2 workspaces done")
    assert told(applied, a_line("b", S.APPLIED))["runlock/apply"] == (SUCCESS, "2 of 2 workspaces done")
    waiting = a_line("b", S.PLANNED)
    assert told(applied, waiting)["runlock/apply"] == (PENDING, "1 of 2 workspaces done")
    unplanned = a_line("b", S.ERRORED, after=S.PLANNING)
    assert told(applied, unplanned)["runlock/apply"] == (FAILURE, "1 of 2 workspaces done, 1 not planned")
    dropped = a_line("b", S.DISCARDED, after=S.PENDING)
    assert told(applied, dropped)["runlock/apply"] == (SUCCESS, "1 of 2 workspaces done")
    broken = a_line("b", S.ERRORED, after=S.APPLYING)
    assert told(applied, broken, planning)["runlock/apply"][0] is FAILURE


def test_all_that_happens_at_a_sha_counts_and_the_newest_run_speaks_for_its_workspace() -> None:
    speculative = a_line("a", S.PLANNED_AND_FINISHED, K.PLAN_ONLY)
    push = a_line("a", S.PLANNED, run={"created_at": NOON + timedelta(hours=1), "queue_sequence": 2})
    other = a_line("b", S.PLANNING)
    for lines in ((speculative, push, other), (other, push, speculative)):
        statuses = told(*lines)
        assert statuses["runlock/plan"] == (PENDING, "1 of 2 workspaces planned")
        assert statuses["runlock/apply"] == (PENDING, "0 of 2 workspaces done")
        assert statuses["runlock/apply: a"][1].startswith("waiting for approval")


def test_links_go_to_the_run_or_to_the_page_of_all() -> None:
    one = statuses_for(StatusScope((a_line("a", S.PLANNED),), PAGE))
    assert {status.target_url for status in one} == {a_line("a").url}
    two = statuses_for(StatusScope((a_line("a", S.PLANNED), a_line("b", S.PLANNED)), PAGE))
    urls = [a_line("a").url, a_line("b").url]
    assert [status.target_url for status in two] == [PAGE, PAGE, *urls, *urls]


def test_up_to_twenty_workspaces_have_statuses_of_their_own() -> None:
    lines = [a_line(f"w{number}", S.PLANNED) for number in range(20)]
    assert len(told(*lines)) == 42
    assert set(told(*lines, a_line("w20", S.PLANNED))) == {"runlock/plan", "runlock/apply"}


def test_two_organizations_are_told_apart() -> None:
    lines = [
        a_line("prod", S.PLANNED),
        a_line("prod", S.PLANNED, organization_name="umbrella", run={"workspace_id": "ws-2"}),
    ]
    assert set(told(*lines, with_organization=True)) == {
        "runlock/plan",
        "runlock/apply",
        "runlock/plan: acme/prod",
        "runlock/plan: umbrella/prod",
        "runlock/apply: acme/prod",
        "runlock/apply: umbrella/prod",
    }


def test_limits_hold_and_cut_names_stay_different() -> None:
    lines = [a_line("x" * 300 + end, S.ERRORED, after=S.PLANNING, run={"error": "y" * 500}) for end in "ab"]
    statuses = statuses_for(StatusScope(tuple(lines), PAGE))
    assert all(len(s.context) <= 255 and len(s.description) <= 140 for s in statuses)
    assert len({s.context for s in statuses}) == len(statuses)
    assert statuses[1].description.endswith("…")
    assert len(fit_context("z" * 256)) == 255
    assert fit_context("z" * 255) == "z" * 255


def test_names_and_errors_from_outside_stay_on_one_line() -> None:
    line = a_line("a\n\u202eb", S.ERRORED, after=S.PLANNING, run={"error": "\x1b[31mno\x1b[0m\tway\nsecond"})
    [aggregate, own] = statuses_for(StatusScope((line,), PAGE))
    assert own == CommitStatus("runlock/plan: a \ufffdb", FAILURE, "plan failed: no way", line.url)
    assert aggregate.context == "runlock/plan"
