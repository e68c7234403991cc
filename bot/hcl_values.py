"""Is a text one complete HCL value, and may a variable be called that?

What is none must not reach a file of variables, where it could say something of another one.
"""

import re

from bot.errors import Refused
from bot.manifest import VariableValue

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_HEREDOC = re.compile(r"<<-?([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\n")
# `$${` and `%%{` are text, whatever stands before them: of `$$${`, only the last two `$` count.
_TEMPLATE = re.compile(r"(?<!\$)\$\{|(?<!%)%\{")
_COMMENT = re.compile(r"(?:#|//)[^\n]*|/\*.*?\*/", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NOT_NOTHING = re.compile(r"(?:\s|(?:#|//)[^\n]*|/\*.*?\*/)*+\S", re.DOTALL)
STRING = re.compile(r'"((?:[^"\\\n]|\\[^\n])*)"')


def is_name(text: str) -> bool:
    """Whether a Terraform variable may be called that."""
    return _NAME.match(text) is not None


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
        string = STRING.match(text, start)
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
