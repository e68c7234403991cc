"""Who is there? Organizations, users and their memberships."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime

from bot.errors import NotFound, Refused
from bot.ids import OrganizationId, TeamId, UserId
from bot.organization import check_no_id
from bot.permissions import Flag
from bot.team import OWNERS, Visibility
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.ids import new_id
from storage.teams import Teams


@dataclass(frozen=True)
class Organization:
    id: OrganizationId
    name: str
    email: str
    created_at: datetime


@dataclass(frozen=True)
class User:
    """`is_site_admin`: may use the `admin/` part of the API, and nothing else by that."""

    id: UserId
    username: str
    email: str
    is_site_admin: bool = field(default=False, compare=False)  # who it is doesn't depend on it


@dataclass(frozen=True)
class Membership:
    id: str  # ou-…
    organization_id: OrganizationId
    user: User
    created_at: datetime


_USER = "users.id, users.username, users.email, users.is_site_admin"
_MEMBERSHIPS = """SELECT memberships.*, users.username, users.email, users.is_site_admin
                  FROM memberships JOIN users ON users.id = memberships.user_id"""


class People:
    def __init__(self, records: Records, teams: Teams, now: Callable[[], datetime]) -> None:
        self._records = records
        self._teams = teams
        self._now = now

    def add_organization(self, name: str, email: str) -> Organization:
        """With its team of owners, in which nobody is yet. Raises Refused if the name is taken."""
        if self.organization(name):
            raise Refused(f"there is an organization named {name} already")
        organization = Organization(OrganizationId(new_id("org")), name, email, self._now())
        with self._records.write():
            self._records.insert(
                "organizations",
                {"id": organization.id, "name": name, "email": email, "created_at": to_text(organization.created_at)},
            )
            self._teams.add(organization.id, OWNERS, visibility=Visibility.ORGANIZATION, flags=Flag)
        return organization

    def change_organization(self, organization: Organization, name: str, email: str) -> Organization:
        """Raises Refused if the name is another organization's."""
        other = self.organization(name)
        if other is not None and other.id != organization.id:
            raise Refused(f"there is an organization named {name} already")
        self._records.change(
            "UPDATE organizations SET name = ?, email = ? WHERE id = ?", (name, email, organization.id)
        )
        return Organization(organization.id, name, email, organization.created_at)

    def organization(self, name: str) -> Organization | None:
        return _organization(self._records.row("SELECT * FROM organizations WHERE name = ?", (name,)))

    def organization_by_id(self, organization_id: OrganizationId) -> Organization | None:
        return _organization(self._records.row("SELECT * FROM organizations WHERE id = ?", (organization_id,)))

    def organizations_with_ids(self, organization_ids: Collection[OrganizationId]) -> list[Organization]:
        """Those of them that there are."""
        sql = f"SELECT * FROM organizations WHERE id IN ({_marks(organization_ids)})"
        rows = self._records.rows(sql, tuple(organization_ids))
        return [found for row in rows if (found := _organization(row))]

    def organizations(self) -> list[Organization]:
        rows = self._records.rows("SELECT * FROM organizations ORDER BY name")
        return [found for row in rows if (found := _organization(row))]

    def organizations_of(
        self, user_id: UserId, *, search: str = "", limit: int, offset: int
    ) -> tuple[list[Organization], int]:
        """A page of those that a user is a member of, by name, and how many there are. `search`: in the name."""
        source = """FROM organizations JOIN memberships ON memberships.organization_id = organizations.id
                    WHERE user_id = ? AND instr(lower(name), lower(?))"""
        rows = self._records.rows(
            f"SELECT organizations.* {source} ORDER BY name LIMIT ? OFFSET ?", (user_id, search, limit, offset)
        )
        total = int(self._records.value(f"SELECT count(*) {source}", (user_id, search)))
        return [found for row in rows if (found := _organization(row))], total

    def joined(self, user_id: UserId, organization_ids: Collection[OrganizationId]) -> set[OrganizationId]:
        """Those of several organizations that a user is a member of."""
        marks = _marks(organization_ids)
        sql = f"SELECT organization_id FROM memberships WHERE user_id = ? AND organization_id IN ({marks})"
        return {row["organization_id"] for row in self._records.rows(sql, (user_id, *organization_ids))}

    def members_among(self, organization_ids: Collection[OrganizationId], users: Collection[UserId]) -> set[UserId]:
        """Those of several users who are in one of the organizations."""
        sql = f"""SELECT DISTINCT user_id FROM memberships
                  WHERE organization_id IN ({_marks(organization_ids)}) AND user_id IN ({_marks(users)})"""
        return {row["user_id"] for row in self._records.rows(sql, (*organization_ids, *users))}

    def sharing_an_organization(self, user_id: UserId, others: Collection[UserId]) -> set[UserId]:
        """Those of several users who are in an organization that a user is in too."""
        sql = f"""SELECT DISTINCT theirs.user_id FROM memberships JOIN memberships AS theirs USING (organization_id)
                  WHERE memberships.user_id = ? AND theirs.user_id IN ({_marks(others)})"""
        return {row["user_id"] for row in self._records.rows(sql, (user_id, *others))}

    def remove_organization(self, organization_id: OrganizationId) -> None:
        self._records.change("DELETE FROM organizations WHERE id = ?", (organization_id,))

    def add_user(self, username: str, email: str) -> User:
        """The user of that name, made if there was none. Raises Refused for a name that looks like an id."""
        self._records.change(
            "INSERT INTO users (id, username, email, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (new_id("user"), check_no_id(username), email, to_text(self._now())),
        )
        found = self.user_named(username)
        if found is None:
            raise LookupError(f"no user {username} right after adding them")
        return found

    def user(self, user_id: UserId) -> User | None:
        return self._user("id = ?", user_id)

    def user_named(self, username: str) -> User | None:
        return self._user("username = ?", username)

    def users_with_ids(self, user_ids: Collection[UserId]) -> list[User]:
        """Those of them that there are."""
        sql = f"SELECT {_USER} FROM users WHERE id IN ({_marks(user_ids)})"
        return [_user(row) for row in self._records.rows(sql, tuple(user_ids))]

    def users_named(self, usernames: Collection[str]) -> dict[str, User]:
        """Those of them that there are, by the name that was asked for: it is found in capitals too."""
        sql = f"SELECT {_USER} FROM users WHERE username IN ({_marks(usernames)})"
        found = {row["username"].casefold(): _user(row) for row in self._records.rows(sql, tuple(usernames))}
        return {name: found[name.casefold()] for name in usernames if name.casefold() in found}

    def user_with_email(self, email: str) -> User | None:
        """The first user that was made with this address."""
        return self._user("email = ? COLLATE NOCASE ORDER BY created_at, rowid LIMIT 1", email)

    def _user(self, where: str, value: str) -> User | None:
        row = self._records.row(f"SELECT {_USER} FROM users WHERE {where}", (value,))
        return _user(row) if row else None

    def users(self) -> list[User]:
        return [_user(row) for row in self._records.rows(f"SELECT {_USER} FROM users ORDER BY username")]

    def users_with_email(self, email: str) -> list[User]:
        """All that were made with this address, the first of them first."""
        sql = f"SELECT {_USER} FROM users WHERE email = ? COLLATE NOCASE ORDER BY created_at, rowid"
        return [_user(row) for row in self._records.rows(sql, (email,))]

    def are_any(self) -> bool:
        """Whether there is a user at all."""
        return self._records.row("SELECT 1 FROM users LIMIT 1") is not None

    def make_site_admin(self, user_id: UserId, *, is_one: bool) -> None:
        """Let a user use the `admin/` part of the API, or not any more."""
        self._records.change("UPDATE users SET is_site_admin = ? WHERE id = ?", (int(is_one), user_id))

    def join(self, organization_id: OrganizationId, user_id: UserId) -> Membership:
        """Make a user a member of the organization, in no team yet. Who is one already stays one."""
        self._records.change(
            """INSERT INTO memberships (id, organization_id, user_id, created_at) VALUES (?, ?, ?, ?)
               ON CONFLICT DO NOTHING""",
            (new_id("ou"), organization_id, user_id, to_text(self._now())),
        )
        found = self.membership_of(organization_id, user_id)
        if found is None:
            raise LookupError(f"no membership of {user_id} right after adding it")
        return found

    def leave(self, membership: Membership) -> None:
        """Take a user out of the organization and of all its teams."""
        with self._records.write():
            self._teams.leave_all(membership.organization_id, membership.user.id)
            self._records.change("DELETE FROM memberships WHERE id = ?", (membership.id,))

    def membership(self, membership_id: str) -> Membership:
        """Raises NotFound."""
        row = self._records.row(f"{_MEMBERSHIPS} WHERE memberships.id = ?", (membership_id,))
        if row is None:
            raise NotFound(f"there is no organization membership {membership_id}")
        return _membership(row)

    def membership_of(self, organization_id: OrganizationId, user_id: UserId) -> Membership | None:
        def load() -> Membership | None:
            row = self._records.row(
                f"{_MEMBERSHIPS} WHERE organization_id = ? AND user_id = ?", (organization_id, user_id)
            )
            return _membership(row) if row else None

        return self._records.while_unchanged(("membership", organization_id, user_id), load)

    def memberships(
        self,
        organization_id: OrganizationId,
        *,
        search: str = "",
        emails: list[str] | None = None,
        limit: int,
        offset: int,
    ) -> tuple[list[Membership], int]:
        """A page of an organization's members by name, and how many there are. `search`: in name or address."""
        where = "organization_id = ? AND (instr(lower(username), lower(?)) OR instr(lower(email), lower(?)))"
        parameters = [organization_id, search, search]
        if emails is not None:
            where += f" AND lower(email) IN ({', '.join('?' * len(emails))})"
            parameters += [email.lower() for email in emails]
        count = f"SELECT count(*) FROM memberships JOIN users ON users.id = user_id WHERE {where}"
        page = f"{_MEMBERSHIPS} WHERE {where} ORDER BY username LIMIT ? OFFSET ?"
        rows = self._records.rows(page, [*parameters, limit, offset])
        return [_membership(row) for row in rows], int(self._records.value(count, parameters))

    def memberships_in(
        self, organization_id: OrganizationId, team_id: TeamId, *, limit: int, offset: int
    ) -> tuple[list[Membership], int]:
        """A page of the memberships of a team's members by name, and how many there are."""
        where = "organization_id = ? AND user_id IN (SELECT user_id FROM team_members WHERE team_id = ?)"
        rows = self._records.rows(
            f"{_MEMBERSHIPS} WHERE {where} ORDER BY username LIMIT ? OFFSET ?",
            (organization_id, team_id, limit, offset),
        )
        total = self._records.value(f"SELECT count(*) FROM memberships WHERE {where}", (organization_id, team_id))
        return [_membership(row) for row in rows], int(total)

    def memberships_among(
        self, organization_ids: Collection[OrganizationId], user_ids: Collection[UserId]
    ) -> list[Membership]:
        """Those that several users, which may be very many, have of one of the organizations; by name."""
        rows = self._records.rows(
            f"""{_MEMBERSHIPS} WHERE organization_id IN ({_marks(organization_ids)})
                  AND user_id IN (SELECT value FROM json_each(?)) ORDER BY username""",
            (*organization_ids, json.dumps(list(user_ids))),
        )
        return [_membership(row) for row in rows]

    def members(self, organization_id: OrganizationId) -> list[Membership]:
        """All of them by name, for a person's eyes; doors take pages."""
        return self.memberships(organization_id, limit=-1, offset=0)[0]

    def memberships_of(self, user_id: UserId, *, limit: int, offset: int) -> tuple[list[Membership], int]:
        """A page of a user's memberships, the oldest first, and how many there are."""
        order = "ORDER BY memberships.created_at, memberships.rowid LIMIT ? OFFSET ?"
        rows = self._records.rows(f"{_MEMBERSHIPS} WHERE user_id = ? {order}", (user_id, limit, offset))
        total = self._records.value("SELECT count(*) FROM memberships WHERE user_id = ?", (user_id,))
        return [_membership(row) for row in rows], int(total)

    def make_owner(self, organization_id: OrganizationId, user_id: UserId) -> None:
        with self._records.write():
            self.join(organization_id, user_id)
            self._teams.join(self._teams.owners(organization_id).id, [user_id])

    def owners(self, organization_id: OrganizationId) -> list[User]:
        rows = self._records.rows(
            f"""SELECT {_USER} FROM users
               JOIN team_members ON team_members.user_id = users.id JOIN teams ON teams.id = team_id
               WHERE organization_id = ? AND name = ? ORDER BY username""",
            (organization_id, OWNERS),
        )
        return [_user(row) for row in rows]

    def is_owner(self, organization_id: OrganizationId, user_id: UserId) -> bool:
        return any(team.is_owners for team in self._teams.of_user(organization_id, user_id))


def _organization(row: Row | None) -> Organization | None:
    return Organization(**{**row, "created_at": from_text(row["created_at"])}) if row else None


def _user(row: Row) -> User:
    return User(**{**row, "is_site_admin": bool(row["is_site_admin"])})


def _membership(row: Row) -> Membership:
    user = User(row["user_id"], row["username"], row["email"], bool(row["is_site_admin"]))
    return Membership(row["id"], row["organization_id"], user, from_text(row["created_at"]))


def _marks(values: Collection[str]) -> str:
    return ", ".join("?" * len(values))
