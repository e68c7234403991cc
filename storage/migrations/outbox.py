"""Which tables hold what is to be told and done outside?"""

from sqlite_utils import Database

from storage.migrations.sets import records


@records()
def outbox(db: Database) -> None:
    db.execute(
        """CREATE TABLE outbox (
            id INTEGER PRIMARY KEY, connection_id TEXT NOT NULL, repository_id TEXT NOT NULL,
            lane TEXT NOT NULL,          -- one sender at a time: a pull request, or a commit
            channel TEXT NOT NULL,       -- refresh | status | comment | reaction | check | merge
            slot TEXT NOT NULL,          -- which one: a context, a comment's purpose, a comment's id
            content TEXT NOT NULL,       -- what must be true at the host, as JSON; text is rendered when sent
            version INTEGER NOT NULL, sent_version INTEGER NOT NULL DEFAULT 0,
            remote_id TEXT NOT NULL DEFAULT '', sent_digest TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
            not_before REAL NOT NULL DEFAULT 0, trouble TEXT NOT NULL DEFAULT '', updated_at TEXT NOT NULL,
            UNIQUE (repository_id, lane, channel, slot)) STRICT"""
    )
    db.execute("CREATE INDEX outbox_due ON outbox (connection_id, lane, not_before) WHERE sent_version < version")
    db.execute(
        "CREATE TABLE host_writes (connection_id TEXT NOT NULL, repository_id TEXT NOT NULL, at REAL NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX host_writes_recent ON host_writes (connection_id, at)")
    db.execute("CREATE TABLE host_pauses (connection_id TEXT PRIMARY KEY, until REAL NOT NULL) STRICT")
    db.execute(
        """CREATE TABLE posted_plans (
            run_id TEXT NOT NULL, comment_id TEXT NOT NULL, posted_at TEXT NOT NULL,
            PRIMARY KEY (run_id, comment_id)) STRICT"""
    )


@records()
def chores(db: Database) -> None:
    db.execute("CREATE TABLE chores (name TEXT PRIMARY KEY, done_at TEXT NOT NULL) STRICT")
