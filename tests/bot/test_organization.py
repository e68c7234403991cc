"""What may an organization, and a person, be called?"""

import pytest

from bot.errors import Refused
from bot.organization import check_username
from storage.ids import new_id

KINDS = ("user", "team", "org", "run", "ws", "prj", "ou", "varset", "sv")


@pytest.mark.parametrize("name", ["ada", "a.b+c", "team-lead", "run-ops", "anna-constantinopoulos", "user-1"])
def test_names_that_people_have(name: str) -> None:
    assert check_username(name) == name


@pytest.mark.parametrize("kind", KINDS)
def test_no_username_looks_like_an_id(kind: str) -> None:
    ident = new_id(kind)
    for name in (ident, ident.lower(), ident.upper()):
        with pytest.raises(Refused, match="looks like an id"):
            check_username(name)


@pytest.mark.parametrize("name", ["", "a b", "a" * 61, "a@b"])
def test_no_names(name: str) -> None:
    with pytest.raises(Refused):
        check_username(name)
