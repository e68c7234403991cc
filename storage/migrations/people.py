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
            is_site_admin INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE TABLE memberships (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, created_at TEXT NOT NULL,
            UNIQUE (organization_id, user_id)) STRICT"""
    )
    db.execute("CREATE INDEX memberships_user ON memberships (user_id)")
    db.execute("CREATE INDEX users_email ON users (email COLLATE NOCASE)")


@records()
def teams(db: Database) -> None:
    db.execute(
        """CREATE TABLE teams (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            name TEXT NOT NULL COLLATE NOCASE, visibility TEXT NOT NULL, flags TEXT NOT NULL,
            members_make_tokens INTEGER NOT NULL, created_at TEXT NOT NULL, UNIQUE (organization_id, name)) STRICT"""
    )
    db.execute(
        """CREATE TABLE team_members (
            team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            PRIMARY KEY (team_id, user_id)) STRICT"""
    )
    db.execute("CREATE INDEX team_members_user ON team_members (user_id, team_id)")
    # The workspaces' table is made after this one; SQLite asks for it only when a row is written.
    db.execute(
        """CREATE TABLE team_workspaces (
            id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
            workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            level TEXT NOT NULL, runs TEXT NOT NULL, variables TEXT NOT NULL, state TEXT NOT NULL,
            locking INTEGER NOT NULL, sentinel_mocks INTEGER NOT NULL, run_tasks INTEGER NOT NULL,
            UNIQUE (workspace_id, team_id)) STRICT"""
    )
    db.execute("CREATE INDEX team_workspaces_team ON team_workspaces (team_id, workspace_id)")


@records()
def tokens(db: Database) -> None:
    # A token stands for one of the three; a team and an organization have one token without a description each.
    db.execute(
        """CREATE TABLE tokens (
            id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
            team_id TEXT REFERENCES teams (id) ON DELETE CASCADE,
            organization_id TEXT REFERENCES organizations (id) ON DELETE CASCADE,
            description TEXT NOT NULL, created_by TEXT NOT NULL, created_at TEXT NOT NULL,
            expires_at TEXT, last_used_at TEXT,
            CHECK ((user_id IS NOT NULL) + (team_id IS NOT NULL) + (organization_id IS NOT NULL) = 1)) STRICT"""
    )
    db.execute("CREATE INDEX tokens_user ON tokens (user_id, created_at)")
    db.execute("CREATE INDEX tokens_team ON tokens (team_id, created_at)")
    db.execute("CREATE INDEX tokens_organization ON tokens (organization_id)")


@records()
def host_accounts(db: Database) -> None:
    # Whose account at a host this is. The host's id, not its name: names change hands.
    db.execute(
        """CREATE TABLE host_accounts (
            connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE, host_user_id TEXT NOT NULL,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, linked_at TEXT NOT NULL,
            PRIMARY KEY (connection_id, host_user_id)) STRICT"""
    )
    db.execute("CREATE INDEX host_accounts_user ON host_accounts (user_id)")
