"""Are the answers to commands plain, exact, friendly, and safe whatever is in them?"""

import re

import pytest

from bot.comment_commands import Command, CommandVerb
from bot.messages import replies
from bot.messages.facts import GITLAB_WORDS
from bot.messages.fit import size
from bot.messages.replies import Explanation
from bot.run import RunStatus
from bot.workspace import ApplyPermission
from tests.bot.messages.lines import HEAD, LIMIT, NOON, URL, a_line
from tests.bot.messages.rendered import read

S = RunStatus
PLANNED = a_line("prod", S.PLANNED)
EVIL = "`@all` </details>\n/merge |#12 https://evil.example"
RUN_LINK = f"[`run-prod`]({URL}/prod/runs/run-prod)"


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (
            replies.plan_changed(PLANNED, NOON),
            "Nothing was applied: the plan of `prod` changed at 12:00 (UTC), and you may not have seen the new one. "
            f"If [the new one]({URL}/prod/runs/run-prod) is right, comment `apply 3f2a9c`.",
        ),
        (
            replies.still_planning([a_line("prod", S.PLANNING)]),
            f"Nothing was applied, because not everything is planned yet:\n\n- `prod`, {RUN_LINK}: planning",
        ),
        (
            replies.nothing_to_apply(),
            "There is nothing to apply here: no plan with changes is waiting for approval.",
        ),
        (replies.nothing_to(CommandVerb.CANCEL), "There is nothing here to cancel."),
        (
            replies.nothing_chosen(Command(CommandVerb.APPLY, ("x",), ("",), ("3f2a9c",))),
            "No run here fits workspace `x`, directory `.` and `3f2a9c`. Nothing was done.",
        ),
        (
            replies.ambiguous("3f2a9c", [PLANNED]),
            "`3f2a9c` fits 1 run; give more characters of it, or a run's id:\n\n"
            f"- `prod`, {RUN_LINK}: 2 to add, 0 to change, 1 to destroy",
        ),
        (
            replies.approved([a_line("prod", S.CONFIRMED, run={"confirmed_by": "ada"})]),
            f"Approved:\n\n- `prod`, {RUN_LINK}: approved by ada, waiting to apply",
        ),
        (
            replies.already_approved(a_line("prod", S.APPLYING, run={"confirmed_by": "ada"})),
            "`prod` was approved by `ada` already; it is: applying.",
        ),
        (
            replies.discarded([PLANNED]),
            "Discarded: `prod`. Nothing of it was applied. To plan again, comment `plan`.",
        ),
        (replies.cancelled([PLANNED]), "Cancelled, or asked to stop: `prod`."),
        (replies.unlocked(["prod", "dev"]), "Freed: `prod` and `dev`. Other plans may be applied there now."),
        (
            replies.approved_already(),
            "There is nothing here to discard: it was approved already. To take that back, comment `cancel`.",
        ),
        (replies.nothing_to_unlock(), "There is nothing to unlock: no workspace is held from here."),
        (replies.planning(["prod"], HEAD), "Planning `prod` at `1a2b3c4d5e6f`."),
        (
            replies.waits_for_pull(a_line("prod", S.PLANNED, held_by_pull=41)),
            "Nothing was applied: `prod` waits for #41, which has applied there and is not merged yet. "
            "Merge or close that pull request, or comment `unlock` there.",
        ),
        (
            replies.waits_for_pull(a_line("prod", S.PLANNED, held_by_pull=41), GITLAB_WORDS),
            "Nothing was applied: `prod` waits for !41, which has applied there and is not merged yet. "
            "Merge or close that merge request, or comment `unlock` there.",
        ),
        (
            replies.not_allowed("eve", "prod", ApplyPermission.MAINTAIN),
            "`eve` may not do that in `prod`: it takes the role maintain or more in this repository. "
            "Somebody who has it can comment the same.",
        ),
        (
            replies.own_pull(),
            "The author of a pull request may not approve it in this workspace. Somebody else can comment `apply`.",
        ),
        (
            replies.requirements_missing(PLANNED, ["1 approving review is missing", "see @ada"]),
            "Nothing was applied: `prod` asks for more before that.\n\n- 1 approving review is missing\n- see `@ada`",
        ),
        (
            replies.head_moved(HEAD, "b" * 40),
            "Nothing was applied: the plan is of `1a2b3c4d5e6f`, and the newest commit is `bbbbbbbbbbbb`. "
            "Wait for its plan, or comment `plan`.",
        ),
        (
            replies.state_moved(PLANNED),
            "Nothing was applied: the state of `prod` has changed since the plan was made. "
            "Comment `plan` for a new plan.",
        ),
        (
            replies.pull_is_over(GITLAB_WORDS),
            "This merge request is closed, so there is nothing to plan or apply here any more.",
        ),
        (
            replies.fork_refused(),
            "This pull request comes from a fork. Planning runs its code, so forks are not planned. "
            "Somebody who trusts it can push it to a branch of this repository.",
        ),
        (replies.refused("run-x is applied."), "That was refused: run-x is applied."),
    ],
)
def test_the_answers(reply: str, expected: str) -> None:
    assert reply == expected


def test_help_names_every_command() -> None:
    text = replies.help_text("atlantis")
    for verb in CommandVerb:
        assert re.search(rf"^\| `{verb}` \| [a-z].* \|$", text, re.MULTILINE)
    assert text.endswith("If another bot listens too, write `atlantis apply`.")


def test_explain_says_why_for_each_workspace() -> None:
    waiting = a_line("prod", S.PLANNED_AND_SAVED, held_by_pull=41)
    assert replies.explain(
        [
            Explanation("stage", runs=False, reason="it tracks live, not main"),
            Explanation("prod", runs=True, reason="push to main: a/b.tf is below its directory a", line=waiting),
        ]
    ) == (
        f"- `prod` runs ({RUN_LINK}: 2 to add, 0 to change, 1 to destroy; waits for #41): "
        "push to main: `a/b.tf` is below its directory a\n"
        "- `stage` does not run: it tracks live, not main"
    )
    assert replies.explain([]) == "No workspace is connected to this repository."


def test_explaining_thousands_fits() -> None:
    text = replies.explain([Explanation(f"w{n}", runs=False, reason="not touched " * 40) for n in range(5_000)])
    assert size(text) < LIMIT
    assert re.search(r"\n- and [0-9,]+ more$", text)


def test_nothing_hostile_comes_through() -> None:
    line = a_line(EVIL, S.CONFIRMED, run={"confirmed_by": EVIL}, url=URL, held_by_pull=41)
    said = [
        replies.help_text(EVIL),
        replies.plan_changed(line, NOON),
        replies.still_planning([line]),
        replies.nothing_chosen(Command(CommandVerb.APPLY, (EVIL,), (EVIL,), (EVIL,))),
        replies.ambiguous(EVIL, [line]),
        replies.approved([line]),
        replies.already_approved(line),
        replies.discarded([line]),
        replies.cancelled([line]),
        replies.unlocked([EVIL]),
        replies.planning([EVIL], EVIL),
        replies.not_allowed(EVIL, EVIL, ApplyPermission.WRITE),
        replies.requirements_missing(line, [EVIL]),
        replies.head_moved(EVIL, EVIL),
        replies.state_moved(line),
        replies.refused(EVIL),
        replies.explain([Explanation(EVIL, runs=True, reason=EVIL, line=line)]),
    ]
    for reply in said:
        seen = read(reply)
        assert not re.search(r"@all|/merge|#12|://|details", seen.outside), reply
        assert set(seen.tags) <= {"p", "code", "a", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}, reply
        assert not re.search(r"^\s*/", reply, re.MULTILINE)
