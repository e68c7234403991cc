"""Is the table of guards true? Every guard stands once in its file, and every test that it names is there."""

import ast
from pathlib import Path

import pytest

from tests.mutants.guards import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
INVARIANTS = range(1, 15)


def named(mutant: Mutant) -> str:
    return f"{mutant.invariant}: {mutant.without}"


def functions(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("mutant", MUTANTS, ids=named)
def test_a_guard_stands_where_the_table_says(mutant: Mutant) -> None:
    for edit in mutant.edits:
        text = (ROOT / edit.file).read_text()
        assert text.count(edit.guard) == 1, f"{edit.file} has changed: write its guard anew in tests/mutants/"
        ast.parse(text.replace(edit.guard, edit.mutated))


@pytest.mark.parametrize("mutant", MUTANTS, ids=named)
def test_its_story_is_there(mutant: Mutant) -> None:
    for test in mutant.tests:
        file, _, function = test.partition("::")
        assert not function or function.partition("[")[0] in functions(ROOT / file), f"there is no {test}"


def test_every_invariant_has_a_guard_and_each_guard_a_name() -> None:
    assert {mutant.invariant for mutant in MUTANTS} == set(INVARIANTS)
    assert len({named(mutant) for mutant in MUTANTS}) == len(MUTANTS)
