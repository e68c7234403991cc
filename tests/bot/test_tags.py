"""What a tag may be."""

import pytest

from bot.errors import Refused
from bot.tags import MOST_TAGS, check_tags


def test_blanks_around_are_taken_off() -> None:
    assert check_tags({" env ": " prod ", "a:b/c=d": ""}) == {"env": "prod", "a:b/c=d": ""}


@pytest.mark.parametrize("key", ["", " ", "a,b", "a\nb", "-a", "a-", "é", "a" * 256])
def test_bad_keys(key: str) -> None:
    with pytest.raises(Refused):
        check_tags({key: ""})


@pytest.mark.parametrize("value", ["x" * 257, "a\nb", "a\0"])
def test_bad_values(value: str) -> None:
    with pytest.raises(Refused):
        check_tags({"key": value})


def test_not_too_many() -> None:
    check_tags({f"k{number}": "" for number in range(MOST_TAGS)})
    with pytest.raises(Refused, match="at most"):
        check_tags({f"k{number}": "" for number in range(MOST_TAGS + 1)})
