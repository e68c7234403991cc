"""What of a changing value may whoever reads runs see, before and after? What differs goes on to differ.

Sensitive values become placeholders, and secrets are masked in texts; both could make a change look like none.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from bot.plan_placeholders import Seen, Shape, element, member, placeholder

# After a masked text that changes, where nothing else in it does.
CHANGED = " (changed)"


@dataclass(frozen=True)
class Side:
    """A value, and what the plan marks in it as sensitive: true, or a structure of the value's own shape."""

    value: Any = None
    sensitive: Any = None

    def member(self, name: str) -> "Side":
        marks = self.sensitive.get(name) if isinstance(self.sensitive, Mapping) else None
        return Side(self.value.get(name), marks) if isinstance(self.value, Mapping) else Side()

    def elements(self) -> list["Side"]:
        if not _is_list(self.value):
            return []
        marks = list(self.sensitive) if _is_list(self.sensitive) else []
        marks += [None] * (len(self.value) - len(marks))
        return [Side(value, mark) for value, mark in zip(self.value, marks, strict=False)]


@dataclass(frozen=True)
class Shown:
    """How values are shown; `mask` is the log's. A name is masked as the same one in the whole document, and as no
    other's: two names never become one entry."""

    mask: Callable[[str], str]
    _names: dict[str, str] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    def name(self, name: str) -> str:
        if name not in self._names:
            self._names[name] = self._free(self.mask(name))
        return self._names[name]

    def _free(self, masked: str) -> str:
        """Numbered, where another name became the same."""
        number, free = 2, masked
        while free in self._taken:
            number, free = number + 1, f"{masked} {number}"
        self._taken.add(free)
        return free

    def names_in(self, value: Any) -> Any:
        """A path of names and indices, or marks by names, with the names as the values have them."""
        if isinstance(value, str):
            return self.name(value)
        if isinstance(value, Mapping):
            return {self.name(name): self.names_in(each) for name, each in value.items()}
        return [self.names_in(each) for each in value] if _is_list(value) else value

    def both(self, before: Side, after: Side, shape: Shape) -> tuple[Any, Any]:
        """The two values as they may be seen. What one side marks as sensitive is hidden on the other as well."""
        if before.sensitive is True or after.sensitive is True:
            return _hidden(before.value, after.value, shape)
        old, new = before.value, after.value
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            return self._members(before, after, shape)
        if _is_list(old) and _is_list(new):
            return self._elements(before.elements(), after.elements(), shape)
        if isinstance(old, str) and isinstance(new, str):
            return self._texts(old, new)
        return self._alone(before, shape, is_before=True), self._alone(after, shape, is_before=False)

    def _alone(self, side: Side, shape: Shape, *, is_before: bool) -> Any:
        """One side, where the other has nothing like it."""
        if isinstance(side.value, str):
            return self.mask(side.value)
        if isinstance(side.value, Mapping) or _is_list(side.value):
            nothing = Side({} if isinstance(side.value, Mapping) else [])
            sides = (side, nothing) if is_before else (nothing, side)
            return self.both(*sides, shape)[0 if is_before else 1]
        return side.value

    def _members(self, before: Side, after: Side, shape: Shape) -> tuple[Any, Any]:
        old: dict[str, Any] = {}
        new: dict[str, Any] = {}
        for name in {**before.value, **after.value}:
            was, becomes = self.both(before.member(name), after.member(name), member(shape, name))
            if name in before.value:
                old[self.name(name)] = was
            if name in after.value:
                new[self.name(name)] = becomes
        return old, new

    def _elements(self, before: list[Side], after: list[Side], shape: Shape) -> tuple[Any, Any]:
        """In pairs from the front, but from behind as far as both end alike: what is put in between moves nothing."""
        least = min(len(before), len(after))
        alike = 0
        while alike < least and _are_equal(before[-1 - alike].value, after[-1 - alike].value):
            alike += 1
        heads = len(before) - alike, len(after) - alike
        pairs = [
            self.both(_at(before, index, heads[0]), _at(after, index, heads[1]), element(shape, index))
            for index in range(max(heads))
        ]
        tails = zip(before[heads[0] :], after[heads[1] :], strict=True)
        ends = [self.both(old, new, element(shape, heads[1] + index)) for index, (old, new) in enumerate(tails)]
        return (
            [old for old, _ in pairs[: heads[0]]] + [old for old, _ in ends],
            [new for _, new in pairs[: heads[1]]] + [new for _, new in ends],
        )

    def _texts(self, old: str, new: str) -> tuple[str, str]:
        was, becomes = self.mask(old), self.mask(new)
        return was, becomes + CHANGED if was == becomes and old != new else becomes


def settled(after: Any, unknown: Any, sensitive: Any) -> tuple[Any, Any]:
    """`after` and `after_unknown`, with what is sensitive and in parts unknown made unknown as a whole: the parts that
    are known to come, and their names, are of the value."""
    if sensitive is True:
        return (None, True) if _any_true(unknown) else (after, False)
    if isinstance(sensitive, Mapping) and isinstance(unknown, Mapping) and isinstance(after, Mapping):
        after, unknown = dict(after), dict(unknown)
        for name in [name for name in sensitive if name in unknown]:
            known, unknown[name] = settled(after.get(name), unknown[name], sensitive[name])
            if name in after:
                after[name] = known
    elif _is_list(sensitive) and _is_list(unknown) and _is_list(after):
        after, unknown = list(after), list(unknown)
        for index in range(min(len(sensitive), len(unknown), len(after))):
            after[index], unknown[index] = settled(after[index], unknown[index], sensitive[index])
    return after, unknown


def either(one: Any, other: Any) -> Any:
    """The marks of both sides in one: what either hides is hidden."""
    if one is True or other is True:
        return True
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {name: either(one.get(name), other.get(name)) for name in {**one, **other}}
    if _is_list(one) and _is_list(other):
        return [either(first, second) for first, second in zip_longest(one, other)]
    return one or other


def open_part(path: Sequence[Any], marks: Any) -> list[Any]:
    """A path as far as it leads through what isn't hidden: what is below has names of its own."""
    found: list[Any] = []
    for part in path:
        if marks is True:
            break
        found.append(part)
        if isinstance(marks, Mapping):
            marks = marks.get(part)
        else:
            marks = marks[part] if _is_list(marks) and isinstance(part, int) and part < len(marks) else None
    return found


def _hidden(before: Any, after: Any, shape: Shape) -> tuple[Any, Any]:
    """A placeholder for each side that has a value: what is null is null, and no secret."""
    changes = before is not None and after is not None and not _are_equal(before, after)
    seen = (Seen.BEFORE, Seen.AFTER) if changes else (Seen.SAME, Seen.SAME)
    return tuple(
        None if value is None else placeholder(shape, each) for value, each in zip((before, after), seen, strict=True)
    )  # type: ignore[return-value]


def _at(sides: list[Side], index: int, length: int) -> Side:
    return sides[index] if index < length else Side()


def _are_equal(one: Any, other: Any) -> bool:
    """As JSON is: true is not 1."""
    return one == other and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _any_true(marks: Any) -> bool:
    if isinstance(marks, Mapping):
        return any(_any_true(each) for each in marks.values())
    return any(_any_true(each) for each in marks) if _is_list(marks) else marks is True


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
