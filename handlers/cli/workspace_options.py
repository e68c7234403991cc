"""Which options does a workspace have on the command line? One per setting; their kinds come from Workspace itself."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, get_args, get_origin, get_type_hints

import click

from bot.errors import Refused
from bot.messages.escape import one_line
from bot.workspace import Workspace

NONE = "none"  # the word for a list without entries, where an entry is one of a few words

# setting → its option, and what it is for
OPTIONS: Mapping[str, tuple[str, str]] = {
    "description": ("description", "What the workspace is for, in a sentence."),
    "branch": ("branch", "The tracked branch; empty: the repository's default branch."),
    "tags_regex": ("tags-regex", "Run for tags that match, instead of for pushes; empty: for pushes."),
    "working_directory": ("working-directory", "Where the configuration is in the repository; empty: at its top."),
    "trigger_prefixes": (
        "trigger-prefix",
        "Run also if a file below this folder changed. Repeatable; empty: none.",
    ),
    "trigger_patterns": (
        "trigger-pattern",
        "Run if a file that fits this pattern changed. Repeatable; empty: none.",
    ),
    "file_triggers_enabled": ("file-triggers", "Look at which files changed; without, each push makes a run."),
    "speculative_enabled": ("speculative", "Plan pull requests."),
    "queue_all_runs": ("queue-all-runs", "Run for pushes from the start; without, only after a first run by hand."),
    "ingress_submodules": ("submodules", "Fetch the repository's submodules, too."),
    "auto_apply": ("auto-apply", "Apply a push's plan without asking."),
    "auto_apply_run_trigger": ("auto-apply-run-trigger", "The same for runs that another workspace's apply has made."),
    "allow_destroy_plan": ("allow-destroy-plan", "Let people ask for runs that destroy everything."),
    "engine": ("engine", "What runs the configuration."),
    "engine_version": ("engine-version", "A version or a constraint such as “~> 1.11”; empty: whatever is found."),
    "vcs_workflow": ("vcs-workflow", "Whether a pull request is applied after its merge, or before."),
    "apply_requirements": (
        "apply-requirement",
        "What a pull request must have before it is applied (apply-before-merge). Repeatable.",
    ),
    "apply_permission": ("apply-permission", "The least role at the host whose comment “apply” counts."),
    "author_may_apply": ("author-may-apply", "Let authors of pull requests approve their own."),
    "auto_merge": ("auto-merge", "Merge a pull request when all its plans are applied (apply-before-merge)."),
    "execution_mode": ("execution-mode", "Where runs started with a CLI happen: here, or where the CLI is."),
    "structured_run_output": ("structured-run-output", "Let the CLI draw plans by itself; logs are JSON lines then."),
    "global_remote_state": ("global-remote-state", "Let every workspace of the organization read this one's state."),
    "plan_timeout_seconds": ("plan-timeout-seconds", "After this many seconds a plan is stopped."),
    "apply_timeout_seconds": ("apply-timeout-seconds", "After this many seconds an apply is interrupted."),
}
_KINDS = get_type_hints(Workspace)
_DEFAULTS = {field.name: field.default for field in fields(Workspace)}


def workspace_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for each setting; what isn't given reaches it as None or ()."""
    for setting in reversed(list(OPTIONS)):
        command = _option(setting)(command)
    return command


def given_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that were given, of the options that `workspace_options` made. Raises Refused."""
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    for name, value in given.items():
        if isinstance(value, tuple) and NONE in value and _choices(_KINDS[name]):
            if len(value) > 1:
                raise Refused(f"--{OPTIONS[name][0]} {NONE} can't be combined with others")
            given[name] = ()
    return given


def option_name(setting: str) -> str:
    """`auto-apply`: the option without its dashes."""
    return OPTIONS[setting][0]


def spoken(value: object) -> str:
    """A setting's value as people read it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(one_line(str(entry)) for entry in value) or NONE
        case _:
            return one_line(str(value)) or "(empty)"


def _option(setting: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    name, sentence = OPTIONS[setting]
    kind = _KINDS[setting]
    default = spoken(_DEFAULTS[setting])
    text = sentence if default in ("(empty)", NONE) else f"{sentence} At first: {default}."
    if kind is bool:
        return click.option(f"--{name}/--no-{name}", setting, default=None, help=text)
    is_list = get_origin(kind) is tuple
    choices = _choices(kind)
    if choices:
        allowed: click.ParamType[Any] | type = click.Choice([*choices, NONE] if is_list else choices)
    else:
        allowed = int if kind is int else str
    return click.option(f"--{name}", setting, type=allowed, multiple=is_list, default=None, help=text)


def _choices(kind: Any) -> list[str]:
    """The words of a closed list, or of the entries of a list of such words."""
    entry = get_args(kind)[0] if get_origin(kind) is tuple else kind
    return [str(word) for word in entry] if isinstance(entry, type) and issubclass(entry, StrEnum) else []
