"""Which runs are there? The one place that writes a run's row."""

import json
from collections.abc import Collection, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from bot.ids import ConfigurationVersionId, RepositoryId, RunId, WorkspaceId
from bot.manifest import Manifest, ManifestHead
from bot.plan_summary import PlanSummary
from bot.run import Run, RunKind, RunStatus, TriggerReason
from bot.run_words import operation_of, source_of
from bot.timestamps import from_text, maybe_from_text, maybe_text, to_text
from storage import run_search
from storage.database import Records, Row
from storage.encryption import Keyring
from storage.run_filter import NEWEST_FIRST, OF_TAGS, OUTDATED, SAVED, UNFINISHED, RunFilter

_FIELDS = tuple(field.name for field in fields(Run))
_COLUMNS = ", ".join(_FIELDS)  # all but the manifest, which is large
_FLAGS = ("auto_apply", "auto_apply_asked", "is_destroy", "forced")
# Word for word the condition of the index `runs_once_per_delivery`, or SQLite would not use it.
_OF_A_DELIVERY = "delivery != ''"


class RunMoved(Exception):
    """Somebody else moved the run first; look again."""


class RunStore:
    def __init__(self, records: Records, keyring: Keyring) -> None:
        self._records = records
        self._keyring = keyring

    def next_sequence(self) -> int:
        """The next place in the queues: an order, not a time. One sequence serves every workspace."""
        return self._records.insert("run_sequence", {"id": None})

    def add(self, run: Run, manifest: Manifest) -> None:
        """Raises sqlite3.IntegrityError if this delivery has made its run in this workspace already."""
        sealed = self._keyring.seal_text(json.dumps(manifest.as_json()), f"manifest {run.id}")
        sql = "SELECT organization_id FROM workspaces WHERE id = ?"
        organization_id = self._records.value(sql, (run.workspace_id,))
        # What lists filter by, besides what a run itself says: it follows from what is frozen, so it never changes.
        listed = {"effective_source": source_of(run), "operation": operation_of(run, manifest.options)}
        row = {**_row(run), **listed, "organization_id": organization_id, "manifest": sealed}
        number = self._records.insert("runs", row)
        text = "\n".join((run.id, run.commit_sha, run.created_by, run.message))
        self._records.insert("run_texts", {"number": number, "text": text})
        self._records.change("UPDATE workspaces SET latest_run_id = ? WHERE id = ?", (run.id, run.workspace_id))

    def find(self, run_id: str) -> Run | None:
        row = self._records.row("SELECT * FROM runs WHERE id = ?", (run_id,))
        return _run(row) if row else None

    def get(self, run_id: str) -> Run:
        """Raises LookupError for an id that we made ourselves and that must be there."""
        run = self.find(run_id)
        if run is None:
            raise LookupError(f"no run {run_id}")
        return run

    def with_ids(self, run_ids: Collection[RunId]) -> dict[RunId, Run]:
        """Those of them that there are."""
        found = self._select(f"id IN ({', '.join('?' * len(run_ids))})", run_ids)
        return {run.id: run for run in found}

    def manifest(self, run_id: RunId) -> Manifest:
        sealed = self._records.value("SELECT manifest FROM runs WHERE id = ?", (run_id,))
        return Manifest.from_json(self._opened(run_id, sealed))

    def manifest_heads(self, run_ids: Collection[RunId]) -> dict[RunId, ManifestHead]:
        """What lists show of several runs' manifests."""
        marks = ", ".join("?" * len(run_ids))
        rows = self._records.rows(f"SELECT id, manifest FROM runs WHERE id IN ({marks})", tuple(run_ids))
        return {RunId(row["id"]): ManifestHead.from_json(self._opened(row["id"], row["manifest"])) for row in rows}

    def _opened(self, run_id: str, sealed: bytes) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self._keyring.open_text(sealed, f"manifest {run_id}"))
        return document

    def move(self, before: Run, after: Run) -> None:
        """Save what differs, if the run is still as `before` says. Raises RunMoved otherwise."""
        old, new = _row(before), _row(after)
        changed = {name: value for name, value in new.items() if old[name] != value}
        if not changed:
            return
        settings = ", ".join(f"{name} = ?" for name in changed)
        touched = self._records.change(
            f"UPDATE runs SET {settings} WHERE id = ? AND status = ?",
            [*changed.values(), before.id, before.status],
        )
        if touched != 1:
            raise RunMoved(before.id)

    def unfinished(self, workspace_id: WorkspaceId) -> list[Run]:
        return self._select(f"workspace_id = ? AND {UNFINISHED} ORDER BY queue_sequence", (workspace_id,))

    def unfinished_of_each(self, workspace_ids: Collection[WorkspaceId]) -> dict[WorkspaceId, list[Run]]:
        """The same of several workspaces at once; those without any are left out."""
        found: dict[WorkspaceId, list[Run]] = {}
        condition = f"workspace_id IN ({', '.join('?' * len(workspace_ids))}) AND {UNFINISHED} ORDER BY queue_sequence"
        for run in self._select(condition, workspace_ids):
            found.setdefault(run.workspace_id, []).append(run)
        return found

    def unfinished_of_repository(self, repository_id: RepositoryId) -> list[Run]:
        return self._select(f"repository_id = ? AND {UNFINISHED} ORDER BY queue_sequence", (repository_id,))

    def count_unfinished(self) -> dict[str, int]:
        rows = self._records.rows(f"SELECT status, count(*) AS number FROM runs WHERE {UNFINISHED} GROUP BY status")
        return {row["status"]: row["number"] for row in rows}

    def workspaces_with_unfinished(self) -> list[WorkspaceId]:
        rows = self._records.rows(f"SELECT DISTINCT workspace_id FROM runs WHERE {UNFINISHED}")
        return [WorkspaceId(row["workspace_id"]) for row in rows]

    def outdated(self, workspace_id: WorkspaceId) -> list[Run]:
        """Plans that are kept, or about to be, made on another state than the workspace has now."""
        return self._select(f"workspace_id = ? AND {OUTDATED} ORDER BY queue_sequence", (workspace_id,))

    def kept_by_nobody_else(self, before: datetime) -> list[Run]:
        """Plans made before that moment that somebody keeps without a pull request (`plan -out`)."""
        condition = f"{SAVED} AND status = 'planned_and_saved' AND pull_number IS NULL AND created_at < ?"
        return self._select(condition, (to_text(before),))

    def workspaces_with_outdated(self) -> list[WorkspaceId]:
        rows = self._records.rows(f"SELECT DISTINCT workspace_id FROM runs WHERE {OUTDATED}")
        return [WorkspaceId(row["workspace_id"]) for row in rows]

    def of_workspace(self, workspace_id: WorkspaceId, limit: int = 50) -> list[Run]:
        return self._select("workspace_id = ? ORDER BY queue_sequence DESC LIMIT ?", (workspace_id, limit))

    def at_commit(self, repository_id: RepositoryId, commit_sha: str) -> list[Run]:
        return self._select("repository_id = ? AND commit_sha = ? ORDER BY queue_sequence", (repository_id, commit_sha))

    def count_at_commit(self, repository_id: RepositoryId, commit_sha: str) -> int:
        sql = "SELECT count(*) FROM runs WHERE repository_id = ? AND commit_sha = ?"
        return int(self._records.value(sql, (repository_id, commit_sha)))

    def of_pull(self, repository_id: RepositoryId, number: int) -> list[Run]:
        """Runs that the pull request itself made, oldest first."""
        return self._select("repository_id = ? AND pull_number = ? ORDER BY queue_sequence", (repository_id, number))

    def of_delivery_in(self, delivery: str, workspace_id: WorkspaceId) -> Run | None:
        """The run that this delivery has made in a workspace."""
        found = self._select(f"delivery = ? AND workspace_id = ? AND {_OF_A_DELIVERY}", (delivery, workspace_id))
        return found[0] if found else None

    def of_delivery(self, delivery: str) -> list[Run]:
        """Also those of its parts, which are named `DELIVERY.PART`; `/` comes right after the point."""
        near = f"delivery >= ?1 AND delivery < ?1 || '/' AND {_OF_A_DELIVERY}"
        condition = f"{near} AND (delivery = ?1 OR delivery > ?1 || '.') ORDER BY queue_sequence"
        return self._select(condition, (delivery,))

    def newest_push_run(self, workspace_id: WorkspaceId, branch: str) -> Run | None:
        found = self._select(
            "workspace_id = ? AND branch = ? AND trigger_reason = 'push' ORDER BY queue_sequence DESC LIMIT 1",
            (workspace_id, branch),
        )
        return found[0] if found else None

    def origins_of_each(self, version_ids: Collection[ConfigurationVersionId]) -> dict[ConfigurationVersionId, Run]:
        """The newest run of each configuration that an event of its repository made; else the newest of any."""
        order = "trigger_reason IN ('push', 'tag', 'pull_request') DESC, queue_sequence DESC"
        return self._first_of_each(version_ids, "1", order)

    def first_of_each_configuration(
        self, version_ids: Collection[ConfigurationVersionId], workspace_id: WorkspaceId
    ) -> dict[ConfigurationVersionId, Run]:
        """The runs that their coming made in this workspace; those that repeat one came later."""
        return self._first_of_each(version_ids, "+workspace_id = ?", "created_at, queue_sequence", workspace_id)

    def _first_of_each(
        self, version_ids: Collection[ConfigurationVersionId], condition: str, order: str, *parameters: str
    ) -> dict[ConfigurationVersionId, Run]:
        marks = ", ".join("?" * len(version_ids))
        numbered = f"""SELECT id, row_number() OVER (PARTITION BY configuration_version_id ORDER BY {order}) AS place
                       FROM runs WHERE configuration_version_id IN ({marks}) AND {condition}"""
        found = self._select(f"id IN (SELECT id FROM ({numbered}) WHERE place = 1)", (*version_ids, *parameters))
        return {run.configuration_version_id: run for run in found}

    def unfinished_of_configuration(self, version_id: str) -> Run | None:
        """A run that still needs this configuration."""
        found = self._select(f"configuration_version_id = ? AND {UNFINISHED} LIMIT 1", (version_id,))
        return found[0] if found else None

    def workspaces_of_configuration(self, version_id: str) -> list[WorkspaceId]:
        sql = "SELECT DISTINCT workspace_id FROM runs WHERE configuration_version_id = ?"
        return [row["workspace_id"] for row in self._records.rows(sql, (version_id,))]

    def newest_normal(self, workspace_id: WorkspaceId) -> Run | None:
        """The last run that was more than a look: its configuration is the workspace's current one."""
        found = self._select(
            "workspace_id = ? AND kind = 'normal' ORDER BY queue_sequence DESC LIMIT 1", (workspace_id,)
        )
        return found[0] if found else None

    def of_tags(self, workspace_id: WorkspaceId) -> list[Run]:
        return self._select(f"{OF_TAGS} ORDER BY queue_sequence", (workspace_id,))

    def count(self, wanted: RunFilter) -> int:
        return run_search.count(self._records, wanted)

    def search(
        self, wanted: RunFilter, *, limit: int, offset: int = 0, order: str = NEWEST_FIRST
    ) -> tuple[list[Run], int]:
        """A page of the runs that the filter lets through, and how many there are in all."""
        total = self.count(wanted)
        if offset >= total:
            return [], total
        page, parameters = run_search.page(self._records, wanted, total, order=order, limit=limit, offset=offset)
        # Which rows, from an index alone; then only those: a row is large.
        return self._select(f"number IN ({page}) ORDER BY {order}", parameters), total

    def owe_follow_up(self, run_id: RunId) -> None:
        """What follows from its end must happen, whatever becomes of the job that says so.

        Either its apply has ended, or it was ended or refused as out of date and its pull request gets another plan.
        """
        self._records.change("INSERT INTO follow_ups (run_id) VALUES (?) ON CONFLICT DO NOTHING", (run_id,))

    def follow_ups(self) -> list[RunId]:
        """Runs that have ended and whose consequences have not been seen to."""
        return [RunId(row["run_id"]) for row in self._records.rows("SELECT run_id FROM follow_ups ORDER BY rowid")]

    def followed_up(self, run_id: RunId) -> None:
        self._records.change("DELETE FROM follow_ups WHERE run_id = ?", (run_id,))

    def recent(self, limit: int = 50) -> list[Run]:
        return self._select("1 ORDER BY queue_sequence DESC LIMIT ?", (limit,))

    def _select(self, condition: str, parameters: Iterable[Any]) -> list[Run]:
        return [
            _run(row) for row in self._records.rows(f"SELECT {_COLUMNS} FROM runs WHERE {condition}", tuple(parameters))
        ]


def _row(run: Run) -> Row:
    row: Row = {field.name: getattr(run, field.name) for field in fields(run)}
    for flag in _FLAGS:
        row[flag] = int(row[flag])
    row["created_at"] = to_text(run.created_at)
    row["cancel_requested_at"] = maybe_text(run.cancel_requested_at)
    row["summary"] = json.dumps(run.summary.as_json()) if run.summary else None
    row["times"] = json.dumps({status: to_text(moment) for status, moment in run.times.items()})
    return row


def _run(row: Row) -> Run:
    known = {name: row[name] for name in _FIELDS}
    return Run(
        **{
            **known,
            **{flag: bool(row[flag]) for flag in _FLAGS},
            "kind": RunKind(row["kind"]),
            "status": RunStatus(row["status"]),
            "trigger_reason": TriggerReason(row["trigger_reason"]),
            "created_at": from_text(row["created_at"]),
            "cancel_requested_at": maybe_from_text(row["cancel_requested_at"]),
            "summary": PlanSummary.from_json(json.loads(row["summary"])) if row["summary"] else None,
            "times": {status: from_text(text) for status, text in json.loads(row["times"]).items()},
        }
    )
