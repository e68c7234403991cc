"""How are several runs shown at once? One row per workspace, the dangerous ones first."""

from collections.abc import Sequence

from bot.messages.escape import cell, code, link, prose
from bot.messages.facts import RunLine
from bot.messages.fit import Output, bounded_list
from bot.messages.words import dangers, failure_words, has_plan, listing, short, standing
from bot.plan_summary import PlanSummary
from bot.run import RunStatus

TABLE_HEAD = "| Workspace | Status | Destroys or replaces | Locked to | Plan |\n| --- | --- | --- | --- | --- |"
_MOST_DANGERS = 5  # Addresses in one cell; the output below has all of them.
_MOST_ERROR_BYTES = 8_000  # An eighth of the smallest limit.


def in_order(lines: Sequence[RunLine]) -> list[RunLine]:
    """Errors first, then what destroys or replaces, what changes, what is still waiting, the rest; then by name."""
    return sorted(lines, key=lambda line: (_rank(line), line.organization_name, line.workspace_name))


def _rank(line: RunLine) -> int:
    run = line.run
    if run.status is RunStatus.ERRORED:
        return 0
    if run.status in (RunStatus.DISCARDED, RunStatus.CANCELED):
        return 5
    if dangers(run.summary):
        return 1
    if run.has_changes:
        return 2
    return 4 if has_plan(run) else 3


def row(line: RunLine, *, with_organization: bool) -> str:
    """One row under TABLE_HEAD."""
    run = line.run
    cells = (
        link(cell(line.name(with_organization=with_organization)), line.url),
        prose(standing(line), 160, in_cell=True),
        _danger_cell(run.summary),
        cell(run.short_digest) if run.short_digest else "",
        cell(run.short_plan_digest) if run.short_plan_digest else "",
    )
    return f"| {' | '.join(cells)} |"


def rows(lines: Sequence[RunLine], *, with_organization: bool) -> tuple[str, ...]:
    return tuple(row(line, with_organization=with_organization) for line in lines)


def _danger_cell(summary: PlanSummary | None) -> str:
    if summary is None:
        return ""
    said = []
    for word, addresses in (("destroys", summary.destroyed), ("replaces", summary.replaced)):
        if addresses:
            said.append(f"**{word}** {listing([cell(address) for address in addresses], _MOST_DANGERS)}")
    return "; ".join(said)


def errors(lines: Sequence[RunLine], *, with_organization: bool) -> str:
    """A list of what went wrong, in the words that the runs kept; "" if nothing did."""
    wrong = [line for line in lines if line.run.status is RunStatus.ERRORED and line.run.error]
    return bounded_list(
        [
            f"- {code(line.name(with_organization=with_organization), 100)}: {failure_words(line)}: "
            f"{prose(line.run.error, 400)}"
            for line in wrong
        ],
        _MOST_ERROR_BYTES,
    )


def plan_outputs(lines: Sequence[RunLine], *, with_organization: bool) -> tuple[Output, ...]:
    """The plans' logs, to be folded; a run without changes has nothing to show."""
    return tuple(
        Output(line.name(with_organization=with_organization), _note(line), line.output, line.url)
        for line in lines
        if line.output.strip() and (line.run.has_changes or line.run.status is RunStatus.ERRORED)
    )


def apply_outputs(lines: Sequence[RunLine], *, with_organization: bool) -> tuple[Output, ...]:
    """The applies' logs, to be folded."""
    return tuple(
        Output(line.name(with_organization=with_organization), _apply_note(line), line.apply_output, line.url)
        for line in lines
        if line.apply_output.strip()
    )


def _note(line: RunLine) -> str:
    """Only our own words: neither a person's name nor an error stands in a fold's line."""
    if line.run.status is RunStatus.ERRORED:
        return failure_words(line)
    return line.run.summary.sentence if line.run.summary is not None else "output of the plan"


def _apply_note(line: RunLine) -> str:
    return failure_words(line) if line.run.status is RunStatus.ERRORED else "output of the apply"


def locked_to(line: RunLine) -> str:
    """`locked to commit …, manifest …, plan …`, for a message about a single run."""
    run = line.run
    parts = [f"commit {code(short(run.commit_sha))}", f"manifest {code(run.short_digest)}"]
    if run.plan_digest:
        parts.append(f"plan {code(run.short_plan_digest)}")
    return f"Locked to {listing(parts)}."
