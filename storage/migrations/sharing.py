"""Which tables hold what workspaces have in common, and what they do to each other?"""

from sqlite_utils import Database

from storage.migrations.sets import records


@records()
def tags(db: Database) -> None:
    db.execute(
        """CREATE TABLE tags (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            key TEXT NOT NULL COLLATE NOCASE, created_at TEXT NOT NULL, UNIQUE (organization_id, key)) STRICT"""
    )
    for owner in ("workspace", "project"):
        db.execute(
            f"""CREATE TABLE {owner}_tags (
                {owner}_id TEXT NOT NULL REFERENCES {owner}s (id) ON DELETE CASCADE,
                tag_id TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
                value TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY ({owner}_id, tag_id)) STRICT"""
        )
        db.execute(f"CREATE INDEX {owner}_tags_tag ON {owner}_tags (tag_id, {owner}_id, value)")


@records()
def variable_sets(db: Database) -> None:
    db.execute(
        """CREATE TABLE variable_sets (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            name TEXT NOT NULL, description TEXT NOT NULL, is_global INTEGER NOT NULL, is_priority INTEGER NOT NULL,
            created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (organization_id, name)) STRICT"""
    )
    db.execute(
        """CREATE TABLE variable_set_variables (
            id TEXT PRIMARY KEY, variable_set_id TEXT NOT NULL REFERENCES variable_sets (id) ON DELETE CASCADE,
            key TEXT NOT NULL, value BLOB NOT NULL, category TEXT NOT NULL, hcl INTEGER NOT NULL,
            sensitive INTEGER NOT NULL, description TEXT NOT NULL, UNIQUE (variable_set_id, category, key)) STRICT"""
    )
    for owner in ("workspace", "project"):
        db.execute(
            f"""CREATE TABLE variable_set_{owner}s (
                variable_set_id TEXT NOT NULL REFERENCES variable_sets (id) ON DELETE CASCADE,
                {owner}_id TEXT NOT NULL REFERENCES {owner}s (id) ON DELETE CASCADE,
                PRIMARY KEY (variable_set_id, {owner}_id)) STRICT"""
        )
        db.execute(f"CREATE INDEX variable_set_{owner}s_of ON variable_set_{owner}s ({owner}_id)")


@records()
def between_workspaces(db: Database) -> None:
    db.execute(
        """CREATE TABLE run_triggers (
            id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            source_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE, created_at TEXT NOT NULL,
            UNIQUE (workspace_id, source_id), CHECK (workspace_id != source_id)) STRICT"""
    )
    db.execute("CREATE INDEX run_triggers_source ON run_triggers (source_id)")
    db.execute(
        """CREATE TABLE remote_state_consumers (
            workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            consumer_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            PRIMARY KEY (workspace_id, consumer_id)) STRICT"""
    )
    db.execute("CREATE INDEX remote_state_consumers_consumer ON remote_state_consumers (consumer_id)")
