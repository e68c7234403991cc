"""A variable's value is a value: it can't set another variable, nor end up in an argument."""

import itertools
import json
import subprocess
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.manifest import Category, VariableValue
from bot.runner.variables import check_hcl, secrets_of, write_variable_files
from tests.bot.runner.conftest import NEEDS_TERRAFORM


def hcl(value: str, key: str = "x") -> VariableValue:
    return VariableValue(key, value, Category.TERRAFORM, hcl=True, sensitive=True)


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


def test_text_is_literal_and_each_hcl_value_has_its_own_file(tmp_path: Path) -> None:
    variables = [
        VariableValue("word", '${a} "b"\n\\', Category.TERRAFORM),
        hcl('["a"]', "one"),
        hcl("{}", "two"),
        VariableValue("ENV", "x", Category.ENVIRONMENT),
    ]
    assert write_variable_files(variables, tmp_path) == [
        "variables.tfvars.json",
        "variable-0.tfvars",
        "variable-1.tfvars",
    ]
    assert json.loads((tmp_path / "variables.tfvars.json").read_text()) == {"word": '${a} "b"\n\\'}
    assert (tmp_path / "variable-0.tfvars").read_text() == 'one = ["a"]\n'
    assert write_variable_files([], tmp_path) == []


@pytest.mark.parametrize("key", ["", "a b", "a=1\nb", "-x", "1a", "a.b", "a\n"])
def test_a_name_that_terraform_cannot_have_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(Refused, match="has a name"):
        write_variable_files([VariableValue(key, "1", Category.TERRAFORM)], tmp_path)


def test_the_strings_inside_a_sensitive_hcl_value_are_secrets_too() -> None:
    variables = [hcl('{ password = "sword\\"fish" }'), VariableValue("y", "open", Category.TERRAFORM)]
    assert secrets_of(variables) == ['{ password = "sword\\"fish" }', 'sword"fish']
    # As the CLI writes the value a$${b: that is what a log would show.
    assert secrets_of([hcl('"a$$${b}"')])[1] == "a$${b}"
