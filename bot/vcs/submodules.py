"""Which submodules belong to a commit, and may we fetch them? .gitmodules is text from outside, never trusted.

Only what the tree pins is fetched, at the pinned commit. Git itself parses .gitmodules; no command in it is run and
no path in it is used. Source: https://git-scm.com/docs/gitmodules
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

from bot.errors import OutsideTrouble, Refused
from bot.vcs.clone_url import CloneUrl, Transport, parse_clone_url, resolve_relative
from bot.vcs.git_command import GitCommand
from bot.vcs.history import as_text

DEEPEST = 5  # submodules of submodules; real ones have one or two
MOST = 100  # submodules in one configuration: each is a clone

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_GITMODULES = 256 * 1024  # bytes


@dataclass(frozen=True)
class Submodule:
    """`path` holds undecodable bytes as surrogates, as the operating system's own functions take them."""

    path: str
    commit_sha: str
    url: CloneUrl

    @property
    def shown_path(self) -> str:
        return as_text(self.path.encode(errors="surrogateescape"))


class Source(Protocol):
    """A mirror, as far as submodules need it."""

    @property
    def url(self) -> CloneUrl: ...

    def ensure_commit(self, sha: str, *, refs: Sequence[str] = ()) -> None: ...

    def write_tree(self, sha: str, prefix: str, output: IO[bytes]) -> None: ...

    def submodules(self, sha: str) -> list[Submodule]: ...

    def submodule_source(self, submodule: Submodule) -> "Source": ...


@dataclass(frozen=True)
class Part:
    """A tree to be laid at `prefix` (empty for the repository itself)."""

    prefix: str
    source: Source
    commit_sha: str


def parts_of(source: Source, sha: str) -> list[Part]:
    """The repository and its submodules, all the way down, each fetched. Raises Refused and OutsideTrouble."""
    parts: list[Part] = []
    for part in _walk(Part("", source, sha), 0):
        parts.append(part)
        if len(parts) > MOST + 1:
            raise Refused(f"there are more than {MOST} submodules")
    return parts


def _walk(part: Part, depth: int) -> Iterator[Part]:
    yield part
    found = part.source.submodules(part.commit_sha)
    if found and depth == DEEPEST:
        raise Refused(f"submodules are nested more than {DEEPEST} deep, at {found[0].shown_path}")
    for submodule in found:
        inner = part.source.submodule_source(submodule)
        try:
            inner.ensure_commit(submodule.commit_sha)
        except OutsideTrouble as trouble:
            reason = f"submodule {submodule.shown_path}: {trouble.reason}"
            raise OutsideTrouble(reason, retry_after=trouble.retry_after, permanent=trouble.permanent) from trouble
        prefix = f"{part.prefix}/{submodule.path}" if part.prefix else submodule.path
        yield from _walk(Part(prefix, inner, submodule.commit_sha), depth + 1)


def submodules_of(git: GitCommand, sha: str, parent: CloneUrl) -> list[Submodule]:
    """What the commit pins, by path. Raises Refused where .gitmodules is missing, hostile or names a forbidden place.

    A submodule may live at any http(s) or ssh host; the caller gives the credential to the parent's host only.
    Folders of this machine are for repositories that are such folders themselves.
    """
    listed = git.run("ls-tree", "-r", "-z", "--full-tree", sha).split(b"\0")
    entries = [entry.split(b"\t", 1) for entry in listed if entry]
    pinned = {path: head.split(b" ")[2].decode() for head, path in entries if head.startswith(b"160000 ")}
    if not pinned:
        return []
    modes = {path: head.split(b" ")[0] for head, path in entries if path == b".gitmodules"}
    if modes.get(b".gitmodules") not in (b"100644", b"100755"):
        raise Refused("the commit has submodules, but no file .gitmodules that says where they are")
    urls = _urls_by_path(git, sha)
    found = []
    for path, commit_sha in sorted(pinned.items()):
        name = path.decode(errors="surrogateescape")
        if name not in urls:
            raise Refused(f".gitmodules has no URL for the submodule {as_text(path)}")
        found.append(Submodule(_checked_path(name), commit_sha, _allowed_url(parent, urls[name], as_text(path))))
    return found


def _urls_by_path(git: GitCommand, sha: str) -> dict[str, str]:
    """Path → URL of every entry. Raises Refused for an entry that tries something, even if the tree doesn't use it."""
    blob = f"{sha}:.gitmodules"
    if int(git.run("cat-file", "-s", blob)) > _LONGEST_GITMODULES:
        raise Refused(f".gitmodules is larger than {_LONGEST_GITMODULES // 1024} KiB")
    answer = git.ask("config", "--blob", blob, "--no-includes", "--list", "-z")
    if answer.code:
        raise Refused(".gitmodules can't be read as a configuration file of Git")
    entries: dict[str, dict[str, str]] = {}
    for item in answer.output.decode(errors="surrogateescape").split("\0"):
        key, _, value = item.partition("\n")
        if not key.startswith("submodule.") or key.count(".") < 2:
            continue
        name, variable = key.removeprefix("submodule.").rsplit(".", 1)
        if (
            variable in ("path", "url")
            and entries.setdefault(_checked_name(name), {}).setdefault(variable, value) != value
        ):
            raise Refused(".gitmodules says two different things about one submodule")
    urls: dict[str, str] = {}
    for entry in entries.values():
        if "path" in entry and urls.setdefault(_checked_path(entry["path"]), entry.get("url", "")) != entry.get(
            "url", ""
        ):
            raise Refused(".gitmodules says two different things about one submodule")
    return urls


def _checked_name(name: str) -> str:
    if not name or name.startswith("-") or _CONTROL.search(name) or ".." in re.split(r"[/\\]", name):
        raise Refused(".gitmodules holds a submodule with a name that Git doesn't allow")
    return name


def _checked_path(path: str) -> str:
    steps = [step.lower() for step in re.split(r"[/\\]", path.removesuffix("/"))]
    bad_step = any(step in ("", ".", "..", "git~1") or step.rstrip(". ") == ".git" for step in steps)
    if path.startswith(("-", "/")) or bad_step or _CONTROL.search(path):
        raise Refused(".gitmodules holds a submodule at a path that Git doesn't allow")
    return path.removesuffix("/")


def _allowed_url(parent: CloneUrl, text: str, path: str) -> CloneUrl:
    try:
        url = resolve_relative(parent, text) if text.startswith(("./", "../")) else parse_clone_url(text)
    except Refused as refused:
        raise Refused(f"the submodule {path} can't be fetched: {refused.reason}") from refused
    if parent.transport is Transport.LOCAL:
        return url
    if url.transport is Transport.LOCAL:
        raise Refused(f"the submodule {path} names a folder of this machine; only https, http and ssh are fetched")
    if url.is_inside and not url.is_same_host(parent):
        raise Refused(f"the submodule {path} names an address inside this network that isn't its parent's host")
    return url
