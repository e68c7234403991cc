"""Which paths changed, and how do commits stand to each other? Whatever their names."""

from pathlib import Path

import pytest

from bot.vcs.mirror import Mirror
from tests.fakes.git_repositories import Work, new_work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return new_work(tmp_path / "infra")


@pytest.fixture
def mirror(tmp_path: Path, work: Work) -> Mirror:
    return Mirror(tmp_path / "mirrors" / "repo-1", str(work.bare), timeout_seconds=20)


def test_changed_paths_have_both_names_of_what_moved(work: Work, mirror: Mirror) -> None:
    before = work.commit({"old/a.tf": "same\n" * 20, "keep.tf": "1", "gone.tf": "x"})
    work.git("mv", "old", "new")
    work.git("rm", "--quiet", "gone.tf")
    after = work.commit({"keep.tf": "2"})
    work.push()
    mirror.ensure_commit(after)
    assert mirror.changed_paths(before, after) == ("gone.tf", "keep.tf", "new/a.tf", "old/a.tf")
    assert mirror.changed_paths(after, after) == ()
    assert mirror.changed_paths("0" * 40, after) == ("keep.tf", "new/a.tf")


def test_changed_paths_of_a_merge_are_those_of_the_trees(work: Work, mirror: Mirror) -> None:
    base = work.commit({"a.tf": "1", "b.tf": "1"})
    work.git("checkout", "--quiet", "-b", "feature")
    head = work.commit({"b.tf": "2"})
    work.git("checkout", "--quiet", "main")
    main = work.commit({"a.tf": "2"})
    work.git("merge", "--quiet", "--no-ff", "-m", "merged", "feature")
    merged = work.git("rev-parse", "HEAD")
    work.push("HEAD:refs/heads/main", "feature")
    mirror.ensure_commit(merged)
    assert mirror.changed_paths(main, merged) == ("b.tf",)
    assert mirror.changed_paths(base, merged) == ("a.tf", "b.tf")
    assert mirror.changed_paths_of_pull(main, head) == ("b.tf",)
    assert mirror.changed_paths(main, head) == ("a.tf", "b.tf")
    assert mirror.commit(merged).parents == (main, head)
    assert mirror.merge_base(main, head) == base
    assert mirror.is_ancestor(base, merged)
    assert mirror.is_ancestor(base, base)
    assert not mirror.is_ancestor(merged, base)


def test_histories_without_anything_in_common_are_compared_whole(work: Work, mirror: Mirror) -> None:
    one = work.commit({"a.tf": "1"})
    work.push("HEAD:refs/heads/one")
    work.git("checkout", "--quiet", "--orphan", "other")
    two = work.commit({"b.tf": "1"})
    work.push("HEAD:refs/heads/two")
    mirror.fetch_everything()
    assert mirror.merge_base(one, two) is None
    assert mirror.changed_paths_of_pull(one, two) == ("b.tf",)


HOSTILE_NAMES = [
    b"--output=x",
    b"-n",
    b"$(touch pwned)",
    b"`id`;rm -rf x",
    b"a\nb\tc",
    b'quo"te\\d',
    "grün/ß.tf".encode(),
    b" lead and trail ",
    b"*",
    b":(glob)**",
]


def test_file_names_of_every_kind_come_out_as_they_are(work: Work, mirror: Mirror) -> None:
    before = work.commit({})
    for name in HOSTILE_NAMES:
        add_raw(work, name)
    add_raw(work, b"caf\xe9/x\\y.tf")
    after = work.commit_index()
    work.push()
    mirror.ensure_commit(after)
    wanted = {name.decode() for name in HOSTILE_NAMES} | {r"caf\xe9/x\\y.tf"}
    changed = mirror.changed_paths(before, after)
    assert set(changed) == wanted
    assert list(changed) == sorted(changed)


def add_raw(work: Work, name: bytes, mode: str = "100644", sha: str | None = None) -> None:
    """Put a file into the index under any bytes, whatever the file system would say."""
    blob = sha or work.git("hash-object", "-w", "--stdin", input_text=b"x")
    work.git("update-index", "-z", "--index-info", input_text=f"{mode} {blob}\t".encode() + name + b"\0")


def test_three_thousand_changed_files(work: Work, mirror: Mirror) -> None:
    before = work.commit({"README": ""})
    after = work.commit({f"stack-{number % 50}/file-{number}.tf": str(number) for number in range(3000)})
    work.push()
    mirror.ensure_commit(after)
    assert len(mirror.changed_paths(before, after)) == 3000
