"""How does a commit become a tar? As committed: nothing in the tree may change what comes out.

`git archive` obeys .gitattributes of the tree: export-ignore hides files, export-subst, text/eol, ident, filter and
working-tree-encoding rewrite them. What runs must be what was reviewed, so `$GIT_DIR/info/attributes`, which wins over
all of them (https://git-scm.com/docs/gitattributes), switches each off for every path.
"""

import os
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from bot.vcs.git_command import GitCommand
from bot.vcs.history import EMPTY_TREE

# `!` (unspecified) and not `-` (false) for working-tree-encoding: Git dies on a false one.
NEUTRAL_ATTRIBUTES = "* -export-ignore -export-subst -text !eol -crlf -ident -filter !working-tree-encoding\n"


def neutralize_attributes(git_dir: Path) -> None:
    """Make the folder's repository deaf to .gitattributes, as far as archives are concerned."""
    attributes = git_dir / "info" / "attributes"
    with suppress(FileNotFoundError):
        if attributes.read_text() == NEUTRAL_ATTRIBUTES:
            return
    attributes.parent.mkdir(exist_ok=True)
    with replacing(attributes) as file:
        file.write(NEUTRAL_ATTRIBUTES.encode())


def write_tar(git: GitCommand, sha: str, output: IO[bytes], prefix: str = "") -> None:
    """The commit's tree, uncompressed; times are the commit's, owners are 0, modes 755 or 644, links stay links.

    Equal commits give equal bytes. A submodule is an empty folder. Raises GitFailed.
    """
    below = [f"--prefix={prefix}/"] if prefix else []
    git.write_to(output, "archive", "--format=tar", *below, sha)
    if os.fstat(output.fileno()).st_size <= tarfile.RECORDSIZE and _is_empty(git, sha):
        # Git writes the commit's id and no member; Python's tarfile takes such a tar for a broken one.
        output.seek(0)
        output.write(bytes(tarfile.RECORDSIZE))


def _is_empty(git: GitCommand, sha: str) -> bool:
    return git.run("rev-parse", "--verify", f"{sha}^{{tree}}").decode().strip() == EMPTY_TREE


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `target` in one step, on disk, if the body ends well; else no trace of it."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def join_tars(parts: Sequence[IO[bytes]], output: IO[bytes]) -> None:
    """One tar out of several, in their order; a folder that several name is written once."""
    folders: set[str] = set()
    names = {"encoding": "utf-8", "errors": "surrogateescape"}  # any bytes go through
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT, **names) as whole:  # type: ignore[call-overload]
        for part in parts:
            part.seek(0)
            with tarfile.open(fileobj=part, mode="r:", **names) as tree:  # type: ignore[call-overload]
                for member in tree:
                    if member.isdir() and member.name in folders:
                        continue
                    if member.isdir():
                        folders.add(member.name)
                    member.pax_headers = {}  # written anew from the member itself
                    whole.addfile(member, tree.extractfile(member) if member.isreg() else None)
