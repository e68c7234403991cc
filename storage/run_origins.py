"""What did an event say of a run besides what the run keeps itself? Read only where somebody asks for it."""

from collections.abc import Collection
from dataclasses import dataclass

from bot.ids import RunId
from storage.database import Records


@dataclass(frozen=True)
class RunOrigin:
    """Empty where the event said nothing. The addresses are the host's own: text from outside."""

    before_sha: str = ""  # what a push was made on; all zeros for a new branch
    sender_html_url: str = ""
    sender_avatar_url: str = ""


class RunOrigins:
    def __init__(self, records: Records) -> None:
        self._records = records

    def add(self, run_id: RunId, origin: RunOrigin) -> None:
        """In the transaction that makes the run. An origin that says nothing gets no row."""
        if origin != RunOrigin():
            self._records.insert("run_origins", {"run_id": run_id, **vars(origin)})

    def of_each(self, run_ids: Collection[RunId]) -> dict[RunId, RunOrigin]:
        """Those of several runs; one of which no event said anything is left out."""
        marks = ", ".join("?" * len(run_ids))
        sql = (
            f"SELECT run_id, before_sha, sender_html_url, sender_avatar_url FROM run_origins WHERE run_id IN ({marks})"
        )
        rows = self._records.rows(sql, tuple(run_ids))
        return {RunId(row.pop("run_id")): RunOrigin(**row) for row in rows}
