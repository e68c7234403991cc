"""Where do ids come from? A kind, a dash, 16 random characters: `run-CZcmD7eagjhyX0vN`, as TFE's."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(kind: str) -> str:
    """An id that nobody can guess (95 bits)."""
    return f"{kind}-{''.join(secrets.choice(_ALPHABET) for _ in range(16))}"
