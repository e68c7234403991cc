"""Which endpoints does the API page list? Those of the table of rules, written between the page's two marks."""

import re
import sys
from itertools import groupby
from pathlib import Path

from handlers.api.openapi import summary
from handlers.api.rules import RULES

PAGE = Path(__file__).with_name("api.md")
BEGIN, END = "<!-- endpoints: written by docs/write_api_table.py -->", "<!-- end of endpoints -->"
_PARAMETER = re.compile(r"<(?:[^:>]+:)?(\w+)>")


def table() -> str:
    rows = sorted(
        (_PARAMETER.sub(r":\1", path), method, summary(method, path, view), needs.value)
        for method, path, view, needs in RULES
    )
    lines = ["| method | path below `/api/v2` | what it does | the caller needs |", "| --- | --- | --- | --- |"]
    for path, group in groupby(rows, key=lambda row: row[0]):
        lines += [f"| {method} | `{path}` | {said.replace('|', '/')} | {needs} |" for _, method, said, needs in group]
    return "\n".join(lines)


def written(page: str) -> str:
    """The page with today's table."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
    sys.exit(0)
