"""How did an apply end? A new comment, because it is news."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.messages.escape import code, prose
from bot.messages.facts import RunLine, Trouble
from bot.messages.fit import Parts, fit
from bot.messages.table import TABLE_HEAD, apply_outputs, errors, in_order, locked_to, rows
from bot.messages.words import count, listing, standing
from bot.run import RunStatus


@dataclass(frozen=True)
class ApplyResult:
    """`lines`: runs whose apply has ended, well or not. `left`: workspaces that are still to be applied."""

    lines: tuple[RunLine, ...]
    url: str
    marker: str
    left: int = 0
    with_organization: bool = False


def render(result: ApplyResult, limit: int) -> str:
    """The comment's Markdown, at most `limit` characters."""
    lines = in_order(result.lines)
    named = result.with_organization
    several = len(lines) > 1
    closing_words = (errors(lines, with_organization=named), _unknown(result, lines), _left(result))
    return fit(
        Parts(
            lead=_many_lead(lines) if several else _one_lead(result, lines[0]),
            table_head=TABLE_HEAD if several else "",
            rows=rows(lines, with_organization=named) if several else (),
            after_table="\n\n".join(filter(None, closing_words)),
            outputs=apply_outputs(lines, with_organization=named),
            closing=result.marker,
            more_url=result.url,
        ),
        limit,
    )


def _one_lead(result: ApplyResult, line: RunLine) -> str:
    name = code(line.name(with_organization=result.with_organization), 100)
    who = f"Approved by {code(line.run.confirmed_by, 100)}. " if line.run.confirmed_by else ""
    said = prose(standing(line))
    title = f"Applied {name}: {said}" if line.run.status is RunStatus.APPLIED else f"{name}: {said}"
    return f"### {title}\n\n{who}{locked_to(line)}"


def _many_lead(lines: Sequence[RunLine]) -> str:
    good = sum(line.run.status is RunStatus.APPLIED for line in lines)
    bad = len(lines) - good
    if not bad:
        return f"### Applied {count(good, 'workspace')}"
    return f"### Applied {good} of {count(len(lines), 'workspace')}; {bad} not"


def _unknown(result: ApplyResult, lines: Sequence[RunLine]) -> str:
    names = [
        code(line.name(with_organization=result.with_organization), 100)
        for line in lines
        if line.trouble is Trouble.OUTCOME_UNKNOWN
    ]
    if not names:
        return ""
    are = "is" if len(names) == 1 else "are"
    return (
        f"**Nobody knows how far the apply came.** It is not repeated by itself. {listing(names)} {are} locked until "
        "somebody has compared the real resources with the state, and unlocks with `runlock workspace unlock`."
    )


def _left(result: ApplyResult) -> str:
    if not result.left:
        return ""
    return f"{count(result.left, 'workspace')} {'is' if result.left == 1 else 'are'} still to be applied."
