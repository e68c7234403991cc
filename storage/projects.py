"""Which projects does an organization have? Each workspace is in one of them; one is the default."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.errors import NotFound, Refused
from bot.ids import OrganizationId, ProjectId, WorkspaceId
from bot.timestamps import from_text, to_text
from storage.database import Records, Row
from storage.ids import new_id


@dataclass(frozen=True)
class Project:
    id: ProjectId
    organization_id: OrganizationId
    organization_name: str
    name: str
    description: str
    is_default: bool
    created_at: datetime


_SELECT = """SELECT projects.*, organizations.name AS organization_name
             FROM projects JOIN organizations ON organizations.id = projects.organization_id"""


class Projects:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def add(self, organization_id: OrganizationId, name: str, description: str = "") -> Project:
        """Raises Refused if the name is taken."""
        project_id = ProjectId(new_id("prj"))
        with self._records.write():
            self._check_free(organization_id, name)
            self._records.insert(
                "projects",
                {
                    "id": project_id,
                    "organization_id": organization_id,
                    "name": name,
                    "description": description,
                    "created_at": to_text(self._now()),
                },
            )
        return self.get(project_id)

    def change(self, project: Project, name: str, description: str) -> Project:
        """Raises Refused if the name is taken."""
        with self._records.write():
            if name.lower() != project.name.lower():
                self._check_free(project.organization_id, name)
            self._records.change(
                "UPDATE projects SET name = ?, description = ? WHERE id = ?", (name, description, project.id)
            )
        return self.get(project.id)

    def remove(self, project_id: ProjectId) -> None:
        """Raises Refused for the default project, and for one that has workspaces."""
        with self._records.write():
            project = self.get(project_id)
            if project.is_default:
                raise Refused(f"{project.name} is the default project: it can't be deleted")
            if self.count_workspaces([project_id]):
                raise Refused(f"{project.name} still has workspaces: move or delete them first")
            self._records.change("DELETE FROM projects WHERE id = ?", (project_id,))

    def find(self, project_id: str) -> Project | None:
        row = self._records.row(f"{_SELECT} WHERE projects.id = ?", (project_id,))
        return _project(row) if row else None

    def get(self, project_id: str) -> Project:
        """Raises NotFound."""
        project = self.find(project_id)
        if project is None:
            raise NotFound(f"there is no project {project_id}")
        return project

    def with_ids(self, project_ids: Collection[ProjectId]) -> list[Project]:
        """Those of them that there are."""
        marks = ", ".join("?" * len(project_ids))
        rows = self._records.rows(f"{_SELECT} WHERE projects.id IN ({marks})", tuple(project_ids))
        return [_project(row) for row in rows]

    def search(
        self, organization_id: OrganizationId, names: Sequence[str] | None, text: str, *, limit: int, offset: int = 0
    ) -> tuple[list[Project], int]:
        """A page of the organization's projects by name, and how many there are; `text` is part of the name."""
        condition = "organization_id = ? AND instr(lower(projects.name), lower(?))"
        parameters: list[object] = [organization_id, text]
        if names is not None:
            condition += f" AND projects.name IN ({', '.join('?' * len(names))})"
            parameters += names
        total = int(self._records.value(f"SELECT count(*) FROM projects WHERE {condition}", parameters))
        ordered = f"{_SELECT} WHERE {condition} ORDER BY projects.name LIMIT ? OFFSET ?"
        return [_project(row) for row in self._records.rows(ordered, [*parameters, limit, offset])], total

    def count_workspaces(self, project_ids: Collection[ProjectId]) -> dict[ProjectId, int]:
        """How many workspaces each has; those with none are left out."""
        rows = self._records.rows(
            f"""SELECT project_id, count(*) AS number FROM workspaces
                WHERE project_id IN ({", ".join("?" * len(project_ids))}) GROUP BY project_id""",
            tuple(project_ids),
        )
        return {ProjectId(row["project_id"]): row["number"] for row in rows}

    def move_workspaces(self, project: Project, workspace_ids: Sequence[WorkspaceId]) -> None:
        """Put workspaces of the project's organization into it."""
        with self._records.write():
            for workspace_id in workspace_ids:
                self._records.change(
                    "UPDATE workspaces SET project_id = ? WHERE id = ? AND organization_id = ?",
                    (project.id, workspace_id, project.organization_id),
                )

    def _check_free(self, organization_id: OrganizationId, name: str) -> None:
        if self._records.row("SELECT 1 FROM projects WHERE organization_id = ? AND name = ?", (organization_id, name)):
            raise Refused(f"there is a project named {name} already")


def _project(row: Row) -> Project:
    return Project(**{**row, "is_default": bool(row["is_default"]), "created_at": from_text(row["created_at"])})
