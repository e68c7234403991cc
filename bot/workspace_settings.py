"""Which settings may a workspace have? The same checks for every door, worded for the person who set them.

The rules on triggers are those that TFE's own client holds before it asks
(https://pkg.go.dev/github.com/hashicorp/go-tfe#WorkspaceCreateOptions).
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from bot.errors import Refused
from bot.triggers import LONGEST_PATTERN, BadPattern, compile_glob, tag_matches
from bot.workspace import ApplyPermission, EngineName, ExecutionMode, Requirement, Workflow, Workspace

LATEST = "latest"  # TFE's word for "whatever is newest"; ours is the empty version
MOST_LIST_ENTRIES = 200
LONGEST_DESCRIPTION = 10_000  # characters

_NAME = re.compile(r"[A-Za-z0-9_-]{1,90}")
# The pre-releases that makers have. What else could follow, `1.9.8-1` say, is another version than 1.9.8 to us, and yet
# its binary would be found: so it would get round whatever a site says of 1.9.8.
_VERSION = r"v?\d+(\.\d+){0,2}(-(alpha|beta|rc)\.?\d+)?"
_VERSIONS = re.compile(rf"\s*(=|!=|>=|<=|>|<|~>)?\s*{_VERSION}\s*(,\s*(=|!=|>=|<=|>|<|~>)?\s*{_VERSION}\s*)*")
_UNFIT_FOR_PATH = re.compile(r"[\x00-\x1f\x7f\\]")
# What Git forbids in a branch's name: https://git-scm.com/docs/git-check-ref-format
_UNFIT_FOR_BRANCH = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/.]|/\.|[/.]$|\.lock(/|$)")


def check_name(name: object) -> str:
    """A workspace's name. Raises Refused."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refused("a workspace's name has 1 to 90 letters, digits, - and _")
    return name


def is_branch_name(name: str) -> bool:
    """Whether Git would take it as a branch's name."""
    return bool(name) and not _UNFIT_FOR_BRANCH.search(name)


def fitting_settings(settings: Mapping[str, Any], current: Workspace | None = None) -> dict[str, Any]:
    """The settings in our exact form, to be added to those of `current` (None: a new workspace).

    None as a value means "not given", or "empty" for a text or a list. Raises Refused naming what does not fit.
    """
    fitting: dict[str, Any] = {}
    for name, value in settings.items():
        reader = _READERS.get(name)
        if reader is None:
            raise Refused(f"a workspace has no setting named {shown(name)}")
        if value is None and reader not in _EMPTIED_BY_NONE:
            continue
        fitting[name] = reader(shown(name), value)
    _check_together(fitting, current)
    return fitting


def shown(name: str) -> str:
    """The setting's name as people write it: `working-directory`, and TFE's word for the engine's version."""
    theirs = {"engine_version": "terraform-version", "structured_run_output": "structured-run-output-enabled"}
    return theirs.get(name, name.replace("_", "-"))


def _check_together(fitting: dict[str, Any], current: Workspace | None) -> None:
    def after(name: str, default: Any) -> Any:
        return fitting.get(name, getattr(current, name) if current else default)

    prefixes, patterns = after("trigger_prefixes", ()), after("trigger_patterns", ())
    if prefixes and patterns:
        raise Refused("trigger-prefixes and trigger-patterns can't be combined")
    if not after("tags_regex", ""):
        return
    if prefixes or patterns:
        raise Refused("tags-regex can't be combined with trigger-prefixes or trigger-patterns")
    if fitting.get("file_triggers_enabled"):
        raise Refused("tags-regex can't be combined with file-triggers-enabled")
    fitting["file_triggers_enabled"] = False  # a workspace that listens to tags looks at no files


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise Refused(f"{name} is true or false")
    return value


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_PATTERN:
        raise Refused(f"{name} is a text of at most {LONGEST_PATTERN} characters")
    return value.strip()


def _list(name: str, value: object) -> tuple[str, ...]:
    entries = [] if value is None else value
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) for entry in entries):
        raise Refused(f"{name} is a list of texts")
    if len(entries) > MOST_LIST_ENTRIES:
        raise Refused(f"{name} has at most {MOST_LIST_ENTRIES} entries")
    return tuple(dict.fromkeys(entry for entry in entries if entry))


def _description(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_DESCRIPTION:
        raise Refused(f"{name} is a text of at most {LONGEST_DESCRIPTION} characters")
    return value


def _branch(name: str, value: object) -> str:
    branch = _text(name, value)
    if branch and _UNFIT_FOR_BRANCH.search(branch):
        raise Refused(f"{name} is not the name of a branch")
    return branch


def _path_inside(name: str, path: str) -> str:
    if len(path) > LONGEST_PATTERN or _UNFIT_FOR_PATH.search(path):
        raise Refused(f"{name} holds characters that a path can't have here, or is too long")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Refused(f"{name} can't leave the repository with “..”")
    return "/".join(parts)


def _working_directory(name: str, value: object) -> str:
    path = _text(name, value)
    if path.startswith("/"):
        raise Refused(f"{name} is relative to the repository: it can't begin with “/”")
    return _path_inside(name, path)


def _prefixes(name: str, value: object) -> tuple[str, ...]:
    return tuple(_path_inside(name, entry) or "/" for entry in _list(name, value))


def _patterns(name: str, value: object) -> tuple[str, ...]:
    entries = _list(name, value)
    for entry in entries:
        try:
            compile_glob(entry)
        except BadPattern as error:
            raise Refused(f"{name}: {error}") from error
    return entries


def _tags_regex(name: str, value: object) -> str:
    pattern = _text(name, value)
    try:
        tag_matches(pattern, "")
    except BadPattern as error:
        raise Refused(f"{name}: {error}") from error
    return pattern


def _version(name: str, value: object) -> str:
    version = _text(name, value)
    if version in ("", LATEST):
        return ""
    if not _VERSIONS.fullmatch(version):
        raise Refused(f"{name} is a version such as 1.11.4, a constraint such as ~> 1.11.0, or {LATEST}")
    return version


def _seconds(name: str, value: object) -> int:
    if type(value) is not int or not 1 <= value <= 7 * 24 * 3600:
        raise Refused(f"{name} is a whole number of seconds, at most a week")
    return value


def _one_of(kind: type[StrEnum]) -> Callable[[str, object], StrEnum]:
    def read(name: str, value: object) -> StrEnum:
        try:
            return kind(value)  # type: ignore[arg-type]
        except ValueError as error:
            raise Refused(f"{name} is one of {', '.join(kind)}") from error

    return read


def _requirements(name: str, value: object) -> tuple[Requirement, ...]:
    entries = _list(name, value)
    unknown = [entry for entry in entries if entry not in set(Requirement)]
    if unknown:
        raise Refused(f"{name} are some of {', '.join(Requirement)}")
    return tuple(Requirement(entry) for entry in entries)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "branch": _branch,
    "tags_regex": _tags_regex,
    "working_directory": _working_directory,
    "trigger_prefixes": _prefixes,
    "trigger_patterns": _patterns,
    "file_triggers_enabled": _flag,
    "speculative_enabled": _flag,
    "queue_all_runs": _flag,
    "ingress_submodules": _flag,
    "auto_apply": _flag,
    "allow_destroy_plan": _flag,
    "auto_apply_run_trigger": _flag,
    "description": _description,
    "execution_mode": _one_of(ExecutionMode),
    "global_remote_state": _flag,
    "structured_run_output": _flag,
    "engine": _one_of(EngineName),
    "engine_version": _version,
    "vcs_workflow": _one_of(Workflow),
    "apply_requirements": _requirements,
    "apply_permission": _one_of(ApplyPermission),
    "author_may_apply": _flag,
    "auto_merge": _flag,
    "plan_timeout_seconds": _seconds,
    "apply_timeout_seconds": _seconds,
}
_EMPTIED_BY_NONE = frozenset(
    {_branch, _tags_regex, _working_directory, _prefixes, _patterns, _version, _requirements, _description}
)
