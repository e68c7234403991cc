"""How does a message stay within the host's limit? What matters most first, then a fair share for each output.

GitHub says "maximum is 65536 characters"; it has been seen to count code points for a pull request's text and bytes
(262,144) for a comment (https://github.com/dead-claudia/github-limits/pull/13). GitLab has allowed 1,000,000
characters (https://gitlab.com/gitlab-org/gitlab/-/commit/58c5e7655936485fb0bbabf7797c68f0909e938c) and in places 1 MiB
(https://gitlab.com/gitlab-org/gitlab/merge_requests/18617). So we count UTF-8 bytes against the limit in characters:
that fits every one of these readings.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from bot.messages.escape import fence, html_code, link, visible
from bot.messages.words import count

_SMALLEST_SHARE = 500  # Bytes of an output; with less nobody sees anything, and fewer outputs are shown instead.
_REST = 300  # Bytes for the lines that say how many rows and outputs were left out.
_MOST_NAME = 100  # Characters of an output's name.


@dataclass(frozen=True)
class Output:
    """A log to be folded; `url` has the whole of it. Its end is worth more than its beginning."""

    name: str
    note: str  # our own plain words, for the fold's line
    text: str
    url: str


@dataclass(frozen=True)
class Parts:
    """A message in the order of its importance; everything but `outputs` is finished Markdown.

    `lead` and `closing` are never cut: whoever makes them keeps them short. `rows` belong under `table_head`;
    the first rows and the first outputs are the last to be left out. `more_url` has all of it.
    """

    lead: str
    table_head: str = ""
    rows: tuple[str, ...] = ()
    after_table: str = ""
    outputs: tuple[Output, ...] = ()
    closing: str = ""
    more_url: str = ""


def size(text: str) -> int:
    """What a text counts against a host's limit: its UTF-8 bytes."""
    return len(text.encode("utf-8", "replace"))


def bounded_list(items: Sequence[str], room: int) -> str:
    """The first items that fit in `room` bytes, a line each, and how many more there are."""
    shown = _rows_that_fit(items, room)
    left = len(items) - len(shown)
    return "\n".join((*shown, f"- and {left:,} more") if left else shown)


def fit(parts: Parts, limit: int) -> str:
    """The message in at most `limit` characters (and bytes), always ending in `closing`."""
    fixed = sum(size(text) + 2 for text in (parts.lead, parts.table_head, parts.after_table, parts.closing)) + _REST
    rows = _rows_that_fit(parts.rows, limit - fixed)
    left = limit - fixed - sum(size(row) + 1 for row in rows)
    outputs = _outputs_that_fit(parts.outputs, left)
    pieces = [parts.lead, "\n".join(filter(None, (parts.table_head, *rows)))]
    pieces += [_left_out(len(parts.rows) - len(rows), "workspace", parts.more_url), parts.after_table, *outputs]
    pieces += [_left_out(len(parts.outputs) - len(outputs), "output", parts.more_url), parts.closing]
    return "\n\n".join(filter(None, pieces))


def _rows_that_fit(rows: Sequence[str], room: int) -> tuple[str, ...]:
    for number, row in enumerate(rows):
        room -= size(row) + 1
        if room < 0:
            return tuple(rows[:number])
    return tuple(rows)


def _left_out(number: int, noun: str, url: str) -> str:
    return f"… and {count(number, f'more {noun}')}: {link('see all', url)}" if number else ""


def _outputs_that_fit(outputs: Sequence[Output], room: int) -> list[str]:
    """The outputs folded, each with an equal share of the room; what a short one leaves goes to the long ones."""
    texts: list[str] = []
    for output in outputs:
        text = visible(output.text).strip("\n")
        room -= size(_folded(output, "", cut=len(text)))
        if room < (len(texts) + 1) * _SMALLEST_SHARE:
            room += size(_folded(output, "", cut=len(text)))
            break
        texts.append(text)
    shares = _shares([size(fence(text)) for text in texts], room)
    blocks = [_block(text, share) for text, share in zip(texts, shares, strict=True)]
    return [_folded(output, block, cut=cut) for output, (block, cut) in zip(outputs, blocks, strict=False)]


def _shares(wants: Sequence[int], room: int) -> list[int]:
    """Divide `room` so that nobody gets more than they want, and all who want more get the same."""
    shares = [0] * len(wants)
    waiting = sorted(range(len(wants)), key=lambda index: wants[index])
    for served, index in enumerate(waiting):
        shares[index] = min(wants[index], room // (len(wants) - served))
        room -= shares[index]
    return shares


def _folded(output: Output, block: str, *, cut: int) -> str:
    note = f"The end of it; {count(cut, 'line')} left out: {link('the whole output', output.url)}\n\n" if cut else ""
    summary = f"{html_code(output.name, _MOST_NAME)}: {output.note}"
    return f"\n\n<details><summary>{summary}</summary>\n\n{note}{block}\n\n</details>".lstrip("\n")


def _block(text: str, share: int) -> tuple[str, int]:
    """The fenced end of a text within `share` bytes, and how many lines that left out."""
    whole = fence(text)
    if size(whole) <= share:
        return whole, 0
    tail = text[-share:].split("\n")[1:]  # no more than this can fit
    first = bisect_left(range(len(tail)), True, key=lambda at: size(fence("\n".join(tail[at:]))) <= share)
    total = text.count("\n") + 1
    if first < len(tail):
        return fence("\n".join(tail[first:])), total - (len(tail) - first)
    # One endless line. A character takes at most 4 bytes, also when it is a backtick and lengthens the fence.
    return fence(text[-(share // 4 - 4) :]), total
