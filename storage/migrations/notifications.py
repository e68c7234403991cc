"""Which tables hold who is told of a workspace's runs, and what is still to be told?"""

from sqlite_utils import Database

from storage.migrations.sets import records


@records()
def notifications(db: Database) -> None:
    db.execute(
        """CREATE TABLE notification_configurations (
            id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            name TEXT NOT NULL, destination TEXT NOT NULL, enabled INTEGER NOT NULL,
            triggers TEXT NOT NULL,      -- a JSON list
            url BLOB NOT NULL,           -- sealed: a chat's address is all that it takes to write there
            token BLOB,                  -- sealed
            created_at TEXT NOT NULL, updated_at TEXT NOT NULL) STRICT"""
    )
    # Asked at every step of every run: a workspace that tells nobody costs one look into this index.
    db.execute("CREATE INDEX notification_configurations_of ON notification_configurations (workspace_id, created_at)")
    db.execute(
        """CREATE TABLE notifications (
            id INTEGER PRIMARY KEY,
            configuration_id TEXT NOT NULL REFERENCES notification_configurations (id) ON DELETE CASCADE,
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, occasion TEXT NOT NULL,
            run_status TEXT NOT NULL, actor TEXT NOT NULL, at TEXT NOT NULL,
            outcome TEXT NOT NULL DEFAULT 'waiting',  -- waiting | sent | given up
            tries INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0,
            UNIQUE (run_id, configuration_id, occasion)) STRICT"""
    )
    waiting = "outcome = 'waiting'"
    db.execute(f"CREATE INDEX notifications_waiting ON notifications (configuration_id, id) WHERE {waiting}")
    db.execute("CREATE INDEX notifications_of ON notifications (configuration_id)")  # for who removes a configuration
    db.execute("CREATE INDEX notifications_over ON notifications (at) WHERE outcome != 'waiting'")
    db.execute(
        """CREATE TABLE notification_answers (
            id INTEGER PRIMARY KEY,
            configuration_id TEXT NOT NULL REFERENCES notification_configurations (id) ON DELETE CASCADE,
            sent_at TEXT NOT NULL, code INTEGER NOT NULL, body TEXT NOT NULL, headers TEXT NOT NULL,
            trouble TEXT NOT NULL) STRICT"""
    )
    db.execute("CREATE INDEX notification_answers_of ON notification_answers (configuration_id, id)")
