"""How does text from outside stand in a comment without becoming part of it?

A plan, a branch, a workspace or a person may carry any characters. Shown through this file they can't leave their
fence, mention people, link by themselves, close a `<details>`, bring HTML, reverse the reading direction, or be
read by GitLab as a quick action. The trick is the same everywhere: outside text is only ever shown as code, in
which neither host looks for mentions, references or links.

Sources: https://github.github.com/gfm/ (code spans, fences, tables, autolinks),
https://docs.github.com/en/get-started/writing-on-github (mentions, #12, commit SHAs),
https://docs.gitlab.com/user/markdown/#gitlab-specific-references (@all, !12, &1, ~label, %milestone, $snippet),
https://docs.gitlab.com/user/project/quick_actions/ (a `/` at the start of a line).
"""

import re
from collections.abc import Callable
from urllib.parse import quote

ELLIPSIS = "…"
_REPLACEMENT = "\ufffd"

# Terminal colours and titles: engines are told not to print them, providers and provisioners still do (ECMA-48).
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
# Control characters, and characters that are invisible or turn the reading direction ("Trojan Source",
# https://trojansource.codes), and lone surrogates, which can't be sent at all. Newline and tab stay.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
_PLAIN_WORD = re.compile(r"[(“‘]*[^\W_]+(?:[-'’–][^\W_]+)*[)”’]*[.,:;!?…]*|[–—…]|[0-9]+[.:][0-9]+")
_REFERENCE = re.compile(
    r"\b(?:[a-z]+-[0-9]+|(?=\w*[0-9])[0-9a-f]{7,64})\b|^[0-9]+[.)]+$", re.IGNORECASE
)  # GH-12; a SHA; a list
_EDGES = re.compile(r"^([(“‘]*)(.*?)([)”’.,:;!?…]*)$", re.DOTALL)
_SAFE_IN_CELL = re.compile(r"[\w ./:@+,=()\[\]#!-]+")


def visible(text: str) -> str:
    """The text with LF line ends, without terminal sequences; what can't be seen is shown as U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub(_REPLACEMENT, _TERMINAL.sub("", text))


def one_line(text: str) -> str:
    """`visible`, with every run of white space made one space."""
    return " ".join(visible(text).split())


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis, in at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + ELLIPSIS


def code(text: str, limit: int = 300) -> str:
    """A code span holding the text on one line, cut to `limit` characters.

    The span's fence is longer than any run of backticks within (https://github.github.com/gfm/#code-spans).
    """
    inner = shortened(one_line(text), limit) or " "
    fence = "`" * (_longest_run(inner) + 1)
    pad = " " if inner.startswith("`") or inner.endswith("`") else ""
    return f"{fence}{pad}{inner}{pad}{fence}"


def html_code(text: str, limit: int = 300) -> str:
    """A `<code>` element holding the text on one line, with every sign written as a character reference.

    For raw HTML (a `<summary>`), and for table cells, where no code span can hold a pipe behind a backslash.
    """
    inner = shortened(one_line(text), limit) or " "
    return "<code>" + re.sub(r"[!-/:-@\[-`{-~]", lambda sign: f"&#{ord(sign[0])};", inner) + "</code>"


def cell(text: str, limit: int = 100) -> str:
    """Outside text as the content of a table cell, in code."""
    return code(text, limit) if _SAFE_IN_CELL.fullmatch(one_line(text)) else html_code(text, limit)


def fence(text: str, language: str = "") -> str:
    """A fenced block holding the text; the fence is longer than any run of backticks within.

    A line that begins with `/word` gets a space in front: GitLab looks for quick actions line by line and has
    taken a shorter fence within for the end of the block.
    """
    inner = re.sub(r"^/(?=\w)", " /", visible(text), flags=re.MULTILINE).rstrip("\n")
    ticks = "`" * max(3, _longest_run(inner) + 1)
    return f"{ticks}{language}\n{inner}\n{ticks}"


def link(markdown: str, url: str) -> str:
    """A link to a page of ours; `markdown` is finished, and the URL can't end its parentheses early."""
    target = re.sub(r"[^!#$%&+,./:;=?@\w~-]", lambda sign: quote(sign[0], errors="replace"), url, flags=re.ASCII)
    return f"[{markdown}]({target})"


def prose(text: str, limit: int = 500, *, in_cell: bool = False) -> str:
    """A sentence from outside, such as an error, on one line: plain words as they are, everything else as code."""
    words = shortened(one_line(text), limit).split(" ")
    shown = cell if in_cell else code
    return " ".join(_word(word, shown) for word in words if word)


def _word(word: str, shown: Callable[[str], str]) -> str:
    if _PLAIN_WORD.fullmatch(word) and not _REFERENCE.search(word):
        return word
    edges = _EDGES.match(word)
    if edges is None or not edges[2]:
        return shown(word)
    before, inner, after = edges.groups()
    return f"{before}{shown(inner)}{after}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
