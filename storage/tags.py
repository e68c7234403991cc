"""How are workspaces and projects tagged? A tag is a key, which an organization has once; a binding adds a value.

A tag without a value is what older clients call a tag, and list as `tag-names`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.ids import OrganizationId
from bot.timestamps import from_text, to_text
from storage.database import Records
from storage.ids import new_id


class Tagged(StrEnum):
    """What can have tags; also the beginning of its table's name."""

    WORKSPACE = "workspace"
    PROJECT = "project"


@dataclass(frozen=True)
class Binding:
    tag_id: str
    key: str
    value: str
    created_at: datetime


class Tags:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def bind(self, kind: Tagged, owner_id: str, organization_id: OrganizationId, bindings: Mapping[str, str]) -> None:
        """Add these keys, or give them other values; the others stay."""
        with self._records.write():
            for key, value in bindings.items():
                self._records.change(
                    f"""INSERT INTO {kind}_tags ({kind}_id, tag_id, value, created_at) VALUES (?, ?, ?, ?)
                        ON CONFLICT DO UPDATE SET value = excluded.value""",
                    (owner_id, self._known(organization_id, key), value, to_text(self._now())),
                )

    def replace(
        self, kind: Tagged, owner_id: str, organization_id: OrganizationId, bindings: Mapping[str, str]
    ) -> None:
        """Have exactly these."""
        with self._records.write():
            self._records.change(f"DELETE FROM {kind}_tags WHERE {kind}_id = ?", (owner_id,))
            self.bind(kind, owner_id, organization_id, bindings)
            self._forget_unused(organization_id)

    def unbind(
        self, kind: Tagged, owner_id: str, organization_id: OrganizationId, keys: Collection[str], ids: Collection[str]
    ) -> None:
        """Take off the tags of these keys or ids; those that aren't there don't matter."""
        with self._records.write():
            for column, values in (("key", keys), ("id", ids)):
                for value in values:
                    self._records.change(
                        f"""DELETE FROM {kind}_tags WHERE {kind}_id = ? AND tag_id IN
                            (SELECT id FROM tags WHERE organization_id = ? AND {column} = ?)""",
                        (owner_id, organization_id, value),
                    )
            self._forget_unused(organization_id)

    def of(self, kind: Tagged, owner_id: str) -> list[Binding]:
        return self.of_each(kind, [owner_id]).get(owner_id, [])

    def of_each(self, kind: Tagged, owner_ids: Sequence[str]) -> dict[str, list[Binding]]:
        """The bindings of each, by key; those without any are left out."""
        rows = self._records.rows(
            f"""SELECT {kind}_id AS owner_id, tag_id, key, value, {kind}_tags.created_at FROM {kind}_tags
                JOIN tags ON tags.id = tag_id WHERE {kind}_id IN ({", ".join("?" * len(owner_ids))}) ORDER BY key""",
            tuple(owner_ids),
        )
        found: dict[str, list[Binding]] = {}
        for row in rows:
            binding = Binding(row["tag_id"], row["key"], row["value"], from_text(row["created_at"]))
            found.setdefault(row["owner_id"], []).append(binding)
        return found

    def keys_of(self, organization_id: OrganizationId, tag_ids: Collection[str]) -> dict[str, str]:
        """id → key, of those tags that the organization has."""
        rows = self._records.rows(
            f"SELECT id, key FROM tags WHERE organization_id = ? AND id IN ({', '.join('?' * len(tag_ids))})",
            (organization_id, *tag_ids),
        )
        return {row["id"]: row["key"] for row in rows}

    def page(
        self, workspace_id: str, text: str, *, limit: int, offset: int = 0
    ) -> tuple[list[tuple[Binding, int]], int]:
        """A page of the workspace's tags, each with how many workspaces have it, and how many tags there are."""
        condition = "workspace_id = ? AND instr(lower(key), lower(?))"
        source = f"FROM workspace_tags JOIN tags ON tags.id = tag_id WHERE {condition}"
        total = int(self._records.value(f"SELECT count(*) {source}", (workspace_id, text)))
        rows = self._records.rows(
            f"""SELECT tag_id, key, value, tags.created_at,
                  (SELECT count(*) FROM workspace_tags AS other WHERE other.tag_id = tags.id) AS instances
                {source} ORDER BY key LIMIT ? OFFSET ?""",
            (workspace_id, text, limit, offset),
        )
        found = [
            (Binding(row["tag_id"], row["key"], row["value"], from_text(row["created_at"])), row["instances"])
            for row in rows
        ]
        return found, total

    def _known(self, organization_id: OrganizationId, key: str) -> str:
        self._records.change(
            "INSERT INTO tags (id, organization_id, key, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (new_id("tag"), organization_id, key, to_text(self._now())),
        )
        sql = "SELECT id FROM tags WHERE organization_id = ? AND key = ?"
        return str(self._records.value(sql, (organization_id, key)))

    def _forget_unused(self, organization_id: OrganizationId) -> None:
        self._records.change(
            """DELETE FROM tags WHERE organization_id = ?
               AND id NOT IN (SELECT tag_id FROM workspace_tags) AND id NOT IN (SELECT tag_id FROM project_tags)""",
            (organization_id,),
        )
