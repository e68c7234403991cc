"""What does the one living comment of a pull request say? It is edited as the runs go on, and never repeated."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from bot.messages.escape import code
from bot.messages.facts import GITHUB_WORDS, HostWords, NoLines, RunLine
from bot.messages.fit import Parts, fit
from bot.messages.plan_changes import changes_since
from bot.messages.table import TABLE_HEAD, errors, in_order, plan_outputs, rows
from bot.messages.words import count, exact_name, has_plan, short
from bot.run import RunKind, RunStatus

_MOST_HELD = 10


@dataclass(frozen=True)
class LivingComment:
    """`lines`: the newest run of each workspace for this head. `url`: a page that shows all of them.

    `marker`: the hidden, signed line by which the comment is known as ours; it comes last.
    """

    head_sha: str
    lines: tuple[RunLine, ...]
    url: str
    marker: str
    no_lines: NoLines = NoLines.NONE_AFFECTED
    words: HostWords = GITHUB_WORDS
    with_organization: bool = False


def render(comment: LivingComment, limit: int) -> str:
    """The comment's Markdown, at most `limit` characters."""
    lines = in_order(comment.lines)
    if not lines:
        return f"### Runlock: {_nothing(comment)}\n\n{comment.marker}"
    named = comment.with_organization
    changes = changes_since(lines, with_organization=named)
    return fit(
        Parts(
            lead="\n\n".join(filter(None, (_title(comment, lines), changes))),
            table_head=TABLE_HEAD,
            rows=rows(lines, with_organization=named),
            after_table="\n\n".join(
                filter(None, (errors(lines, with_organization=named), *_what_next(comment, lines)))
            ),
            outputs=plan_outputs(lines, with_organization=named),
            closing=comment.marker,
            more_url=comment.url,
        ),
        limit,
    )


def _title(comment: LivingComment, lines: Sequence[RunLine]) -> str:
    planned = sum(has_plan(line.run) for line in lines)
    failed = sum(line.run.status is RunStatus.ERRORED and not has_plan(line.run) for line in lines)
    at = f"at {code(short(comment.head_sha))}"
    trouble = f", {failed} failed" if failed else ""
    if planned == len(lines):
        return f"### Runlock planned {count(planned, 'workspace')} {at}"
    return f"### Runlock: {planned} of {count(len(lines), 'workspace')} planned{trouble} {at}"


def _nothing(comment: LivingComment) -> str:
    at = code(short(comment.head_sha))
    match comment.no_lines:
        case NoLines.NONE_AFFECTED:
            return f"no workspace is affected by {at}"
        case NoLines.FORK:
            return f"{at} comes from a fork, and forks are not planned"
        case NoLines.DRAFT:
            return f"{at} is a draft; comment `plan` to plan it"
        case NoLines.NEWER_COMMIT:
            return f"{at} is not planned: a newer commit that contains it has its run"
        case NoLines.FIRST_RUN:
            return f"{at} is not planned: the first run of its workspace is started by hand"
        case NoLines.TROUBLE:
            return f"{at} could not be fetched, so nothing is planned"
        case NoLines.REFUSED:
            return f"{at} was refused, so nothing is planned; `runlock deliveries` says why"
        case _:
            assert_never(comment.no_lines)


def _what_next(comment: LivingComment, lines: Sequence[RunLine]) -> list[str]:
    """What a person can do now, as one short paragraph each."""
    return [
        text
        for text in (
            _held(comment, lines),
            _to_apply(comment, lines),
            _after_merge(comment, lines),
            _again(lines),
        )
        if text
    ]


def _held(comment: LivingComment, lines: Sequence[RunLine]) -> str:
    sign, held = comment.words.sign, [line for line in lines if line.held_by_pull is not None]
    said = [f"- {_name(comment, line)} waits for {sign}{line.held_by_pull}" for line in held[:_MOST_HELD]]
    if len(held) > _MOST_HELD:
        said.append(f"- and {len(held) - _MOST_HELD} more")
    if said:
        said.append(f"\nA workspace is free again once that {comment.words.pull} is merged, closed or unlocked.")
    return "\n".join(said)


def _to_apply(comment: LivingComment, lines: Sequence[RunLine]) -> str:
    ready = [line for line in lines if line.run.status is RunStatus.PLANNED_AND_SAVED and line.held_by_pull is None]
    if not ready:
        return ""
    exactly = code(f"apply {exact_name(ready[0].run, [line.run for line in lines])}")
    if len(ready) == 1:
        return (
            f"To apply {_name(comment, ready[0])}, comment `apply` (or {exactly}, to name exactly this plan). "
            "To drop its plan, comment `discard`."
        )
    one = f"{code(f'apply -w {shlex.quote(ready[0].workspace_name)}')} or {exactly}"
    all_of_them = "both" if len(ready) == 2 else f"all {len(ready)}"
    return (
        f"To apply {all_of_them} plans, comment `apply`; for one of them, for example {one}. "
        "To drop them, comment `discard`."
    )


def _after_merge(comment: LivingComment, lines: Sequence[RunLine]) -> str:
    if any(line.run.kind is RunKind.PLAN_ONLY and line.run.has_changes for line in lines):
        return (
            f"Plans of a {comment.words.pull} are for review only. After the merge, "
            "the merged commit is planned again and waits for approval."
        )
    return ""


def _again(lines: Sequence[RunLine]) -> str:
    unfinished = (RunStatus.ERRORED, RunStatus.CANCELED, RunStatus.DISCARDED)
    return "To plan again, comment `plan`." if any(line.run.status in unfinished for line in lines) else ""


def _name(comment: LivingComment, line: RunLine) -> str:
    return code(line.name(with_organization=comment.with_organization), 100)
