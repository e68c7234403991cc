"""Which bytes of an engine's output must nobody see? A stream filter that masks secrets, however they are split."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from urllib.parse import quote, quote_plus

from bot.long_forms import LongForm

PLACEHOLDER = b"(redacted)"
# Characters. Shorter values ("on", "1", "eu") stand everywhere in a log: masking them would make it unreadable, and
# would tell more about the value than it hides.
LEAST_LENGTH = 4
# Characters, for a part of a secret: a line of a multi-line one, or the middle of its base64 inside a longer one.
LEAST_PART_LENGTH = 8
# Bytes. Where a form's beginning of this length stands, it is searched as a long one: a pattern would compare a secret
# that repeats itself (20,000 times one letter) anew at each byte.
LONG_FORM = 128
LONGEST_FORM = 64 * 1024  # bytes; a longer secret is searched in pieces, so that what is held back stays small


class Redactor:
    """Masks every secret, and its usual encodings, in a stream of bytes.

    At most the longest beginning of a secret that ends the bytes seen so far is held back until more is fed, so that a
    log stays live. The work is linear in the size of what is fed and what was held back.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in forms_of(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._forms = [(form, LongForm(form, LONG_FORM) if len(form) > LONG_FORM else None) for form in longest_first]
        self._openings = {form[:LONG_FORM] for form, long in self._forms if long}
        self._pattern = _pattern({form[:LONG_FORM] for form in forms})
        self._held = b""
        self._covered = 0

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def feed(self, chunk: bytes) -> bytes:
        """The part of the stream that may be shown now."""
        if self._pattern is None:
            return chunk
        return self._show(self._held + chunk, finished=False)

    def finish(self) -> bytes:
        """What was held back, masked as far as it is a secret."""
        return self._show(self._held, finished=True)

    def _show(self, data: bytes, *, finished: bool) -> bytes:
        """Mask what is decided; hold back from where a secret may have begun.

        A secret may end in what is held back, where another one may begin: its placeholder is written at once, and
        `_covered` says how many held bytes belong to it, so that nothing is held for longer than one secret is long.
        """
        going_on = self._covered > 0
        spans = _united([(0, self._covered), *self._spans(data)] if going_on else self._spans(data))
        keep_from = len(data) if finished else self._start_of_unfinished(data)
        decided = [(start, min(end, keep_from)) for start, end in spans if start < keep_from]
        shown = _mask(data[:keep_from], decided, already_masked=going_on)
        begun = [end - keep_from for start, end in spans if start < keep_from or (going_on and start == 0)]
        self._covered = max([0, *begun])
        self._held = data[keep_from:]
        return shown

    def redact(self, data: bytes) -> bytes:
        """One piece of text that is complete in itself; the stream's state is untouched."""
        return _mask(data, self._spans(data))

    def redact_text(self, text: str) -> str:
        """The same for text; half of a surrogate pair, which is in no encoding, becomes a question mark."""
        return self.redact(text.encode(errors="replace")).decode(errors="replace")

    def _spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets stand, overlapping ones united, in order."""
        found: list[tuple[int, int]] = []
        for match in _matches(self._pattern, data):
            if self._openings and match.group() in self._openings:
                return self._spans_with_long(data)
            found.append(match.span())
        return _united(found)

    def _spans_with_long(self, data: bytes) -> list[tuple[int, int]]:
        """The same where the opening of a long form was met, which may be all that stands there."""
        found = [match.span() for match in _matches(self._short_pattern, data)]
        for _, long in self._forms:
            found += long.spans(data) if long else []
        return _united(sorted(found))

    @cached_property
    def _short_pattern(self) -> re.Pattern[bytes] | None:
        return _pattern({form for form, long in self._forms if not long})

    def _start_of_unfinished(self, data: bytes) -> int:
        """Where the longest suffix of `data` begins that a secret begins with too."""
        start = size = len(data)
        for form, long in self._forms:
            earliest = max(0, size - len(form) + 1)
            if earliest >= start:
                continue
            if long and size >= LONG_FORM:
                start = long.first_overlap(data, earliest, start)
                earliest = max(earliest, size - LONG_FORM + 1)
            start = _first_overlap(data, form, earliest, start)
        return start


def forms_of(secret: str) -> set[bytes]:
    """The secret as it may stand in an output: itself, its lines, base64, URL-quoted, JSON- and HCL-escaped."""
    if len(secret) < LEAST_LENGTH:
        return set()
    raw = secret.encode(errors="surrogateescape")
    texts = {secret, *_json_forms(secret), *_url_forms(secret), secret.replace("${", "$${").replace("%{", "%%{")}
    forms = {text.encode(errors="surrogateescape") for text in texts} | _base64_forms(raw)
    for line in [secret, *secret.splitlines()]:
        stripped = line.strip()
        if line == secret or len(stripped) >= LEAST_PART_LENGTH:
            forms.add(stripped.encode(errors="surrogateescape"))
    pieces = {form[start : start + LONGEST_FORM] for form in forms for start in range(0, len(form), LONGEST_FORM)}
    return {piece for piece in pieces if len(piece) >= LEAST_LENGTH}


def _json_forms(secret: str) -> set[str]:
    """Python's two ways and Go's, which also escapes what means something in HTML."""
    plain = json.dumps(secret, ensure_ascii=False)[1:-1]
    for_html = plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return {plain, for_html, json.dumps(secret)[1:-1]}


def _url_forms(secret: str) -> set[str]:
    forms = {
        function(secret, safe=safe, errors="surrogateescape") for function in (quote, quote_plus) for safe in ("", "/")
    }
    return forms | {re.sub("%[0-9A-F]{2}", lambda code: code[0].lower(), form) for form in forms}


def _base64_forms(raw: bytes) -> set[bytes]:
    """Alone, and inside a longer value: there only the characters that don't depend on the neighbours are known."""
    forms = {base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        forms.add(encode(raw).rstrip(b"="))
        for shift in range(3):
            encoded = encode(b"\0" * shift + raw).rstrip(b"=")
            first = -(-shift * 8 // 6)
            last = (shift + len(raw)) * 8 // 6
            if last - first >= LEAST_PART_LENGTH:
                forms.add(encoded[first:last])
    return forms


def _pattern(forms: set[bytes]) -> re.Pattern[bytes] | None:
    longest_first = sorted(forms, key=len, reverse=True)
    return re.compile(_alternation(longest_first, 0), re.DOTALL) if forms else None


def _matches(pattern: re.Pattern[bytes] | None, data: bytes) -> Iterator[re.Match[bytes]]:
    """The longest match at each place where there is one, overlapping ones as well."""
    match = pattern.search(data) if pattern else None
    while match is not None and pattern is not None:
        yield match
        match = pattern.search(data, match.start() + 1)


def _alternation(forms: list[bytes], depth: int) -> bytes:
    """A pattern that tries the longest form first; grouped by their first bytes, so that many forms stay fast."""
    if depth == LEAST_LENGTH or len(forms) == 1:
        return b"|".join(re.escape(form[depth:]) for form in forms)
    groups: dict[int, list[bytes]] = {}
    for form in forms:
        groups.setdefault(form[depth], []).append(form)
    return b"|".join(
        re.escape(bytes([first])) + b"(?:" + _alternation(group, depth + 1) + b")" for first, group in groups.items()
    )


def _first_overlap(data: bytes, form: bytes, earliest: int, latest: int) -> int:
    """The first index in [earliest, latest) from where `data` to its end is a beginning of `form`; else `latest`."""
    opening = form[:LEAST_LENGTH]
    position = data.find(opening, earliest)
    while 0 <= position < latest:
        if form.startswith(data[position:]):
            return position
        position = data.find(opening, position + 1)
    for position in range(max(earliest, len(data) - LEAST_LENGTH + 1), latest):
        if form.startswith(data[position:]):
            return position
    return latest


def _united(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order of their start, with those that touch or overlap made one."""
    united: list[tuple[int, int]] = []
    for start, end in spans:
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _mask(data: bytes, spans: list[tuple[int, int]], *, already_masked: bool = False) -> bytes:
    """`already_masked`: the first span goes on from what was shown before, so its placeholder stands there already."""
    if not spans:
        return data
    pieces: list[bytes] = []
    shown = 0
    for number, (start, end) in enumerate(spans):
        pieces += [data[shown:start], b"" if already_masked and number == 0 else PLACEHOLDER]
        shown = end
    return b"".join([*pieces, data[shown:]])
