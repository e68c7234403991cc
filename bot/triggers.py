"""Does this push concern this workspace? Changed paths against directories and globs, tags against a pattern.

The rules and their words are Terraform Enterprise's:
https://developer.hashicorp.com/terraform/cloud-docs/workspaces/settings/vcs#automatic-run-triggering
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import re2  # type: ignore[import-untyped]  # linear time for any pattern: a tag pattern can't hang us
from wcmatch import fnmatch

from bot.workspace import Workspace

LONGEST_PATTERN = 1_000  # Characters. Longer ones are mistakes, and would only cost time.
_SEGMENT_FLAGS = fnmatch.DOTMATCH | fnmatch.FORCEUNIX | fnmatch.CASE
_MAGIC = re.compile(r"[*?\[\]\\]")


class BadPattern(ValueError):
    """A workspace's pattern can't be read; the text says why. It concerns that workspace alone."""


@dataclass(frozen=True)
class Touch:
    """Whether the changed files concern a workspace, and the words that say why."""

    is_touched: bool
    reason: str


class ChangedPaths:
    """The changed paths of one event, prepared so that a thousand workspaces can ask quickly.

    `paths` is None when nobody could tell which files changed: then everything counts as touched.
    """

    def __init__(self, paths: Sequence[str] | None) -> None:
        self._paths = None if paths is None else tuple(paths)
        self._everything = "\n".join(self._paths or ())
        self._below: dict[str, str] = {}  # directory, or the path itself → a changed path at or below it
        self._first_match: dict[str, str | None] = {}
        for path in self._paths or ():
            for directory in _with_parents(path):
                self._below.setdefault(directory, path)

    def touch(self, workspace: Workspace) -> Touch:
        """Whether `workspace` is concerned. Raises BadPattern if one of its patterns can't be read and none matches.

        A workspace without a working directory is concerned by every file, whatever its trigger prefixes
        ("Any change will trigger a run", https://www.terraform.io/docs/enterprise/run/working-with-monorepos.html),
        unless it has trigger patterns, which then decide alone.
        """
        directory = _clean(workspace.working_directory)
        if not workspace.file_triggers_enabled:
            return Touch(True, "every change counts, because file triggers are off")
        if self._paths is None:
            return Touch(True, "which files changed isn't known, so it counts as changed")
        if not directory and not workspace.trigger_patterns:
            return Touch(True, "every change counts, because it has no working directory")
        return self._touch_by_directory(directory, workspace.trigger_prefixes) or self._touch_by_pattern(workspace)

    def _touch_by_directory(self, directory: str, prefixes: Sequence[str]) -> Touch | None:
        if directory and (path := self._below.get(directory)):
            return Touch(True, f"{path} is below its working directory {directory}")
        for prefix in prefixes:
            path = self._below.get(_clean(prefix))
            if path:
                return Touch(True, f"{path} is below its trigger prefix {_clean(prefix) or '/'}")
        return None

    def _touch_by_pattern(self, workspace: Workspace) -> Touch:
        trouble: BadPattern | None = None
        for pattern in workspace.trigger_patterns:
            try:
                path = self.first_match(pattern)
            except BadPattern as error:
                trouble = error
                continue
            if path is not None:
                return Touch(True, f"{path} matches its trigger pattern {pattern}")
        if trouble is not None:
            raise trouble
        return Touch(False, "no changed file is in its working directory or matches its triggers")

    def first_match(self, pattern: str) -> str | None:
        """The first changed path that matches a glob rooted at the repository. Raises BadPattern."""
        if pattern not in self._first_match:
            self._first_match[pattern] = self._search(compile_glob(pattern))
        return self._first_match[pattern]

    def _search(self, glob: "Glob") -> str | None:
        if not all(fragment in self._everything for fragment in glob.fragments):
            return None
        rarest = glob.fragments[0] if glob.fragments else ""
        return next((path for path in self._paths or () if rarest in path and glob.matches(path)), None)


def _with_parents(path: str) -> list[str]:
    """`a/b/c` → the root "", `a`, `a/b` and the path itself."""
    found = [""]
    at = path.find("/")
    while at != -1:
        found.append(path[:at])
        at = path.find("/", at + 1)
    return [*found, path]


def _clean(directory: str) -> str:
    """A directory as paths are written: no slash at its ends, no leading `./`; the root is empty."""
    return "/".join(part for part in directory.split("/") if part not in ("", "."))


class Glob:
    """A glob over whole paths: `*` and `?` within one segment, `**` over any number of them; dotfiles match.

    Segments are matched one by one, because a single regular expression for several `**` takes time that is
    exponential in the depth of the path. Between two `**` the leftmost match is always good enough, as it is
    for `*` in a name, so going back to the last `**` suffices.
    """

    def __init__(self, pattern: str) -> None:
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        if parts and parts[-1] == "**":
            parts.append("*")  # `modules/**` means the files below it, not the directory
        self._parts = [None if part == "**" else _Segment(part) for part in parts]
        literals = [piece for part in parts if part for piece in _literal_pieces(part)]
        self.fragments = sorted(filter(None, literals), key=len, reverse=True)  # any matching path contains them all

    def matches(self, path: str) -> bool:
        names, parts = path.split("/"), self._parts
        at = part_at = 0
        resume: tuple[int, int] | None = None  # after the last `**`: (part, name) to try next
        while at < len(names):
            part = parts[part_at] if part_at < len(parts) else _END
            if part is None:
                part_at += 1
                resume = (part_at, at)
            elif part is not _END and part.matches(names[at]):
                part_at, at = part_at + 1, at + 1
            elif resume is not None:
                part_at, at = resume[0], resume[1] + 1
                resume = (part_at, at)
            else:
                return False
        return part_at == len(parts)


class _Segment:
    """One segment of a glob: a plain name, or a pattern that wcmatch reads."""

    def __init__(self, part: str) -> None:
        self._name = part if not _MAGIC.search(part) else None
        self._pattern = None if self._name is not None else fnmatch.compile(part, flags=_SEGMENT_FLAGS)

    def matches(self, name: str) -> bool:
        return name == self._name if self._pattern is None else bool(self._pattern.match(name))


_END = _Segment("")  # beyond the last part; no segment of a path is empty


def _literal_pieces(part: str) -> list[str]:
    """Text that must stand in any match of the segment; none for one with brackets or escapes."""
    return [] if re.search(r"[\[\]\\]", part) else re.split(r"[*?]+", part)


@lru_cache(maxsize=8_192)
def compile_glob(pattern: str) -> Glob:
    """The glob, ready to match. Raises BadPattern for what can't be one."""
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(f"a trigger pattern has more than {LONGEST_PATTERN} characters")
    try:
        return Glob(pattern)
    except re.error as error:
        raise BadPattern(f"its trigger pattern {pattern} can't be read: {error}") from error


def tag_matches(pattern: str, tag: str) -> bool:
    """Whether a tag matches a workspace's `tags-regex`, anywhere in the tag unless the pattern is anchored.

    The syntax is RE2's (https://github.com/google/re2/wiki/Syntax): no lookaround and no back-references.
    Raises BadPattern for anything else.
    """
    return bool(_tag_pattern(pattern).search(_encodable(tag)))


@lru_cache(maxsize=8_192)
def _tag_pattern(pattern: str) -> "re2._Regexp":
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(f"its tags-regex has more than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(_encodable(pattern), options)
    except re2.error as error:
        raise BadPattern(f"its tags-regex can't be read: {_words_of(error)}") from error


def _encodable(text: str) -> str:
    """A name with bytes that aren't UTF-8 arrives with lone surrogates, which RE2 can't take."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _words_of(error: Exception) -> str:
    """RE2 words its errors in bytes."""
    first = error.args[0] if error.args else ""
    return first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
