"""How do a run's Terraform variables reach the engine? By files, never by arguments; no value can be more than a value.

Text goes into a `.tfvars.json`, where strings are taken literally; each HCL value into a `.tfvars` file of its own.
https://developer.hashicorp.com/terraform/language/values/variables#variable-definitions-tfvars-files
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

from bot.errors import Refused
from bot.manifest import Category, VariableValue
from bot.runner.unpacking import shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_HEREDOC = re.compile(r"<<-?([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\n")
# `$${` and `%%{` are text, whatever stands before them: of `$$${`, only the last two `$` count.
_TEMPLATE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")
_COMMENT = re.compile(r"(?:#|//)[^\n]*|/\*.*?\*/", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NOT_NOTHING = re.compile(r"(?:\s|(?:#|//)[^\n]*|/\*.*?\*/)*+\S", re.DOTALL)
_STRING = re.compile(r'"((?:[^"\\\n]|\\[^\n])*)"')


def write_variable_files(variables: Iterable[VariableValue], folder: Path) -> list[str]:
    """Write the files; their names, in the order in which the engine gets them. Raises Refused for what can't be."""
    chosen = [variable for variable in variables if variable.category is Category.TERRAFORM]
    for variable in chosen:
        if not _NAME.match(variable.key):
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


def check_hcl(variable: VariableValue) -> None:
    """Refuse a value that is not one complete HCL expression, so that it can't say more than its own variable."""
    reason = _why_not_one_expression(variable.value.strip().replace("\r\n", "\n"))
    if reason:
        raise Refused(f"the HCL variable {variable.key} is not one complete value: {reason}")


def _why_not_one_expression(text: str) -> str:
    """What is wrong with the text, or nothing. Brackets, quotes, heredocs and line breaks are what breaks out."""
    if not text:
        return "it is empty"
    if _CONTROL.search(text):
        return "it has control characters"
    expected: list[str] = []
    position = 0
    while position < len(text):
        end, token = _token(text, position)
        if end is None:
            return token
        if token in _CLOSING:
            expected.append(_CLOSING[token])
        elif token in ")]}":
            if not expected or expected.pop() != token:
                return f"a {token} closes nothing"
        elif token == "\n" and not expected and _NOT_NOTHING.match(text, end):
            return "it goes on after a line break"
        position = end
    return f"a {expected[-1]} is missing" if expected else ""


def _token(text: str, start: int) -> tuple[int, str] | tuple[None, str]:
    """Where the token at `start` ends, and its first character; or None and what is wrong with it."""
    if text[start] == '"':
        string = _STRING.match(text, start)
        if string is None:
            return None, "a quote is not closed"
        if _TEMPLATE.search(string[1]):
            return None, "it has a ${…} template, and a variable's value can't refer to anything"
        return string.end(), '"'
    if text.startswith("<<", start):
        end = _end_of_heredoc(text, start)
        return (end, "<") if end is not None else (None, "a heredoc is not ended, or has a template in it")
    if comment := _COMMENT.match(text, start):
        return comment.end(), "#"
    if text.startswith("/*", start):
        return None, "a comment is not closed"
    return start + 1, text[start]


def _end_of_heredoc(text: str, start: int) -> int | None:
    """The index of the line break (or the end of the text) after the heredoc's closing word."""
    opening = _HEREDOC.match(text, start)
    if opening is None:
        return None
    closing = re.compile(rf"^[ \t]*{re.escape(opening[1])}[ \t]*$", re.MULTILINE).search(text, opening.end())
    if closing is None or _TEMPLATE.search(text, opening.end(), closing.start()):
        return None
    return closing.end()


def secrets_of(variables: Iterable[VariableValue]) -> list[str]:
    """What a log must not show: the sensitive values, and each string inside a sensitive HCL value."""
    secrets = []
    for variable in variables:
        if variable.sensitive:
            secrets.append(variable.value)
            if variable.hcl:
                secrets += [_unescaped(string) for string in _STRING.findall(variable.value)]
    return secrets


def _unescaped(string: str) -> str:
    text = string.replace("$${", "${").replace("%%{", "%{")
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
