"""Which code hosts are we connected to, and which repositories do we know there?"""

import secrets
from collections.abc import Callable, Collection
from datetime import datetime

from bot.connection import Connection, Provider, Repository
from bot.errors import NotFound
from bot.events import HostRepository
from bot.ids import ConnectionId, OrganizationId, RepositoryId
from bot.timestamps import from_text, maybe_from_text, to_text
from storage.database import Records, Row
from storage.encryption import Keyring
from storage.ids import new_id


class Connections:
    """Credentials are sealed, and opened only into the value that a worker uses."""

    def __init__(self, records: Records, keyring: Keyring, now: Callable[[], datetime]) -> None:
        self._records = records
        self._keyring = keyring
        self._now = now

    def add(
        self,
        organization_id: OrganizationId,
        provider: Provider,
        *,
        name: str,
        http_url: str,
        api_url: str,
        token: str = "",
        app_id: str = "",
        private_key: str = "",
        app_webhook_secret: str = "",
    ) -> Connection:
        connection_id = ConnectionId(new_id("oc"))
        secrets_of = {"token": token, "private_key": private_key, "app_webhook_secret": app_webhook_secret}
        sealed = {
            key: self._keyring.seal_text(value, f"{key} {connection_id}") for key, value in secrets_of.items() if value
        }
        row = {
            "id": connection_id,
            "organization_id": organization_id,
            "provider": provider,
            "name": name,
            "http_url": http_url.rstrip("/"),
            "api_url": api_url.rstrip("/"),
            "app_id": app_id,
            "created_at": to_text(self._now()),
            **sealed,
        }
        self._records.insert("connections", row)
        return self.get(connection_id)

    def get(self, connection_id: str) -> Connection:
        """Raises NotFound."""
        found = self._records.while_unchanged(("connection", connection_id), lambda: self._find(connection_id))
        if found is None:
            raise NotFound(f"there is no connection {connection_id}")
        return found

    def with_ids(self, connection_ids: Collection[ConnectionId]) -> dict[ConnectionId, Connection]:
        """Those of them that there are."""
        marks = ", ".join("?" * len(connection_ids))
        rows = self._records.rows(f"SELECT * FROM connections WHERE id IN ({marks})", tuple(connection_ids))
        return {row["id"]: self._connection(row) for row in rows}

    def _find(self, connection_id: str) -> Connection | None:
        row = self._records.row("SELECT * FROM connections WHERE id = ?", (connection_id,))
        return self._connection(row) if row else None

    def all(self, organization_id: OrganizationId | None = None) -> list[Connection]:
        rows = self._records.rows(
            "SELECT * FROM connections WHERE organization_id = ? OR ? IS NULL ORDER BY created_at",
            (organization_id, organization_id),
        )
        return [self._connection(row) for row in rows]

    def remove(self, connection_id: ConnectionId) -> None:
        self._records.change("DELETE FROM connections WHERE id = ?", (connection_id,))

    def rename(self, connection_id: ConnectionId, name: str) -> None:
        self._records.change("UPDATE connections SET name = ? WHERE id = ?", (name, connection_id))

    def replace_token(self, connection_id: ConnectionId, token: str) -> None:
        sealed = self._keyring.seal_text(token, f"token {connection_id}")
        self._records.change("UPDATE connections SET token = ? WHERE id = ?", (sealed, connection_id))

    def _connection(self, row: Row) -> Connection:
        opened = {
            key: self._keyring.open_text(row[key], f"{key} {row['id']}")
            for key in ("token", "private_key", "app_webhook_secret")
        }
        return Connection(
            **{**row, **opened, "provider": Provider(row["provider"]), "created_at": from_text(row["created_at"])}
        )


class Repositories:
    def __init__(self, records: Records, keyring: Keyring) -> None:
        self._records = records
        self._keyring = keyring

    def know(self, connection_id: ConnectionId, host: HostRepository, installation_id: str = "") -> Repository:
        """The repository with that host id: brought up to date, or made, with a webhook secret of its own."""
        known = self.by_host_id(connection_id, host.host_id)
        if known is None:
            repository_id = RepositoryId(new_id("repo"))
            secret = self._keyring.seal_text(secrets.token_hex(32), f"webhook secret {repository_id}")
            self._records.change(
                """INSERT INTO repositories (id, connection_id, host_id, path, clone_url, default_branch, html_url,
                     webhook_secret, installation_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING""",
                (
                    repository_id,
                    connection_id,
                    host.host_id,
                    host.path,
                    host.clone_url,
                    host.default_branch,
                    host.html_url,
                    secret,
                    installation_id,
                ),
            )
        else:
            self.update(known.id, host, installation_id or known.installation_id)
        found = self.by_host_id(connection_id, host.host_id)
        if found is None:
            raise LookupError(f"no repository {host.path} right after adding it")
        return found

    def update(self, repository_id: RepositoryId, host: HostRepository, installation_id: str) -> None:
        """Renamed, transferred, another default branch: same repository."""
        self._records.change(
            """UPDATE repositories SET path = ?, clone_url = ?, default_branch = ?, html_url = ?, installation_id = ?
               WHERE id = ?""",
            (host.path, host.clone_url, host.default_branch, host.html_url, installation_id, repository_id),
        )

    def set_installation(self, repository_id: RepositoryId, installation_id: str) -> None:
        """Which installation of our GitHub App reaches the repository; empty when none does any more."""
        self._records.change(
            "UPDATE repositories SET installation_id = ? WHERE id = ?", (installation_id, repository_id)
        )

    def get(self, repository_id: str) -> Repository:
        """Raises NotFound."""
        row = self._records.row("SELECT * FROM repositories WHERE id = ?", (repository_id,))
        if row is None:
            raise NotFound(f"there is no repository {repository_id}")
        return self._repository(row)

    def with_ids(self, repository_ids: Collection[RepositoryId]) -> list[Repository]:
        """Those of them that there are."""
        marks = ", ".join("?" * len(repository_ids))
        rows = self._records.rows(f"SELECT * FROM repositories WHERE id IN ({marks})", tuple(repository_ids))
        return [self._repository(row) for row in rows]

    def by_host_id(self, connection_id: ConnectionId, host_id: str) -> Repository | None:
        key = ("repository by host id", connection_id, host_id)
        return self._records.while_unchanged(key, lambda: self._by_host_id(connection_id, host_id))

    def _by_host_id(self, connection_id: ConnectionId, host_id: str) -> Repository | None:
        row = self._records.row(
            "SELECT * FROM repositories WHERE connection_id = ? AND host_id = ?", (connection_id, host_id)
        )
        return self._repository(row) if row else None

    def twins(self, repository: Repository) -> list[Repository]:
        """The same repository of the same host, as each connection knows it; this one among them.

        First those that a workspace listens to, the oldest first. The first one speaks for all where the host has
        one place for them: a commit's status.
        """
        rows = self._records.rows(
            """SELECT repositories.* FROM repositories JOIN connections ON connections.id = repositories.connection_id
               WHERE repositories.host_id = ? AND connections.http_url =
                 (SELECT http_url FROM connections WHERE id = ?)
               ORDER BY NOT EXISTS (SELECT 1 FROM workspaces WHERE workspaces.repository_id = repositories.id),
                 repositories.rowid""",
            (repository.host_id, repository.connection_id),
        )
        return [self._repository(row) for row in rows]

    def all(self, connection_id: ConnectionId | None = None) -> list[Repository]:
        rows = self._records.rows(
            "SELECT * FROM repositories WHERE connection_id = ? OR ? IS NULL ORDER BY path",
            (connection_id, connection_id),
        )
        return [self._repository(row) for row in rows]

    def to_reconcile(self, before: datetime) -> list[Repository]:
        """Repositories with a workspace that were not compared with their host since `before`."""
        rows = self._records.rows(
            """SELECT * FROM repositories WHERE coalesce(reconciled_at, '') < ?
               AND EXISTS (SELECT 1 FROM workspaces WHERE workspaces.repository_id = repositories.id)""",
            (to_text(before),),
        )
        return [self._repository(row) for row in rows]

    def mark_webhook_registered(self, repository_id: RepositoryId) -> None:
        self._records.change("UPDATE repositories SET webhook_registered = 1 WHERE id = ?", (repository_id,))

    def mark_reconciled(self, repository_id: RepositoryId, moment: datetime) -> None:
        self._records.change("UPDATE repositories SET reconciled_at = ? WHERE id = ?", (to_text(moment), repository_id))

    def _repository(self, row: Row) -> Repository:
        return Repository(
            **{
                **row,
                "webhook_secret": self._keyring.open_text(row["webhook_secret"], f"webhook secret {row['id']}"),
                "webhook_registered": bool(row["webhook_registered"]),
                "reconciled_at": maybe_from_text(row["reconciled_at"]),
            }
        )
