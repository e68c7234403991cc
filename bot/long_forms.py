"""Where does a long secret stand in a stream, however it repeats itself? In linear time, and fast where it isn't.

Knuth, Morris and Pratt's search (https://doi.org/10.1137/0206024): where text and form cease to agree, the form's own
repetitions tell from where on they may agree again, so that no byte is looked at anew.
"""

from array import array
from collections.abc import Iterator
from functools import cached_property

_FIRST_STEP = 64  # bytes that are compared at once; twice as many after each that agree


class LongForm:
    """One form of a secret; its first bytes, `opening` of them, are looked for before it is compared."""

    def __init__(self, form: bytes, opening: int) -> None:
        self._form = form
        self._opening = form[:opening]

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Everywhere it stands, in order; they may overlap, and those of which each repeats the last are united."""
        length = len(self._form)
        return [(start, start + agreed) for start, agreed in self._agreements(data, 0) if agreed >= length]

    def first_overlap(self, data: bytes, earliest: int, latest: int) -> int:
        """The first index in [earliest, latest) from where `data` to its end is a beginning of the form; else `latest`.

        Only beginnings that are at least as long as the opening are found. From `earliest` on, `data` is to have fewer
        bytes than the form.
        """
        start, _ = next(self._agreements(data, earliest), (latest, 0))
        return min(start, latest)

    def _agreements(self, data: bytes, at: int) -> Iterator[tuple[int, int]]:
        """(start, how many bytes agree) where the whole form stands, and where `data` ends before the form does."""
        known = 0  # bytes of the form that are known to stand at `at`
        while known or (at := data.find(self._opening, at)) >= 0:
            agreed = known + _agreement(data, at + known, self._form, known)
            border = self._borders[agreed]
            period = agreed - border
            if agreed == len(self._form):
                repeated = _agreement(data, at + agreed, data, at + border) // period * period
                yield at, agreed + repeated
                at += repeated
            elif at + agreed == len(data):
                yield at, agreed
                return
            elif border > 0:  # where `data` goes on to repeat itself, the form fails alike each time
                at += max(0, _agreement(data, at + agreed, data, at + border) - 1) // period * period
            at, known = at + period, max(border, 0)

    @cached_property
    def _borders(self) -> "array[int]":
        """By the number of bytes that agreed: how many do when the form is moved on to where it may agree next.

        -1 where the next byte can't be the first one either. Made only once its opening was seen: it takes a while.
        """
        form, border = self._form, -1
        borders = array("i", [-1]) * (len(form) + 1)
        for place, byte in enumerate(form):
            while border >= 0 and byte != form[border]:
                border = borders[border]
            border += 1
            goes_on = place + 1 < len(form) and form[place + 1] == form[border]
            borders[place + 1] = borders[border] if goes_on else border
        return borders


def _agreement(data: bytes, at: int, form: bytes, place: int) -> int:
    """How many bytes agree from the two indices on. Compared in growing steps, then in shrinking ones."""
    most = min(len(data) - at, len(form) - place)
    agreed, step = 0, _FIRST_STEP

    def agree() -> bool:
        ours, theirs = at + agreed, place + agreed
        return agreed + step <= most and data[ours : ours + step] == form[theirs : theirs + step]

    while agree():
        agreed += step
        step *= 2
    while step:
        agreed += step if agree() else 0
        step //= 2
    return agreed
