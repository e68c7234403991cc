"""How does a mirror's folder come to be, stay whole, and get mended? Made aside, then renamed into place.

Locks, both beside the folder: `NAME.lock` is held while fetching, packing and mending; `NAME.swap` is shared by
readers and held alone for the two renames by which a mended mirror takes its place.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TypeVar

from bot.vcs import askpass
from bot.vcs.archive import neutralize_attributes, sync_folder
from bot.vcs.clone_url import CloneUrl, Transport
from bot.vcs.code_host import GitCredential
from bot.vcs.file_lock import file_lock
from bot.vcs.git_command import FORGIVEN_MISTAKES, GitCommand, GitFailed
from bot.vcs.git_trouble import is_broken, is_locked, trouble
from bot.vcs.history import has_commit

T = TypeVar("T")

READING_SECONDS = 300.0  # for a question to the mirror itself; the largest diff takes seconds
_MENDING_SECONDS = 3600.0  # for checking or packing a whole mirror
_STALE_LOCK_SECONDS = 60.0  # Git holds a ref's lock for milliseconds; an older one belonged to a killed process
_MANY_PACKS = 50  # Git's own gc.autoPackLimit
_MARKER = "runlock-mirror"  # the last file written before the rename: with it, the folder was made whole
KEEP = "refs/runlock/keep/"  # what runs are locked to
SEEN = "refs/runlock/seen/"  # what single refs were when last fetched, for the next fetch to build on
EVERYTHING = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class MirrorFolder:
    """The folder, and the only place that fetches into it."""

    def __init__(self, folder: Path, url: CloneUrl, credential: GitCredential | None, timeout_seconds: float) -> None:
        self.folder = folder
        self.url = url
        self.git = GitCommand(folder, READING_SECONDS)
        self._credential = credential
        self._timeout_seconds = timeout_seconds

    def fetching(self) -> AbstractContextManager[None]:
        """Alone among those who change the mirror's objects."""
        return file_lock(self._beside(".lock"), self._timeout_seconds, f"fetching {self.url.name}")

    def reading(self) -> AbstractContextManager[None]:
        """Among readers, while the folder stays where it is."""
        return file_lock(self._beside(".swap"), self._timeout_seconds, f"reading {self.url.name}", shared=True)

    def mending(self, doing: str, action: Callable[[], T], before_retry: Callable[[], None] = lambda: None) -> T:
        """The action's answer, with one more try if the mirror was broken and could be mended.

        The action must hold no lock of ours when it raises. Raises OutsideTrouble, worded as `doing`: why.
        """
        try:
            return action()
        except GitFailed as failed:
            if not self._mend(doing, failed):
                raise trouble(doing, failed) from failed
        before_retry()
        try:
            return action()
        except GitFailed as failed:
            raise trouble(doing, failed) from failed

    def make_if_missing(self) -> None:
        """An empty mirror, unless there is one; a new one from the host if it is damaged. Within `fetching()`."""
        if self.is_made():
            return
        self._undo_interrupted_swap()
        if self.folder.exists():
            self._rebuild()
        else:
            self._clear_leftovers()
            self._swap_in(self._make())

    def fetch(self, refspecs: Sequence[str], *, prune: bool = False) -> None:
        """One exchange with the host. The caller holds `fetching()`. Raises GitFailed."""
        self._fetch_into(self.folder, refspecs, prune=prune)
        if len(list((self.folder / "objects" / "pack").glob("*.pack"))) > _MANY_PACKS:
            self.git.run("repack", "-d", "--quiet", "--geometric=2")

    def remote(self, folder: Path | None = None) -> GitCommand:
        """Git as it talks to the host: with the credential, and with local folders allowed only if the host is one."""
        where = folder or self.folder
        secrets = (self._credential.password,) if self._credential else ()
        environment = askpass.environment(askpass.install(where), self.url, self._credential)
        settings = ("protocol.file.allow=always",) if self.url.transport is Transport.LOCAL else ()
        return GitCommand(where, self._timeout_seconds, environment, settings, secrets)

    def remote_arguments(self) -> list[str]:
        """The options and the URL that end a command to the host, before any refspec."""
        if self.url.transport is Transport.LOCAL:
            # The other side drops our `-c` settings, and refuses a repository of another user without this one.
            return ["--upload-pack=git -c 'safe.directory=*' upload-pack", "--end-of-options", self.url.text]
        return ["--end-of-options", self.url.text]

    def collect_garbage(self) -> None:
        """Pack, and drop what has been unreachable for two weeks."""
        with self.fetching():
            self._clear_leftovers()
            GitCommand(self.folder, _MENDING_SECONDS).run("gc", "--quiet", "--prune=2.weeks.ago")

    def _fetch_into(self, folder: Path, refspecs: Sequence[str], *, prune: bool = False) -> None:
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--no-show-forced-updates"]
        options += ["--prune"] if prune else []
        self.remote(folder).run("fetch", *options, *self.remote_arguments(), *refspecs)

    def is_made(self) -> bool:
        """Whether there is a mirror that was made whole; what became of it since is `git fsck`'s to say."""
        return (self.folder / _MARKER).is_file() and (self.folder / "HEAD").is_file()

    def _make(self) -> Path:
        fresh = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=f".{self.folder.name}.new-"))
        GitCommand(None, READING_SECONDS).run("init", "--bare", "--quiet", "--template=", "--", str(fresh))
        neutralize_attributes(fresh)
        (fresh / _MARKER).write_text("A mirror of Runlock's; it may be deleted when no run needs it.\n")
        return fresh

    def _swap_in(self, fresh: Path) -> None:
        """Put a whole folder in the place of whatever is there."""
        old = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=f".{self.folder.name}.old-"))
        with file_lock(self._beside(".swap"), self._timeout_seconds, f"mending the mirror of {self.url.name}"):
            with suppress(FileNotFoundError):
                self.folder.rename(old / "broken")
            fresh.rename(self.folder)
        sync_folder(self.folder.parent)
        shutil.rmtree(old)

    def _undo_interrupted_swap(self) -> None:
        """Put back the old folder if we were killed between the two renames: it may hold pins."""
        for old in self.folder.parent.glob(f".{self.folder.name}.old-*/broken"):
            if not self.folder.exists():
                old.rename(self.folder)

    def _mend(self, doing: str, failed: GitFailed) -> bool:
        """Whether something was mended, so that another try makes sense."""
        if is_locked(failed):
            with self.fetching():
                return self._clear_stale_locks()
        if not is_broken(failed):
            return False
        with self.fetching():
            self._undo_interrupted_swap()
            if self._is_sound():
                return False
            try:
                self._rebuild()
            except GitFailed as again:
                raise trouble(f"{doing}: mending the mirror", again) from again
        return True

    def _is_sound(self) -> bool:
        settings = [f"fsck.{mistake}=ignore" for mistake in FORGIVEN_MISTAKES]
        check = GitCommand(self.folder, _MENDING_SECONDS, settings=settings)
        return self.is_made() and check.ask("fsck", "--full", "--no-dangling", "--no-progress").code == 0

    def _rebuild(self) -> None:
        """A new mirror from the host; what runs are locked to and the host no longer has comes from the old one."""
        self._clear_leftovers()
        fresh = self._make()
        self._fetch_into(fresh, EVERYTHING)
        new = GitCommand(fresh, READING_SECONDS, settings=("protocol.file.allow=always",))
        for sha in self._pins():
            pin = f"{KEEP}{sha}"
            if has_commit(new, sha):
                new.run("update-ref", pin, sha)
                continue
            # A pin that neither side can give back is lost; the run keeps the archive that it was locked to.
            with suppress(GitFailed):
                self._fetch_into(fresh, [f"+{sha}:{pin}"])
            if not has_commit(new, sha):
                with suppress(GitFailed):
                    new.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(self.folder), f"+{pin}:{pin}")
        self._swap_in(fresh)

    def _pins(self) -> Iterator[str]:
        """The pinned commits, read without Git: what is broken may be the repository as a whole."""
        packed = self.folder / "packed-refs"
        found = set(re.findall(rf"{KEEP}([0-9a-f]{{40}})\n", packed.read_text() if packed.is_file() else ""))
        found |= {file.name for file in (self.folder / KEEP).glob("*") if re.fullmatch(r"[0-9a-f]{40}", file.name)}
        yield from sorted(found)

    def _clear_stale_locks(self) -> bool:
        """Remove lock files that a killed Git left; whether there were any. Nobody fetches meanwhile."""
        oldest = time.time() - _STALE_LOCK_SECONDS
        candidates = [*self.folder.glob("*.lock"), *(self.folder / "refs").rglob("*.lock")]
        stale = [lock for lock in candidates if lock.stat().st_mtime < oldest]
        for lock in stale:
            lock.unlink(missing_ok=True)
        return bool(stale)

    def _clear_leftovers(self) -> None:
        """Remove what a killed process left. Only the holder of `fetching()` makes such things, so none is in use."""
        for pattern in (f".{self.folder.name}.new-*", f".{self.folder.name}.old-*"):
            for leftover in self.folder.parent.glob(pattern):
                shutil.rmtree(leftover, ignore_errors=True)
        for leftover in (self.folder / "objects" / "pack").glob("tmp_*"):
            leftover.unlink(missing_ok=True)

    def _beside(self, ending: str) -> Path:
        return self.folder.with_name(self.folder.name + ending)
