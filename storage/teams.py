"""Which teams are there, and who is in them?"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from bot.errors import NotFound, Refused
from bot.ids import OrganizationId, TeamId, UserId
from bot.permissions import Flag
from bot.team import OWNERS, Team, Visibility
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.ids import new_id

_FLAGS = {flag.value: flag for flag in Flag}
# With one parameter: an organization's id.
_OF_ORGANIZATION = "organization_id = ?"


class Teams:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(
        self,
        organization_id: OrganizationId,
        name: str,
        *,
        visibility: Visibility = Visibility.SECRET,
        flags: Iterable[Flag] = (),
        members_make_tokens: bool = True,
    ) -> Team:
        """Raises Refused if the name is taken."""
        if self.by_name(organization_id, name):
            raise Refused(f"there is a team named {name} already")
        team_id = TeamId(new_id("team"))
        team = Team(team_id, organization_id, name, visibility, frozenset(flags), members_make_tokens, self._now())
        self._records.insert(
            "teams",
            {
                "id": team_id,
                "organization_id": organization_id,
                "name": name,
                "visibility": visibility,
                "flags": _flags_text(team.flags),
                "members_make_tokens": members_make_tokens,
                "created_at": to_text(team.created_at),
            },
        )
        return self.get(team_id)

    def change(self, team: Team) -> Team:
        """Store all of a team that can change. Raises Refused if the name is another team's."""
        other = self.by_name(team.organization_id, team.name)
        if other is not None and other.id != team.id:
            raise Refused(f"there is a team named {team.name} already")
        self._records.change(
            "UPDATE teams SET name = ?, visibility = ?, flags = ?, members_make_tokens = ? WHERE id = ?",
            (team.name, team.visibility, _flags_text(team.flags), team.members_make_tokens, team.id),
        )
        return replace(team)

    def remove(self, team_id: TeamId) -> None:
        """With its memberships, its access and its tokens; its members stay in the organization."""
        self._records.change("DELETE FROM teams WHERE id = ?", (team_id,))

    def get(self, team_id: str) -> Team:
        """Raises NotFound."""
        found = self.find(team_id)
        if found is None:
            raise NotFound(f"there is no team {team_id}")
        return found

    def with_ids(self, team_ids: Collection[TeamId]) -> list[Team]:
        """Those of them that there are, by name."""
        rows = self._records.rows(
            "SELECT * FROM teams WHERE id IN (SELECT value FROM json_each(?)) ORDER BY name",
            (json.dumps(list(team_ids)),),
        )
        return [found for row in rows if (found := _team(row))]

    def find(self, team_id: str) -> Team | None:
        return _team(self._records.row("SELECT * FROM teams WHERE id = ?", (team_id,)))

    def by_name(self, organization_id: OrganizationId, name: str) -> Team | None:
        sql = f"SELECT * FROM teams WHERE {_OF_ORGANIZATION} AND name = ?"
        return _team(self._records.row(sql, (organization_id, name)))

    def owners(self, organization_id: OrganizationId) -> Team:
        """The team that owns the organization. Raises NotFound if there is no such organization."""
        found = self.by_name(organization_id, OWNERS)
        if found is None:
            raise NotFound(f"there is no organization {organization_id}")
        return found

    def of_organization(
        self,
        organization_id: OrganizationId,
        *,
        seen_by: Sequence[TeamId] | None,
        names: Sequence[str] | None = None,
        search: str = "",
        limit: int,
        offset: int = 0,
    ) -> tuple[list[Team], int]:
        """A page of the teams by name, and how many there are. `seen_by`: of secret teams only these; None: all."""
        sql, parameters = f"{_OF_ORGANIZATION} AND instr(lower(name), lower(?))", [organization_id, search]
        if seen_by is not None:
            sql += f" AND (visibility != 'secret' OR id IN ({_marks(seen_by)}))"
            parameters += seen_by
        if names is not None:
            sql += f" AND name IN ({_marks(names)})"
            parameters += names
        total = int(self._records.value(f"SELECT count(*) FROM teams WHERE {sql}", parameters))
        page = f"SELECT * FROM teams WHERE {sql} ORDER BY name LIMIT ? OFFSET ?"
        rows = self._records.rows(page, [*parameters, limit, offset])
        return [found for row in rows if (found := _team(row))], total

    def of_user(self, organization_id: OrganizationId, user_id: UserId) -> tuple[Team, ...]:
        """The teams of an organization that a user is in."""

        def load() -> tuple[Team, ...]:
            rows = self._records.rows(
                f"""SELECT teams.* FROM teams JOIN team_members ON team_id = teams.id
                    WHERE user_id = ? AND {_OF_ORGANIZATION} ORDER BY name""",
                (user_id, organization_id),
            )
            return tuple(found for row in rows if (found := _team(row)))

        return self._records.while_unchanged(("teams of", organization_id, user_id), load)

    def join(self, team_id: TeamId, user_ids: Iterable[UserId]) -> None:
        """Put users into a team. That they are members of its organization is for the caller to ask."""
        with self._records.write():
            for user_id in user_ids:
                self._records.change(
                    "INSERT INTO team_members (team_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                    (team_id, user_id),
                )

    def leave(self, team_id: TeamId, user_ids: Iterable[UserId]) -> None:
        with self._records.write():
            for user_id in user_ids:
                self._records.change("DELETE FROM team_members WHERE team_id = ? AND user_id = ?", (team_id, user_id))

    def leave_all(self, organization_id: OrganizationId, user_id: UserId) -> None:
        self._records.change(
            f"""DELETE FROM team_members WHERE user_id = ?
                AND team_id IN (SELECT id FROM teams WHERE {_OF_ORGANIZATION})""",
            (user_id, organization_id),
        )

    def members(self, team_id: TeamId) -> list[UserId]:
        rows = self._records.rows("SELECT user_id FROM team_members WHERE team_id = ? ORDER BY user_id", (team_id,))
        return [UserId(row["user_id"]) for row in rows]

    def members_of_each(self, team_ids: Collection[TeamId]) -> dict[TeamId, list[UserId]]:
        """Who is in each of several teams; one that nobody is in is left out."""
        return {team_id: sorted(found) for team_id, found in self._members("team_id", team_ids)}

    def of_each_user(self, user_ids: Collection[UserId]) -> dict[OrganizationId, dict[UserId, list[Team]]]:
        """The teams that each of several users is in, by name; in each organization where there are any."""
        members = dict(self._members("user_id", user_ids))
        found: dict[OrganizationId, dict[UserId, list[Team]]] = defaultdict(lambda: defaultdict(list))
        for team in self.with_ids(members):
            there = found[team.organization_id]
            for user_id in members[team.id]:
                there[user_id].append(team)
        return found

    def of_user_everywhere(self, user_id: UserId) -> Mapping[OrganizationId, Sequence[Team]]:
        """The same of one user, who may be asking; organizations where they are in no team are left out."""

        def load() -> Mapping[OrganizationId, Sequence[Team]]:
            return {ident: tuple(there[user_id]) for ident, there in self.of_each_user([user_id]).items()}

        return self._records.while_unchanged(("teams everywhere of", user_id), load)

    def _members(self, column: str, idents: Collection[str]) -> list[tuple[TeamId, list[UserId]]]:
        """Teams with those of their members that were asked for. A row is a team: a hundred teams of two hundred
        members each would be 20,000 rows, which take longer to read than all the rest of a page."""
        rows = self._records.rows(
            f"""SELECT team_id, group_concat(user_id) AS user_ids FROM team_members
                WHERE {column} IN (SELECT value FROM json_each(?)) GROUP BY team_id""",
            (json.dumps(list(idents)),),
        )
        return [(TeamId(row["team_id"]), row["user_ids"].split(",")) for row in rows]


def _team(row: Row | None) -> Team | None:
    if row is None:
        return None
    return Team(
        **{
            **row,
            "visibility": Visibility(row["visibility"]),
            "flags": _flags(row["flags"]),
            "members_make_tokens": bool(row["members_make_tokens"]),
            "created_at": from_text(row["created_at"]),
        }
    )


@lru_cache(maxsize=256)  # most teams of an organization have the same
def _flags(text: str) -> frozenset[Flag]:
    """A flag that a newer Runlock knew gives nothing here."""
    return frozenset(_FLAGS[flag] for flag in json.loads(text) if flag in _FLAGS)


def _flags_text(flags: Iterable[Flag]) -> str:
    return json.dumps(sorted(flags))


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
