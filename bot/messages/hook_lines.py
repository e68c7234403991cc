"""What does a person who pushes to plain Git read behind `remote:`? Plain ASCII, a screen wide."""

import re
from dataclasses import dataclass

from bot.messages.escape import one_line, shortened
from bot.messages.facts import RunLine
from bot.messages.words import count, dangers, failure_words, listing, short, standing
from bot.run import RunStatus

_WIDEST = 160  # Characters. Longer lines are only a nuisance behind `remote:`.
_MOST_RUNS = 20
_MOST_DANGERS = 3


@dataclass(frozen=True)
class HookScope:
    """`ref`: the branch or tag."""

    ref: str
    commit_sha: str
    lines: tuple[RunLine, ...]
    url: str


def lines_for(scope: HookScope) -> list[str]:
    """The lines, without `remote:` (Git adds it) and without line ends."""
    if not scope.lines:
        return [ascii_line(f"Runlock: no workspace runs for {scope.ref} at {short(scope.commit_sha)}")]
    said = [f"Runlock: {count(len(scope.lines), 'run')} for {scope.ref} at {short(scope.commit_sha)}"]
    for line in scope.lines[:_MOST_RUNS]:
        said += _about(line)
    if len(scope.lines) > _MOST_RUNS:
        said.append(f"  ... and {len(scope.lines) - _MOST_RUNS} more: {scope.url}")
    waiting = [line.run.id for line in scope.lines if line.run.status is RunStatus.PLANNED and line.run.has_changes]
    if waiting:
        said.append(f"To apply it: runlock apply {waiting[0]}; to drop it: runlock discard {waiting[0]}")
    return [ascii_line(line) for line in said]


def _about(line: RunLine) -> list[str]:
    run = line.run
    said = [f"  {line.name(with_organization=False)}: {standing(line)}"]
    found = dangers(run.summary)
    if found and run.status is not RunStatus.ERRORED:
        said.append(f"    destroys or replaces {listing(found, _MOST_DANGERS)}")
    if run.status is RunStatus.ERRORED and run.error:
        said = [f"  {line.name(with_organization=False)}: {failure_words(line)}: {run.error}"]
    return [*said, f"    {line.url}"]


def ascii_line(text: str) -> str:
    """The text on one line in printable ASCII, at most a screen wide; a URL is never cut."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    plain = one_line(text).replace("…", "...").encode("ascii", "replace").decode("ascii")
    wide = indent + plain
    return wide if re.fullmatch(r" *https?://\S+", wide) else shortened(wide, _WIDEST).replace("…", "...")
