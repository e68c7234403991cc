"""What does this comment ask of us? The whole comment is one command, or it is not for us.

A command stands alone (`apply`), behind a slash (`/apply`) or behind a command word (`runlock apply`). Who says our
word is answered, even when we don't understand; a bare sentence that merely begins like a command is left alone.
"""

import difflib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.messages.escape import code
from bot.messages.words import FEWEST_DIGITS

LONGEST_COMMAND = 4_000  # Characters. Room for a hundred workspaces; anything longer is a text, not a command.


class CommandVerb(StrEnum):
    PLAN = "plan"
    APPLY = "apply"
    DISCARD = "discard"
    CANCEL = "cancel"
    UNLOCK = "unlock"
    OVERRIDE = "override"
    EXPLAIN = "explain"
    HELP = "help"


@dataclass(frozen=True)
class Command:
    """One command. Nothing chosen means everything that the comment's place offers.

    `directories` are relative to the repository, without slashes at the ends; the root is empty.
    `targets` are run ids as written, or digests of 6 to 64 hex digits in lower case.
    """

    verb: CommandVerb
    workspaces: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Misspelled:
    """Meant for us, and not understood; `reply` is Markdown, and says what would be."""

    reply: str


@dataclass(frozen=True)
class NotForUs:
    """A comment among people, or for another bot."""


class _NotUnderstood(Exception):
    """Why a command can't be read, as a sentence in Markdown. Never leaves this module."""


_WORKSPACE_FLAGS = ("-w", "--workspace", "-p", "--project")
_DIRECTORY_FLAGS = ("-d", "--dir", "--directory")
_FLAGS = _WORKSPACE_FLAGS + _DIRECTORY_FLAGS
_CHOOSES_RUNS = frozenset(CommandVerb) - {CommandVerb.PLAN, CommandVerb.UNLOCK, CommandVerb.HELP}
_RUN_ID = re.compile(r"run-[A-Za-z0-9_-]{1,64}", re.ASCII | re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{6,64}", re.IGNORECASE)
_SHORT_DIGEST = re.compile(r"(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{2,5}", re.IGNORECASE)
_FLAG_LIKE = re.compile(r"--?[A-Za-z]")
_FENCED = re.compile(r"(`{3,})[^`\n]*\n(.*?)\n[ ]{0,3}\1`*", re.DOTALL)
_SPAN = re.compile(r"(`+)([^`].*?[^`]|[^`])\1", re.DOTALL)


def parse(body: str, words: Sequence[str] = ("runlock",)) -> Command | Misspelled | NotForUs:
    """Read a comment. Never raises; the time it takes is bounded by LONGEST_COMMAND, not by the comment."""
    text = _bare_text(body)
    if not text:
        return NotForUs()
    first = text[:64].split(maxsplit=1)[0]
    if _is_word(first, words):
        return _addressed(text, text[len(first) :])
    verb = _verb(first.removeprefix("/"))
    if verb is None or len(text) > LONGEST_COMMAND or "\n" in text:
        return NotForUs()
    return _with_slash(verb, text) if first.startswith("/") else _bare(verb, text)


def _bare_text(body: str) -> str:
    """The comment without what people put around a command: blank lines, backticks, a fence."""
    text = body.strip()
    if len(text) > LONGEST_COMMAND + 20:  # Too long either way; enough of it to see whether our word leads.
        return text[: LONGEST_COMMAND + 20]
    wrapped = _FENCED.fullmatch(text)
    wrapped = wrapped or _SPAN.fullmatch(text)
    return wrapped[2].strip() if wrapped else text


def _is_word(first: str, words: Sequence[str]) -> bool:
    return _plain(first.removeprefix("/")) in {word.lower() for word in words}


def _verb(token: str) -> CommandVerb | None:
    name = _plain(token)
    return CommandVerb(name) if name in CommandVerb.__members__.values() else None


def _plain(token: str) -> str:
    """Lower case, for ASCII only: a letter that merely looks like one of ours is another letter."""
    return token.lower() if token.isascii() else ""


def _addressed(text: str, rest: str) -> Command | Misspelled | NotForUs:
    """Somebody said our word: whatever isn't understood gets an answer, except a text of several lines about us."""
    second = rest[:64].split(maxsplit=1)[:1]
    verb = _verb(second[0]) if second else CommandVerb.HELP
    is_a_text = "\n" in text or len(text) > LONGEST_COMMAND
    if verb is None:
        return NotForUs() if is_a_text else Misspelled(_did_you_mean(second[0]))
    try:
        if "\n" in rest.strip():
            raise _NotUnderstood("A command has to be the whole comment, on one line.")
        return _read(verb, _split(rest)[1:])
    except _NotUnderstood as why:
        return Misspelled(f"{why} {_how()}")


def _with_slash(verb: CommandVerb, text: str) -> Command | Misspelled:
    try:
        return _read(verb, _split(text)[1:])
    except _NotUnderstood as why:
        return Misspelled(f"{why} {_how()}")


def _bare(verb: CommandVerb, text: str) -> Command | Misspelled | NotForUs:
    """Nobody said our word, so only what is a command, or was clearly meant as one, is for us."""
    try:
        tokens = _split(text)[1:]
    except _NotUnderstood:
        return NotForUs()
    try:
        return _read(verb, tokens)
    except _NotUnderstood as why:
        meant = _FLAG_LIKE.match(tokens[0]) or any(_flag_of(token) for token in tokens)
        short_digest = len(tokens) == 1 and verb in _CHOOSES_RUNS and _SHORT_DIGEST.fullmatch(tokens[0])
        return Misspelled(f"{why} {_how()}") if meant or short_digest else NotForUs()


def _split(text: str) -> list[str]:
    """Words as a shell would cut them, quotes included; nothing is expanded and no shell is near."""
    if len(text) > LONGEST_COMMAND:
        raise _NotUnderstood(f"That is longer than {LONGEST_COMMAND:,} characters, too long for a command.")
    try:
        return shlex.split(text)
    except ValueError:
        raise _NotUnderstood("A quotation mark or a backslash in there has no partner.") from None


def _read(verb: CommandVerb, tokens: Sequence[str]) -> Command:
    """Take flags and targets; raise _NotUnderstood over the first thing that is neither."""
    chosen: dict[str, list[str]] = {"workspaces": [], "directories": [], "targets": []}
    waiting = list(reversed(tokens))
    while waiting:
        token = waiting.pop()
        flag = _flag_of(token)
        if flag:
            value = token[len(flag) + 1 :] if "=" in token else (waiting.pop() if waiting else "")
            is_directory = flag in _DIRECTORY_FLAGS
            chosen["directories" if is_directory else "workspaces"].append(_value(flag, value, is_directory))
        else:
            chosen["targets"].append(_target(verb, token))
    if verb is CommandVerb.HELP and tokens:
        raise _NotUnderstood("`help` takes nothing else.")
    return Command(verb, **{name: tuple(dict.fromkeys(values)) for name, values in chosen.items()})


def _flag_of(token: str) -> str:
    """The flag that a token is (`-w`, `--dir=x`), or nothing."""
    name = token.split("=", 1)[0].lower()
    return name if name in _FLAGS else ""


def _value(flag: str, value: str, is_directory: bool) -> str:
    if not value or value.startswith("-"):
        raise _NotUnderstood(f"`{flag}` needs a {'directory' if is_directory else 'workspace’s name'} behind it.")
    if not value.isprintable() or len(value) > 500:
        raise _NotUnderstood(f"What stands behind `{flag}` can't be a name: {code(value, 60)}.")
    if not is_directory:
        return value
    parts = [part for part in value.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _NotUnderstood(f"A directory is named from the root of the repository, without `..`: {code(value, 60)}.")
    return "/".join(parts)


def _target(verb: CommandVerb, token: str) -> str:
    if verb in _CHOOSES_RUNS:
        if _RUN_ID.fullmatch(token):
            return "run-" + token[4:]
        if _DIGEST.fullmatch(token):
            return token.lower()
        if _SHORT_DIGEST.fullmatch(token):
            raise _NotUnderstood(f"{code(token)} is too short: give at least {FEWEST_DIGITS} characters of a digest.")
    raise _NotUnderstood(f"I don't understand {code(token, 60)} behind `{verb}`.")


def _did_you_mean(word: str) -> str:
    close = difflib.get_close_matches(word[:40].lower(), list(CommandVerb), n=1, cutoff=0.6)
    guess = f"Did you mean `{close[0]}`? " if close else ""
    return f"I don't know the command {code(word, 60)}. {guess}{_how()}"


def _how() -> str:
    verbs = ", ".join(f"`{verb}`" for verb in CommandVerb)
    return (
        f"The commands are {verbs}; choose with `-w WORKSPACE`, `-d DIRECTORY`, a run's id, "
        f"or at least {FEWEST_DIGITS} characters of a digest. Nothing was done."
    )
