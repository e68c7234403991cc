"""Which workspaces does somebody look for? A filter as SQL over the workspaces' table; lists are narrowed here.

Source: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/workspaces#list-workspaces
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from bot.ids import OrganizationId, ProjectId, WorkspaceId


class WorkspaceSort(StrEnum):
    """TFE's names. A leading dash, which the filter keeps apart, turns the order round."""

    NAME = "name"
    CURRENT_RUN = "current-run.created-at"
    LATEST_CHANGE = "latest-change-at"


_ORDERS = {
    WorkspaceSort.NAME: "workspaces.name",
    # In the order in which they were written down, which an index tells without the large rows.
    WorkspaceSort.CURRENT_RUN: "(SELECT rowid FROM runs WHERE runs.id = latest_run_id)",
    WorkspaceSort.LATEST_CHANGE: "(SELECT sequence FROM state_versions WHERE id = current_state_version_id)",
}


@dataclass(frozen=True)
class WorkspaceFilter:
    """Each field that is set narrows. `wildcard` is a name in which `*` stands for anything.

    `visible_to`: None means all of the organization; else only these workspaces.
    `keys` must all be tags of the workspace, none of `excluded_keys` may; `tagged` are (key, value), value None: any.
    """

    organization_id: OrganizationId
    visible_to: Sequence[WorkspaceId] | None = None
    project_id: ProjectId | None = None
    name: str = ""
    wildcard: str = ""
    keys: Sequence[str] = ()
    excluded_keys: Sequence[str] = ()
    tagged: Sequence[tuple[str, str | None]] = field(default=())
    sort: WorkspaceSort = WorkspaceSort.NAME
    descending: bool = False

    def as_sql(self) -> tuple[str, list[Any]]:
        """A condition for WHERE, and its parameters."""
        conditions, parameters = ["workspaces.organization_id = ?"], list[Any]([self.organization_id])

        def also(condition: str, *values: Any) -> None:
            conditions.append(condition)
            parameters.extend(values)

        if self.visible_to is not None:
            # As one parameter: SQLite takes only so many, and there may be more workspaces.
            also("workspaces.id IN (SELECT value FROM json_each(?))", json.dumps(self.visible_to))
        if self.project_id is not None:
            also("workspaces.project_id = ?", self.project_id)
        if self.name:
            also("instr(lower(workspaces.name), lower(?))", self.name)
        if self.wildcard:
            also("lower(workspaces.name) GLOB lower(?)", _glob(self.wildcard))
        for key in self.keys:
            also(_HAS_KEY, self.organization_id, key)
        for key in self.excluded_keys:
            also(f"NOT {_HAS_KEY}", self.organization_id, key)
        for key, value in self.tagged:
            if value is None:
                also(_HAS_KEY, self.organization_id, key)
            else:
                also(_HAS_TAG, self.organization_id, key, value, self.organization_id, key, value)
        return " AND ".join(conditions), parameters

    def order_by(self) -> str:
        """For ORDER BY; what is equal, and what has no such time, goes by name."""
        order = f"{_ORDERS[self.sort]} {'DESC' if self.descending else 'ASC'}"
        return order if self.sort is WorkspaceSort.NAME else f"{order}, workspaces.name"


def _glob(wildcard: str) -> str:
    """SQLite's GLOB knows more than `*`: the rest is meant literally."""
    return "".join(f"[{letter}]" if letter in "?[" else letter for letter in wildcard)


_TAG = "(SELECT id FROM tags WHERE organization_id = ? AND key = ?)"
# Of the workspace itself, or inherited from its project.
_HAS_KEY = """(EXISTS (SELECT 1 FROM tags WHERE organization_id = ? AND key = ? AND (
    tags.id IN (SELECT tag_id FROM workspace_tags WHERE workspace_id = workspaces.id)
    OR tags.id IN (SELECT tag_id FROM project_tags WHERE project_id = workspaces.project_id))))"""
# A project's value counts only where the workspace has none of its own for that key.
_HAS_TAG = f"""(EXISTS (SELECT 1 FROM workspace_tags
        WHERE workspace_id = workspaces.id AND tag_id = {_TAG} AND value = ?)
    OR EXISTS (SELECT 1 FROM project_tags WHERE project_id = workspaces.project_id AND tag_id = {_TAG} AND value = ?
        AND tag_id NOT IN (SELECT tag_id FROM workspace_tags WHERE workspace_id = workspaces.id)))"""
