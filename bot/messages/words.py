"""Which words do we have for a run? Those that several messages share; plain text, not yet escaped."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.messages.facts import RunLine, Trouble
from bot.plan_summary import PlanSummary
from bot.run import Run, RunKind, RunStatus

FEWEST_DIGITS = 6  # of a digest in a command: fewer would soon name two plans
SHA_DIGITS = 12  # As Git itself shortens; digests are shown at the same length.
_REACHED_A_PLAN = frozenset(
    {RunStatus.PLANNED, RunStatus.PLANNED_AND_SAVED, RunStatus.PLANNED_AND_FINISHED, RunStatus.CONFIRMED}
)


def short(sha: str) -> str:
    """The first digits of a commit SHA or a digest."""
    return sha[:SHA_DIGITS]


def count(number: int, noun: str, nouns: str = "") -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `4th`, `11th`."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{suffix}"


def duration(span: timedelta) -> str:
    """A length of time as people say it, in its largest unit: `2 minutes`; never negative."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return "less than a minute"
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return count(seconds // size, noun)
    raise AssertionError("sixty seconds are a minute")  # the loop always returns


def clock(moment: datetime) -> str:
    """`12:03`, in the time zone of `moment`, which is UTC everywhere in Runlock."""
    return f"{moment:%H:%M}"


def listing(things: Sequence[str], most: int = 10) -> str:
    """`a`, `a and b`, `a, b and c`, or the first `most` and how many more there are."""
    shown = list(things[:most])
    left = len(things) - len(shown)
    if left:
        shown.append(f"{left:,} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""


def has_plan(run: Run) -> bool:
    """Whether the run got as far as a finished plan, whatever became of it."""
    return run.status in _REACHED_A_PLAN or any(status.value in run.times for status in _REACHED_A_PLAN)


def exact_name(run: Run, among: Sequence[Run]) -> str:
    """What names exactly this plan in a command: the beginning of its digest, or its id.

    Equal configurations that are planned within one second have equal plan files, and so equal digests.
    """
    others = [other for other in among if other.id != run.id]
    for digits in range(FEWEST_DIGITS, len(run.plan_digest) + 1):
        beginning = run.plan_digest[:digits]
        if not any(beginning in (other.plan_digest[:digits], other.manifest_digest[:digits]) for other in others):
            return beginning
    return run.id


def dangers(summary: PlanSummary | None) -> tuple[str, ...]:
    """Addresses of what a plan destroys or replaces, destroyed ones first."""
    return () if summary is None else (*summary.destroyed, *summary.replaced)


def plan_words(run: Run) -> str:
    """A finished plan in few words."""
    return run.summary.sentence if run.summary is not None else "planned"


def applied_words(summary: PlanSummary | None) -> str:
    """`2 added, 0 changed, 1 destroyed`."""
    if summary is None or not (summary.additions or summary.changes or summary.destructions or summary.imports):
        return "outputs updated" if summary is not None and summary.outputs_changed else "applied"
    head = f"{summary.imports} imported, " if summary.imports else ""
    return f"{head}{summary.additions} added, {summary.changes} changed, {summary.destructions} destroyed"


def failure_words(line: RunLine) -> str:
    """What became of an errored run, without its error's own text."""
    stage = "apply" if has_plan(line.run) else "plan"
    match line.trouble:
        case Trouble.OUTCOME_UNKNOWN:
            return "outcome unknown: the apply was interrupted"
        case Trouble.OURS:
            return f"{stage} couldn't be carried out"
        case Trouble.POLICY:
            return "a policy refused the plan"
        case Trouble.NONE:
            return f"{stage} failed"


def standing(line: RunLine) -> str:
    """Where a run stands, in a few words for a table or a list."""
    run = line.run
    match run.status:
        case RunStatus.PENDING | RunStatus.PLAN_QUEUED | RunStatus.PLANNING:
            return waiting_words(line)
        case RunStatus.PLANNED | RunStatus.PLANNED_AND_SAVED | RunStatus.PLANNED_AND_FINISHED:
            return plan_words(run)
        case RunStatus.CONFIRMED | RunStatus.APPLY_QUEUED:
            return line.place or f"approved{by(run.confirmed_by)}, waiting to apply"
        case RunStatus.APPLYING:
            return "applying"
        case RunStatus.APPLIED:
            return "nothing to change" if run.summary and not run.has_changes else applied_words(run.summary)
        case RunStatus.DISCARDED:
            return "discarded" if has_plan(run) else "discarded before it was planned"
        case RunStatus.ERRORED:
            return failure_words(line)
        case RunStatus.CANCELED:
            return canceled_words(run)


def waiting_words(line: RunLine) -> str:
    """What a run that has no plan yet is doing."""
    if line.run.status is RunStatus.PLANNING:
        return "planning"
    if line.run.status is RunStatus.PENDING and line.run.kind is RunKind.NORMAL:
        return line.place or "waiting for its turn"
    return line.place or "waiting for a runner"


def canceled_words(run: Run) -> str:
    """How far a cancelled run had come."""
    if RunStatus.APPLYING.value in run.times:
        return "cancelled while applying"
    if has_plan(run):
        return "cancelled before it was applied"
    return "cancelled while planning" if RunStatus.PLANNING.value in run.times else "cancelled before it was planned"


def by(person: str) -> str:
    """` by ada`, or nothing."""
    return f" by {person}" if person else ""
