"""Secrets never leave the redactor, whatever the chunks; everything else does, unchanged."""

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.redaction import LEAST_LENGTH, PLACEHOLDER, Redactor

SECRETS = st.lists(st.text("ab1/+\n%", min_size=LEAST_LENGTH, max_size=12), min_size=1, max_size=4)


def in_chunks(redactor: Redactor, data: bytes, sizes: list[int]) -> bytes:
    shown = b""
    for size in sizes:
        shown, data = shown + redactor.feed(data[:size]), data[size:]
    return shown + redactor.feed(data) + redactor.finish()


@given(SECRETS, st.lists(st.integers(0, 3)), st.lists(st.integers(0, 9)), st.text("ab1/+\n% ", max_size=40))
def test_no_secret_appears_whatever_the_chunks(
    secrets: list[str], order: list[int], sizes: list[int], between: str
) -> None:
    stream = between.join(secrets[index % len(secrets)] for index in order) + between
    shown = in_chunks(Redactor(secrets), stream.encode(), sizes)
    for secret in secrets:
        for piece in shown.split(PLACEHOLDER):
            assert secret.encode() not in piece


@given(SECRETS, st.lists(st.integers(0, 9)), st.text("ab1/+\n% ", max_size=60))
def test_chunks_make_no_difference(secrets: list[str], sizes: list[int], text: str) -> None:
    assert in_chunks(Redactor(secrets), text.encode(), sizes) == Redactor(secrets).redact(text.encode())


@given(st.binary(max_size=300), st.lists(st.integers(0, 50)))
def test_what_is_no_secret_passes_unchanged(data: bytes, sizes: list[int]) -> None:
    assert in_chunks(Redactor(["a secret that is not in there at all"]), data, sizes) == data


@pytest.mark.parametrize(
    "written",
    [
        's3cr3t/"<ü>" ok',
        base64.b64encode('s3cr3t/"<ü>" ok'.encode()).decode(),
        base64.b64encode(b"run:" + 's3cr3t/"<ü>" ok'.encode()).decode(),
        base64.b64encode(b"me:" + 's3cr3t/"<ü>" ok'.encode() + b"!").decode(),
        quote('s3cr3t/"<ü>" ok', safe=""),
        quote('s3cr3t/"<ü>" ok', safe="").lower().replace("%c3%bc", "%c3%bc"),
        quote('s3cr3t/"<ü>" ok', safe="").replace("%20", "+"),
        json.dumps('s3cr3t/"<ü>" ok')[1:-1],
        json.dumps('s3cr3t/"<ü>" ok', ensure_ascii=False)[1:-1],
        's3cr3t/\\"\\u003cü\\u003e\\" ok',
    ],
)
def test_every_usual_encoding_is_masked(written: str) -> None:
    shown = Redactor(['s3cr3t/"<ü>" ok']).redact_text(f"before {written} after")
    assert PLACEHOLDER.decode() in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert written not in shown


def test_a_secret_of_many_lines_is_masked_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nshort\nqUc9aTkzXoPvbQ==\n-----END KEY-----\n"
    shown = Redactor([key]).redact_text("  | MIIEowIBAAKCAQEA\n  | short\n  | qUc9aTkzXoPvbQ==\n")
    assert shown == "  | (redacted)\n  | short\n  | (redacted)\n"


def test_a_secret_is_masked_without_the_line_break_that_somebody_pasted_with_it() -> None:
    assert Redactor(["s3cr3\n"]).redact_text("it is s3cr3!") == "it is (redacted)!"
    assert Redactor(["s3cr3t"]).redact_text("half a pair \ud800 of s3cr3t") == "half a pair ? of (redacted)"


def test_a_secret_of_megabytes_is_masked_whole() -> None:
    secret = "".join(f"{number:08x}" for number in range(25_000))
    shown = in_chunks(Redactor([secret]), f"<{secret}>".encode(), [1000] * 300)
    assert shown.startswith(b"<(redacted)")
    assert shown.endswith(b"(redacted)>")
    assert len(shown) < 100


def test_a_secret_of_three_characters_is_not_searched() -> None:
    assert Redactor(["eu1"]).redact_text("region eu1") == "region eu1"


def test_a_line_without_a_secret_is_shown_at_once() -> None:
    assert Redactor(["a-very-long-secret-value"]).feed(b"Plan: 1 to add.\n") == b"Plan: 1 to add.\n"


def test_only_the_beginning_of_a_secret_is_held_back() -> None:
    redactor = Redactor(["swordfish"])
    assert redactor.feed(b"password: sword") == b"password: "
    assert redactor.feed(b"play\n") == b"swordplay\n"


def test_a_stream_of_one_repeated_secret_is_not_hoarded() -> None:
    redactor = Redactor(["aaaa"])
    shown = b"".join(redactor.feed(b"a" * 1000) for _ in range(1000)) + redactor.finish()
    assert shown == PLACEHOLDER


def test_twenty_megabytes_and_fifty_secrets_take_seconds_not_minutes() -> None:
    redactor = Redactor([f"{number:02}-s3cr3t-value-{number * 7919:x}" for number in range(50)])
    line = b"aws_instance.web: Still creating... [10s elapsed] id=i-0123456789abcdef s3cr3t-ish\n" * 780
    start = time.process_time()
    total = sum(len(redactor.feed(line)) for _ in range(20_000_000 // len(line)))
    assert total > 19_000_000
    assert time.process_time() - start < 10


def test_secrets_do_not_show_in_a_repr() -> None:
    assert "swordfish" not in repr(Redactor(["swordfish"]))
