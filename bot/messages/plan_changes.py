"""What changed since the previous plan of this pull request? Said first, so that nobody reads 60 KB again."""

from collections.abc import Sequence

from bot.messages.escape import code
from bot.messages.facts import RunLine
from bot.messages.fit import bounded_list
from bot.messages.words import has_plan, listing, short
from bot.plan_summary import PlanSummary

_MOST_BYTES = 8_000  # An eighth of the smallest limit: enough for 40 workspaces with one difference each.
_MOST_ADDRESSES = 5

# In the order of their danger: what the summary calls it, and our verb.
_KINDS = (("destroyed", "destroys"), ("replaced", "replaces"), ("changed", "changes"), ("added", "adds"))


def changes_since(lines: Sequence[RunLine], *, with_organization: bool) -> str:
    """A few lines of Markdown, or "" where there was no plan before or none is finished yet."""
    compared = [line for line in lines if line.previous is not None and has_plan(line.run)]
    if not compared:
        return ""
    said = []
    for line in compared:
        found = _differences(line.previous or PlanSummary(), line.run.summary or PlanSummary())
        if found:
            said.append(f"- {code(line.name(with_organization=with_organization), 100)}: {'; '.join(found)}")
    commits = {short(line.previous_sha) for line in compared if line.previous_sha}
    of = f" (of {code(commits.pop())})" if len(commits) == 1 else ""
    if not said:
        return f"**Since the previous plan{of}:** the same resources, with the same actions."
    return f"**Since the previous plan{of}:**\n\n" + bounded_list(said, _MOST_BYTES)


def _differences(before: PlanSummary, after: PlanSummary) -> list[str]:
    """What is new first, then what is gone, then the counts."""
    new, gone = [], []
    for name, verb in _KINDS:
        earlier, now = getattr(before, name), getattr(after, name)
        new += _named(f"now {verb}", now, set(earlier))
        gone += _named(f"no longer {verb}", earlier, set(now))
    counts = [f"{after.sentence} (before: {before.sentence})"] if after.sentence != before.sentence else []
    return [*new, *gone, *counts]


def _named(words: str, addresses: Sequence[str], known: set[str]) -> list[str]:
    found = [code(address, 120) for address in addresses if address not in known]
    return [f"{words} {listing(found, _MOST_ADDRESSES)}"] if found else []
