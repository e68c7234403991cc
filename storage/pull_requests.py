"""Which pull requests do we know, and which of their comments did we act on?"""

import json
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime

from bot.events import HostUser, PullRequest
from bot.ids import RepositoryId, RunId
from bot.timestamps import from_text, to_text
from storage.database import Records, Row

_COLUMNS = (
    *("title", "head_sha", "head_branch", "base_branch", "base_sha", "is_open", "is_merged"),
    *("is_draft", "from_fork", "merge_commit_sha", "html_url"),
)
LONGEST_BODY = 64 * 1024  # bytes of a pull request's description that are kept; GitLab lets people write a megabyte
_FLAGS = ("is_open", "is_merged", "is_draft", "from_fork")


class PullRequests:
    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    def know(self, repository_id: RepositoryId, pull: PullRequest) -> None:
        """Remember what the host says of it now; `settled` once all that follows from it is done."""
        row = {
            "repository_id": repository_id,
            "number": pull.number,
            "author_host_id": pull.author.host_id,
            "author_login": pull.author.login,
            **{name: getattr(pull, name) for name in _COLUMNS},
            "is_settled": 0,
            "body": pull.body.encode()[:LONGEST_BODY].decode(errors="ignore"),
        }
        row.update({flag: int(row[flag]) for flag in _FLAGS})
        marks = ", ".join("?" * len(row))
        updates = ", ".join(f"{name} = excluded.{name}" for name in row if name not in ("repository_id", "number"))
        self._records.change(
            f"""INSERT INTO pull_requests ({", ".join(row)}) VALUES ({marks})
                ON CONFLICT (repository_id, number) DO UPDATE SET {updates}""",
            list(row.values()),
        )

    def settled(self, repository_id: RepositoryId, number: int) -> None:
        self._records.change(
            "UPDATE pull_requests SET is_settled = 1 WHERE repository_id = ? AND number = ?", (repository_id, number)
        )

    def unsettled(self, repository_id: RepositoryId) -> set[int]:
        """The numbers of those with which something got in between."""
        rows = self._records.rows(
            "SELECT number FROM pull_requests WHERE repository_id = ? AND NOT is_settled", (repository_id,)
        )
        return {row["number"] for row in rows}

    def find(self, repository_id: RepositoryId, number: int) -> PullRequest | None:
        row = self._records.row(
            "SELECT * FROM pull_requests WHERE repository_id = ? AND number = ?", (repository_id, number)
        )
        return _pull(row) if row else None

    def of_each(
        self, wanted: Iterable[tuple[RepositoryId | None, int | None]]
    ) -> dict[tuple[RepositoryId, int], PullRequest]:
        """Those of several (repository, number) that were heard of; what names none is passed over."""
        rows = self._records.rows(
            """SELECT pull_requests.* FROM json_each(?) AS wanted CROSS JOIN pull_requests
               ON repository_id = json_extract(wanted.value, '$[0]') AND number = json_extract(wanted.value, '$[1]')""",
            (json.dumps(list(wanted)),),
        )
        return {(row["repository_id"], row["number"]): _pull(row) for row in rows}

    def open(self, repository_id: RepositoryId) -> list[PullRequest]:
        """Without what people have written in them, which may be long."""
        listed = ", ".join(("number", "author_host_id", "author_login", *_COLUMNS))
        rows = self._records.rows(
            f"SELECT {listed} FROM pull_requests WHERE repository_id = ? AND is_open ORDER BY number", (repository_id,)
        )
        return [_pull(row) for row in rows]

    def base_moved(self, repository_id: RepositoryId, branch: str, commit_sha: str) -> None:
        """The branch that open pull requests go into is at another commit now."""
        self._records.change(
            "UPDATE pull_requests SET base_sha = ? WHERE repository_id = ? AND base_branch = ? AND is_open",
            (commit_sha, repository_id, branch),
        )

    def saw_branch(self, repository_id: RepositoryId, branch: str, commit_sha: str) -> None:
        """Remember the head of a tracked branch, as we last heard of it."""
        self._records.change(
            """INSERT INTO branch_heads (repository_id, branch, commit_sha) VALUES (?, ?, ?)
               ON CONFLICT (repository_id, branch) DO UPDATE SET commit_sha = excluded.commit_sha""",
            (repository_id, branch, commit_sha),
        )

    def branch_seen(self, repository_id: RepositoryId, branch: str) -> str | None:
        found = self._records.value(
            "SELECT commit_sha FROM branch_heads WHERE repository_id = ? AND branch = ?", (repository_id, branch)
        )
        return str(found) if found else None

    def brought(self, repository_id: RepositoryId, commit_sha: str, number: int) -> None:
        """Remember that this pull request brought this commit to its branch."""
        self._records.change(
            "INSERT INTO commit_pulls (repository_id, commit_sha, pull_number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (repository_id, commit_sha, number),
        )

    def nobody_brought(self, repository_id: RepositoryId, commit_sha: str) -> None:
        """Remember that the host knows no pull request of this commit: number 0 stands for the commit itself."""
        self.brought(repository_id, commit_sha, 0)

    def was_looked_for(self, repository_id: RepositoryId, commit_sha: str) -> bool:
        """Whether the search for the commit's pull request has ended, either way."""
        return bool(
            self._records.value(
                "SELECT 1 FROM commit_pulls WHERE repository_id = ? AND commit_sha = ?", (repository_id, commit_sha)
            )
        )

    def not_looked_for(self, before: datetime) -> list[tuple[RepositoryId, str]]:
        """Pushed commits with a run made before that moment, and no end of the search for their pull request."""
        rows = self._records.rows(
            """SELECT DISTINCT repository_id, commit_sha FROM runs
               WHERE trigger_reason IN ('push', 'tag') AND created_at < ? AND NOT EXISTS (
                 SELECT 1 FROM commit_pulls WHERE commit_pulls.repository_id = runs.repository_id
                 AND commit_pulls.commit_sha = runs.commit_sha)
               AND EXISTS (SELECT 1 FROM repositories WHERE repositories.id = runs.repository_id)""",
            (to_text(before),),
        )
        return [(RepositoryId(row["repository_id"]), row["commit_sha"]) for row in rows]

    def that_brought(self, repository_id: RepositoryId, commit_sha: str) -> list[int]:
        rows = self._records.rows(
            """SELECT pull_number FROM commit_pulls
               WHERE repository_id = ? AND commit_sha = ? AND pull_number > 0 ORDER BY pull_number""",
            (repository_id, commit_sha),
        )
        return [row["pull_number"] for row in rows]

    def commits_of(self, repository_id: RepositoryId, number: int) -> list[str]:
        """The pushed commits that this pull request brought."""
        rows = self._records.rows(
            "SELECT commit_sha FROM commit_pulls WHERE repository_id = ? AND pull_number = ?", (repository_id, number)
        )
        return [row["commit_sha"] for row in rows]

    def comment_is_new(self, repository_id: RepositoryId, comment_id: str) -> bool:
        """Claim a comment: True once, for whoever came first. A comment acts once (invariant 2)."""
        try:
            self._records.insert(
                "comments_seen",
                {
                    "repository_id": repository_id,
                    "comment_id": comment_id,
                    "seen_at": to_text(self._now()),
                    "outcome": "",
                },
            )
        except sqlite3.IntegrityError:
            return False
        return True

    def comment_was_seen(self, repository_id: RepositoryId, comment_id: str) -> bool:
        return bool(
            self._records.value(
                "SELECT 1 FROM comments_seen WHERE repository_id = ? AND comment_id = ?", (repository_id, comment_id)
            )
        )

    def plan_was_posted(self, run_id: RunId, comment_id: str, at: datetime) -> None:
        """Remember that the plan stands in our comment since the host's time `at`."""
        self._records.change(
            "INSERT INTO posted_plans (run_id, comment_id, posted_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (run_id, comment_id, to_text(at)),
        )

    def plan_posted_at(self, run_id: RunId) -> datetime | None:
        """When the plan was first to be read, by the host's clock."""
        text = self._records.value("SELECT min(posted_at) FROM posted_plans WHERE run_id = ?", (run_id,))
        return from_text(text) if text else None


def _pull(row: Row) -> PullRequest:
    known = {name: row[name] for name in _COLUMNS}
    known.update({flag: bool(row[flag]) for flag in _FLAGS})
    author = HostUser(row["author_host_id"], row["author_login"])
    return PullRequest(number=row["number"], author=author, body=row.get("body", ""), **known)
