"""A mirror brings commits, keeps what is pinned, and answers questions about history."""

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.errors import OutsideTrouble, Refused
from bot.vcs.mirror import Mirror
from tests.fakes.git_repositories import Work, new_work

NOWHERE = "1" * 40


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path / "infra")


@pytest.fixture
def mirror(tmp_path: Path, work: Work) -> Mirror:
    return Mirror(tmp_path / "mirrors" / "repo-1", str(work.bare), timeout_seconds=20)


def test_a_pushed_commit_is_fetched_by_its_branch(work: Work, mirror: Mirror) -> None:
    sha = work.commit({"main.tf": "# one\n"}, "First\n\nwith a body")
    work.push()
    mirror.ensure_commit(sha, refs=["refs/heads/main"])
    facts = mirror.commit(sha)
    # Whole packs only: single objects appear one by one, and a kill in between would leave a commit without its tree.
    assert not list((mirror.folder / "objects").glob("??/*"))
    assert (facts.sha, facts.message, facts.parents) == (sha, "First\n\nwith a body", ())
    assert (facts.author_name, facts.author_email) == ("Ada", "ada@example.org")
    assert facts.committed_at.isoformat() == "2024-01-01T00:00:00+00:00"


def test_a_long_line_of_gitattributes_closes_no_repository(work: Work, mirror: Mirror) -> None:
    attributes = "*.x " + " ".join(f"attribute{number}" for number in range(400)) + "\n"  # Git takes 2,048 bytes
    sha = work.commit({".gitattributes": attributes, "main.tf": "# one\n"})
    work.push("HEAD:refs/heads/other")
    mirror.ensure_commit(sha, refs=["refs/heads/other"])
    assert mirror.commit(sha).sha == sha


def test_a_commit_that_is_here_costs_nothing_and_asks_nobody(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    sha = work.commit({"main.tf": ""})
    work.push()
    mirror.ensure_commit(sha)
    work.bare.rename(tmp_path / "gone")
    took = []
    for _ in range(20):
        started = time.perf_counter()
        mirror.ensure_commit(sha, refs=["refs/heads/main"])
        took.append(time.perf_counter() - started)
    # Below 2 ms on an idle machine; the fastest of many, so that a busy one doesn't matter.
    assert min(took) < 0.01


def test_a_commit_that_no_branch_has_any_more_is_fetched_by_its_id(work: Work, mirror: Mirror) -> None:
    first = work.commit({"main.tf": "1"})
    work.push()
    lost = work.commit({"main.tf": "2"})
    work.push()
    work.push(f"{first}:refs/heads/main")
    mirror.ensure_commit(lost, refs=["refs/heads/main"])
    assert mirror.has_commit(lost)


@pytest.mark.parametrize("ref", ["refs/pull/7/head", "refs/merge-requests/7/head", "refs/heads/*"])
def test_a_pull_request_is_fetched_by_its_ref(work: Work, mirror: Mirror, ref: str) -> None:
    sha = work.commit({"main.tf": "1"})
    work.push(f"HEAD:{ref.replace('*', 'deep/er')}")
    mirror.ensure_commit(sha, refs=[ref])
    assert mirror.has_commit(sha)


def test_branches_one_below_the_other_do_not_stand_in_each_others_way(work: Work, mirror: Mirror) -> None:
    one = work.commit({"main.tf": "1"})
    work.push("HEAD:refs/heads/a")
    mirror.ensure_commit(one, refs=["refs/heads/a"])
    mirror.fetch_everything()
    two = work.commit({"main.tf": "2"})
    work.push(":refs/heads/a", "HEAD:refs/heads/a/b")
    mirror.ensure_commit(two, refs=["refs/heads/a/b"])
    mirror.fetch_everything()
    assert mirror.resolve("refs/heads/a") is None
    assert mirror.resolve("refs/heads/a/b") == two


def test_a_commit_that_is_nowhere_is_trouble_that_may_pass(work: Work, mirror: Mirror) -> None:
    work.commit({"main.tf": ""})
    work.push()
    with pytest.raises(OutsideTrouble, match=rf"fetching {work.bare} at 1111111: .*doesn't have") as caught:
        mirror.ensure_commit(NOWHERE, refs=["refs/heads/none"])
    assert not caught.value.permanent


def test_a_repository_that_is_not_there_is_permanent_trouble(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "m", str(tmp_path / "none.git"), timeout_seconds=5)
    with pytest.raises(OutsideTrouble, match=r"fetching .*none\.git at 1111111") as caught:
        mirror.ensure_commit(NOWHERE)
    assert caught.value.permanent


def test_a_host_that_is_down_is_trouble_that_may_pass(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "m", "http://127.0.0.1:1/acme/infra.git", timeout_seconds=5)
    with pytest.raises(OutsideTrouble, match="fetching acme/infra at 1111111: ") as caught:
        mirror.ensure_commit(NOWHERE)
    assert not caught.value.permanent


def test_deleted_and_forced_branches_follow_the_host_and_pins_stay(work: Work, mirror: Mirror) -> None:
    base = work.commit({"main.tf": "1"})
    work.push()
    locked = work.commit({"main.tf": "2"})
    work.push("HEAD:refs/heads/main", "HEAD:refs/heads/feature")
    mirror.fetch_everything()
    mirror.pin(locked)
    work.push(f"{base}:refs/heads/main", ":refs/heads/feature")
    mirror.fetch_everything()
    mirror._git.run("reflog", "expire", "--expire=now", "--all")
    mirror._git.run("gc", "--quiet", "--prune=now")
    assert mirror.resolve("refs/heads/main") == base
    assert mirror.resolve("refs/heads/feature") is None
    assert mirror.has_commit(locked)
    mirror.unpin(locked)
    mirror.unpin(locked)
    mirror._git.run("gc", "--quiet", "--prune=now")
    assert not mirror.has_commit(locked)


def test_pinning_what_is_not_here_is_trouble(work: Work, mirror: Mirror) -> None:
    work.commit({"main.tf": ""})
    work.push()
    mirror.fetch_everything()
    with pytest.raises(OutsideTrouble, match="pinning"):
        mirror.pin(NOWHERE)


def test_tidying_keeps_everything_that_is_reachable(work: Work, mirror: Mirror) -> None:
    shas = []
    for number in range(3):
        shas.append(work.commit({"main.tf": str(number)}))
        work.push()
        mirror.ensure_commit(shas[-1], refs=["refs/heads/main"])
    mirror.tidy()
    assert all(mirror.has_commit(sha) for sha in shas)
    assert len(list((mirror.folder / "objects/pack").glob("*.pack"))) == 1


def test_many_fetches_do_not_leave_many_packs(work: Work, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.vcs.mirror_folder._MANY_PACKS", 3)
    shas = []
    for number in range(6):
        shas.append(work.commit({"main.tf": str(number)}))
        work.push()
        mirror.ensure_commit(shas[-1], refs=["refs/heads/main"])
    assert len(list((mirror.folder / "objects/pack").glob("*.pack"))) <= 4
    assert all(mirror.has_commit(sha) for sha in shas)


@pytest.mark.parametrize(
    "branch",
    [
        "$(touch${IFS}pwned)",
        "a;b|c&d",
        "weird'quote",
        'double"quote',
        "grün",
        "refs/heads/main",
        "x/" * 60 + "deep",
        "@",
        "{}",
    ],
)
def test_hostile_branch_names_are_only_names(work: Work, mirror: Mirror, branch: str) -> None:
    sha = work.commit({"main.tf": branch})
    work.push(f"HEAD:refs/heads/{branch}")
    mirror.ensure_commit(sha, refs=[f"refs/heads/{branch}"])
    mirror.fetch_everything()
    assert mirror.resolve(f"refs/heads/{branch}") == sha
    assert mirror.branch_heads() == {branch: sha}
    assert mirror.resolve("refs/heads/main") is None


@pytest.mark.parametrize(
    "ref",
    ["main", "--upload-pack=touch pwned", "-x", "refs/heads/a..b", "refs/heads/a b", "refs/heads/x.lock", "HEAD", "",
     "refs/heads/a:refs/heads/b", "refs/heads/a^{tree}", "refs/heads/a\nb", "refs/heads/\udcff", "+refs/heads/a"],
)  # fmt: skip
def test_what_is_no_full_ref_is_refused(work: Work, mirror: Mirror, ref: str) -> None:
    work.commit({"main.tf": ""})
    work.push()
    mirror.fetch_everything()
    for ask in (lambda: mirror.resolve(ref), lambda: mirror.ensure_commit(NOWHERE, refs=[ref])):
        with pytest.raises(Refused, match="a ref is written in full"):
            ask()


@pytest.mark.parametrize("sha", ["", "main", "--all", "1" * 39, "A" * 40, "1" * 40 + "\n", "HEAD~1"])
def test_what_is_no_commit_id_is_refused(mirror: Mirror, sha: str, tmp_path: Path) -> None:
    asked: list[Callable[[], object]] = [
        lambda: mirror.ensure_commit(sha),
        lambda: mirror.pin(sha),
        lambda: mirror.commit(sha),
        lambda: mirror.changed_paths(NOWHERE, sha),
        lambda: mirror.archive(sha, tmp_path / "x.tar", submodules=True),
        lambda: mirror.archive(sha, tmp_path / "x.tar", submodules=False),
    ]
    for ask in asked:
        with pytest.raises(Refused, match="a commit is named by its full id"):
            ask()


def test_tags_are_resolved_to_the_commit_behind_them(work: Work, mirror: Mirror) -> None:
    sha = work.commit({"main.tf": ""})
    work.git("tag", "light")
    work.git("tag", "-a", "-m", "annotated", "v1")
    work.git("tag", "-a", "-m", "of a tag", "v1-again", "v1")
    work.git("tag", "tree", "HEAD^{tree}")
    work.push("HEAD:refs/heads/main", "refs/tags/*")
    mirror.fetch_everything()
    assert [mirror.resolve(f"refs/tags/{tag}") for tag in ("light", "v1", "v1-again", "tree")] == [sha, sha, sha, None]


def test_branch_heads_are_the_hosts_of_this_moment(work: Work, mirror: Mirror) -> None:
    assert mirror.branch_heads() == {}
    one = work.commit({"main.tf": "1"})
    work.push("HEAD:refs/heads/main", "HEAD:refs/heads/a/b", "HEAD:refs/tags/t")
    assert mirror.branch_heads() == {"main": one, "a/b": one}


def test_a_repository_of_twenty_megabytes(work: Work, mirror: Mirror, tmp_path: Path) -> None:
    blob = random.Random(20).randbytes(20_000_000)
    sha = work.commit({"big.bin": blob, "main.tf": ""})
    work.push()
    mirror.ensure_commit(sha)
    mirror.archive(sha, tmp_path / "big.tar", submodules=False)
    assert (tmp_path / "big.tar").stat().st_size > 20_000_000


def _ensure(folder: Path, url: str, sha: str) -> bool:
    mirror = Mirror(folder, url, timeout_seconds=30)
    mirror.ensure_commit(sha, refs=["refs/heads/main"])
    mirror.pin(sha)
    return mirror.has_commit(sha)


def test_several_processes_share_a_mirror(work: Work, mirror: Mirror) -> None:
    shas = [work.commit({"main.tf": str(number)}) for number in range(6)]
    work.push()
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        answers = pool.starmap(_ensure, [(mirror.folder, str(work.bare), sha) for sha in shas])
        pool.close()
        pool.join()
    assert answers == [True] * 6
    assert [path.name for path in mirror.folder.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_plain_repository_may_belong_to_another_user(work: Work, mirror: Mirror) -> None:
    sha = work.commit({"main.tf": ""})
    work.push()
    for path in (work.bare, *work.bare.rglob("*")):
        os.chown(path, 12345, 12345)
    mirror.ensure_commit(sha, refs=["refs/heads/main"])
    assert mirror.branch_heads() == {"main": sha}


def test_old_mistakes_in_a_history_do_not_close_it_and_dangerous_trees_do(work: Work, mirror: Mirror) -> None:
    work.commit({"main.tf": ""})
    tree = work.git("rev-parse", "HEAD^{tree}")
    crooked = f"tree {tree}\nauthor A <a@x>1 +0000\ncommitter A <a@x> 1 +9999\n\nold\n".encode()
    old = work.git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", input_text=crooked)
    work.push(f"{old}:refs/heads/old")
    mirror.ensure_commit(old)
    blob = work.git("hash-object", "-w", "--stdin", input_text=b"x")
    evil_tree = b"100644 ..\0" + bytes.fromhex(blob)
    evil = work.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", input_text=evil_tree)
    commit = work.git("commit-tree", "-m", "evil", evil)
    work.push(f"{commit}:refs/heads/evil")
    with pytest.raises(OutsideTrouble, match="hasDotdot") as caught:
        mirror.ensure_commit(commit)
    assert caught.value.permanent
    assert not mirror.has_commit(commit)
