"""How does a page say it? A status in words with a sign beside it, and moments as people say them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from flask import Blueprint
from markupsafe import Markup

from bot.messages.escape import one_line, visible
from bot.messages.facts import GITHUB_WORDS, GITLAB_WORDS, HostWords, RunLine, Trouble
from bot.messages.words import canceled_words, duration, failure_words
from bot.run import Run, RunKind, RunStatus, TriggerReason
from bot.timestamps import to_text
from bot.workspace import Workspace


class Tone(StrEnum):
    """A colour, and never the only sign: each has a mark and words beside it."""

    WAITING = "waiting"
    WORKING = "working"
    ASKING = "asking"  # somebody has to decide
    GOOD = "good"
    BAD = "bad"
    OVER = "over"


MARKS = {
    Tone.WAITING: "○",
    Tone.WORKING: "◐",
    Tone.ASKING: "◆",
    Tone.GOOD: "✓",
    Tone.BAD: "✕",
    Tone.OVER: "–",
}


@dataclass(frozen=True)
class Badge:
    tone: Tone
    words: str

    @property
    def mark(self) -> str:
        return MARKS[self.tone]


_BADGES = {
    RunStatus.PENDING: Badge(Tone.WAITING, "Waiting for its turn"),
    RunStatus.PLAN_QUEUED: Badge(Tone.WAITING, "Waiting for a runner"),
    RunStatus.PLANNING: Badge(Tone.WORKING, "Planning"),
    RunStatus.PLANNED: Badge(Tone.ASKING, "Waiting for approval"),
    RunStatus.PLANNED_AND_SAVED: Badge(Tone.ASKING, "Waiting for approval"),
    RunStatus.CONFIRMED: Badge(Tone.WAITING, "Approved, waiting for its turn"),
    RunStatus.APPLY_QUEUED: Badge(Tone.WAITING, "Approved, waiting for a runner"),
    RunStatus.APPLYING: Badge(Tone.WORKING, "Applying"),
    RunStatus.APPLIED: Badge(Tone.GOOD, "Applied"),
    RunStatus.DISCARDED: Badge(Tone.OVER, "Discarded"),
}


def badge(run: Run, workspace: Workspace) -> Badge:
    """The run's status, for somebody who has never seen the status list."""
    match run.status:
        case RunStatus.PLANNING | RunStatus.APPLYING if run.cancel_requested_at is not None:
            return Badge(Tone.WORKING, f"{_BADGES[run.status].words}, told to stop")
        case RunStatus.PLANNED_AND_FINISHED:
            return Badge(Tone.GOOD, "Planned, with changes" if run.has_changes else "Planned, nothing to change")
        case RunStatus.CANCELED:
            return Badge(Tone.OVER, _sentence(canceled_words(run)))
        case RunStatus.ERRORED:
            line = RunLine(run, workspace.name, workspace.organization_name, "", trouble=Trouble(run.trouble))
            return Badge(Tone.BAD, _sentence(failure_words(line)))
        case _:
            return _BADGES[run.status]


def kind_words(run: Run) -> str:
    """What the run is for, where it isn't an ordinary one."""
    found = {RunKind.PLAN_ONLY: "plan only", RunKind.SAVED_PLAN: "saved plan"}.get(run.kind, "")
    return f"{found}, destroys everything".removeprefix(", ") if run.is_destroy else found


def trigger_words(run: Run, words: HostWords) -> str:
    match run.trigger_reason:
        case TriggerReason.PUSH:
            return f"push to {run.branch}" if run.branch else "push"
        case TriggerReason.TAG:
            return f"tag {run.tag}"
        case TriggerReason.PULL_REQUEST:
            return f"{words.pull} {words.sign}{run.pull_number}"
        case TriggerReason.MANUAL if run.source == "terraform+cloud":
            return "by hand, from a terminal"
        case TriggerReason.MANUAL:
            return f"by hand, on {run.branch}" if run.branch else "by hand"
        case TriggerReason.RUN_TRIGGER:
            return "another workspace's apply"


def host_words(*, is_gitlab: bool) -> HostWords:
    return GITLAB_WORDS if is_gitlab else GITHUB_WORDS


def size_words(size: int) -> str:
    """Bytes as people say them."""
    if size < 1024:
        return f"{size} bytes"
    return f"{size / 1024:,.0f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:,.1f} MB"


def moment_html(moment: datetime) -> Markup:
    text = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    return Markup('<time datetime="{}">{}</time>').format(to_text(moment), text)


def add_filters(door: Blueprint, now: Callable[[], datetime]) -> None:
    def ago(moment: datetime) -> Markup:
        """How long ago, with the exact moment on hovering."""
        exact = f"{moment:%Y-%m-%d %H:%M:%S} UTC"
        words = f"{duration(now() - moment)} ago"
        return Markup('<time datetime="{}" title="{}">{}</time>').format(to_text(moment), exact, words)

    door.add_app_template_filter(ago, "ago")
    door.add_app_template_filter(moment_html, "moment")
    door.add_app_template_filter(visible, "visible")
    door.add_app_template_filter(one_line, "one_line")
    door.add_app_template_filter(size_words, "size")
    door.add_app_template_global(badge, "badge")
    door.add_app_template_global(kind_words, "kind_words")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
