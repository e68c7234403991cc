"""Which commit statuses belong to a SHA? The table of DESIGN section 6, as one function of all that happens there.

Limits, the same on every host: 255 characters for a context, 140 for a description (GitHub answers 422
"description is too long (maximum is 140 characters)", https://docs.github.com/rest/commits/statuses).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from bot.messages.escape import one_line, shortened
from bot.messages.facts import GITHUB_WORDS, HostWords, NoLines, RunLine, Trouble
from bot.messages.words import (
    applied_words,
    by,
    canceled_words,
    count,
    failure_words,
    has_plan,
    plan_words,
    standing,
    waiting_words,
)
from bot.run import RunKind, RunStatus
from bot.vcs.code_host import CommitStatus, StatusState

PREFIX = "runlock/"  # every context of ours begins with it; requirements leave those out of "mergeable"
LONGEST_CONTEXT = 255
LONGEST_DESCRIPTION = 140
MOST_WORKSPACES = 20  # Beyond it only the aggregates: nobody reads more, and each is a request to the host.


@dataclass(frozen=True)
class StatusScope:
    """All that happens at one SHA, in every workspace and organization that this repository serves.

    `is_pull_head`: an open pull request has this head. `url`: a page about the SHA, for the aggregates.
    `lines`: every run of this commit, also those of a push and of a pull request side by side.
    `no_lines`: what to say when there are none. `with_organization`: the repository serves several organizations.
    `applies_before_merge`: a workspace of this repository works so, and `runlock/apply` may be required to merge.
    `said`: contexts that stand there already. A host can't take one away, so they must not be left with an old word.
    """

    lines: tuple[RunLine, ...]
    url: str
    is_pull_head: bool = False
    no_lines: NoLines = NoLines.NONE_AFFECTED
    with_organization: bool = False
    applies_before_merge: bool = False
    words: HostWords = GITHUB_WORDS
    said: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Word:
    """A state and what to say with it, before it has a context."""

    state: StatusState
    description: str
    lasts: bool = False


PENDING, SUCCESS, FAILURE, ERROR = (
    StatusState.PENDING,
    StatusState.SUCCESS,
    StatusState.FAILURE,
    StatusState.ERROR,
)


def statuses_for(scope: StatusScope) -> list[CommitStatus]:
    """The statuses that the SHA should have now: aggregates first, then per workspace, in the order of the lines."""
    found = _of_lines(scope) if scope.lines else _of_nothing(scope)
    gone = scope.said - {status.context for status in found}
    nothing = _Word(SUCCESS, "not affected any more")
    return [*found, *(_status(context.removeprefix(PREFIX), nothing, scope.url) for context in sorted(gone))]


def _of_lines(scope: StatusScope) -> list[CommitStatus]:
    lines = _newest_each(scope.lines)
    plans = [(line, _plan_word(line)) for line in lines]
    applies = [(line, word) for line in lines if (word := _apply_word(line, scope.words))]
    found = [_status("plan", _aggregate_plan(plans), _url(scope, [line for line, _ in plans]))]
    whole = _aggregate_apply(lines, applies)
    if whole is not None:
        found.append(_status("apply", whole, _url(scope, [line for line, _ in applies])))
    elif scope.is_pull_head and scope.applies_before_merge:
        found.append(_status("apply", _Word(SUCCESS, "nothing to apply before the merge"), scope.url))
    for stage, words in (("plan", plans), ("apply", applies)):
        for line, word in words:
            status = _status(f"{stage}: {line.name(with_organization=scope.with_organization)}", word, line.url)
            if len(lines) <= MOST_WORKSPACES or status.context in scope.said:
                found.append(status)
    return found


def _of_nothing(scope: StatusScope) -> list[CommitStatus]:
    state = {NoLines.DRAFT: PENDING, NoLines.TROUBLE: ERROR, NoLines.REFUSED: ERROR}.get(scope.no_lines, SUCCESS)
    word = _Word(state, scope.no_lines.value)
    stages = ("plan", "apply") if scope.is_pull_head and scope.applies_before_merge else ("plan",)
    return [_status(stage, word, scope.url) for stage in stages]


def _newest_each(lines: Sequence[RunLine]) -> list[RunLine]:
    """Per workspace the run that was created last: it is the one that people wait for at this SHA."""
    newest: dict[str, RunLine] = {}
    for line in lines:
        known = newest.get(line.run.workspace_id)
        if known is None or _age(line) > _age(known):
            newest[line.run.workspace_id] = line
    return list(newest.values())


def _age(line: RunLine) -> tuple[float, int]:
    return (line.run.created_at.timestamp(), line.run.queue_sequence)


def _plan_word(line: RunLine) -> _Word:
    run = line.run
    if run.status in (RunStatus.PENDING, RunStatus.PLAN_QUEUED, RunStatus.PLANNING):
        return _Word(PENDING, waiting_words(line))
    if run.status is RunStatus.ERRORED and line.trouble is Trouble.POLICY:
        return _Word(FAILURE, _with_error(line))
    if has_plan(run):
        return _Word(SUCCESS, plan_words(run))
    if run.status is RunStatus.ERRORED:
        return _Word(ERROR if line.trouble is Trouble.OURS else FAILURE, _with_error(line))
    if run.status is RunStatus.DISCARDED and run.kind is RunKind.NORMAL:
        return _Word(SUCCESS, "discarded before it was planned")
    return _Word(FAILURE, standing(line))  # discarded or cancelled: nobody has reviewed a plan


def _apply_word(line: RunLine, words: HostWords) -> _Word | None:
    """A speculative run has none; where its SHA was pushed to a tracked branch too, that run's own word counts."""
    match line.run.kind:
        case RunKind.PLAN_ONLY:
            return None
        case RunKind.SAVED_PLAN:
            return _apply_before_merge(line, words)
        case RunKind.NORMAL:
            return _apply_of_push(line) if has_plan(line.run) and line.trouble is not Trouble.POLICY else None


def _apply_of_push(line: RunLine) -> _Word:
    run = line.run
    match run.status:
        case RunStatus.PLANNED:
            return _Word(PENDING, f"waiting for approval: {plan_words(run)}", lasts=True)
        case RunStatus.DISCARDED:
            return _Word(SUCCESS, f"discarded, nothing was applied: {plan_words(run)}")
        case _:
            return _decided(line)


def _apply_before_merge(line: RunLine, words: HostWords) -> _Word:
    """Pending until applied: a plan that failed or was discarded leaves something to do before the merge."""
    run = line.run
    if not has_plan(run):
        return _Word(PENDING, f"not planned yet: {standing(line)}")
    match run.status:
        case RunStatus.PLANNED_AND_SAVED if line.held_by_pull is not None:
            return _Word(PENDING, f"waits for {words.sign}{line.held_by_pull}: {plan_words(run)}", lasts=True)
        case RunStatus.PLANNED_AND_SAVED:
            return _Word(PENDING, f"comment apply to apply it: {plan_words(run)}", lasts=True)
        case RunStatus.DISCARDED:
            return _Word(PENDING, "discarded: comment plan for a new plan", lasts=True)
        case _:
            return _decided(line)


def _decided(line: RunLine) -> _Word:
    """What became of a run with a plan, once somebody has decided, or nothing was to decide."""
    run = line.run
    match run.status:
        case RunStatus.PLANNED_AND_FINISHED:
            return _Word(SUCCESS, "nothing to change")
        case RunStatus.APPLIED:
            return _Word(SUCCESS, _applied(line))
        case RunStatus.ERRORED:
            ours = line.trouble in (Trouble.OURS, Trouble.OUTCOME_UNKNOWN)
            return _Word(ERROR if ours else FAILURE, _with_error(line))
        case RunStatus.CANCELED:
            return _Word(FAILURE, canceled_words(run))
        case _:
            return _Word(PENDING, standing(line))


def _applied(line: RunLine) -> str:
    words = applied_words(line.run.summary)
    return f"{words}{by(line.run.confirmed_by)}" if words == "applied" else f"applied: {words}"


def _with_error(line: RunLine) -> str:
    first = line.run.error.strip().splitlines()[:1]
    return f"{failure_words(line)}: {first[0]}" if first else failure_words(line)


def _aggregate_plan(words: Sequence[tuple[RunLine, _Word]]) -> _Word:
    if len(words) == 1:
        return words[0][1]
    planned = [line for line, word in words if word.state is SUCCESS]
    said = f"{len(planned)} of {count(len(words), 'workspace')} planned"
    state, bad = _worst([word for _, word in words])
    if bad:
        return _Word(state, f"{said}, {bad} not")
    if state is PENDING:
        return _Word(state, said)
    return _Word(state, f"{said}: {_total(planned)}")


def _aggregate_apply(lines: Sequence[RunLine], words: Sequence[tuple[RunLine, _Word]]) -> _Word | None:
    """The whole of what is to be applied at this SHA; None before there is anything."""
    if not words:
        return None
    unplanned = [line for line in lines if line.run.kind is RunKind.NORMAL and not has_plan(line.run)]
    if len(words) == 1 and not unplanned:
        return words[0][1]
    done = sum(word.state is SUCCESS for _, word in words)
    said = f"{done} of {count(len(words) + len(unplanned), 'workspace')} done"
    state, bad = _worst([word for _, word in words])
    if bad:
        return _Word(state, f"{said}, {bad} failed")
    stuck = [line for line in unplanned if line.run.is_final and line.run.status is not RunStatus.DISCARDED]
    if any(not line.run.is_final for line in unplanned) or state is PENDING:
        return _Word(PENDING, said, lasts=any(word.lasts for _, word in words))
    return _Word(FAILURE, f"{said}, {len(stuck)} not planned") if stuck else _Word(SUCCESS, said)


def _worst(words: Sequence[_Word]) -> tuple[StatusState, int]:
    """The state that stands for all, and how many of them went wrong."""
    states = [word.state for word in words]
    bad = sum(state in (FAILURE, ERROR) for state in states)
    return next((state for state in (ERROR, FAILURE, PENDING) if state in states), SUCCESS), bad


def _total(lines: Sequence[RunLine]) -> str:
    summaries = [line.run.summary for line in lines if line.run.summary is not None and line.run.has_changes]
    if not summaries:
        return "no changes"
    added, changed, destroyed = (
        sum(getattr(summary, name) for summary in summaries) for name in ("additions", "changes", "destructions")
    )
    return f"{added} to add, {changed} to change, {destroyed} to destroy"


def _url(scope: StatusScope, lines: Sequence[RunLine]) -> str:
    return lines[0].url if len(lines) == 1 else scope.url


def _status(name: str, word: _Word, url: str) -> CommitStatus:
    return CommitStatus(
        context=fit_context(PREFIX + one_line(name)),
        state=word.state,
        description=shortened(one_line(word.description), LONGEST_DESCRIPTION),
        target_url=url,
        lasts=word.lasts,
    )


def fit_context(context: str) -> str:
    """The context in at most 255 characters; a cut one ends in a digest, so that two never become one."""
    if len(context) <= LONGEST_CONTEXT:
        return context
    digest = hashlib.sha256(context.encode()).hexdigest()[:10]
    return f"{context[: LONGEST_CONTEXT - len(digest) - 1]}…{digest}"[:LONGEST_CONTEXT]
