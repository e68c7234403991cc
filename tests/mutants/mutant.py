"""What is a mutant? A guard that is taken out, and the stories that must notice."""

from dataclasses import dataclass

S = "tests/scenarios/"
R = "handlers/reactions/"


@dataclass(frozen=True)
class Edit:
    """`guard` stands exactly once in the file; without it, `mutated` stands there."""

    file: str
    guard: str
    mutated: str


@dataclass(frozen=True)
class Mutant:
    """`without` says in words what is taken out. Each of `tests` must pass before, and one must fail after."""

    invariant: int
    without: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


def mutant(invariant: int, without: str, file: str, guard: str, mutated: str, *tests: str) -> Mutant:
    return Mutant(invariant, without, (Edit(file, guard, mutated),), tests)
