"""Which tokens did we give out? Only their hashes are kept; a token is shown once.

A per-run token and a runner pool's token are made from the master key and not stored: see `derived`.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.ids import RunId, UserId
from bot.run import Stage
from bot.timestamps import maybe_text, to_text
from storage.database import Records
from storage.encryption import Keyring
from storage.ids import new_id

LINK_LIFETIME = timedelta(minutes=10)  # a login link is for now, not for a bookmark


class TokenKind(StrEnum):
    USER = "user"  # an API token
    LOGIN_LINK = "login-link"  # opens one session, once


@dataclass(frozen=True)
class Token:
    id: str
    kind: TokenKind
    user_id: UserId


class Tokens:
    def __init__(self, records: Records, keyring: Keyring, now: Callable[[], datetime]) -> None:
        self._records = records
        self._run_key = keyring.derive("run tokens")
        self._now = now

    def give(self, kind: TokenKind, user_id: UserId, description: str, lifetime: timedelta | None = None) -> str:
        """A new token, in plain; the only time that anybody sees it."""
        token_id = new_id("at")
        plain = f"{token_id.removeprefix('at-')}.runlock.{secrets.token_urlsafe(32)}"
        self._records.insert(
            "tokens",
            {
                "id": token_id,
                "hash": hash_token(plain),
                "kind": kind,
                "user_id": user_id,
                "description": description,
                "created_at": to_text(self._now()),
                "expires_at": maybe_text(self._now() + lifetime if lifetime else None),
            },
        )
        return plain

    def find(self, plain: str, kind: TokenKind) -> Token | None:
        """The token if it is known and has not expired; notes its use."""
        row = self._records.row(
            """SELECT id, kind, user_id FROM tokens
               WHERE hash = ? AND kind = ? AND (expires_at IS NULL OR expires_at > ?)""",
            (hash_token(plain), kind, to_text(self._now())),
        )
        if row is None:
            return None
        # At most once a minute: a token that is used a hundred times a second must not write each time.
        self._records.change(
            "UPDATE tokens SET last_used_at = ? WHERE id = ? AND coalesce(last_used_at, '') < ?",
            (to_text(self._now()), row["id"], to_text(self._now() - timedelta(minutes=1))),
        )
        return Token(row["id"], TokenKind(row["kind"]), UserId(row["user_id"]))

    def spend(self, plain: str) -> UserId | None:
        """Use a login link up: whose it is, or None if it is unknown, expired or used."""
        with self._records.write():
            found = self.find(plain, TokenKind.LOGIN_LINK)
            if found is None:
                return None
            self._records.change("DELETE FROM tokens WHERE id = ?", (found.id,))
        return found.user_id

    def for_run(self, run_id: RunId, stage: Stage) -> str:
        """The run's own token for one stage. Made from the key, so it is never stored."""
        return f"{run_id}.{stage}.{self._run_mark(run_id, stage)}"

    def run_of(self, plain: str) -> tuple[RunId, Stage] | None:
        """Whose per-run token this is, and for what. Whether that run is at it is for the caller to ask."""
        run_id, _, rest = plain.partition(".")
        for stage in Stage:
            expected = f"{stage}.{self._run_mark(RunId(run_id), stage)}"
            if hmac.compare_digest(rest.encode(), expected.encode()):
                return RunId(run_id), stage
        return None

    def _run_mark(self, run_id: RunId, stage: Stage) -> str:
        return hmac.new(self._run_key, f"{run_id} {stage}".encode(), hashlib.sha256).hexdigest()


def hash_token(plain: str) -> str:
    """Plain SHA-256 is enough for 256 random bits: there is nothing to guess."""
    return hashlib.sha256(plain.encode()).hexdigest()
