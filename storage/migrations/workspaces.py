"""Which tables hold workspaces, their variables and states?"""

from sqlite_utils import Database

from storage.migrations.sets import records


@records()
def workspaces(db: Database) -> None:
    db.execute(
        """CREATE TABLE workspaces (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id),
            name TEXT NOT NULL COLLATE NOCASE, repository_id TEXT REFERENCES repositories (id),
            settings TEXT NOT NULL, created_at TEXT NOT NULL,
            locked_by TEXT NOT NULL DEFAULT '', lock_reason TEXT NOT NULL DEFAULT '', locked_at TEXT,
            unlocked_at TEXT, current_state_version_id TEXT, latest_run_id TEXT,
            UNIQUE (organization_id, name)) STRICT"""
    )
    db.execute("CREATE INDEX workspaces_repository ON workspaces (repository_id)")
    db.execute(
        """CREATE TABLE variables (
            id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            key TEXT NOT NULL, value BLOB NOT NULL, category TEXT NOT NULL, hcl INTEGER NOT NULL,
            sensitive INTEGER NOT NULL, description TEXT NOT NULL, UNIQUE (workspace_id, category, key)) STRICT"""
    )
    db.execute(
        """CREATE TABLE holds (
            workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
            repository_id TEXT NOT NULL, pull_number INTEGER NOT NULL, since TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE TABLE state_versions (
            id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            serial INTEGER NOT NULL, lineage TEXT NOT NULL, md5 TEXT NOT NULL, size INTEGER NOT NULL,
            blob_id TEXT NOT NULL, run_id TEXT, commit_sha TEXT NOT NULL, created_at TEXT NOT NULL,
            is_late INTEGER NOT NULL DEFAULT 0) STRICT"""
    )
    db.execute("CREATE INDEX state_versions_newest ON state_versions (workspace_id, serial DESC)")
