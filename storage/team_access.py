"""What was each team given in which workspace?"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from bot.errors import NotFound, Refused
from bot.ids import OrganizationId, TeamId, WorkspaceId
from bot.permissions import Level, RunsAccess, StateAccess, VariablesAccess, WorkspaceAccess
from storage.database import Records, Row
from storage.ids import new_id

_PARTS = ("level", "runs", "variables", "state", "locking", "sentinel_mocks", "run_tasks")


@dataclass(frozen=True)
class Grant:
    """A team's access to a workspace."""

    id: str  # tws-…
    team_id: TeamId
    workspace_id: WorkspaceId
    access: WorkspaceAccess


class TeamAccess:
    def __init__(self, records: Records) -> None:
        self._records = records

    def give(self, team_id: TeamId, workspace_id: WorkspaceId, access: WorkspaceAccess) -> Grant:
        """Raises Refused if the team has access there already: that is changed, not given again."""
        with self._records.write():
            if any(grant.team_id == team_id for grant in self.of_workspace(workspace_id)):
                raise Refused("the team has access to this workspace already")
            grant = Grant(new_id("tws"), team_id, workspace_id, access)
            self._records.insert(
                "team_workspaces",
                {"id": grant.id, "team_id": team_id, "workspace_id": workspace_id, **_parts(access)},
            )
        return grant

    def change(self, grant_id: str, access: WorkspaceAccess) -> Grant:
        parts = _parts(access)
        setting = ", ".join(f"{name} = ?" for name in parts)
        self._records.change(f"UPDATE team_workspaces SET {setting} WHERE id = ?", [*parts.values(), grant_id])
        return self.get(grant_id)

    def get(self, grant_id: str) -> Grant:
        """Raises NotFound."""
        row = self._records.row("SELECT * FROM team_workspaces WHERE id = ?", (grant_id,))
        if row is None:
            raise NotFound(f"there is no team access {grant_id}")
        return _grant(row)

    def remove(self, grant_id: str) -> None:
        self._records.change("DELETE FROM team_workspaces WHERE id = ?", (grant_id,))

    def of_workspace(self, workspace_id: WorkspaceId) -> list[Grant]:
        """What each team was given in a workspace."""
        sql = "SELECT * FROM team_workspaces WHERE workspace_id = ? ORDER BY team_id"
        return [_grant(row) for row in self._records.rows(sql, (workspace_id,))]

    def given(self, workspace_id: WorkspaceId, team_ids: Collection[TeamId]) -> list[WorkspaceAccess]:
        """What these teams were given in a workspace."""
        if not team_ids:
            return []
        key = ("grants in", workspace_id)
        grants = self._records.while_unchanged(key, lambda: tuple(self.of_workspace(workspace_id)))
        return [grant.access for grant in grants if grant.team_id in team_ids]

    def given_in_each(
        self, workspace_ids: Collection[WorkspaceId], team_ids: Collection[TeamId]
    ) -> dict[WorkspaceId, tuple[WorkspaceAccess, ...]]:
        """The same of several workspaces at once; those where the teams were given nothing are left out."""
        if not team_ids:
            return {}
        wanted, teams = (", ".join("?" * len(ids)) for ids in (workspace_ids, team_ids))
        rows = self._records.rows(
            f"SELECT * FROM team_workspaces WHERE workspace_id IN ({wanted}) AND team_id IN ({teams})",
            [*workspace_ids, *team_ids],
        )
        found: dict[WorkspaceId, tuple[WorkspaceAccess, ...]] = {}
        for row in rows:
            found[row["workspace_id"]] = (*found.get(row["workspace_id"], ()), _access(row))
        return found

    def of_teams(self, team_ids: Collection[TeamId]) -> dict[TeamId, dict[WorkspaceId, WorkspaceAccess]]:
        """All that each of these teams was given; those that were given nothing are left out."""
        rows = self._records.rows(
            f"SELECT * FROM team_workspaces WHERE team_id IN ({', '.join('?' * len(team_ids))})", list(team_ids)
        )
        found: dict[TeamId, dict[WorkspaceId, WorkspaceAccess]] = {}
        for row in rows:
            found.setdefault(row["team_id"], {})[row["workspace_id"]] = _access(row)
        return found

    def workspaces(
        self, organization_id: OrganizationId, team_ids: Collection[TeamId], *, with_runs: bool = False
    ) -> tuple[WorkspaceId, ...]:
        """The workspaces of an organization that one of these teams was given something in (where runs, if asked)."""

        def load() -> tuple[WorkspaceId, ...]:
            rows = self._records.rows(
                f"""SELECT DISTINCT workspace_id FROM team_workspaces JOIN workspaces ON workspaces.id = workspace_id
                    WHERE team_id IN ({", ".join("?" * len(team_ids))}) AND organization_id = ?
                    AND (runs != 'none' OR NOT ?)""",
                [*team_ids, organization_id, with_runs],
            )
            return tuple(WorkspaceId(row["workspace_id"]) for row in rows)

        key = ("workspaces of", organization_id, "runs" if with_runs else "all", *team_ids)
        return self._records.while_unchanged(key, load)


def _grant(row: Row) -> Grant:
    return Grant(row["id"], row["team_id"], row["workspace_id"], _access(row))


def _access(row: Row) -> WorkspaceAccess:
    return _access_of(*(row[name] for name in _PARTS))


@lru_cache  # there are few, and a page asks for many
def _access_of(
    level: str, runs: str, variables: str, state: str, locking: int, sentinel_mocks: int, run_tasks: int
) -> WorkspaceAccess:
    return WorkspaceAccess(
        Level(level),
        RunsAccess(runs),
        VariablesAccess(variables),
        StateAccess(state),
        bool(locking),
        bool(sentinel_mocks),
        bool(run_tasks),
    )


def _parts(access: WorkspaceAccess) -> dict[str, str | bool]:
    return {name: getattr(access, name) for name in _PARTS}
