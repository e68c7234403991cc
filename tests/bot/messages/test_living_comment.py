"""Does the living comment say what changed first, then everything else, in plain English and within the limit?"""

import re
from dataclasses import replace
from typing import Any

import pytest

from bot.messages.facts import GITLAB_WORDS, NoLines, RunLine
from bot.messages.fit import size
from bot.messages.living_comment import LivingComment, render
from bot.plan_summary import PlanSummary
from bot.run import RunKind, RunStatus
from tests.bot.messages.lines import GROWS, HEAD, LIMIT, MARK, SAME, URL, a_line
from tests.bot.messages.rendered import read

S, K = RunStatus, RunKind
BEFORE = "9f8e7d6c5b4a" + "0" * 28


def said(*lines: RunLine, **facts: Any) -> str:
    return render(LivingComment(HEAD, lines, URL, MARK, **facts), LIMIT)


def test_a_pull_request_that_is_applied_after_the_merge() -> None:
    small = PlanSummary(additions=2, added=("a.x", "a.y"))
    body = said(
        a_line(
            "prod", S.PLANNED_AND_FINISHED, K.PLAN_ONLY, previous=small, previous_sha=BEFORE, output="Plan: 2 to add"
        ),
        a_line(
            "stage", S.PLANNED_AND_FINISHED, K.PLAN_ONLY, run={"summary": SAME}, previous=SAME, output="No changes."
        ),
        a_line(
            "dev", S.ERRORED, K.PLAN_ONLY, after=S.PLANNING, run={"error": "no bucket, ask @ada"}, output="Error: x"
        ),
        a_line("test", S.PENDING, K.PLAN_ONLY),
    )
    assert body == (
        "### Runlock: 2 of 4 workspaces planned, 1 failed at `1a2b3c4d5e6f`\n\n"
        "**Since the previous plan (of `9f8e7d6c5b4a`):**\n\n"
        "- `prod`: now destroys `aws_db.main`; "
        "2 to add, 0 to change, 1 to destroy (before: 2 to add, 0 to change, 0 to destroy)\n\n"
        "| Workspace | Status | Destroys or replaces | Locked to | Plan |\n"
        "| --- | --- | --- | --- | --- |\n"
        f"| [`dev`]({URL}/dev/runs/run-dev) | plan failed |  | `aabbccddeeff` |  |\n"
        f"| [`prod`]({URL}/prod/runs/run-prod) | 2 to add, 0 to change, 1 to destroy | **destroys** `aws_db.main` | "
        "`aabbccddeeff` | `3f2a9c112233` |\n"
        f"| [`test`]({URL}/test/runs/run-test) | waiting for a runner |  | `aabbccddeeff` |  |\n"
        f"| [`stage`]({URL}/stage/runs/run-stage) | no changes |  | `aabbccddeeff` | `3f2a9c112233` |\n\n"
        "- `dev`: plan failed: no bucket, ask `@ada`\n\n"
        "Plans of a pull request are for review only. After the merge, the merged commit is planned again and waits "
        "for approval.\n\n"
        "To plan again, comment `plan`.\n\n"
        "<details><summary><code>dev</code>: plan failed</summary>\n\n```\nError: x\n```\n\n</details>\n\n"
        "<details><summary><code>prod</code>: 2 to add, 0 to change, 1 to destroy</summary>\n\n"
        "```\nPlan: 2 to add\n```\n\n</details>\n\n" + MARK
    )


def test_one_plan_that_can_be_applied_before_the_merge() -> None:
    body = said(a_line("prod", S.PLANNED_AND_SAVED, K.SAVED_PLAN))
    assert body.startswith("### Runlock planned 1 workspace at `1a2b3c4d5e6f`\n\n| Workspace |")
    assert (
        "\n\nTo apply `prod`, comment `apply` (or `apply 3f2a9c`, to name exactly this plan). "
        "To drop its plan, comment `discard`.\n\n"
    ) in body


def test_several_plans_and_one_that_waits_for_another_pull_request() -> None:
    other_plan = {"plan_digest": "3f2a9d" + "0" * 58}
    ready = [
        a_line("my prod", S.PLANNED_AND_SAVED, K.SAVED_PLAN),
        a_line("stage", S.PLANNED_AND_SAVED, K.SAVED_PLAN, run=other_plan),
    ]
    held = a_line("dev", S.PLANNED_AND_SAVED, K.SAVED_PLAN, held_by_pull=41, run=other_plan)
    body = said(*ready, held)
    assert (
        "- `dev` waits for #41\n\nA workspace is free again once that pull request is merged, closed or unlocked.\n\n"
        "To apply both plans, comment `apply`; for one of them, for example `apply -w 'my prod'` or `apply 3f2a9c`. "
        "To drop them, comment `discard`."
    ) in body
    third = a_line("third", S.PLANNED_AND_SAVED, K.SAVED_PLAN)
    assert "To apply all 3 plans, comment `apply`;" in said(*ready, third)
    gitlab = said(*ready, held, words=GITLAB_WORDS)
    assert "- `dev` waits for !41\n\nA workspace is free again once that merge request is" in gitlab


def test_the_place_in_the_queue_is_shown() -> None:
    line = a_line("prod", S.CONFIRMED, K.SAVED_PLAN, place="3rd in queue, behind run-abc (planning for 2 minutes)")
    assert "| 3rd in queue, behind run-abc (planning for 2 minutes) |" in said(line)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        (NoLines.NONE_AFFECTED, "no workspace is affected by `1a2b3c4d5e6f`"),
        (NoLines.FORK, "`1a2b3c4d5e6f` comes from a fork, and forks are not planned"),
        (NoLines.DRAFT, "`1a2b3c4d5e6f` is a draft; comment `plan` to plan it"),
    ],
)
def test_when_nothing_runs_any_more(why: NoLines, words: str) -> None:
    assert said(no_lines=why) == f"### Runlock: {words}\n\n{MARK}"


# What changed since the previous plan


def changes(before: PlanSummary, after: PlanSummary) -> str:
    line = a_line("prod", S.PLANNED_AND_SAVED, K.SAVED_PLAN, run={"summary": after}, previous=before)
    return said(line).split("| Workspace |")[0].split("\n\n", 1)[1].strip()


def test_the_same_plan_says_so() -> None:
    assert changes(GROWS, GROWS) == "**Since the previous plan:** the same resources, with the same actions."


def test_the_dangerous_differences_come_first() -> None:
    before = PlanSummary(1, 1, 1, destroyed=("d.old",), changed=("c.x",), added=("a.x",))
    after = PlanSummary(2, 0, 2, destroyed=("d.new",), replaced=("c.x",), added=("a.x",))
    assert changes(before, after) == (
        "**Since the previous plan:**\n\n"
        "- `prod`: now destroys `d.new`; now replaces `c.x`; no longer destroys `d.old`; no longer changes `c.x`; "
        "2 to add, 0 to change, 2 to destroy (before: 1 to add, 1 to change, 1 to destroy)"
    )


def test_same_counts_of_other_resources_are_a_difference() -> None:
    before, after = PlanSummary(1, added=("a.x",)), PlanSummary(1, added=("a.y",))
    assert changes(before, after).endswith("- `prod`: now adds `a.y`; no longer adds `a.x`")


def test_many_differences_are_named_briefly() -> None:
    after = PlanSummary(9, added=tuple(f"a.{number}" for number in range(9)))
    assert "now adds `a.0`, `a.1`, `a.2`, `a.3`, `a.4` and 4 more;" in changes(PlanSummary(), after)


def test_nothing_is_said_about_a_plan_that_is_not_there_yet() -> None:
    assert "Since the previous" not in said(a_line("prod", S.PLANNING, K.PLAN_ONLY, previous=GROWS))
    assert "Since the previous" not in said(a_line("prod", S.PLANNED_AND_SAVED, K.SAVED_PLAN))


# Hostile and huge


def test_hostile_names_addresses_errors_and_outputs_stay_text() -> None:
    evil = "x`|</details>@all\n/merge <!-- "
    line = a_line(
        evil,
        S.ERRORED,
        K.PLAN_ONLY,
        after=S.PLANNED,
        run={"error": evil, "summary": PlanSummary(0, 0, 1, destroyed=(evil,))},
        previous=SAME,
        output="```\n/merge\n</details>\n@all",
        url=URL,
    )
    body = said(line)
    seen = read(body)
    assert (seen.tags.count("details"), seen.tags.count("table"), seen.tags.count("!--")) == (1, 1, 1)
    assert not re.search("@all|/merge|</", seen.outside)
    assert seen.inside.count("@all") == 8  # names and texts in changes, table, errors, fold and output
    assert not any(row.startswith("/") for row in body.splitlines())
    [table_row] = [row for row in body.splitlines() if row.startswith("| [")]
    assert table_row.count("|") == 6
    assert body.endswith(MARK)
    assert "\n````\n```\n /merge\n</details>\n@all\n````\n" in body


def test_a_thousand_workspaces_with_long_outputs_fit() -> None:
    many = tuple(f"module.thing[{number}].aws_instance.x" for number in range(50))
    lines = [
        a_line(
            f"workspace-{number:04}",
            S.PLANNED_AND_FINISHED,
            K.PLAN_ONLY,
            run={"summary": PlanSummary(50, 0, 50 if number == 77 else 0, destroyed=many if number == 77 else ())},
            previous=PlanSummary(1, replaced=many),
            output="a line of the plan\n" * 2_000,
        )
        for number in range(1_000)
    ]
    body = said(*lines, a_line("broken", S.ERRORED, K.PLAN_ONLY, after=S.PLANNING, run={"error": "boom " * 500}))
    assert size(body) <= LIMIT
    rows = [row for row in body.splitlines() if row.startswith("| [")]
    assert "broken" in rows[0]
    assert "workspace-0077" in rows[1]
    assert "more workspaces: [see all]" in body
    assert body.endswith(MARK)


def test_nothing_but_the_facts_decides_the_text() -> None:
    line = a_line("prod", S.PLANNED_AND_SAVED, K.SAVED_PLAN)
    assert said(line) == said(replace(line))
