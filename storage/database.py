"""How do we talk to SQLite? A connection per thread; writers begin IMMEDIATE; a write holds only SQL."""

import fcntl
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlite_utils import Database, Migrations

T = TypeVar("T")
Row = dict[str, Any]
Parameters = Sequence[Any] | Mapping[str, Any]
MOST_LOADED = 1000  # values that a thread keeps by `while_unchanged`
BUSY_SECONDS = 30  # a writer waits for another this long before it gives up


class TransactionGone(sqlite3.OperationalError):
    """What was written in this transaction is lost; nothing more can be written in it."""


class Records:
    """One SQLite file.

    `synchronous`: NORMAL may lose the last commits on a power cut (never on a crash of ours); FULL may not.
    """

    def __init__(self, path: Path, migrations: Migrations, *, synchronous: Literal["NORMAL", "FULL"] = "NORMAL"):
        self.path = path
        self._synchronous = synchronous
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        # Between threads of one process: SQLite's own waiting sleeps, and a sleeping writer is no faster for it.
        self._writers = threading.Lock()
        self.on_write: Callable[[float], None] | None = None  # told how long each write took, in seconds
        self._migrate(migrations)

    def connection(self) -> Database:
        """This thread's connection."""
        found: Database | None = getattr(self._local, "database", None)
        if found is None:
            found = self._connect()
            self._local.database = found
        return found

    @contextmanager
    def write(self) -> Iterator[Database]:
        """A write transaction; inside another one of this thread it is part of that one."""
        database = self.connection()
        if getattr(self._local, "is_writing", False):
            if not database.conn.in_transaction:
                # A full disk or a broken one: SQLite has rolled all of it back by itself.
                raise TransactionGone("the write transaction was rolled back by SQLite (is the disk full?)")
            yield database
            return
        with self._writers, self._marked_as_writing():
            database.conn.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            try:
                yield database
                database.conn.execute("COMMIT")
            except BaseException:
                # Also when the commit fails: a transaction left open would swallow every write that follows.
                if database.conn.in_transaction:
                    database.conn.execute("ROLLBACK")
                raise
        if self.on_write:
            self.on_write(time.monotonic() - started)

    @contextmanager
    def _marked_as_writing(self) -> Iterator[None]:
        local = self._local
        local.is_writing = True
        try:
            yield
        finally:
            local.is_writing = False

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        cursor = self.connection().conn.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def value(self, sql: str, parameters: Parameters = ()) -> Any:
        """The first column of the first row, or None."""
        found = self.connection().conn.execute(sql, parameters).fetchone()
        return found[0] if found else None

    def while_unchanged(self, key: tuple[str, ...], load: Callable[[], T]) -> T:
        """What `load` gave the last time, as long as nobody has written to this file since, in whatever process.

        For what every request asks and hardly anybody changes. What is loaded must not be changeable.
        """
        connection, local = self.connection().conn, self._local
        if connection.in_transaction:
            return load()  # what is written here may still be rolled back
        # Others' commits move the one, this connection's own writes the other.
        moment = (connection.execute("PRAGMA data_version").fetchone()[0], connection.total_changes)
        if getattr(local, "loaded_at", None) != moment or len(local.loaded) >= MOST_LOADED:
            local.loaded_at, local.loaded = moment, {}
        if key not in local.loaded:
            local.loaded[key] = load()
        found: T = local.loaded[key]
        return found

    def change(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one writing statement; how many rows it touched."""
        with self.write() as database:
            return int(database.conn.execute(sql, parameters).rowcount)

    def insert(self, table: str, row: Mapping[str, Any]) -> int:
        """Insert a row; its rowid. Raises sqlite3.IntegrityError if a rule of the table forbids it."""
        columns, marks = ", ".join(row), ", ".join("?" * len(row))
        with self.write() as database:
            cursor = database.conn.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))
            return int(cursor.lastrowid or 0)

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()
        self._local = threading.local()

    def _connect(self) -> Database:
        # Autocommit mode of the driver: transactions are ours (BEGIN IMMEDIATE), never opened behind our back.
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
        with self._lock:
            self._open.append(connection)
        return Database(connection)

    def _migrate(self, migrations: Migrations) -> None:
        # Three processes start at once; without the lock one succeeds and two fail.
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.path.with_suffix(".migrating"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            migrations.apply(self.connection())
