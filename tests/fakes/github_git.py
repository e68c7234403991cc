"""What can a repository of the double do with Git? Real commits in a real bare repository."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.fakes.git_server import git

NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class Symlink:
    target: str


@dataclass(frozen=True)
class Executable:
    content: str


@dataclass(frozen=True)
class Submodule:
    commit_sha: str


Content = str | bytes | Symlink | Executable | Submodule
Files = Mapping[str, Content]


@dataclass(frozen=True)
class Signature:
    name: str
    email: str
    at: datetime

    @property
    def line(self) -> str:
        return f"{self.name} <{self.email}> {int(self.at.timestamp())} +0000"


@dataclass(frozen=True)
class CommitFacts:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: tuple[str, str]
    at: str
    message: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()


class BareRepository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not folder.exists():
            folder.mkdir(parents=True)
            self.git("init", "--quiet", "--bare", "--initial-branch=main", ".")

    def git(self, *arguments: str, input_text: bytes = b"", environment: dict[str, str] | None = None) -> str:
        return git(*arguments, folder=self.folder, input_text=input_text, environment=environment)

    def head(self, branch: str) -> str | None:
        return self.resolve(f"refs/heads/{branch}")

    def resolve(self, name: str) -> str | None:
        """What a full ref name points at; None if there is no such ref."""
        try:
            return self.git("show-ref", "--verify", "--hash", "--", name)
        except RuntimeError:
            return None

    def has(self, commit_sha: str) -> bool:
        try:
            return self.git("cat-file", "-t", commit_sha) == "commit"
        except RuntimeError:
            return False

    def commit(
        self, branch: str, files: Files, delete: Sequence[str], message: str, by: Signature, parent: str | None
    ) -> str:
        """Commit on top of `parent` and move the branch there, forward or not."""
        text = message.encode()
        stream = [
            f"commit refs/heads/{branch}\n".encode(),
            f"author {by.line}\ncommitter {by.line}\ndata {len(text)}\n".encode() + text + b"\n",
        ]
        if parent is not None:
            stream.append(f"from {parent}\n".encode())
        stream += [f"D {_quoted(path)}\n".encode() for path in delete]
        stream += [_file_line(path, content) for path, content in files.items()]
        self.git("fast-import", "--quiet", "--force", input_text=b"".join([*stream, b"\n"]))
        made = self.head(branch)
        assert made is not None
        return made

    def move(self, ref: str, commit_sha: str | None) -> None:
        if commit_sha is None:
            self.git("update-ref", "-d", ref)
        else:
            self.git("update-ref", ref, commit_sha)

    def bring(self, other: "BareRepository", commit_sha: str) -> None:
        """Have another repository's commit here too, as forks share their objects."""
        if other is not self and not self.has(commit_sha):
            self.git("fetch", "--quiet", "--no-tags", str(other.folder), f"{commit_sha}:refs/fork/{commit_sha}")

    def is_ancestor(self, older: str, newer: str) -> bool:
        try:
            self.git("merge-base", "--is-ancestor", older, newer)
        except RuntimeError:
            return False
        return True

    def between(self, base: str | None, head: str) -> list[str]:
        """The commits of `head` that `base` lacks, oldest first."""
        without = [f"^{base}"] if base and base != NO_COMMIT else []
        return self.git("rev-list", "--reverse", "--topo-order", head, *without).split()

    def merge_base(self, one: str, other: str) -> str | None:
        try:
            return self.git("merge-base", one, other)
        except RuntimeError:
            return None

    def merged_tree(self, base: str, head: str) -> str | None:
        """The tree of a merge, or None if it conflicts."""
        try:
            return self.git("merge-tree", "--write-tree", base, head).split("\n")[0]
        except RuntimeError:
            return None

    def commit_tree(self, tree: str, parents: Sequence[str], message: str, by: Signature) -> str:
        about = {
            f"GIT_{role}_{fact}": value
            for role in ("AUTHOR", "COMMITTER")
            for fact, value in (("NAME", by.name), ("EMAIL", by.email), ("DATE", f"{int(by.at.timestamp())} +0000"))
        }
        options = [option for parent in parents for option in ("-p", parent)]
        return self.git("commit-tree", tree, *options, input_text=message.encode(), environment=about)

    def rebased(self, base: str, head: str, by: Signature) -> str | None:
        """The commits of `head` written anew on top of `base`; None if one doesn't fit."""
        place = tempfile.mkdtemp(prefix="rebase-", dir=self.folder.parent)
        about = {"GIT_COMMITTER_NAME": by.name, "GIT_COMMITTER_EMAIL": by.email}
        try:
            self.git("worktree", "add", "--quiet", "--detach", place, base)
            work = Path(place)
            for commit in self.between(base, head):
                if len(self.facts(commit).parents) < 2:
                    git("cherry-pick", "--allow-empty", commit, folder=work, environment=about)
            return git("rev-parse", "HEAD", folder=work)
        except RuntimeError:
            return None
        finally:
            shutil.rmtree(place, ignore_errors=True)
            self.git("worktree", "prune")

    def facts(self, commit_sha: str) -> CommitFacts:
        shown = self.git("show", "--no-patch", "--format=%T%x00%P%x00%an%x00%ae%x00%aI%x00%B", commit_sha)
        tree, parents, name, email, at, message = shown.split("\0", 5)
        return CommitFacts(commit_sha, tree, tuple(parents.split()), (name, email), at, message.strip("\n"))

    def facts_with_files(self, commit_sha: str) -> CommitFacts:
        facts = self.facts(commit_sha)
        base = facts.parents[0] if facts.parents else self.git("hash-object", "-t", "tree", "--stdin")
        listed = self.git("diff-tree", "-r", "-z", "--no-renames", "--name-status", base, commit_sha).split("\0")
        touched: dict[str, list[str]] = {"A": [], "D": [], "M": [], "T": []}
        for kind, path in zip(listed[::2], listed[1::2], strict=False):
            touched[kind].append(path)
        return CommitFacts(
            facts.sha,
            facts.tree,
            facts.parents,
            facts.author,
            facts.at,
            facts.message,
            tuple(touched["A"]),
            tuple(touched["D"]),
            tuple(touched["M"] + touched["T"]),
        )


def _file_line(path: str, content: Content) -> bytes:
    match content:
        case Submodule(commit_sha):
            return f"M 160000 {commit_sha} {_quoted(path)}\n".encode()
        case Symlink(target):
            mode, data = "120000", target.encode()
        case Executable(text):
            mode, data = "100755", text.encode()
        case str():
            mode, data = "100644", content.encode()
        case bytes():
            mode, data = "100644", content
    return f"M {mode} inline {_quoted(path)}\ndata {len(data)}\n".encode() + data + b"\n"


def _quoted(path: str) -> str:
    """A path as fast-import reads it, whatever it holds."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
