"""Which variables are shared? Sets of them, given to workspaces, to projects, or to all of an organization."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.errors import NotFound, Refused
from bot.ids import OrganizationId, ProjectId, TeamId, VariableSetId, WorkspaceId
from bot.timestamps import from_text, to_text
from bot.variable_sets import Reach
from storage.database import Records, Row
from storage.ids import new_id


@dataclass(frozen=True)
class VariableSet:
    id: VariableSetId
    organization_id: OrganizationId
    organization_name: str
    name: str
    description: str
    is_global: bool
    is_priority: bool
    created_at: datetime
    updated_at: datetime


class GivenTo(StrEnum):
    """What a set can be given to; also the end of its table's name."""

    WORKSPACES = "workspaces"
    PROJECTS = "projects"


@dataclass(frozen=True)
class Recipients:
    """Whom a page of sets is given to, and how many variables each has."""

    workspaces: dict[VariableSetId, list[WorkspaceId]] = field(default_factory=dict)
    projects: dict[VariableSetId, list[ProjectId]] = field(default_factory=dict)
    variables: dict[VariableSetId, int] = field(default_factory=dict)


_SELECT = """SELECT variable_sets.*, organizations.name AS organization_name
             FROM variable_sets JOIN organizations ON organizations.id = variable_sets.organization_id"""
_ROWS = {GivenTo.WORKSPACES: "workspace", GivenTo.PROJECTS: "project"}


class VariableSets:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(
        self,
        organization_id: OrganizationId,
        name: str,
        description: str = "",
        *,
        is_global: bool = False,
        is_priority: bool = False,
    ) -> VariableSet:
        """Raises Refused if the name is taken."""
        set_id, now = VariableSetId(new_id("varset")), to_text(self._now())
        with self._records.write():
            self._check_free(organization_id, name)
            self._records.insert(
                "variable_sets",
                {
                    "id": set_id,
                    "organization_id": organization_id,
                    "name": name,
                    "description": description,
                    "is_global": int(is_global),
                    "is_priority": int(is_priority),
                    "created_at": now,
                    "updated_at": now,
                },
            )
        return self.get(set_id)

    def change(self, changed: VariableSet) -> VariableSet:
        """Save name, description, and what it is. Raises Refused if the name is taken."""
        with self._records.write():
            if self.get(changed.id).name != changed.name:
                self._check_free(changed.organization_id, changed.name)
            self._records.change(
                """UPDATE variable_sets SET name = ?, description = ?, is_global = ?, is_priority = ?, updated_at = ?
                   WHERE id = ?""",
                (
                    *(changed.name, changed.description, int(changed.is_global), int(changed.is_priority)),
                    *(to_text(self._now()), changed.id),
                ),
            )
        return self.get(changed.id)

    def remove(self, set_id: VariableSetId) -> None:
        self._records.change("DELETE FROM variable_sets WHERE id = ?", (set_id,))

    def get(self, set_id: str) -> VariableSet:
        """Raises NotFound."""
        row = self._records.row(f"{_SELECT} WHERE variable_sets.id = ?", (set_id,))
        if row is None:
            raise NotFound(f"there is no variable set {set_id}")
        return _set(row)

    def page_of_organization(
        self, organization_id: OrganizationId, text: str, *, limit: int, offset: int = 0
    ) -> tuple[list[VariableSet], int]:
        """By name; `text` is part of it."""
        return self._page("organization_id = ?", (organization_id,), text, limit, offset)

    def page_of_workspace(
        self, workspace_id: WorkspaceId, text: str, *, limit: int, offset: int = 0
    ) -> tuple[list[VariableSet], int]:
        """Those that reach the workspace: its own, its project's, and the global ones."""
        return self._page(f"variable_sets.id IN ({_REACHING})", (workspace_id,) * 3, text, limit, offset)

    def page_of_project(
        self, project_id: ProjectId, text: str, *, limit: int, offset: int = 0
    ) -> tuple[list[VariableSet], int]:
        """Those that reach each workspace of the project: its own and the global ones."""
        condition = """(variable_sets.id IN (SELECT variable_set_id FROM variable_set_projects WHERE project_id = ?)
            OR (is_global AND organization_id = (SELECT organization_id FROM projects WHERE id = ?)))"""
        return self._page(condition, (project_id, project_id), text, limit, offset)

    def reaching(self, workspace_id: WorkspaceId) -> list[tuple[VariableSet, Reach]]:
        """Every set that a run of the workspace gets, each with its narrowest reach."""
        rows = self._records.rows(
            f"""SELECT found.*, organizations.name AS organization_name, max(reach) AS reach FROM (
                  SELECT variable_sets.*, reach FROM variable_sets JOIN ({_REACHES}) ON variable_set_id = id
                ) AS found JOIN organizations ON organizations.id = organization_id
                GROUP BY found.id ORDER BY found.name""",
            (workspace_id,) * 3,
        )
        return [(_set(row), Reach(row.pop("reach"))) for row in [dict(row) for row in rows]]

    def recipients(self, set_ids: Sequence[VariableSetId]) -> Recipients:
        marks = ", ".join("?" * len(set_ids))
        found = Recipients()
        for kind, target in ((GivenTo.WORKSPACES, found.workspaces), (GivenTo.PROJECTS, found.projects)):
            rows = self._records.rows(
                f"""SELECT variable_set_id, {_ROWS[kind]}_id AS given_to FROM variable_set_{kind}
                    WHERE variable_set_id IN ({marks}) ORDER BY 2""",
                tuple(set_ids),
            )
            for row in rows:
                target.setdefault(row["variable_set_id"], []).append(row["given_to"])
        counts = f"""SELECT variable_set_id, count(*) AS number FROM variable_set_variables
                     WHERE variable_set_id IN ({marks}) GROUP BY variable_set_id"""
        for row in self._records.rows(counts, tuple(set_ids)):
            found.variables[row["variable_set_id"]] = row["number"]
        return found

    def reaching_teams(
        self, set_ids: Sequence[VariableSetId], team_ids: Collection[TeamId]
    ) -> frozenset[VariableSetId]:
        """Those of the sets that reach a workspace in which one of the teams was given to read variables."""
        sets, teams = (", ".join("?" * len(ids)) for ids in (set_ids, team_ids))
        rows = self._records.rows(
            f"""WITH readable AS MATERIALIZED (
                  SELECT workspaces.id, project_id, organization_id
                  FROM team_workspaces JOIN workspaces ON workspaces.id = workspace_id
                  WHERE team_id IN ({teams}) AND variables != 'none')
                SELECT id FROM variable_sets WHERE id IN ({sets}) AND CASE
                  WHEN is_global THEN organization_id IN (SELECT organization_id FROM readable)
                  ELSE EXISTS (SELECT 1 FROM variable_set_workspaces WHERE variable_set_id = variable_sets.id
                               AND workspace_id IN (SELECT id FROM readable))
                    OR EXISTS (SELECT 1 FROM variable_set_projects WHERE variable_set_id = variable_sets.id
                               AND project_id IN (SELECT project_id FROM readable)) END""",
            (*team_ids, *set_ids),
        )
        return frozenset(VariableSetId(row["id"]) for row in rows)

    def give(self, known: VariableSet, kind: GivenTo, ids: Sequence[str]) -> None:
        """Raises Refused for what is not of the set's organization; what has it already doesn't matter."""
        with self._records.write():
            for ident in ids:
                sql = f"SELECT 1 FROM {kind} WHERE id = ? AND organization_id = ?"
                if self._records.row(sql, (ident, known.organization_id)) is None:
                    raise Refused(f"there is no {_ROWS[kind]} {ident} in {known.organization_name}")
                self._records.change(
                    f"""INSERT INTO variable_set_{kind} (variable_set_id, {_ROWS[kind]}_id) VALUES (?, ?)
                        ON CONFLICT DO NOTHING""",
                    (known.id, ident),
                )

    def take(self, known: VariableSet, kind: GivenTo, ids: Sequence[str]) -> None:
        """What doesn't have it doesn't matter."""
        with self._records.write():
            for ident in ids:
                self._records.change(
                    f"DELETE FROM variable_set_{kind} WHERE variable_set_id = ? AND {_ROWS[kind]}_id = ?",
                    (known.id, ident),
                )

    def give_exactly(self, known: VariableSet, kind: GivenTo, ids: Sequence[str]) -> None:
        """Raises Refused as `give`."""
        with self._records.write():
            self._records.change(f"DELETE FROM variable_set_{kind} WHERE variable_set_id = ?", (known.id,))
            self.give(known, kind, ids)

    def _page(
        self, condition: str, parameters: tuple[object, ...], text: str, limit: int, offset: int
    ) -> tuple[list[VariableSet], int]:
        narrowed = f"{condition} AND instr(lower(variable_sets.name), lower(?))"
        total = int(self._records.value(f"SELECT count(*) FROM variable_sets WHERE {narrowed}", (*parameters, text)))
        ordered = f"{_SELECT} WHERE {narrowed} ORDER BY variable_sets.name LIMIT ? OFFSET ?"
        return [_set(row) for row in self._records.rows(ordered, (*parameters, text, limit, offset))], total

    def _check_free(self, organization_id: OrganizationId, name: str) -> None:
        sql = "SELECT 1 FROM variable_sets WHERE organization_id = ? AND name = ?"
        if self._records.row(sql, (organization_id, name)):
            raise Refused(f"there is a variable set named {name} already")


# Each set that reaches a workspace, by each way; the workspace's id is asked for three times.
_REACHES = f"""
    SELECT variable_set_id, {Reach.WORKSPACE} AS reach FROM variable_set_workspaces WHERE workspace_id = ?
    UNION ALL SELECT variable_set_id, {Reach.PROJECT} FROM variable_set_projects
        WHERE project_id = (SELECT project_id FROM workspaces WHERE id = ?)
    UNION ALL SELECT id, {Reach.GLOBAL} FROM variable_sets
        WHERE is_global AND organization_id = (SELECT organization_id FROM workspaces WHERE id = ?)"""
_REACHING = f"SELECT variable_set_id FROM ({_REACHES})"


def _set(row: Row) -> VariableSet:
    known = {name: row[name] for name in ("id", "organization_id", "organization_name", "name", "description")}
    return VariableSet(
        **known,
        is_global=bool(row["is_global"]),
        is_priority=bool(row["is_priority"]),
        created_at=from_text(row["created_at"]),
        updated_at=from_text(row["updated_at"]),
    )
