"""Long secrets that repeat themselves are masked as any other, and in linear time."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import redaction
from bot.redaction import LEAST_LENGTH, PLACEHOLDER, Redactor

# A few letters, so that what is found overlaps and repeats itself in every way.
_LETTERS = st.text("ab", min_size=1, max_size=4)
REPEATING = st.builds(lambda part, times, end: (part * times + end)[:40], _LETTERS, st.integers(1, 20), st.text("ab"))
SECRETS = st.lists(REPEATING.filter(lambda secret: len(secret) >= LEAST_LENGTH), min_size=1, max_size=4)
TEXTS = st.lists(st.one_of(REPEATING, st.text("ab\n ", max_size=5)), max_size=8)


class BeforeLongForms(Redactor):
    """As it was before long forms had a search of their own: one pattern, and each beginning compared anew."""

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        pattern = re.compile(redaction._alternation([form for form, _ in self._forms], 0), re.DOTALL)
        found: list[tuple[int, int]] = []
        match = pattern.search(data)
        while match is not None:
            found.append(match.span())
            match = pattern.search(data, match.start() + 1)
        return redaction._united(found)

    def _start_of_unfinished(self, data: bytes) -> int:
        start = len(data)
        for form, _ in self._forms:
            earliest = max(0, len(data) - len(form) + 1)
            if earliest < start:
                start = redaction._first_overlap(data, form, earliest, start)
        return start


@contextmanager
def long_from(length: int) -> Iterator[None]:
    with mock.patch.object(redaction, "LONG_FORM", length):
        yield


def shown_by(redactor: Redactor, pieces: list[bytes]) -> list[bytes]:
    return [*(redactor.feed(piece) for piece in pieces), redactor.finish()]


@settings(deadline=None, max_examples=200)
@given(SECRETS, TEXTS, st.lists(st.integers(0, 50)), st.integers(LEAST_LENGTH, 12))
def test_each_piece_is_shown_as_it_was_before(
    secrets: list[str], texts: list[str], sizes: list[int], long_length: int
) -> None:
    """Also what is held back, and when."""
    text = "".join([*texts, *secrets, *texts]).encode()
    pieces = []
    for size in sizes:
        pieces, text = [*pieces, text[:size]], text[size:]
    with long_from(long_length):
        assert shown_by(Redactor(secrets), [*pieces, text]) == shown_by(BeforeLongForms(secrets), [*pieces, text])


@settings(deadline=None, max_examples=50)
@given(SECRETS, TEXTS, st.integers(LEAST_LENGTH, 12))
def test_chunks_end_everywhere(secrets: list[str], texts: list[str], long_length: int) -> None:
    text = "".join([*texts, secrets[0], *texts]).encode()
    with long_from(long_length):
        now, before = Redactor(secrets), BeforeLongForms(secrets)
        assert now.redact(text) == before.redact(text)
        for border in range(len(text)):
            pieces = [text[:border], text[border:]]
            assert shown_by(now, pieces) == shown_by(before, pieces)


@pytest.mark.parametrize("secret", ["a" * 300, "ab" * 150, "a" * 299 + "b", "b" + "a" * 299, "aab" * 99 + "aaab"])
@pytest.mark.parametrize("size", [1, 7, 127, 128, 129, 299, 300, 301, 5000])
def test_secrets_of_true_length_are_masked_as_before(secret: str, size: int) -> None:
    text = "".join(
        ("x", secret, secret[:-1], secret[:150], " ", secret, secret, secret[1:], "a" * 400, "ab" * 99, "\n")
    )
    data = (text + text).encode()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert shown_by(Redactor([secret, "aabb"]), pieces) == shown_by(BeforeLongForms([secret, "aabb"]), pieces)


@pytest.mark.parametrize("secret", ["a" * 20_000, "ab" * 10_000, "a" * 19_999 + "b", "a" * 10_000 + "b" * 10_000])
@pytest.mark.parametrize("text", ["a", "ab", "a" * 19_998 + "b", "a" * 9_999 + "c"])
def test_a_long_secret_that_repeats_itself_takes_no_longer(secret: str, text: str) -> None:
    """It took half a minute."""
    data = (text * (1_000_000 // len(text))).encode()
    redactor = Redactor([secret])
    start = time.process_time()
    shown = b"".join(redactor.feed(data[at : at + 10_000]) for at in range(0, len(data), 10_000)) + redactor.finish()
    assert time.process_time() - start < 5
    assert secret.encode() not in shown
    assert (PLACEHOLDER in shown) == (secret.encode() in data)
