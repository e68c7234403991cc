"""How do a run's Terraform variables reach the engine? By files, never by arguments; no value can be more than a value.

Text goes into a `.tfvars.json`, where strings are taken literally; each HCL value into a `.tfvars` file of its own.
https://developer.hashicorp.com/terraform/language/values/variables#variable-definitions-tfvars-files
"""

import json
from collections.abc import Iterable
from pathlib import Path

from bot.errors import Refused
from bot.hcl_values import STRING, check_hcl, is_name
from bot.manifest import Category, VariableValue
from bot.runner.unpacking import shown


def write_variable_files(variables: Iterable[VariableValue], folder: Path) -> list[str]:
    """Write the files; their names, in the order in which the engine gets them. Raises Refused for what can't be."""
    chosen = [variable for variable in variables if variable.category is Category.TERRAFORM]
    for variable in chosen:
        if not is_name(variable.key):
            raise Refused(f"the Terraform variable {shown(variable.key)!r} has a name that Terraform can't have")
    names = []
    literal = {variable.key: variable.value for variable in chosen if not variable.hcl}
    if literal:
        names.append("variables.tfvars.json")
        (folder / names[-1]).write_text(json.dumps(literal), encoding="utf-8")
    for number, variable in enumerate(variable for variable in chosen if variable.hcl):
        check_hcl(variable)
        names.append(f"variable-{number}.tfvars")
        (folder / names[-1]).write_text(f"{variable.key} = {variable.value.strip()}\n", encoding="utf-8")
    return names


def secrets_of(variables: Iterable[VariableValue]) -> list[str]:
    """What a log must not show: the sensitive values, and each string inside a sensitive HCL value."""
    secrets = []
    for variable in variables:
        if variable.sensitive:
            secrets.append(variable.value)
            if variable.hcl:
                secrets += [_unescaped(string) for string in STRING.findall(variable.value)]
    return secrets


def _unescaped(string: str) -> str:
    text = string.replace("$${", "${").replace("%%{", "%{")
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
