"""Submodules are fetched at the pinned commits when asked for, from allowed places only."""

import io
import tarfile
from pathlib import Path

import pytest

from bot.errors import OutsideTrouble, Refused
from bot.vcs import submodules as submodule_rules
from bot.vcs.archive import join_tars
from bot.vcs.clone_url import parse_clone_url
from bot.vcs.code_host import GitCredential
from bot.vcs.git_command import GitCommand
from bot.vcs.mirror import Mirror
from bot.vcs.submodules import Submodule, submodules_of
from tests.fakes.git_repositories import Work, new_work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path / "infra")


@pytest.fixture
def mirror(tmp_path: Path, work: Work) -> Mirror:
    return Mirror(tmp_path / "mirrors" / "repo-1", str(work.bare), timeout_seconds=20)


def module(path: str, url: str, name: str = "") -> str:
    return f'[submodule "{name or path}"]\n\tpath = {path}\n\turl = {url}\n'


def commit_pinning(work: Work, pins: dict[str, str], gitmodules: str) -> str:
    work.write({".gitmodules": gitmodules})
    work.git("add", ".gitmodules")
    for path, sha in pins.items():
        work.git("update-index", "--add", "--cacheinfo", f"160000,{sha},{path}")
    sha = work.commit_index()
    work.push()
    return sha


def members(target: Path) -> list[tuple[str, str, str]]:
    with tarfile.open(target, encoding="utf-8", errors="surrogateescape") as tar:
        return [(m.name, "folder" if m.isdir() else m.linkname, _text(tar, m)) for m in tar]


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member) if member.isreg() else None
    return "" if file is None else file.read().decode()


def test_nested_submodules_are_in_the_archive_at_their_pinned_commits(
    work: Work, mirror: Mirror, tmp_path: Path
) -> None:
    inner = new_work(tmp_path / "inner")
    inner_sha = inner.commit({"inner.tf": "pinned", ".gitattributes": "* export-ignore\n"})
    inner.commit({"inner.tf": "newer"})
    inner.push()
    vpc = new_work(tmp_path / "vpc")
    vpc.write({"vpc.tf": "vpc", "run.sh": "#!/bin/sh\n"})
    (vpc.folder / "run.sh").chmod(0o755)
    (vpc.folder / "link").symlink_to("vpc.tf")
    vpc.git("add", "vpc.tf", "run.sh", "link")
    vpc_sha = commit_pinning(vpc, {"lib/inner": inner_sha}, module("lib/inner", "../inner.git"))
    work.write({"main.tf": "root", "x" * 150: "long"})
    work.git("add", ".")
    sha = commit_pinning(work, {"modules/vpc": vpc_sha}, module("modules/vpc", str(vpc.bare)))
    mirror.ensure_commit(sha)

    mirror.archive(sha, tmp_path / "with.tar", submodules=True)
    found = {name: (kind, text) for name, kind, text in members(tmp_path / "with.tar")}
    assert found["modules/vpc/vpc.tf"] == ("", "vpc")
    assert found["modules/vpc/lib/inner/inner.tf"] == ("", "pinned")
    assert found["modules/vpc/lib/inner/.gitattributes"] == ("", "* export-ignore\n")
    assert found["modules/vpc/link"] == ("vpc.tf", "")
    assert found["main.tf"] == ("", "root")
    assert found["x" * 150] == ("", "long")
    names = [name for name, _, _ in members(tmp_path / "with.tar")]
    assert len(names) == len(set(names))
    with tarfile.open(tmp_path / "with.tar") as tar:
        assert tar.getmember("modules/vpc/run.sh").mode == 0o755

    mirror.archive(sha, tmp_path / "again.tar", submodules=True)
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "with.tar").read_bytes()

    mirror.archive(sha, tmp_path / "without.tar", submodules=False)
    assert ("modules/vpc", "folder", "") in members(tmp_path / "without.tar")
    assert not [name for name, _, _ in members(tmp_path / "without.tar") if name.startswith("modules/vpc/")]


def test_a_repository_without_submodules_gives_the_same_bytes_either_way(
    work: Work, mirror: Mirror, tmp_path: Path
) -> None:
    sha = work.commit({"main.tf": "", ".gitmodules": module("gone", "ext::sh -c true")})
    work.push()
    mirror.ensure_commit(sha)
    mirror.archive(sha, tmp_path / "one.tar", submodules=True)
    mirror.archive(sha, tmp_path / "two.tar", submodules=False)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


PIN = "5" * 40

HOSTILE = {
    "helper": (module("m", "ext::sh -c 'touch pwned'"), "characters that don't belong"),
    "helper without space": (module("m", "ext::sh"), "characters that don't belong"),
    "option as url": (module("m", "--upload-pack=touch"), "no clone URL"),
    "option as name": (module("m", "https://x.org/a", "--upload-pack=touch"), "name that Git doesn't allow"),
    "name climbs": (module("m", "https://x.org/a", "../../hooks"), "name that Git doesn't allow"),
    "path climbs": (module("../m", "https://x.org/a", "m"), "path that Git doesn't allow"),
    "path is option": (module("-m", "https://x.org/a", "m"), "path that Git doesn't allow"),
    "path is absolute": (module("/etc", "https://x.org/a", "m"), "path that Git doesn't allow"),
    "path in .git": (module("a/.GIT/hooks", "https://x.org/a", "m"), "path that Git doesn't allow"),
    "path in git~1": (module("git~1", "https://x.org/a", "m"), "path that Git doesn't allow"),
    "git protocol": (module("m", "git://x.org/a"), "isn't https, http, ssh"),
    "other scheme": (module("m", "ftp://x.org/a"), "isn't https, http, ssh"),
    "credentials": (module("m", "https://bob:s3cret@x.org/a"), "must not hold credentials"),
    "ssh option": (module("m", "ssh://-oProxyCommand=touch/a"), "isn't well formed"),
    "scp option": (module("m", "-oProxyCommand=touch:a"), "no clone URL"),
    "relative beyond the host": (module("m", "../" * 40 + "x"), "leaves the host"),
    "relative with a tail": (module("m", "../a/../../b"), "isn't well formed"),
    "newline": ('[submodule "m"]\n\tpath = m\n\turl = "https://x.org/a\\nb"\n', "characters that don't belong"),
    "no url": ('[submodule "m"]\n\tpath = m\n', "no clone URL"),
    "no entry": ('[submodule "other"]\n\tpath = other\n\turl = https://x.org/a\n', "has no URL for the submodule m"),
    "no configuration": ("[submodule\n", "can't be read"),
    "two urls": (module("m", "https://x.org/a") + module("m", "https://x.org/b"), "two different things"),
    "two names": (module("m", "https://x.org/a") + module("m", "https://x.org/b", "n"), "two different things"),
    "huge": ("# " + "x" * 300_000 + "\n" + module("m", "https://x.org/a"), "larger than 256 KiB"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_gitmodules_are_refused_and_nothing_runs(work: Work, mirror: Mirror, tmp_path: Path, case: str) -> None:
    text, reason = HOSTILE[case]
    sha = commit_pinning(work, {"m": PIN}, text)
    mirror.ensure_commit(sha)
    with pytest.raises(Refused, match=reason) as caught:
        mirror.archive(sha, tmp_path / "out.tar", submodules=True)
    assert "s3cret" not in str(caught.value)
    assert not (tmp_path / "out.tar").exists()
    assert not list(tmp_path.rglob("pwned"))
    assert not (tmp_path / "mirrors" / "repo-1.submodules").exists()
    mirror.archive(sha, tmp_path / "out.tar", submodules=False)


def test_a_link_in_the_place_of_gitmodules_is_refused(work: Work) -> None:
    """Git's own commands don't make such a tree, and a fetch refuses it; the rule doesn't rely on that."""
    elsewhere = work.git("hash-object", "-w", "--stdin", input_text=module("m", "https://x.org/a").encode())
    tree = work.git("mktree", input_text=f"120000 blob {elsewhere}\t.gitmodules\n160000 commit {PIN}\tm\n".encode())
    sha = work.git("commit-tree", "-m", "evil", tree)
    with pytest.raises(Refused, match=r"no file \.gitmodules"):
        submodules_of(GitCommand(work.folder / ".git", 10), sha, parse_clone_url(str(work.bare)))


HTTPS = parse_clone_url("https://git.example/acme/infra.git")


@pytest.mark.parametrize(
    ("parent", "text", "wanted"),
    [
        ("https://git.example/acme/infra.git", "../vpc.git", "https://git.example/acme/vpc.git"),
        ("https://git.example/acme/infra.git", "./vpc.git", "https://git.example/acme/infra.git/vpc.git"),
        ("https://git.example/a/b/infra", "../../c/vpc", "https://git.example/a/c/vpc"),
        ("ssh://git@git.example:2222/a/infra.git", "../vpc.git", "ssh://git@git.example:2222/a/vpc.git"),
        ("git@git.example:a/infra.git", "../vpc.git", "git@git.example:a/vpc.git"),
        ("https://git.example/acme/infra.git", "https://other.example/x.git", "https://other.example/x.git"),
        ("https://git.example/acme/infra.git", "git@other.example:x.git", "git@other.example:x.git"),
        ("http://localhost:3000/acme/infra.git", "http://localhost:3000/x.git", "http://localhost:3000/x.git"),
        ("/srv/git/infra.git", "../vpc.git", "/srv/git/vpc.git"),
        ("/srv/git/infra.git", "file:///srv/vpc.git", "/srv/vpc.git"),
    ],
)  # fmt: skip
def test_allowed_urls(parent: str, text: str, wanted: str) -> None:
    assert submodule_rules._allowed_url(parse_clone_url(parent), text, "m").text == wanted


@pytest.mark.parametrize(
    "text",
    ["/etc", "file:///etc", "FILE:///etc", "http://localhost/x", "http://127.0.0.1/x", "http://[::1]/x",
     "http://169.254.169.254/latest", "http://10.0.0.8/x", "ssh://git@192.168.1.1/x", "http://2130706433/x",
     "http://0x7f.1/x", "http://127.1/x", "root@127.0.0.1:x", "C:\\x", "x"],
)  # fmt: skip
def test_places_inside_are_refused_to_a_repository_from_outside(text: str) -> None:
    with pytest.raises(Refused, match=r"m (can't be fetched|names)"):
        submodule_rules._allowed_url(HTTPS, text, "m")


def test_the_credential_goes_to_the_parents_host_only(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "m", HTTPS.text, GitCredential("bob", "s3cret"))

    def credential_for(source: Mirror, url: str) -> GitCredential | None:
        return source.submodule_source(Submodule("m", PIN, parse_clone_url(url)))._credential

    assert credential_for(mirror, "https://git.example/x.git") == GitCredential("bob", "s3cret")
    assert credential_for(mirror, "https://git.example:443/x.git") == GitCredential("bob", "s3cret")
    assert credential_for(mirror, "https://git.example:8443/x.git") is None
    assert credential_for(mirror, "http://git.example/x.git") is None
    assert credential_for(mirror, "https://git.example.evil.org/x.git") is None
    assert credential_for(mirror, "ssh://git@git.example/x.git") is None
    # A detour over another host doesn't bring it back.
    elsewhere = mirror.submodule_source(Submodule("m", PIN, parse_clone_url("https://other.example/x.git")))
    assert credential_for(elsewhere, HTTPS.text) is None


def test_a_submodule_that_cannot_be_fetched_is_named(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    sha = commit_pinning(work, {"modules/vpc": PIN}, module("modules/vpc", "../none.git"))
    mirror.ensure_commit(sha)
    with pytest.raises(OutsideTrouble, match=r"submodule modules/vpc: fetching .*none\.git at 5555555") as caught:
        mirror.archive(sha, tmp_path / "out.tar", submodules=True)
    assert caught.value.permanent


def test_depth_and_number_are_bounded(
    work: Work, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaf = new_work(tmp_path / "leaf")
    leaf_sha = leaf.commit({"a.tf": ""})
    leaf.push()
    middle = new_work(tmp_path / "middle")
    middle_sha = commit_pinning(middle, {"leaf": leaf_sha}, module("leaf", "../leaf.git"))
    two = {"a": middle_sha, "b": leaf_sha}
    sha = commit_pinning(work, two, module("a", "../middle.git") + module("b", "../leaf.git"))
    mirror.ensure_commit(sha)
    monkeypatch.setattr(submodule_rules, "DEEPEST", 1)
    with pytest.raises(Refused, match="nested more than 1 deep, at leaf"):
        mirror.archive(sha, tmp_path / "out.tar", submodules=True)
    monkeypatch.setattr(submodule_rules, "DEEPEST", 2)
    monkeypatch.setattr(submodule_rules, "MOST", 2)
    with pytest.raises(Refused, match="more than 2 submodules"):
        mirror.archive(sha, tmp_path / "out.tar", submodules=True)
    monkeypatch.setattr(submodule_rules, "MOST", 3)
    mirror.archive(sha, tmp_path / "out.tar", submodules=True)


def test_joined_tars_keep_bytes_that_are_no_text() -> None:
    part = io.BytesIO()
    with tarfile.open(fileobj=part, mode="w", encoding="utf-8", errors="surrogateescape") as tar:
        link = tarfile.TarInfo("caf\udce9/link")
        link.type, link.linkname = tarfile.SYMTYPE, "x\udcff" * 80
        tar.addfile(link)
    whole = io.BytesIO()
    join_tars([part], whole)
    whole.seek(0)
    with tarfile.open(fileobj=whole, encoding="utf-8", errors="surrogateescape") as tar:
        assert [(member.name, member.linkname) for member in tar] == [("caf\udce9/link", "x\udcff" * 80)]
