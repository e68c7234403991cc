"""Which tables hold connections, repositories, and what we know of them?"""

from sqlite_utils import Database

from storage.migrations.sets import records


@records()
def code_hosts(db: Database) -> None:
    db.execute(
        """CREATE TABLE connections (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id),
            provider TEXT NOT NULL, name TEXT NOT NULL, http_url TEXT NOT NULL, api_url TEXT NOT NULL,
            token BLOB, app_id TEXT NOT NULL DEFAULT '', private_key BLOB, app_webhook_secret BLOB,
            created_at TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE TABLE repositories (
            id TEXT PRIMARY KEY, connection_id TEXT NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
            host_id TEXT NOT NULL, path TEXT NOT NULL, clone_url TEXT NOT NULL, default_branch TEXT NOT NULL,
            html_url TEXT NOT NULL, webhook_secret BLOB, installation_id TEXT NOT NULL DEFAULT '',
            webhook_registered INTEGER NOT NULL DEFAULT 0, reconciled_at TEXT,
            UNIQUE (connection_id, host_id)) STRICT"""
    )
    db.execute(
        """CREATE TABLE pull_requests (
            repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE, number INTEGER NOT NULL,
            title TEXT NOT NULL, author_host_id TEXT NOT NULL, author_login TEXT NOT NULL,
            head_sha TEXT NOT NULL, head_branch TEXT NOT NULL, base_branch TEXT NOT NULL, base_sha TEXT NOT NULL,
            is_open INTEGER NOT NULL, is_merged INTEGER NOT NULL, is_draft INTEGER NOT NULL,
            from_fork INTEGER NOT NULL, merge_commit_sha TEXT NOT NULL, html_url TEXT NOT NULL,
            is_settled INTEGER NOT NULL DEFAULT 0, -- what follows from what we know of it has been done
            body TEXT NOT NULL DEFAULT '', -- last: what reads the row without it leaves its pages alone
            PRIMARY KEY (repository_id, number)) STRICT"""
    )
    db.execute(
        """CREATE TABLE branch_heads (
            repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE, branch TEXT NOT NULL,
            commit_sha TEXT NOT NULL, PRIMARY KEY (repository_id, branch)) STRICT"""
    )
    db.execute(
        """CREATE TABLE commit_pulls (
            repository_id TEXT NOT NULL, commit_sha TEXT NOT NULL, pull_number INTEGER NOT NULL,
            PRIMARY KEY (repository_id, commit_sha, pull_number)) STRICT"""
    )
    db.execute(
        """CREATE TABLE comments_seen (
            repository_id TEXT NOT NULL, comment_id TEXT NOT NULL, seen_at TEXT NOT NULL, outcome TEXT NOT NULL,
            PRIMARY KEY (repository_id, comment_id)) STRICT"""
    )


@records()
def tag_heads(db: Database) -> None:
    # The row without a tag's name says that the repository's tags were looked at.
    db.execute(
        """CREATE TABLE tag_heads (
            repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE, tag TEXT NOT NULL,
            commit_sha TEXT NOT NULL, PRIMARY KEY (repository_id, tag)) STRICT"""
    )
