"""What does the check run of a commit show? A summary, and the buttons Apply and Discard (GitHub App only)."""

from collections.abc import Sequence

from bot.messages.facts import RunLine
from bot.messages.fit import Parts, fit
from bot.messages.statuses import PREFIX
from bot.messages.table import TABLE_HEAD, errors, in_order, plan_outputs, rows
from bot.messages.words import count
from bot.run import RunStatus
from bot.vcs.code_host import CheckRun

NAME = f"{PREFIX}runs"  # with our prefix, so that it never stands in the way of our own apply
LONGEST_SUMMARY = 65_535  # https://docs.github.com/en/rest/checks/runs: output.summary
MOST_COVERED = 18  # digests that fit an external_id of 255 characters; more runs are decided by comment
_DIGITS = 12
_BAD = (RunStatus.ERRORED, RunStatus.CANCELED)


def check_run(commit_sha: str, lines: Sequence[RunLine], url: str, *, with_organization: bool) -> CheckRun:
    """The check run as it should be now. Its buttons cover exactly the plans that it shows."""
    waiting = [line for line in lines if line.run.needs_decision and line.held_by_pull is None]
    under_way = [line for line in lines if not line.run.is_final and not line.run.needs_decision]
    covered = waiting if len(waiting) <= MOST_COVERED else []
    return CheckRun(
        head_sha=commit_sha,
        name=NAME,
        external_id=",".join(line.run.plan_digest[:_DIGITS] for line in covered),
        is_completed=not under_way,
        conclusion="" if under_way else _conclusion(lines, waiting),
        title=_title(lines, waiting, under_way),
        summary=_summary(lines, url, with_organization=with_organization),
        details_url=url,
        buttons=_buttons(len(covered)) if covered and not under_way else (),
    )


def covered_digests(external_id: str) -> tuple[str, ...]:
    """The plans that a pressed button was about; nothing if the id isn't one of ours."""
    parts = external_id.split(",")
    is_ours = all(len(part) == _DIGITS and set(part) <= set("0123456789abcdef") for part in parts)
    return tuple(parts) if is_ours else ()


def _conclusion(lines: Sequence[RunLine], waiting: Sequence[RunLine]) -> str:
    if any(line.run.status in _BAD for line in lines):
        return "failure"
    return "action_required" if waiting else "success"


def _title(lines: Sequence[RunLine], waiting: Sequence[RunLine], under_way: Sequence[RunLine]) -> str:
    if under_way:
        return f"{count(len(under_way), 'run')} under way"
    if waiting:
        return f"{count(len(waiting), 'plan')} {'waits' if len(waiting) == 1 else 'wait'} for approval"
    return f"{count(len(lines), 'run')}, nothing waits"


def _summary(lines: Sequence[RunLine], url: str, *, with_organization: bool) -> str:
    ordered = in_order(lines)
    return fit(
        Parts(
            lead="",
            table_head=TABLE_HEAD,
            rows=rows(ordered, with_organization=with_organization),
            after_table=errors(ordered, with_organization=with_organization),
            outputs=plan_outputs(ordered, with_organization=with_organization),
            more_url=url,
        ),
        LONGEST_SUMMARY,
    )


def _buttons(number: int) -> tuple[tuple[str, str, str], ...]:
    what = "this plan" if number == 1 else f"these {number} plans"
    return (("Apply", "apply", f"Apply exactly {what}"), ("Discard", "discard", f"Drop {what}; apply nothing"))
