"""What did an event say of a run besides what the run keeps itself? Read only where somebody asks for it."""

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

    def of(self, run_id: RunId) -> RunOrigin:
        sql = "SELECT before_sha, sender_html_url, sender_avatar_url FROM run_origins WHERE run_id = ?"
        row = self._records.row(sql, (run_id,))
        return RunOrigin(**row) if row else RunOrigin()
