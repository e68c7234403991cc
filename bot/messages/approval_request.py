"""How do we ask for an approval? A new comment, on the merged pull request or on the commit."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.messages.escape import code, prose
from bot.messages.facts import RunLine
from bot.messages.fit import Parts, fit
from bot.messages.table import TABLE_HEAD, in_order, locked_to, plan_outputs, rows
from bot.messages.words import count, exact_name, listing, plan_words, short
from bot.run import RunKind

_MOST_DANGERS = 10


@dataclass(frozen=True)
class ApprovalRequest:
    """`lines`: runs of one commit that are planned with changes. `ref`: the branch or tag that brought it."""

    commit_sha: str
    ref: str
    lines: tuple[RunLine, ...]
    url: str
    marker: str
    with_organization: bool = False


def render(request: ApprovalRequest, limit: int) -> str:
    """The comment's Markdown, at most `limit` characters."""
    lines = in_order(request.lines)
    named = request.with_organization
    one = lines[0] if len(lines) == 1 else None
    return fit(
        Parts(
            lead=_one_lead(request, one) if one else _many_lead(request, lines),
            table_head="" if one else TABLE_HEAD,
            rows=() if one else rows(lines, with_organization=named),
            after_table=_how(lines),
            outputs=plan_outputs(lines, with_organization=named),
            closing=request.marker,
            more_url=request.url,
        ),
        limit,
    )


def _one_lead(request: ApprovalRequest, line: RunLine) -> str:
    name = code(line.name(with_organization=request.with_organization), 100)
    said = [f"### {name} waits for approval: {plan_words(line.run)}", *_dangers(line)]
    if line.run.message:
        said.append(f"For: {prose(line.run.message.splitlines()[0], 200)}")
    at = f"It came with a push to {code(request.ref)}. " if request.ref else ""
    said.append(f"{at}{locked_to(line)}")
    return "\n\n".join(said)


def _dangers(line: RunLine) -> list[str]:
    summary = line.run.summary
    if summary is None:
        return []
    return [
        f"**It {verb}** {listing([code(address, 200) for address in addresses], _MOST_DANGERS)}."
        for verb, addresses in (("destroys", summary.destroyed), ("replaces", summary.replaced))
        if addresses
    ]


def _many_lead(request: ApprovalRequest, lines: Sequence[RunLine]) -> str:
    of = f" of {code(request.ref)}" if request.ref else ""
    return f"### {count(len(lines), 'run')} wait for approval: commit {code(short(request.commit_sha))}{of}"


def _how(lines: Sequence[RunLine]) -> str:
    name = code(f"apply {exact_name(lines[0].run, [line.run for line in lines])}")
    waits = " Until then, later runs wait." if any(line.run.kind is RunKind.NORMAL for line in lines) else ""
    if len(lines) == 1:
        exactly = f"(or {name}, to name exactly this plan)"
        return f"To apply it, comment `apply` {exactly}. To drop it, comment `discard`.{waits}"
    return (
        f"To apply all of them, comment `apply`; for one of them, for example {name}. "
        f"To drop them, comment `discard`.{waits}"
    )
