"""Which tables hold organizations, users, and what they may?"""

from sqlite_utils import Database

from storage.migrations.sets import records


@records()
def people(db: Database) -> None:
    db.execute(
        """CREATE TABLE organizations (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, email TEXT NOT NULL,
            created_at TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE TABLE users (
            id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE COLLATE NOCASE, email TEXT NOT NULL,
            created_at TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE TABLE memberships (
            organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            is_owner INTEGER NOT NULL, PRIMARY KEY (organization_id, user_id)) STRICT"""
    )
    db.execute(
        """CREATE TABLE tokens (
            id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
            description TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT, last_used_at TEXT) STRICT"""
    )
