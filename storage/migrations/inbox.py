"""Which table holds what was received?"""

from sqlite_utils import Database

from storage.migrations.sets import inbox


@inbox()
def deliveries(db: Database) -> None:
    db.execute(
        """
        CREATE TABLE deliveries (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            connection_id TEXT NOT NULL,
            delivery_id TEXT NOT NULL,
            lane TEXT NOT NULL,          -- the repository: one is handled at a time, in the order received
            event TEXT NOT NULL,
            body BLOB NOT NULL,
            received_at TEXT NOT NULL,
            status TEXT NOT NULL,        -- received | handled | ignored | failed
            attempts INTEGER NOT NULL DEFAULT 0,
            not_before REAL NOT NULL DEFAULT 0,
            outcome TEXT NOT NULL DEFAULT '',
            UNIQUE (connection_id, delivery_id)
        ) STRICT"""
    )
    db.execute("CREATE INDEX deliveries_waiting ON deliveries (lane, seq) WHERE status = 'received'")
