"""What runs is what was committed: no attribute of the tree has a say in the archive."""

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from bot.errors import OutsideTrouble
from bot.vcs.mirror import Mirror
from tests.fakes.git_repositories import Work, new_work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path / "infra")


@pytest.fixture
def mirror(tmp_path: Path, work: Work) -> Mirror:
    return Mirror(tmp_path / "mirrors" / "repo-1", str(work.bare), timeout_seconds=20)


def archived(work: Work, mirror: Mirror, sha: str, target: Path) -> dict[str, bytes]:
    """Name → content of every regular file."""
    work.push()
    mirror.ensure_commit(sha)
    mirror.archive(sha, target, submodules=False)
    with tarfile.open(target) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}  # type: ignore[union-attr]


LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12\n"

# attributes file → what it would change if it were obeyed
CASES: dict[str, tuple[str, str, bytes]] = {
    "export-ignore": ("hidden.tf export-ignore", "hidden.tf", b"resource\n"),
    "export-ignore of a folder": ("modules export-ignore", "modules/vpc/main.tf", b"resource\n"),
    "export-subst": ("subst.tf export-subst", "subst.tf", b"$Format:%H %an$\n"),
    "eol crlf": ("crlf.tf text eol=crlf", "crlf.tf", b"one\ntwo\n"),
    "text auto": ("auto.tf text=auto eol=crlf", "auto.tf", b"one\ntwo\n"),
    "old crlf": ("old.tf crlf", "old.tf", b"one\ntwo\n"),
    "ident": ("ident.tf ident", "ident.tf", b"# $Id$\n"),
    "encoding": ("utf16.tf text working-tree-encoding=UTF-16LE", "utf16.tf", b"one\n"),
    "impossible encoding": ("utf99.tf text working-tree-encoding=NONE-99", "utf99.tf", b"one\n"),
    "false encoding": ("false.tf -working-tree-encoding", "false.tf", b"one\n"),
    "filter": ("secret.tf filter=shout", "secret.tf", b"quiet\n"),
    "lfs": ("*.bin filter=lfs diff=lfs merge=lfs -text", "big.bin", LFS_POINTER),
    "macro": ("[attr]gone export-ignore\ngone.tf gone", "gone.tf", b"here\n"),
    "macro for everything": ("[attr]gone export-ignore export-subst\n* gone", "all.tf", b"$Format:%H$\n"),
}


@pytest.mark.parametrize("case", CASES)
def test_attributes_in_the_tree_change_nothing(work: Work, mirror: Mirror, tmp_path: Path, case: str) -> None:
    rules, name, content = CASES[case]
    files: dict[str, str | bytes] = {}
    for where in ("", "stack/", "stack/deep/"):
        files |= {f"{where}.gitattributes": rules.encode() + b"\n", f"{where}{name}": content}
    assert archived(work, mirror, work.commit(files), tmp_path / "out.tar") == files


@pytest.mark.parametrize("case", ["export-ignore", "export-subst", "eol crlf", "ident", "encoding", "macro"])
def test_git_itself_would_obey_them(work: Work, mirror: Mirror, tmp_path: Path, case: str) -> None:
    """The cases above would mean nothing if Git left the files alone anyway."""
    rules, name, content = CASES[case]
    work.commit({".gitattributes": rules + "\n", name: content})
    work.push()
    plain = subprocess.run(
        ["git", "archive", "--format=tar", "main"], cwd=work.bare, capture_output=True, check=True
    ).stdout
    (tmp_path / "plain.tar").write_bytes(plain)
    with tarfile.open(tmp_path / "plain.tar") as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar if member.isreg()}  # type: ignore[union-attr]
    assert files.get(name) != content


def test_attributes_that_somebody_took_out_of_the_mirror_are_put_back(
    work: Work, mirror: Mirror, tmp_path: Path
) -> None:
    sha = work.commit({".gitattributes": "* export-ignore\n", "main.tf": "x"})
    work.push()
    mirror.ensure_commit(sha)
    (mirror.folder / "info" / "attributes").write_text("* export-ignore\n")
    assert set(archived(work, mirror, sha, tmp_path / "out.tar")) == {".gitattributes", "main.tf"}
    (mirror.folder / "info" / "attributes").unlink()
    assert set(archived(work, mirror, sha, tmp_path / "out.tar")) == {".gitattributes", "main.tf"}


def test_configuration_of_the_machine_changes_nothing(
    work: Work, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "attributes").write_text("* export-ignore\n")
    (tmp_path / "config").write_text(
        f"[core]\n\tattributesFile = {tmp_path}/attributes\n\tautocrlf = true\n[tar]\n\tumask = 0\n"
        '[filter "shout"]\n\tsmudge = tr a-z A-Z\n\trequired = true\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.attributesFile")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(tmp_path / "attributes"))
    files = {".gitattributes": b"* filter=shout\n", "main.tf": b"quiet\n"}
    sha = work.commit({name: content for name, content in files.items()})  # noqa: C416 - dict is invariant
    assert archived(work, mirror, sha, tmp_path / "out.tar") == files


def test_modes_times_owners_and_links_are_the_commits(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    work.write({"run.sh": "#!/bin/sh\n", "main.tf": ""})
    (work.folder / "run.sh").chmod(0o755)
    (work.folder / "inside").symlink_to("main.tf")
    (work.folder / "outside").symlink_to("../../../etc/passwd")
    (work.folder / "dangling").symlink_to("/nowhere/" + "x" * 150)
    sha = work.commit()
    archived(work, mirror, sha, tmp_path / "out.tar")
    with tarfile.open(tmp_path / "out.tar") as tar:
        members = {member.name: member for member in tar}
    assert {name: oct(member.mode) for name, member in members.items() if member.isreg()} == {
        "run.sh": "0o755",
        "main.tf": "0o644",
    }
    assert {name: member.linkname for name, member in members.items() if member.issym()} == {
        "inside": "main.tf",
        "outside": "../../../etc/passwd",
        "dangling": "/nowhere/" + "x" * 150,
    }
    assert {(member.uid, member.gid) for member in members.values()} == {(0, 0)}
    assert {member.mtime for member in members.values()} == {int(mirror.commit(sha).committed_at.timestamp())}


def test_equal_commits_give_equal_bytes_in_any_mirror(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    sha = work.commit({f"stack/{number}.tf": str(number) for number in range(50)})
    archived(work, mirror, sha, tmp_path / "one.tar")
    other = Mirror(tmp_path / "mirrors" / "repo-2", str(work.bare), timeout_seconds=20)
    archived(work, other, sha, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_names_of_every_kind_are_in_the_archive(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    names = ["--checkpoint=1", "-x", "a\nb", "grün.tf", "x" * 200, "d/" * 60 + "deep.tf", "\udce9.tf"]
    sha = work.commit(dict.fromkeys(names, "x"))
    work.push()
    mirror.ensure_commit(sha)
    mirror.archive(sha, tmp_path / "out.tar", submodules=False)
    with tarfile.open(tmp_path / "out.tar", encoding="utf-8", errors="surrogateescape") as tar:
        assert {member.name for member in tar if member.isreg()} == set(names)


def test_an_archive_that_fails_leaves_what_was_there(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    sha = work.commit({"main.tf": ""})
    target = tmp_path / "out" / "tree.tar"
    target.parent.mkdir()
    archived(work, mirror, sha, target)
    before = target.read_bytes()
    with pytest.raises(OutsideTrouble, match=r"archiving .* at 2222222"):
        mirror.archive("2" * 40, target, submodules=False)
    assert target.read_bytes() == before
    assert os.listdir(target.parent) == ["tree.tar"]


def test_an_empty_commit_is_an_empty_tree(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    sha = work.commit()
    assert archived(work, mirror, sha, tmp_path / "out.tar") == {}
