"""Do the request for approval, the result of an apply and the lines of the Git hook say it plainly?"""

import pytest

from bot.messages import apply_result, approval_request
from bot.messages.apply_result import ApplyResult
from bot.messages.approval_request import ApprovalRequest
from bot.messages.facts import Trouble
from bot.messages.fit import size
from bot.messages.hook_lines import HookScope, lines_for
from bot.plan_summary import PlanSummary
from bot.run import RunKind, RunStatus
from tests.bot.messages.lines import HEAD, LIMIT, MARK, URL, a_line

S, K = RunStatus, RunKind
LOCKED = "Locked to commit `1a2b3c4d5e6f`, manifest `aabbccddeeff` and plan `3f2a9c112233`."


def test_the_request_for_one_approval() -> None:
    summary = PlanSummary(3, 0, 2, destroyed=("aws_db.main",), replaced=('aws_vm.a["x"]',))
    line = a_line("prod", S.PLANNED, run={"summary": summary, "message": "Grow, @all\n\nMore"}, output="Plan: 3 to add")
    assert approval_request.render(ApprovalRequest(HEAD, "main", (line,), URL, MARK), LIMIT) == (
        "### `prod` waits for approval: 3 to add, 0 to change, 2 to destroy\n\n"
        "**It destroys** `aws_db.main`.\n\n"
        '**It replaces** `aws_vm.a["x"]`.\n\n'
        "For: Grow, `@all`\n\n"
        f"It came with a push to `main`. {LOCKED}\n\n"
        "To apply it, comment `apply` (or `apply 3f2a9c`, to name exactly this plan). To drop it, comment `discard`. "
        "Until then, later runs wait.\n\n"
        "<details><summary><code>prod</code>: 3 to add, 0 to change, 2 to destroy</summary>\n\n"
        "```\nPlan: 3 to add\n```\n\n</details>\n\n" + MARK
    )


def test_the_request_for_several_approvals() -> None:
    lines = (a_line("prod", S.PLANNED), a_line("dev", S.PLANNED))
    body = approval_request.render(ApprovalRequest(HEAD, "main", lines, URL, MARK), LIMIT)
    assert body.startswith("### 2 runs wait for approval: commit `1a2b3c4d5e6f` of `main`\n\n| Workspace |")
    assert body.index("[`dev`]") < body.index("[`prod`]")
    assert "To apply all of them, comment `apply`; for one of them, for example `apply run-dev`." in body


@pytest.mark.parametrize(
    ("other", "named"), [("3f2a9d", "3f2a9c"), ("3f2a9c0", "3f2a9c1"), ("3f2a9c112233", "run-dev")]
)
def test_what_we_offer_names_exactly_one_plan(other: str, named: str) -> None:
    """Equal configurations that are planned within one second have equal plan files."""
    lines = (a_line("prod", S.PLANNED, run={"plan_digest": other.ljust(64, "0")}), a_line("dev", S.PLANNED))
    body = approval_request.render(ApprovalRequest(HEAD, "main", lines, URL, MARK), LIMIT)
    assert f"for example `apply {named}`" in body


def test_plans_of_pull_requests_keep_nobody_waiting() -> None:
    line = a_line("prod", S.PLANNED_AND_SAVED, K.SAVED_PLAN)
    body = approval_request.render(ApprovalRequest(HEAD, "", (line,), URL, MARK), LIMIT)
    assert "later runs wait" not in body


def test_an_apply_that_worked() -> None:
    line = a_line("prod", S.APPLIED, run={"confirmed_by": "ada"}, apply_output="Apply complete!")
    assert apply_result.render(ApplyResult((line,), URL, MARK, left=1), LIMIT) == (
        "### Applied `prod`: 2 added, 0 changed, 1 destroyed\n\n"
        f"Approved by `ada`. {LOCKED}\n\n"
        "1 workspace is still to be applied.\n\n"
        "<details><summary><code>prod</code>: output of the apply</summary>\n\n"
        "```\nApply complete!\n```\n\n</details>\n\n" + MARK
    )


def test_an_apply_that_failed() -> None:
    line = a_line("prod", S.ERRORED, after=S.APPLYING, run={"error": "access denied"}, apply_output="Error: denied")
    body = apply_result.render(ApplyResult((line,), URL, MARK), LIMIT)
    assert body.startswith(
        f"### `prod`: apply failed\n\n{LOCKED}\n\n- `prod`: apply failed: access denied\n\n<details>"
    )


def test_an_apply_of_which_nobody_knows_the_outcome() -> None:
    lost = a_line("prod", S.ERRORED, after=S.APPLYING, trouble=Trouble.OUTCOME_UNKNOWN)
    body = apply_result.render(ApplyResult((a_line("dev", S.APPLIED), lost), URL, MARK), LIMIT)
    assert body.startswith("### Applied 1 of 2 workspaces; 1 not\n\n| Workspace |")
    assert body.index("[`prod`]") < body.index("[`dev`]")
    assert (
        "**Nobody knows how far the apply came.** It is not repeated by itself. `prod` is locked until somebody has "
        "compared the real resources with the state, and unlocks with `runlock workspace unlock`."
    ) in body


def test_all_applied() -> None:
    lines = (a_line("prod", S.APPLIED), a_line("dev", S.APPLIED))
    body = apply_result.render(ApplyResult(lines, URL, MARK, left=2), LIMIT)
    assert body.startswith("### Applied 2 workspaces\n\n")
    assert "2 workspaces are still to be applied." in body


def test_huge_outputs_fit() -> None:
    line = a_line("prod", S.APPLIED, apply_output="x" * 100 + "\n" + "line\n" * 100_000, output="p\n" * 100_000)
    assert size(apply_result.render(ApplyResult((line,), URL, MARK), LIMIT)) <= LIMIT
    planned = a_line("prod", S.PLANNED, output="p\n" * 100_000)
    assert size(approval_request.render(ApprovalRequest(HEAD, "main", (planned,), URL, MARK), LIMIT)) <= LIMIT


# Behind `remote:`


def test_what_a_pusher_reads() -> None:
    failed = a_line("dev", S.ERRORED, after=S.PLANNING, run={"error": "no “bucket”\n\x1b[31mhere"})
    scope = HookScope("main", HEAD, (a_line("prod", S.PLANNED), a_line("stage", S.PLANNING), failed), URL)
    assert lines_for(scope) == [
        "Runlock: 3 runs for main at 1a2b3c4d5e6f",
        "  prod: 2 to add, 0 to change, 1 to destroy",
        "    destroys or replaces aws_db.main",
        f"    {URL}/prod/runs/run-prod",
        "  stage: planning",
        f"    {URL}/stage/runs/run-stage",
        "  dev: plan failed: no ?bucket? here",
        f"    {URL}/dev/runs/run-dev",
        "To apply it: runlock apply run-prod; to drop it: runlock discard run-prod",
    ]


def test_a_push_that_nobody_runs() -> None:
    said = lines_for(HookScope("topic", HEAD, (), URL))
    assert said == ["Runlock: no workspace runs for topic at 1a2b3c4d5e6f"]


def test_a_push_that_touches_many() -> None:
    lines = tuple(a_line(f"w{number}", S.PLANNING) for number in range(30))
    said = lines_for(HookScope("main", HEAD, lines, URL))
    assert said[-1] == f"  ... and 10 more: {URL}"
    assert len(said) == 42


def test_the_lines_are_printable_ascii_and_not_endless() -> None:
    evil = a_line("\u202e\x1b]0;x\x07é", S.ERRORED, after=S.PLANNING, run={"error": "y" * 5_000})
    for line in lines_for(HookScope("caf\u00e9\nx", HEAD, (evil,), URL + "/" + "z" * 300)):
        assert line.isascii()
        assert line.isprintable()
        assert len(line) <= 162
