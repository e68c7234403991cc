"""Does the README tell of every command, and of no other? And does every command tell how it is used?"""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bot.settings import described
from handlers.cli import COMMANDS, main
from tests.fakes.command_line import Terminal

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text()
# What people and tools were promised (the design's list); more may come, none may go.
PROMISED = {
    *("serve", "web", "worker", "runner", "init", "login-link", "connect git", "connect github", "connect gitlab"),
    *("workspace create", "workspace list", "workspace lock", "workspace unlock", "var set", "var list", "var unset"),
    *("run list", "run show", "apply", "discard", "demo", "replay", "explain", "settings", "doctor"),
}


def commands() -> Iterator[tuple[str, click.Command]]:
    """`workspace create`, … as `runlock --help` and each group's own help list them."""
    context = click.Context(main, info_name="runlock")
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {part}", command.commands[part]) for part in command.list_commands(context))
        else:
            yield name, command


ALL = dict(commands())


def test_the_readme_lists_every_command_and_no_other() -> None:
    listed = re.findall(r"^\| `runlock ([a-z-]+(?: [a-z][a-z-]*)?)[^`]*` \|", README, re.MULTILINE)
    assert listed == list(ALL)


def test_the_readme_names_what_a_command_takes_and_what_it_can_not_do_without() -> None:
    context = click.Context(main)
    for name, listed in re.findall(r"^\| `runlock ([a-z-]+(?: [a-z][a-z-]*)?)([^`]*)` \|", README, re.MULTILINE):
        needed = [each.opts[0] for each in ALL[name].params if isinstance(each, click.Option) and each.required]
        assert re.findall(r"--[a-z-]+", listed) == needed, name
        rest = re.sub(r"--[a-z-]+ [A-Z]+", "", listed)
        taken = [each.make_metavar(context) for each in ALL[name].params if isinstance(each, click.Argument)]
        if rest.strip():
            assert rest.split() == taken, name
        else:
            assert not [each for each in ALL[name].params if isinstance(each, click.Argument) and each.required], name


def test_what_was_promised_is_there() -> None:
    assert set(ALL) >= PROMISED


def test_the_readme_calls_no_command_that_is_not_there() -> None:
    called = set(re.findall(r"^(?:\.venv/bin/)?runlock ([a-z-]+(?: [a-z][a-z-]*)?)", README, re.MULTILINE))
    assert called
    assert not {name for name in called if name not in ALL and name.split()[0] not in ALL}


def test_the_readme_uses_no_option_that_is_not_there() -> None:
    for name, rest in re.findall(r"^(?:\.venv/bin/)?runlock ([a-z-]+(?: [a-z][a-z-]*)?)( .*)?$", README, re.MULTILINE):
        command = ALL.get(name) or ALL[name.split()[0]]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        used = set(re.findall(r"(?<= )--[a-z-]+", rest.partition("  #")[0]))
        assert used <= known, name


def test_help_lists_every_command(terminal: Terminal) -> None:
    said = terminal.runlock("--help")
    listed = re.findall(r"^  ([a-z-]+)  ", said.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(COMMANDS)


@pytest.mark.parametrize("name", ALL)
def test_every_command_has_help_that_ends(terminal: Terminal, name: str) -> None:
    said = terminal.runlock(*name.split(), "--help")
    assert said.startswith(f"Usage: runlock {name}")
    sentence = ALL[name].get_short_help_str(limit=1000)
    assert sentence.endswith(".")
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} says nothing"


def test_settings_are_those_of_the_readme(terminal: Terminal) -> None:
    said = terminal.runlock("settings")
    listed = re.findall(r"^\| `(RUNLOCK_\w+)` \|[^|]*\| (.+) \|$", README, re.MULTILINE)
    shown = re.findall(r"^(RUNLOCK_\w+)  \(default: .+\)\n    (.+)$", said, re.MULTILINE)
    assert shown == listed == [(name, sentence) for name, _, sentence in described()]


def test_secrets_stand_in_no_argument() -> None:
    """What holds a secret is read from a file or standard input; `var set` takes a value for what is none."""
    for name, command in ALL.items():
        for parameter in command.params:
            word = parameter.name or ""
            if re.search("token|secret|private_key|password", word):
                assert word.endswith("_file"), f"{name} takes {word} as an argument"


def test_explain_says_what_is_not_kept(terminal: Terminal) -> None:
    said = " ".join(terminal.runlock("explain", "--help").split())
    assert "is not kept" in said
    assert "what became of each delivery that was taken" in README


def test_an_unknown_command_is_named(terminal: Terminal) -> None:
    assert "No such command 'aply'" in terminal.misused("aply")
