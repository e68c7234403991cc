"""TFE's precedence among variables of sets, of the workspace, and of the run itself."""

from itertools import permutations

import pytest

from bot.manifest import Category, VariableValue
from bot.variable_sets import AppliedSet, Reach, effective


def value(text: str, key: str = "region", category: Category = Category.TERRAFORM) -> VariableValue:
    return VariableValue(key, text, category)


def a_set(name: str, reach: Reach, *, is_priority: bool = False, key: str = "region") -> AppliedSet[VariableValue]:
    return AppliedSet(name, reach, is_priority, (value(name, key),))


# Each wins over all that follow it.
ORDER = [
    "priority global",
    "priority project",
    "priority workspace",
    "given with the run",
    "the workspace's own",
    "a workspace set",
    "b workspace set",
    "project set",
    "A global set",
    "a global set",
]
SETS = {
    "priority global": a_set("priority global", Reach.GLOBAL, is_priority=True),
    "priority project": a_set("priority project", Reach.PROJECT, is_priority=True),
    "priority workspace": a_set("priority workspace", Reach.WORKSPACE, is_priority=True),
    "a workspace set": a_set("a workspace set", Reach.WORKSPACE),
    "b workspace set": a_set("b workspace set", Reach.WORKSPACE),
    "project set": a_set("project set", Reach.PROJECT),
    "A global set": a_set("A global set", Reach.GLOBAL),
    "a global set": a_set("a global set", Reach.GLOBAL),
}


def chosen(names: tuple[str, ...]) -> str:
    own = [value("the workspace's own")] if "the workspace's own" in names else []
    given = [value("given with the run")] if "given with the run" in names else []
    (found,) = effective(own, [SETS[name] for name in names if name in SETS], given)
    return found.value


@pytest.mark.parametrize(("first", "second"), [(a, b) for i, a in enumerate(ORDER) for b in ORDER[i + 1 :]])
def test_each_wins_over_all_that_follow(first: str, second: str) -> None:
    assert chosen((first, second)) == first
    assert chosen((second, first)) == first


@pytest.mark.parametrize("names", list(permutations(["a workspace set", "project set", "A global set"])))
def test_the_order_in_which_sets_are_read_does_not_matter(names: tuple[str, ...]) -> None:
    assert chosen(names) == "a workspace set"


def test_names_go_by_their_characters() -> None:
    """Digits before capitals before small letters, as TFE has it; the first one counts."""
    sets = [a_set(name, Reach.WORKSPACE) for name in ("a", "B", "A", "10", "2")]
    assert effective([], sets)[0].value == "10"
    assert effective([], sets[:3])[0].value == "A"


def test_what_is_given_once_is_kept_and_categories_are_apart() -> None:
    own = [value("own", "one"), value("own env", "region", Category.ENVIRONMENT)]
    sets = [a_set("set", Reach.GLOBAL, is_priority=True), a_set("two", Reach.GLOBAL, key="two")]
    found = {(each.category.value, each.key): each.value for each in effective(own, sets)}
    assert found == {
        ("env", "region"): "own env",
        ("terraform", "one"): "own",
        ("terraform", "region"): "set",
        ("terraform", "two"): "two",
    }


def test_nothing_of_nothing() -> None:
    assert effective([], []) == ()
