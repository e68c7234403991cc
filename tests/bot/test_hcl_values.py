"""One complete value, and no more: what could say something of another variable is refused."""

import itertools
import json
import subprocess
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.hcl_values import check_hcl, is_name
from bot.manifest import Category, VariableValue
from tests.bot.runner.conftest import NEEDS_TERRAFORM


def hcl(value: str) -> VariableValue:
    return VariableValue("x", value, Category.TERRAFORM, hcl=True, sensitive=True)


@pytest.mark.parametrize(
    "value",
    [
        "1",
        "true",
        '"text with \\" and # and // and { inside"',
        '["a", "b"]',
        '{\n  a = 1 # one\n  "b" = [1, 2, // two\n  3]\n}',
        '{ a = "$${not a template}" }',
        '"a\\"b$$${c}%%%{d}"',
        "<<EOT\n$$${text}\nEOT",
        "<<EOT\nlines { of [ anything\nEOT",
        "[<<-EOT\n  inside\n  EOT\n]",
        "[1] # the end",
        "{}\n# a last word",
        "[1, /* two\nlines */ 2]",
        "{\r\n  a = 1\r\n}\r\n",
    ],
)
def test_one_complete_value_is_taken(value: str) -> None:
    check_hcl(hcl(value))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1\ny = 2",
        "[1]\n\ny = 2",
        '"a"\ny = "b"',
        "]\ny = [1",
        "[1",
        "(1]",
        '"open',
        '"line\nbreak"',
        '"${evil}"',
        '"%{ if x }"',
        '"$%{ if x }"',
        '"$${text}${evil}"',
        "<<EOT\n%${evil}\nEOT",
        "<<EOT\nnever ended",
        "<<EOT\n${evil}\nEOT",
        "<<EOT\nx\nEOT\ny = 2",
        "<<\nx",
        "1 /* open",
        "1\x00",
        "1\ry = 2",
        "1 # comment\ny = 2",
        "1 /* a */\n/* b */ y = 2",
    ],
)
def test_what_could_say_more_is_refused(value: str) -> None:
    with pytest.raises(Refused, match="HCL variable x is not one complete value"):
        check_hcl(hcl(value))


@NEEDS_TERRAFORM
def test_what_is_a_template_is_decided_as_terraform_does(tmp_path: Path) -> None:
    """Each run of `$` and `%` up to four, before a brace: what Terraform takes for a template can't be parsed here."""
    runs = ["".join(run) for length in range(1, 5) for run in itertools.product("$%x", repeat=length)]
    values = [form % f"{run}{{+}}" for run in runs for form in ('"%s"', "<<EOT\n%s\nEOT", '"$${%s"')]
    for number, value in enumerate(values):
        (tmp_path / f"v{number}.tf").write_text(f"locals {{\n  v{number} = {value}\n}}\n")
    done = subprocess.run(["terraform", "validate", "-json"], cwd=tmp_path, capture_output=True, text=True)
    templates = {found["range"]["filename"] for found in json.loads(done.stdout)["diagnostics"]}

    assert 0 < len(templates) < len(values)
    assert {f"v{number}.tf" for number, value in enumerate(values) if _is_refused(value)} == templates


def _is_refused(value: str) -> bool:
    try:
        check_hcl(hcl(value))
    except Refused:
        return True
    return False


@pytest.mark.parametrize("key", ["x", "_", "a-b_c1", "Ab"])
def test_what_a_variable_may_be_called(key: str) -> None:
    assert is_name(key)


@pytest.mark.parametrize("key", ["", "a b", "a=1\nb", "-x", "-", "1a", "a.b", "a\n", "ö"])
def test_what_a_variable_may_not_be_called(key: str) -> None:
    assert not is_name(key)
