"""A variable's value is a value: it can't set another variable, nor end up in an argument."""

import json
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.manifest import Category, VariableValue
from bot.runner.variables import secrets_of, write_variable_files


def hcl(value: str, key: str = "x") -> VariableValue:
    return VariableValue(key, value, Category.TERRAFORM, hcl=True, sensitive=True)


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
