"""Which state may follow which."""

import pytest

from bot.state import StateConflict, StateFacts, check_follows

CURRENT = StateFacts(4, "a", "m4")


@pytest.mark.parametrize("new", [StateFacts(5, "a", "m5"), StateFacts(99, "a", "m4")])
def test_a_newer_one_of_the_lineage_follows(new: StateFacts) -> None:
    assert check_follows(CURRENT, new)


def test_anything_follows_nothing() -> None:
    assert check_follows(None, StateFacts(0, "", "m"))


@pytest.mark.parametrize("force", [True, False])
def test_the_same_again_is_neither_new_nor_a_conflict(force: bool) -> None:
    assert not check_follows(CURRENT, CURRENT, force=force)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (StateFacts(5, "b", "m5"), "another lineage"),
        (StateFacts(5, "", "m5"), "another lineage"),
        (StateFacts(3, "a", "m3"), "older"),
        (StateFacts(4, "a", "other"), "serial 4 is stored already"),
    ],
)
def test_what_does_not_follow_does_by_force_alone(new: StateFacts, words: str) -> None:
    with pytest.raises(StateConflict, match=words):
        check_follows(CURRENT, new)
    assert check_follows(CURRENT, new, force=True)
