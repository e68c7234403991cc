"""Real repositories for tests: a few verbs over `git`, apart from the machine's configuration."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.git_server import git

_WHO = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}


@dataclass
class Work:
    """A work tree with a bare repository that it pushes to. Commits are a minute apart, from 2024-01-01."""

    folder: Path
    bare: Path
    minutes: "itertools.count[int]" = field(default_factory=itertools.count)

    def git(self, *arguments: str, input_text: bytes = b"", **environment: str) -> str:
        return git(*arguments, folder=self.folder, input_text=input_text, environment={**_WHO, **environment})

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: dict[str, str | bytes] | None = None, message: str = "a change") -> str:
        """Commit the files; the new commit's id. Filters are off: what is written is what is committed."""
        self.write(files or {})
        (self.folder / ".git" / "info").mkdir(exist_ok=True)
        plain = "* -text !eol -crlf -ident -filter !working-tree-encoding\n"
        (self.folder / ".git" / "info" / "attributes").write_text(plain)
        self.git("add", "--all", "--force", ".")
        return self.commit_index(message)

    def commit_index(self, message: str = "a change") -> str:
        minute = next(self.minutes)
        date = f"{1704067200 + 60 * minute} +0000"
        self.git("commit", "--quiet", "--allow-empty", "-m", message, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        self.git("push", "--quiet", "--force", str(self.bare), *(refs or ("HEAD:refs/heads/main",)))


def new_bare(folder: Path) -> Path:
    folder.mkdir(parents=True)
    git("init", "--quiet", "--bare", "--initial-branch=main", ".", folder=folder)
    return folder


def new_work(folder: Path, bare: Path | None = None) -> Work:
    """A work tree in `folder`, and the bare repository beside it unless one is given."""
    bare = bare or new_bare(folder.with_name(folder.name + ".git"))
    folder.mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main", ".", folder=folder)
    return Work(folder, bare)
