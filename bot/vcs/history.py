"""What does a repository's history say? Questions to commits that are already here; nothing is fetched."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.errors import OutsideTrouble, Refused
from bot.vcs.git_command import GitCommand, GitFailed

_SHA = re.compile(r"[0-9a-f]{40}")
NO_COMMIT = "0" * 40  # as Git and hosts write it
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # known to every Git, without being stored


@dataclass(frozen=True)
class CommitFacts:
    """A commit, with its texts as UTF-8; what can't be read as such is replaced."""

    sha: str
    message: str
    author_name: str
    author_email: str
    committed_at: datetime
    parents: tuple[str, ...]


def checked_sha(sha: str) -> str:
    """The id itself. Raises Refused for anything but a full commit id in lower case (SHA-1)."""
    if not _SHA.fullmatch(sha):
        raise Refused("a commit is named by its full id: 40 hexadecimal digits")
    return sha


def has_commit(git: GitCommand, sha: str) -> bool:
    """Whether the commit is here. About 2 ms."""
    return git.ask("cat-file", "-e", f"{checked_sha(sha)}^{{commit}}").code == 0


def changed_paths(git: GitCommand, before: str, after: str) -> tuple[str, ...]:
    """The paths in which two commits' trees differ, both names of what was renamed; sorted.

    `before` may be all zeros: then every path of `after`. See `as_text` for names that aren't UTF-8.
    """
    old = EMPTY_TREE if before == NO_COMMIT else f"{checked_sha(before)}^{{tree}}"
    new = f"{checked_sha(after)}^{{tree}}"
    output = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", old, new)
    return tuple(sorted({as_text(name) for name in output.split(b"\0") if name}))


def changed_paths_of_pull(git: GitCommand, base: str, head: str) -> tuple[str, ...]:
    """What `head` changed since it left `base`. Without a common ancestor: in what they differ."""
    return changed_paths(git, merge_base(git, base, head) or base, head)


def as_text(name: bytes) -> str:
    r"""A file name as text that any database and JSON can hold.

    UTF-8 stays as it is. In any other name the bytes that aren't UTF-8 become `\xNN` and backslashes are doubled,
    so that no byte is lost and its folders still match.
    """
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.replace(b"\\", b"\\\\").decode(errors="backslashreplace")


def is_ancestor(git: GitCommand, ancestor: str, descendant: str) -> bool:
    """Whether `descendant` contains `ancestor`; a commit contains itself. Raises GitFailed if one isn't here."""
    answer = git.ask("merge-base", "--is-ancestor", checked_sha(ancestor), checked_sha(descendant))
    if answer.code in (0, 1):
        return answer.code == 0
    raise GitFailed(answer.code, answer.said)


def merge_base(git: GitCommand, one: str, other: str) -> str | None:
    """A best common ancestor, or None if there is none. Raises GitFailed if a commit isn't here."""
    answer = git.ask("merge-base", checked_sha(one), checked_sha(other))
    if answer.code in (0, 1):
        return answer.output.decode().strip() or None
    raise GitFailed(answer.code, answer.said)


def checked_ref(git: GitCommand, ref: str, *, pattern: bool = False) -> str:
    """The full ref (`refs/heads/main`) itself. Raises Refused for what Git wouldn't accept as one."""
    option = ("--refspec-pattern",) if pattern else ()
    fits = ref.startswith("refs/") and not re.search(r"[\x00-\x20\x7f\ud800-\udfff]", ref)
    if not fits or git.ask("check-ref-format", *option, ref).code:
        raise Refused("a ref is written in full and as Git allows it, such as refs/heads/main")
    return ref


def resolve(git: GitCommand, ref: str) -> str | None:
    """The commit behind exactly this full ref, through annotated tags; None if there is no such ref or commit."""
    answer = git.ask("show-ref", "--verify", "--dereference", "--hash", "--", checked_ref(git, ref))
    if answer.code:
        return None
    found = answer.output.decode(errors="replace").splitlines()[-1].split()[0]  # the last line is the peeled one
    return found if has_commit(git, found) else None


def commit_facts(git: GitCommand, sha: str) -> CommitFacts:
    """Who wrote the commit, when, and what they said. Raises GitFailed if it isn't here."""
    form = "--format=%H%x00%P%x00%an%x00%ae%x00%ct%x00%B"
    output = git.run("log", "-1", "--no-show-signature", "--no-notes", form, checked_sha(sha))
    fields = output.decode(errors="replace").split("\0", 5)
    if len(fields) != 6 or not fields[4].isdigit():
        raise OutsideTrouble(f"reading commit {sha[:7]}: git gave an unexpected answer", permanent=True)
    found, parents, name, email, seconds, message = fields
    return CommitFacts(found, message.strip("\n"), name, email, _time(int(seconds)), tuple(parents.split()))


def _time(seconds: int) -> datetime:
    """The time of a commit, which is whatever its writer typed: the last second of 9999 if it is beyond that."""
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC)
