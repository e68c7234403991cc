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

from bot.errors import NotFound
from bot.ids import OrganizationId, RunId, UserId
from bot.run import Stage
from bot.timestamps import from_text, maybe_from_text, maybe_text, to_text
from storage.database import Records, Row
from storage.encryption import Keyring
from storage.ids import new_id

LINK_LIFETIME = timedelta(minutes=10)  # a login link is for now, not for a bookmark


class TokenKind(StrEnum):
    USER = "user"  # an API token
    TEAM = "team"
    ORGANIZATION = "organization"
    LOGIN_LINK = "login-link"  # opens one session, once
    AUTHORIZATION_CODE = "authorization-code"  # becomes a user token, once: `terraform login`


API_KINDS = (TokenKind.USER, TokenKind.TEAM, TokenKind.ORGANIZATION)
_HOLDER = {
    TokenKind.USER: "user_id",
    TokenKind.LOGIN_LINK: "user_id",
    TokenKind.AUTHORIZATION_CODE: "user_id",
    TokenKind.TEAM: "team_id",
    TokenKind.ORGANIZATION: "organization_id",
}


@dataclass(frozen=True)
class Token:
    """A token without its secret. `holder_id` is the user, the team or the organization that it stands for."""

    id: str
    kind: TokenKind
    holder_id: str
    description: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @property
    def user_id(self) -> UserId:
        """Of a user's token and of a login link."""
        return UserId(self.holder_id)


class Tokens:
    def __init__(self, records: Records, keyring: Keyring, now: Callable[[], datetime]) -> None:
        self._records = records
        self._run_key = keyring.derive("run tokens")
        self._now = now

    def give(self, kind: TokenKind, holder_id: str, description: str, lifetime: timedelta | None = None) -> str:
        """A new token, in plain; the only time that anybody sees it."""
        return self.issue(kind, holder_id, description, self._now() + lifetime if lifetime else None)[1]

    def issue(
        self, kind: TokenKind, holder_id: str, description: str, expires_at: datetime | None, created_by: str = ""
    ) -> tuple[Token, str]:
        """A new token, and how it reads in plain, which nobody can be told again."""
        token_id = new_id("at")
        plain = f"{token_id.removeprefix('at-')}.runlock.{secrets.token_urlsafe(32)}"
        self._records.insert(
            "tokens",
            {
                "id": token_id,
                "hash": hash_token(plain),
                "kind": kind,
                _HOLDER[kind]: holder_id,
                "description": description,
                "created_by": created_by,
                "created_at": to_text(self._now()),
                "expires_at": maybe_text(expires_at),
            },
        )
        return self.get(token_id), plain

    def find(self, plain: str, *kinds: TokenKind) -> Token | None:
        """The token if it is known, of one of these kinds, and has not expired; notes its use."""
        row = self._records.row(
            f"""SELECT * FROM tokens WHERE hash = ? AND kind IN ({", ".join("?" * len(kinds))})
                AND (expires_at IS NULL OR expires_at > ?)""",
            (hash_token(plain), *kinds, to_text(self._now())),
        )
        if row is None:
            return None
        minute_ago = to_text(self._now() - timedelta(minutes=1))
        if (row["last_used_at"] or "") < minute_ago:
            # At most once a minute: a token that is used a hundred times a second must not write each time.
            self._records.change(
                "UPDATE tokens SET last_used_at = ? WHERE id = ? AND coalesce(last_used_at, '') < ?",
                (to_text(self._now()), row["id"], minute_ago),
            )
        return _token(row)

    def get(self, token_id: str) -> Token:
        """Raises NotFound."""
        row = self._records.row("SELECT * FROM tokens WHERE id = ?", (token_id,))
        if row is None:
            raise NotFound(f"there is no authentication token {token_id}")
        return _token(row)

    def of(self, kind: TokenKind, holder_id: str, *, limit: int, offset: int = 0) -> tuple[list[Token], int]:
        """A page of somebody's tokens, the oldest first, and how many there are."""
        of_holder = f"{_HOLDER[kind]} = ? AND kind = ?"
        total = self._records.value(f"SELECT count(*) FROM tokens WHERE {of_holder}", (holder_id, kind))
        rows = self._records.rows(
            f"SELECT * FROM tokens WHERE {of_holder} ORDER BY created_at, rowid LIMIT ? OFFSET ?",
            (holder_id, kind, limit, offset),
        )
        return [_token(row) for row in rows], int(total)

    def of_teams(self, organization_id: OrganizationId, *, limit: int, offset: int) -> tuple[list[Token], int]:
        """A page of the tokens of an organization's teams, and how many there are."""
        of_teams = "kind = 'team' AND team_id IN (SELECT id FROM teams WHERE organization_id = ?)"
        total = self._records.value(f"SELECT count(*) FROM tokens WHERE {of_teams}", (organization_id,))
        rows = self._records.rows(
            f"SELECT * FROM tokens WHERE {of_teams} ORDER BY created_at, rowid LIMIT ? OFFSET ?",
            (organization_id, limit, offset),
        )
        return [_token(row) for row in rows], int(total)

    def only(self, kind: TokenKind, holder_id: str) -> Token | None:
        """The one token without a description that a team or an organization has, if it has one."""
        row = self._records.row(
            f"SELECT * FROM tokens WHERE {_HOLDER[kind]} = ? AND kind = ? AND description = ''", (holder_id, kind)
        )
        return _token(row) if row else None

    def has_valid(self, kind: TokenKind, holder_id: str) -> bool:
        """Whether somebody has a token with which they can ask for something now."""
        sql = f"""SELECT 1 FROM tokens WHERE {_HOLDER[kind]} = ? AND kind = ?
                  AND (expires_at IS NULL OR expires_at > ?) LIMIT 1"""
        return self._records.row(sql, (holder_id, kind, to_text(self._now()))) is not None

    def remove(self, token_id: str) -> None:
        self._records.change("DELETE FROM tokens WHERE id = ?", (token_id,))

    def spend(self, plain: str, kind: TokenKind) -> Token | None:
        """Use up a login link or an authorization code: None if it is unknown, expired or used."""
        with self._records.write():
            found = self.find(plain, kind)
            if found is not None:
                self._records.change("DELETE FROM tokens WHERE id = ?", (found.id,))
        return found

    def forget_expired(self) -> int:
        """Remove the login links and authorization codes that nobody used in time; how many.

        An API token that has expired stays: its holder is to see that it did.
        """
        return self._records.change(
            "DELETE FROM tokens WHERE kind IN (?, ?) AND expires_at <= ?",
            (TokenKind.LOGIN_LINK, TokenKind.AUTHORIZATION_CODE, to_text(self._now())),
        )

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


def _token(row: Row) -> Token:
    kind = TokenKind(row["kind"])
    return Token(
        id=row["id"],
        kind=kind,
        holder_id=row[_HOLDER[kind]],
        description=row["description"],
        created_by=row["created_by"],
        created_at=from_text(row["created_at"]),
        expires_at=maybe_from_text(row["expires_at"]),
        last_used_at=maybe_from_text(row["last_used_at"]),
    )


def hash_token(plain: str) -> str:
    """Plain SHA-256 is enough for 256 random bits: there is nothing to guess."""
    return hashlib.sha256(plain.encode()).hexdigest()
