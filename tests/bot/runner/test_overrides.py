"""Whatever a commit brings along, the last override is ours."""

import json
from pathlib import Path

import pytest

from bot.runner.overrides import is_override, redirect_state

CONTENT = b'{"terraform":{"backend":{"http":{}}}}\n'


def ours(folder: Path) -> str:
    (name,) = [p.name for p in folder.iterdir() if p.name.endswith(".json") and json.loads(p.read_text()) == OURS]
    return name


OURS = {"terraform": {"backend": {"http": {}}}}


@pytest.mark.parametrize(
    ("committed", "expected"),
    [
        ([], "zzzz_runlock_override.tf.json"),
        (["override.tf", "zzz_override.tf", "z.tf"], "zzzz_runlock_override.tf.json"),
        (["zzzz_runlock_override.tf.json"], "zzzzzzzzzzzz_runlock_override.tf.json"),
        (["zzzz_runlock_override.tofu.json"], "zzzzzzzzzzzz_runlock_override.tf.json"),
        (["zzzzz_override.tf"], "zzzzzzzzzzzz_runlock_override.tf.json"),
        (["{_override.tf.json"], "~~~~_runlock_override.tf.json"),
    ],
)
def test_ours_is_read_last(tmp_path: Path, committed: list[str], expected: str) -> None:
    for name in committed:
        (tmp_path / name).write_text("{}")
    assert redirect_state(tmp_path, CONTENT) == []
    assert ours(tmp_path) == expected
    overrides = sorted(name.name.encode() for name in tmp_path.iterdir() if is_override(name.name))
    assert overrides[-1].decode() == expected


@pytest.mark.parametrize("name", ["\uffff_override.tf", "~~~~~_override.tofu", "~~~~_runlock_override.tf"])
def test_what_would_be_read_even_later_is_set_aside_and_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('terraform {\n  backend "local" {}\n}\n')
    (note,) = redirect_state(tmp_path, CONTENT)
    assert "was set aside" in note
    assert [path.name for path in tmp_path.iterdir()] == ["~~~~_runlock_override.tf.json"]


def test_committed_states_are_set_aside_and_told(tmp_path: Path) -> None:
    (tmp_path / "terraform.tfstate.d/other").mkdir(parents=True)
    (tmp_path / "terraform.tfstate").symlink_to("/etc/hostname")
    (tmp_path / "errored.tfstate").write_text("{}")
    assert len(redirect_state(tmp_path, CONTENT)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["zzzz_runlock_override.tf.json"]
    assert Path("/etc/hostname").exists()


def test_an_override_that_an_earlier_stage_left_is_replaced(tmp_path: Path) -> None:
    redirect_state(tmp_path, CONTENT)
    (tmp_path / "zzzz_runlock_override.tf.json").write_text('{"terraform":{"backend":{"local":{}}}}')
    redirect_state(tmp_path, CONTENT, restored=True)
    assert ours(tmp_path) == "zzzz_runlock_override.tf.json"
