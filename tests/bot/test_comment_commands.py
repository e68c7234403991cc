"""Is every spelling of a command understood, every other comment left alone, and nothing hostile taken for one?"""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.comment_commands import Command, CommandVerb, Misspelled, NotForUs, parse

APPLY = Command(CommandVerb.APPLY)


@pytest.mark.parametrize("verb", list(CommandVerb))
@pytest.mark.parametrize("shape", ["{}", "/{}", "runlock {}", "/runlock {}", "RUNLOCK {}", "`{}`", "`runlock {}`"])
def test_every_verb_in_every_shape(verb: CommandVerb, shape: str) -> None:
    assert parse(shape.format(verb)) == Command(verb)
    assert parse(shape.format(verb.upper())) == Command(verb)


@pytest.mark.parametrize(
    "body",
    [
        "\n\n  apply \r\n\r\n",
        "\tApply",
        "``apply``",
        "` apply `",
        "```\napply\n```",
        "```sh\r\nrunlock apply\r\n```\r\n",
        "````\n\napply\n\n````",
        "  runlock   apply  ",
    ],
)
def test_blank_lines_backticks_and_fences_are_forgiven(body: str) -> None:
    assert parse(body) == APPLY


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("apply -w prod", Command(CommandVerb.APPLY, workspaces=("prod",))),
        ("apply --workspace=prod", Command(CommandVerb.APPLY, workspaces=("prod",))),
        ("apply -p prod --project stage", Command(CommandVerb.APPLY, workspaces=("prod", "stage"))),
        ("apply -w prod -w prod -w=prod", Command(CommandVerb.APPLY, workspaces=("prod",))),
        ('apply -w "my prod"', Command(CommandVerb.APPLY, workspaces=("my prod",))),
        ("apply -w 'a''b'", Command(CommandVerb.APPLY, workspaces=("ab",))),
        ("apply -W Prod", Command(CommandVerb.APPLY, workspaces=("Prod",))),
        ("apply -w $HOME", Command(CommandVerb.APPLY, workspaces=("$HOME",))),
        ("apply -w '$(id)'", Command(CommandVerb.APPLY, workspaces=("$(id)",))),
        ("apply -w *", Command(CommandVerb.APPLY, workspaces=("*",))),
        ("plan -d infra/prod", Command(CommandVerb.PLAN, directories=("infra/prod",))),
        ("plan -d ./infra//prod/", Command(CommandVerb.PLAN, directories=("infra/prod",))),
        ("plan --dir=.", Command(CommandVerb.PLAN, directories=("",))),
        ("plan --directory /infra", Command(CommandVerb.PLAN, directories=("infra",))),
        ("apply 3F2A9C", Command(CommandVerb.APPLY, targets=("3f2a9c",))),
        ("apply run-8fK2abc", Command(CommandVerb.APPLY, targets=("run-8fK2abc",))),
        ("discard RUN-8fK2", Command(CommandVerb.DISCARD, targets=("run-8fK2",))),
        ("apply " + "a" * 64, Command(CommandVerb.APPLY, targets=("a" * 64,))),
        ("/apply 3f2a9c -w prod", Command(CommandVerb.APPLY, workspaces=("prod",), targets=("3f2a9c",))),
        ("runlock apply 3f2a9c 4a4a4a", Command(CommandVerb.APPLY, targets=("3f2a9c", "4a4a4a"))),
        ("runlock", Command(CommandVerb.HELP)),
    ],
)
def test_flags_and_targets(body: str, expected: Command) -> None:
    assert parse(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \n ",
        "apply the patch please",
        "Apply this after lunch.",
        "apply.",
        "apply!",
        "Plan: 2 to add",
        "plan - what do you think?",
        "plan 2024",
        "plan 3f2a9c",
        "apply 404",
        "apply a",
        "help me",
        "discard 'em all, don't wait",
        "don't apply",
        "please apply",
        "apply\nthanks",
        "apply -w prod\nand then lunch",
        "> apply",
        "- apply",
        "`runlock` apply",
        "apply `now`",
        "apply -- -target=x",
        "/approve",
        "/merge",
        "//apply",
        "runlocks apply",
        "atlantis apply",
        "terraform apply",
        "Runlock planned this twice.\nIs that right?",
        "runlock " + "blah " * 2_000,
        "аpply",  # a Cyrillic а
        "runloc\u212a apply",  # the Kelvin sign, whose lower case is k
        "\u202eylppa",
        "apply\u200b",
        "apply\x00",
        "\ufeffapply",
        "ａｐｐｌｙ",
    ],
)
def test_other_comments_are_not_for_us(body: str) -> None:
    assert parse(body) == NotForUs()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("runlock aply", "I don't know the command `aply`. Did you mean `apply`? The commands are `plan`, `apply`,"),
        ("runlock аpply", "Did you mean `apply`?"),
        ("runlock apply.", "Did you mean `apply`?"),
        ("runlock xyzzy", "I don't know the command `xyzzy`. The commands are"),
        ("runlock apply now", "I don't understand `now` behind `apply`."),
        ("runlock plan apply", "I don't understand `apply` behind `plan`."),
        ("runlock plan 3f2a9c", "I don't understand `3f2a9c` behind `plan`."),
        ("runlock apply 3f2a", "`3f2a` is too short: give at least 6 characters of a digest."),
        ("apply 3f2a", "`3f2a` is too short"),
        ("runlock apply -w", "`-w` needs a workspace’s name behind it."),
        ("apply -w", "`-w` needs a workspace’s name behind it."),
        ("apply -w -d x", "`-w` needs a workspace’s name behind it."),
        ("apply -w=", "`-w` needs a workspace’s name behind it."),
        ("apply --dir=", "`--dir` needs a directory behind it."),
        ("plan -d ../x", "without `..`: `../x`."),
        ("plan -d a/../../x", "without `..`: `a/../../x`."),
        ("apply -w prod please", "I don't understand `please` behind `apply`."),
        ("/apply the patch", "I don't understand `the` behind `apply`."),
        ("runlock apply -- -target=x", "I don't understand `--` behind `apply`."),
        ("apply -target=x", "I don't understand `-target=x` behind `apply`."),
        ("apply -w 'a\x07b'", "can't be a name: `a\ufffdb`."),
        ("runlock apply 'x", "has no partner."),
        ("/apply 'x", "has no partner."),
        ("runlock apply\nthanks", "A command has to be the whole comment, on one line."),
        ("runlock apply " + "-w x " * 2_000, "too long for a command."),
        ("runlock help apply", "behind `help`."),
        ("runlock help -w x", "`help` takes nothing else."),
        ("runlock @all", "I don't know the command `@all`."),
        ("runlock `x`</details>", "I don't know the command `` `x`</details> ``."),
    ],
)
def test_what_was_meant_for_us_is_answered(body: str, words: str) -> None:
    answer = parse(body)
    assert isinstance(answer, Misspelled)
    assert words in answer.reply
    assert answer.reply.endswith("Nothing was done.")
    assert len(answer.reply) < 600


def test_other_words_can_be_set() -> None:
    assert parse("atlantis plan -d x", ("runlock", "Atlantis")) == Command(CommandVerb.PLAN, directories=("x",))
    assert parse("runlock plan", ("bot",)) == NotForUs()
    assert parse("plan", ()) == Command(CommandVerb.PLAN)


HOSTILE = ["`", "```\n", "'", '"', "\\", "-w ", "\x00", "\u202e", "\ud800", "runlock apply ", "/apply ", "a", "\n", "="]


@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=5)), max_size=60).map("".join))
@example("runlock " + "`" * 5_000)
@settings(max_examples=400, deadline=None)
def test_no_comment_raises(body: str) -> None:
    answer = parse(body)
    if isinstance(answer, Command):
        assert all(name and name.isprintable() for name in (*answer.workspaces, *answer.targets))
        assert not any(".." in directory.split("/") for directory in answer.directories)


@pytest.mark.parametrize("piece", [*HOSTILE, "apply -w x ", "runlock apply -w x\n", "a `b` "])
def test_a_megabyte_is_read_in_no_time(piece: str) -> None:
    body = piece * (1_000_000 // len(piece))
    started = time.perf_counter()
    for text in (body, f"runlock apply {body}", f"apply {body}", f"`{body}`", f"```\n{body}\n```"):
        assert not isinstance(parse(text), Command) or piece == "\n"  # blank lines are forgiven, however many
    assert time.perf_counter() - started < 0.5
