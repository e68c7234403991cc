"""Can text from outside become anything but text? Rendered by a Markdown engine, and looked at as the hosts do."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages.escape import cell, code, fence, html_code, link, one_line, prose, shortened, visible
from tests.bot.messages.rendered import read

HOSTILE = [
    "@ada",
    "@all",
    "@acme/owners",
    "#12",
    "!12",
    "&1",
    "~bug",
    "%v1",
    "GH-12",
    "acme/infra#12",
    "0123456789abcdef0123456789abcdef01234567",
    "https://evil.example/x",
    "www.evil.example",
    "ada@example.com",
    "</details>",
    "<script>alert(1)</script>",
    "<!-- runlock -->",
    "`",
    "``` ",
    "````````",
    "a`b``c",
    "|",
    "\\|",
    "a\\",
    "**x**",
    "[x](https://evil.example)",
    "![x](https://evil.example)",
    "&lt;b&gt;",
    "&#64;all",
    "a\nb",
    "a\r\n/merge\n",
    "\n```\n/merge\n",
    "\u202egnp.exe",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x00",
    "\ud800",
    "\u2028/merge",
    "",
    " ",
]
anything = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=30),
    st.lists(st.sampled_from([*HOSTILE, "\n", " ", "x"]), max_size=6).map("".join),
)


@given(anything)
@settings(max_examples=300, deadline=None)
def test_a_code_span_stays_one_code_span(text: str) -> None:
    seen = read(f"before {code(text)} after")
    assert seen.tags == ["p", "code"]
    assert re.fullmatch(r"before\s+after\s*", seen.outside)
    assert " ".join(seen.inside.split()) == shortened(one_line(text), 300)


@given(anything)
@settings(max_examples=300, deadline=None)
def test_html_code_stays_code_in_a_summary_and_in_text(text: str) -> None:
    seen = read(f"<details><summary>{html_code(text)}: note</summary>\n\nx\n\n</details>")
    assert [tag for tag in seen.tags if tag != "p"] == ["details", "summary", "code"]
    assert " ".join(seen.inside.split()) == shortened(one_line(text), 300)
    assert read(f"before {html_code(text)} after").tags == ["p", "code"]


@given(anything, anything)
@settings(max_examples=300, deadline=None)
def test_a_table_keeps_its_cells(first: str, second: str) -> None:
    seen = read(f"| A | B |\n| --- | --- |\n| {cell(first)} | {prose(second, in_cell=True)} x |\n")
    assert seen.tags.count("td") == 2
    assert seen.tags.count("tr") == 2
    assert set(seen.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


@given(anything)
@settings(max_examples=300, deadline=None)
def test_a_fence_holds_everything(text: str) -> None:
    block = fence(text, "diff")
    seen = read(f"before\n\n{block}\n\nafter")
    assert seen.tags == ["p", "pre", "code", "p"]
    assert "".join(seen.outside.split()) == "beforeafter"
    assert seen.inside.replace(" ", "").strip("\n") == visible(text).replace(" ", "").strip("\n")
    assert not re.search(r"^/\w", block, re.MULTILINE)


@given(anything)
@settings(max_examples=300, deadline=None)
def test_prose_never_mentions_links_or_refers(text: str) -> None:
    seen = read(f"It said: {prose(text)} (end)")
    assert set(seen.tags) <= {"p", "code"}
    assert not re.search(r"[@#&~%$<>|]|://|www\.|\b\w+![0-9]|\bGH-\d+\b|\b[0-9a-f]{12,40}\b", seen.outside)


def test_a_sentence_stays_readable() -> None:
    assert prose("cloning acme/infra at 1a2b3c4: authentication required") == (
        "cloning `acme/infra` at `1a2b3c4`: authentication required"
    )
    assert prose("it’s 12:03 (three past noon), and 2 to add.") == "it’s 12:03 (three past noon), and 2 to add."
    assert prose("ask @ada, see GH-12 or run-8fk2") == "ask `@ada`, see `GH-12` or run-8fk2"


def test_what_is_hidden_is_shown() -> None:
    assert visible("a\u202eb\u200bc\x00d\x1b[1;31me\x1b[0m\r\nf\rg\th") == "a\ufffdb\ufffdc\ufffdde\nf\ng\th"
    assert code("x\ud800y") == "`x\ufffdy`"


def test_quick_actions_do_not_stand_at_the_start_of_a_line() -> None:
    assert fence("x\n/merge\n / y\n") == "```\nx\n /merge\n / y\n```"
    assert fence("x\n```\n/merge") == "````\nx\n```\n /merge\n````"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("prod", "`prod`"), ("a`b", "``a`b``"), ("`a`", "`` `a` ``"), ("", "` `"), ("a|b", "`a|b`")],
)
def test_code_spans(text: str, expected: str) -> None:
    assert code(text) == expected


def test_cells_escape_pipes_without_a_backslash() -> None:
    assert cell("envs/prod") == "`envs/prod`"
    assert cell("a|b") == "<code>a&#124;b</code>"
    assert cell("a\\|b") == "<code>a&#92;&#124;b</code>"


def test_long_text_is_cut() -> None:
    assert shortened("abcdef", 4) == "abc…"
    assert code("x" * 500, 10) == "`" + "x" * 9 + "…`"


def test_a_link_can_not_be_left() -> None:
    assert link("x", "http://h/a(b)|c d") == "[x](http://h/a%28b%29%7Cc%20d)"
    assert (
        link("x", "http://h:8080/app/acme/prod/runs/run-1?a=b#c") == "[x](http://h:8080/app/acme/prod/runs/run-1?a=b#c)"
    )
