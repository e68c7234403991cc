"""How do we have a repository at hand? One bare mirror each, filled by what is asked for, mended when it breaks.

A mirror holds no URL and no credential, and obeys nobody's configuration. Several processes may use one.
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, TypeVar

from bot.errors import OutsideTrouble
from bot.vcs import history
from bot.vcs.archive import join_tars, neutralize_attributes, replacing, write_tar
from bot.vcs.clone_url import parse_clone_url
from bot.vcs.code_host import GitCredential
from bot.vcs.git_command import GitFailed
from bot.vcs.git_trouble import is_absent
from bot.vcs.history import CommitFacts, checked_ref, checked_sha
from bot.vcs.mirror_folder import EVERYTHING, KEEP, SEEN, MirrorFolder
from bot.vcs.submodules import Part, Submodule, parts_of, submodules_of

T = TypeVar("T")


class Mirror:
    """The mirror of one repository in `folder`, which is made when it is first needed.

    `timeout_seconds` is for each exchange with the host, and for waiting until another process is done with its own.
    Raises Refused for a clone URL that we don't fetch from. Every method may raise OutsideTrouble, and Refused for a
    ref or a commit id that isn't one. No message and no repr holds the credential.
    """

    def __init__(
        self,
        folder: Path,
        clone_url: str,
        credential: GitCredential | None = None,
        timeout_seconds: float = 600,
        *,
        submodules_folder: Path | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.url = parse_clone_url(clone_url)
        self._credential = credential
        self._timeout_seconds = timeout_seconds
        self._submodules_folder = submodules_folder or self.folder.with_name(self.folder.name + ".submodules")
        self._place = MirrorFolder(self.folder, self.url, credential, timeout_seconds)
        self._git = self._place.git

    def __repr__(self) -> str:
        return f"Mirror({self.url.name})"

    def ensure_commit(self, sha: str, *, refs: Sequence[str] = ()) -> None:
        """Fetch until the commit is here: first `refs`, where it is expected, then by its id, then everything.

        `refs` are full refs at the host or patterns of them (`refs/heads/main`, `refs/pull/7/head`,
        `refs/merge-requests/7/head`). Without effect, within 5 ms, if the commit is here already.
        """
        if self.has_commit(sha):
            return
        attempts = [(self._refspec(ref),) for ref in refs]
        fetch = partial(self._fetch_until, sha, [*attempts, (f"+{sha}:{SEEN}{sha}",), EVERYTHING])
        self._place.mending(f"fetching {self.url.name} at {sha[:7]}", fetch)

    def fetch_everything(self) -> None:
        """Bring branches and tags to what the host has now; what was deleted there goes here, but for the pins."""
        self._place.mending(f"fetching {self.url.name}", partial(self._fetch_until, "", [EVERYTHING]))

    def has_commit(self, sha: str) -> bool:
        """Whether the commit is here, without asking the host."""
        return history.has_commit(self._git, sha)

    def pin(self, sha: str) -> None:
        """Keep the commit and all behind it, whatever happens at the host, until `unpin`. Survives a loss of power."""
        update = partial(self._git.run, "update-ref", f"{KEEP}{checked_sha(sha)}", sha)
        self._reading(f"pinning {self.url.name} at {sha[:7]}", update, sha)

    def unpin(self, sha: str) -> None:
        """Let the commit go the way of its branch. Without effect if it isn't pinned."""
        update = partial(self._git.run, "update-ref", "-d", f"{KEEP}{checked_sha(sha)}")
        self._reading(f"unpinning {self.url.name} at {sha[:7]}", update)

    def tidy(self) -> None:
        """Pack, and drop what no ref has held for two weeks. Takes seconds to minutes; others go on reading."""
        self._place.mending(f"tidying the mirror of {self.url.name}", self._place.collect_garbage)

    def resolve(self, ref: str) -> str | None:
        """The commit behind a full ref as of the last `fetch_everything`, or None."""
        return self._reading(f"reading {ref!r} of {self.url.name}", partial(history.resolve, self._git, ref))

    def branch_heads(self) -> dict[str, str]:
        """Branch → commit, as the host has them now; nothing is fetched. Names that aren't UTF-8 are left out."""
        return self._listed("--heads", "refs/heads/", f"listing the branches of {self.url.name}")

    def tag_heads(self) -> dict[str, str]:
        """Tag → the commit behind it, as the host has them now; nothing is fetched. Otherwise as `branch_heads`."""
        found = self._listed("--tags", "refs/tags/", f"listing the tags of {self.url.name}")
        # An annotated tag is listed twice: its own object, and with ^{} the commit that it stands for.
        behind = {ref.removesuffix("^{}"): sha for ref, sha in found.items() if ref.endswith("^{}")}
        return {**{ref: sha for ref, sha in found.items() if not ref.endswith("^{}")}, **behind}

    def _listed(self, kind: str, prefix: str, doing: str) -> dict[str, str]:
        if not self._place.is_made():
            with self._place.fetching():
                self._place.make_if_missing()
        ask = partial(self._place.remote().run, "ls-remote", kind, "--quiet", *self._place.remote_arguments())
        output = self._place.mending(doing, lambda: ask().decode(errors="replace"))
        pairs = [line.split("\t", 1) for line in output.split("\n") if line and "\ufffd" not in line]
        return {ref.removeprefix(prefix): sha for sha, ref in pairs}

    def changed_paths(self, before: str, after: str) -> tuple[str, ...]:
        """Paths in which two commits differ, old and new names of what moved; `before` may be all zeros."""
        shas = [sha for sha in (before, after) if sha != history.NO_COMMIT]
        return self._comparing(partial(history.changed_paths, self._git, before, after), *shas)

    def changed_paths_of_pull(self, base: str, head: str) -> tuple[str, ...]:
        """What `head` changed since it left `base`: what a pull request shows."""
        return self._comparing(partial(history.changed_paths_of_pull, self._git, base, head), base, head)

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether `descendant` contains `ancestor`; a commit contains itself."""
        question = partial(history.is_ancestor, self._git, ancestor, descendant)
        return self._comparing(question, ancestor, descendant)

    def merge_base(self, one: str, other: str) -> str | None:
        """A best common ancestor, or None for histories that have nothing in common."""
        return self._comparing(partial(history.merge_base, self._git, one, other), one, other)

    def commit(self, sha: str) -> CommitFacts:
        """Who wrote a commit, when, and what they said."""
        return self._comparing(partial(history.commit_facts, self._git, sha), sha)

    def archive(self, sha: str, target: Path, *, submodules: bool) -> None:
        """The tree as committed, as an uncompressed tar at `target`, which appears whole or not at all.

        No attribute of the tree has a say, LFS pointers stay pointers, links stay links; equal commits give equal
        bytes. A submodule is an empty folder, or with `submodules` its own tree at the pinned commit. Raises Refused
        for submodules that are hostile or nowhere to be fetched.
        """
        checked_sha(sha)
        parts = parts_of(self, sha) if submodules else [Part("", self, sha)]
        with replacing(target) as output:
            if len(parts) == 1:
                self.write_tree(sha, "", output)
                return
            with ExitStack() as open_files:
                trees: list[IO[bytes]] = []
                for part in parts:
                    tree = open_files.enter_context(tempfile.TemporaryFile(dir=target.parent))
                    part.source.write_tree(part.commit_sha, part.prefix, tree)
                    trees.append(tree)
                join_tars(trees, output)

    def write_tree(self, sha: str, prefix: str, output: IO[bytes]) -> None:
        """One repository's tree as a tar into an open file, which is emptied first."""

        def write() -> None:
            output.seek(0)
            output.truncate()
            if self.folder.is_dir():
                neutralize_attributes(self.folder)
            write_tar(self._git, sha, output, prefix)

        self._reading(f"archiving {self.url.name} at {sha[:7]}", write, sha)

    def submodules(self, sha: str) -> list[Submodule]:
        """What the commit pins. Raises Refused where .gitmodules is missing or hostile."""
        return self._comparing(partial(submodules_of, self._git, sha, self.url), sha)

    def submodule_source(self, submodule: Submodule) -> "Mirror":
        """Its mirror. The credential goes along only to the host that it is for.

        It is in a folder beside ours and never shared with another repository's mirror: what that one fetched with
        its own credential isn't for us to read.
        """
        room = self._submodules_folder
        credential = self._credential if submodule.url.is_same_host(self.url) else None
        folder = room / sha256(submodule.url.text.encode(errors="surrogateescape")).hexdigest()[:32]
        return Mirror(folder, submodule.url.text, credential, self._timeout_seconds, submodules_folder=room)

    def _fetch_until(self, sha: str, attempts: Sequence[Sequence[str]]) -> None:
        with self._place.fetching():
            self._place.make_if_missing()
            if sha and self.has_commit(sha):  # another process was faster
                return
            for refspecs in attempts:
                try:
                    self._place.fetch(refspecs, prune=refspecs is EVERYTHING)
                except GitFailed as failed:
                    if not is_absent(failed):
                        raise
                if sha and self.has_commit(sha):
                    return
        if sha:
            raise OutsideTrouble(f"fetching {self.url.name} at {sha[:7]}: the repository doesn't have this commit")

    def _refspec(self, ref: str) -> str:
        """Into a place of its own: a name at the host can't stand in the way of another (`a` and `a/b`)."""
        is_pattern = "*" in ref
        place = SEEN + sha256(checked_ref(self._git, ref, pattern=is_pattern).encode()).hexdigest()[:32]
        return f"+{ref}:{place}/*" if is_pattern else f"+{ref}:{place}"

    def _comparing(self, question: Callable[[], T], *shas: str) -> T:
        return self._reading(f"reading {self.url.name} at {' and '.join(sha[:7] for sha in shas)}", question, *shas)

    def _reading(self, doing: str, question: Callable[[], T], *shas: str) -> T:
        """The answer; if the mirror had to be mended for it, from the new one with `shas` fetched again."""

        def ask() -> T:
            with self._place.reading():
                return question()

        def fetch_again() -> None:
            for sha in shas:
                self.ensure_commit(sha)

        return self._place.mending(doing, ask, fetch_again)
