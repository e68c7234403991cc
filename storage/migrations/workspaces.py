"""Which tables hold workspaces, their variables and states, and the versions that they may run?"""

from sqlite_utils import Database

from storage.migrations.sets import records


@records()
def projects(db: Database) -> None:
    db.execute(
        """CREATE TABLE projects (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            name TEXT NOT NULL COLLATE NOCASE, description TEXT NOT NULL, is_default INTEGER NOT NULL DEFAULT 0,
            created_at TEXT NOT NULL, UNIQUE (organization_id, name)) STRICT"""
    )
    db.execute("CREATE UNIQUE INDEX projects_default ON projects (organization_id) WHERE is_default")
    # However an organization is made, it has a project for the workspaces that name none.
    db.execute(
        """CREATE TRIGGER organizations_have_a_project AFTER INSERT ON organizations BEGIN
            INSERT INTO projects (id, organization_id, name, description, is_default, created_at)
            VALUES ('prj-' || lower(hex(randomblob(8))), NEW.id, 'Default Project', '', 1, NEW.created_at);
        END"""
    )


@records()
def workspaces(db: Database) -> None:
    db.execute(
        """CREATE TABLE workspaces (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id),
            name TEXT NOT NULL COLLATE NOCASE, project_id TEXT NOT NULL REFERENCES projects (id),
            repository_id TEXT REFERENCES repositories (id),
            settings TEXT NOT NULL, created_at TEXT NOT NULL,
            locked_by TEXT NOT NULL DEFAULT '', lock_reason TEXT NOT NULL DEFAULT '', locked_at TEXT,
            lock_holder_id TEXT NOT NULL DEFAULT '', lock_id TEXT NOT NULL DEFAULT '',
            lock_info TEXT NOT NULL DEFAULT '',
            unlocked_at TEXT, current_state_version_id TEXT, latest_run_id TEXT,
            UNIQUE (organization_id, name)) STRICT"""
    )
    db.execute("CREATE INDEX workspaces_repository ON workspaces (repository_id)")
    db.execute("CREATE INDEX workspaces_project ON workspaces (project_id, name)")
    db.execute(
        """CREATE TABLE variables (
            id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            key TEXT NOT NULL, value BLOB NOT NULL, category TEXT NOT NULL, hcl INTEGER NOT NULL,
            sensitive INTEGER NOT NULL, description TEXT NOT NULL, UNIQUE (workspace_id, category, key)) STRICT"""
    )
    # Being removed: nothing starts in them any more.
    db.execute(
        """CREATE TABLE leaving (
            workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE) STRICT"""
    )
    db.execute(
        """CREATE TABLE holds (
            workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
            repository_id TEXT NOT NULL, pull_number INTEGER NOT NULL, since TEXT NOT NULL) STRICT"""
    )


@records()
def state_versions(db: Database) -> None:
    db.execute(
        """CREATE TABLE state_versions (
            sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
            workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            status TEXT NOT NULL, serial INTEGER NOT NULL, lineage TEXT NOT NULL, md5 TEXT NOT NULL,
            size INTEGER NOT NULL DEFAULT 0, format INTEGER NOT NULL DEFAULT 0,
            engine_version TEXT NOT NULL DEFAULT '', blob_id TEXT, json_blob_id TEXT,
            outputs_blob_id TEXT, output_count INTEGER NOT NULL DEFAULT 0,
            run_id TEXT, commit_sha TEXT NOT NULL, created_by TEXT NOT NULL, created_by_id TEXT NOT NULL,
            created_at TEXT NOT NULL, expires_at TEXT, previous_id TEXT, is_intermediate INTEGER NOT NULL DEFAULT 0,
            is_late INTEGER NOT NULL DEFAULT 0, is_forced INTEGER NOT NULL DEFAULT 0) STRICT"""
    )
    db.execute("CREATE INDEX state_versions_newest ON state_versions (workspace_id, sequence DESC)")
    db.execute("CREATE INDEX state_versions_of_run ON state_versions (run_id, sequence) WHERE run_id IS NOT NULL")
    db.execute("CREATE INDEX state_versions_pending ON state_versions (workspace_id) WHERE status = 'pending'")


@records()
def dropped_blobs(db: Database) -> None:
    # Blobs of which the rows are gone, and which are yet to be removed themselves.
    db.execute("CREATE TABLE dropped_blobs (blob_id TEXT PRIMARY KEY) STRICT")


@records()
def engine_versions(db: Database) -> None:
    # `rank` orders versions as versions, and is the same however one is written.
    db.execute(
        """CREATE TABLE engine_versions (
            id TEXT PRIMARY KEY, version TEXT NOT NULL, rank TEXT NOT NULL UNIQUE, archives TEXT NOT NULL,
            official INTEGER NOT NULL, enabled INTEGER NOT NULL, beta INTEGER NOT NULL,
            deprecated INTEGER NOT NULL, deprecated_reason TEXT NOT NULL, created_at TEXT NOT NULL) STRICT"""
    )
    # Which versions workspaces ask for, without reading the workspaces.
    engine = "coalesce(json_extract(settings, '$.engine'), 'terraform')"
    db.execute(f"CREATE INDEX workspaces_engine ON workspaces ({engine}, json_extract(settings, '$.engine_version'))")
