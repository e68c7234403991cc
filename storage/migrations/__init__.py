"""Which tables are there? Appended to, never edited once released."""

# The order of these imports is the order of the tables: some refer to those before them.
from storage.migrations import people, code_hosts, workspaces, sharing, runs, outbox, notifications, inbox as _inbox  # noqa: F401, I001
from storage.migrations.sets import inbox, records

__all__ = ["inbox", "records"]
