"""Who is told of a workspace's runs? Address and token are sealed; the token never comes out of here but to sign."""

import json
from collections.abc import Callable
from datetime import datetime

from bot.errors import NotFound, Refused
from bot.ids import NotificationConfigurationId, WorkspaceId
from bot.notifications import (
    MOST_CONFIGURATIONS,
    Destination,
    NotificationConfiguration,
    Trigger,
)
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.encryption import Keyring


class NotificationConfigurations:
    def __init__(self, records: Records, keyring: Keyring, now: Callable[[], datetime]) -> None:
        self._records = records
        self._keyring = keyring
        self._now = now

    def add(self, configuration: NotificationConfiguration) -> NotificationConfiguration:
        """Raises Refused if the workspace has as many as there can be."""
        with self._records.write():
            self.check_room(configuration.workspace_id)
            row = self._row(configuration)
            self._records.insert("notification_configurations", row)
        return self.get(configuration.id)

    def check_room(self, workspace_id: WorkspaceId) -> None:
        """Raises Refused if the workspace has as many as there can be."""
        sql = "SELECT count(*) FROM notification_configurations WHERE workspace_id = ?"
        if int(self._records.value(sql, (workspace_id,))) >= MOST_CONFIGURATIONS:
            raise Refused(f"a workspace has at most {MOST_CONFIGURATIONS} notification configurations")

    def change(self, before: NotificationConfiguration, after: NotificationConfiguration) -> NotificationConfiguration:
        """Save it. What waits is dropped with its being switched off; past answers tell nothing of a new address.

        Raises NotFound if it is gone.
        """
        row = self._row(after)
        settings = ", ".join(f"{name} = :{name}" for name in row)
        with self._records.write():
            if not self._records.change(f"UPDATE notification_configurations SET {settings} WHERE id = :id", row):
                raise NotFound(f"there is no notification configuration {after.id}")
            if not after.enabled:
                waiting = "configuration_id = ? AND outcome = 'waiting'"
                self._records.change(f"UPDATE notifications SET outcome = 'given up' WHERE {waiting}", (after.id,))
            if after.url != before.url:
                self._records.change("DELETE FROM notification_answers WHERE configuration_id = ?", (after.id,))
        return self.get(after.id)

    def get(self, configuration_id: str) -> NotificationConfiguration:
        """Raises NotFound."""
        found = self.find(configuration_id)
        if found is None:
            raise NotFound(f"there is no notification configuration {configuration_id}")
        return found

    def find(self, configuration_id: str) -> NotificationConfiguration | None:
        row = self._records.row("SELECT * FROM notification_configurations WHERE id = ?", (configuration_id,))
        return self._configuration(row) if row else None

    def page(
        self, workspace_id: WorkspaceId, *, limit: int, offset: int = 0
    ) -> tuple[list[NotificationConfiguration], int]:
        """Oldest first, and how many there are in all."""
        sql = "SELECT count(*) FROM notification_configurations WHERE workspace_id = ?"
        rows = self._records.rows(
            "SELECT * FROM notification_configurations WHERE workspace_id = ? ORDER BY created_at, id LIMIT ? OFFSET ?",
            (workspace_id, limit, offset),
        )
        return [self._configuration(row) for row in rows], int(self._records.value(sql, (workspace_id,)))

    def remove(self, configuration_id: NotificationConfigurationId) -> None:
        """With what was still to be told to it."""
        self._records.change("DELETE FROM notification_configurations WHERE id = ?", (configuration_id,))

    def _row(self, configuration: NotificationConfiguration) -> Row:
        ident = configuration.id
        token = configuration.token
        return {
            "id": ident,
            "workspace_id": configuration.workspace_id,
            "name": configuration.name,
            "destination": configuration.destination,
            "enabled": int(configuration.enabled),
            "triggers": json.dumps(list(configuration.triggers)),
            "url": self._keyring.seal_text(configuration.url, f"notification url {ident}"),
            "token": self._keyring.seal_text(token, f"notification token {ident}") if token else None,
            "created_at": to_text(configuration.created_at),
            "updated_at": to_text(self._now()),
        }

    def _configuration(self, row: Row) -> NotificationConfiguration:
        return NotificationConfiguration(
            id=row["id"],
            workspace_id=row["workspace_id"],
            name=row["name"],
            destination=Destination(row["destination"]),
            enabled=bool(row["enabled"]),
            triggers=tuple(Trigger(name) for name in json.loads(row["triggers"])),
            created_at=from_text(row["created_at"]),
            updated_at=from_text(row["updated_at"]),
            url=self._keyring.open_text(row["url"], f"notification url {row['id']}"),
            token=self._keyring.open_text(row["token"], f"notification token {row['id']}"),
        )
