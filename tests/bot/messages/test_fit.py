"""Does every message stay within the limit, keeping what matters and the end of each output?"""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages.fit import Output, Parts, fit, size

LIMIT = 65_536
MARK = "<!-- runlock:mark -->"


def an_output(name: str, text: str) -> Output:
    return Output(name, "1 to add, 0 to change, 0 to destroy", text, f"https://runlock.example/{name[:20]}")


def parts(*outputs: Output, rows: tuple[str, ...] = ("| `prod` | planned |",)) -> Parts:
    return Parts(
        lead="### Runlock",
        table_head="| Workspace | Plan |\n| --- | --- |",
        rows=rows,
        after_table="Comment `apply`.",
        outputs=outputs,
        closing=MARK,
        more_url="https://runlock.example/all",
    )


def test_a_small_message_is_shown_whole() -> None:
    assert fit(parts(an_output("prod", "Plan: 1 to add")), LIMIT) == (
        "### Runlock\n\n"
        "| Workspace | Plan |\n| --- | --- |\n| `prod` | planned |\n\n"
        "Comment `apply`.\n\n"
        "<details><summary><code>prod</code>: 1 to add, 0 to change, 0 to destroy</summary>\n\n"
        "```\nPlan: 1 to add\n```\n\n</details>\n\n" + MARK
    )


def test_a_long_output_keeps_its_end_and_says_what_is_missing() -> None:
    text = "\n".join(f"line {number}" for number in range(20_000)) + "\nError: no such bucket"
    body = fit(parts(an_output("prod", text)), LIMIT)
    assert LIMIT - 1_000 < size(body) <= LIMIT
    assert "Error: no such bucket\n```\n\n</details>" in body
    assert "\nline 1\n" not in body
    left_out = re.search(r"The end of it; ([0-9,]+) lines left out: \[the whole output\]\(https://", body)
    assert left_out is not None
    assert int(left_out[1].replace(",", "")) + body.count("\nline ") + 1 == 20_001


def test_long_outputs_share_equally_what_short_ones_leave() -> None:
    long = "\n".join(["x" * 50] * 5_000)
    body = fit(parts(an_output("a", long), an_output("b", "short"), an_output("c", long)), LIMIT)
    folds = body.split("<details>")[1:]
    assert "short" in folds[1]
    assert abs(len(folds[0]) - len(folds[2])) < 200
    assert len(folds[0]) > 30_000


def test_many_outputs_are_left_out_from_the_end_with_a_link() -> None:
    outputs = [an_output(f"w{number}", "y\n" * 1_000) for number in range(200)]
    body = fit(parts(*outputs), LIMIT)
    assert size(body) <= LIMIT
    shown = body.count("<details>")
    assert 30 < shown < 200
    assert "<code>w0</code>" in body
    assert f"… and {200 - shown} more outputs: [see all](https://runlock.example/all)" in body


def test_a_table_of_thousands_keeps_its_first_rows() -> None:
    rows = tuple(f"| `workspace-{number}` | planned |" for number in range(5_000))
    body = fit(parts(an_output("a", "z"), rows=rows), LIMIT)
    assert size(body) <= LIMIT
    assert rows[0] in body
    assert rows[-1] not in body
    assert re.search(r"… and [0-9,]+ more workspaces: \[see all\]", body)
    assert body.endswith(MARK)


def test_bytes_are_counted_so_that_no_host_refuses_it() -> None:
    body = fit(parts(an_output("prod", "🌈" * 100_000)), LIMIT)
    assert size(body) <= LIMIT
    assert "🌈" * 1_000 in body


def test_one_endless_line_of_backticks_fits() -> None:
    body = fit(parts(an_output("prod", "`" * 500_000)), LIMIT)
    assert size(body) <= LIMIT
    assert body.endswith(MARK)


@given(
    st.lists(st.tuples(st.text(max_size=150), st.text(max_size=300), st.integers(1, 60)), max_size=12),
    st.integers(3_000, 20_000),
)
@settings(max_examples=100, deadline=None)
def test_nothing_exceeds_the_limit(outputs: list[tuple[str, str, int]], limit: int) -> None:
    body = fit(parts(*(an_output(name, text * times) for name, text, times in outputs)), limit)
    assert size(body) <= limit
    assert len(body) <= limit
    assert body.endswith(MARK)
    assert body.count("<details>") == body.count("</details>")
