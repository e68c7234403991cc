"""Who is there? Organizations, users and their memberships."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.errors import Refused
from bot.ids import OrganizationId, UserId
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.ids import new_id


@dataclass(frozen=True)
class Organization:
    id: OrganizationId
    name: str
    email: str
    created_at: datetime


@dataclass(frozen=True)
class User:
    id: UserId
    username: str
    email: str


class People:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add_organization(self, name: str, email: str) -> Organization:
        """Raises Refused if the name is taken."""
        if self.organization(name):
            raise Refused(f"there is an organization named {name} already")
        organization = Organization(OrganizationId(new_id("org")), name, email, self._now())
        self._records.insert(
            "organizations",
            {"id": organization.id, "name": name, "email": email, "created_at": to_text(organization.created_at)},
        )
        return organization

    def organization(self, name: str) -> Organization | None:
        return _organization(self._records.row("SELECT * FROM organizations WHERE name = ?", (name,)))

    def organization_by_id(self, organization_id: OrganizationId) -> Organization | None:
        return _organization(self._records.row("SELECT * FROM organizations WHERE id = ?", (organization_id,)))

    def organizations(self) -> list[Organization]:
        rows = self._records.rows("SELECT * FROM organizations ORDER BY name")
        return [found for row in rows if (found := _organization(row))]

    def organizations_owned_by(self, user_id: UserId) -> list[Organization]:
        rows = self._records.rows(
            """SELECT organizations.* FROM organizations
               JOIN memberships ON memberships.organization_id = organizations.id
               WHERE user_id = ? AND is_owner ORDER BY name""",
            (user_id,),
        )
        return [found for row in rows if (found := _organization(row))]

    def remove_organization(self, organization_id: OrganizationId) -> None:
        self._records.change("DELETE FROM organizations WHERE id = ?", (organization_id,))

    def add_user(self, username: str, email: str) -> User:
        """The user of that name, made if there was none."""
        self._records.change(
            "INSERT INTO users (id, username, email, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (new_id("user"), username, email, to_text(self._now())),
        )
        row = self._records.row("SELECT id, username, email FROM users WHERE username = ?", (username,))
        if row is None:
            raise LookupError(f"no user {username} right after adding them")
        return User(**row)

    def user(self, user_id: UserId) -> User | None:
        row = self._records.row("SELECT id, username, email FROM users WHERE id = ?", (user_id,))
        return User(**row) if row else None

    def make_owner(self, organization_id: OrganizationId, user_id: UserId) -> None:
        self._records.change(
            "INSERT INTO memberships (organization_id, user_id, is_owner) VALUES (?, ?, 1) "
            "ON CONFLICT DO UPDATE SET is_owner = 1",
            (organization_id, user_id),
        )

    def owners(self, organization_id: OrganizationId) -> list[User]:
        rows = self._records.rows(
            """SELECT users.id, users.username, users.email FROM users
               JOIN memberships ON memberships.user_id = users.id
               WHERE organization_id = ? AND is_owner ORDER BY username""",
            (organization_id,),
        )
        return [User(**row) for row in rows]

    def is_owner(self, organization_id: OrganizationId, user_id: UserId) -> bool:
        return bool(
            self._records.value(
                "SELECT is_owner FROM memberships WHERE organization_id = ? AND user_id = ?",
                (organization_id, user_id),
            )
        )


def _organization(row: Row | None) -> Organization | None:
    return Organization(**{**row, "created_at": from_text(row["created_at"])}) if row else None
