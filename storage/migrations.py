"""Which tables are there? Appended to, never edited once released."""

from sqlite_utils import Database, Migrations

records = Migrations("records")
inbox = Migrations("inbox")


@inbox()
def deliveries(db: Database) -> None:
    db.execute(
        """
        CREATE TABLE deliveries (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            connection_id TEXT NOT NULL,
            delivery_id TEXT NOT NULL,
            lane TEXT NOT NULL,          -- the repository: one is handled at a time, in the order received
            event TEXT NOT NULL,
            body BLOB NOT NULL,
            received_at TEXT NOT NULL,
            status TEXT NOT NULL,        -- received | handled | ignored | failed
            attempts INTEGER NOT NULL DEFAULT 0,
            not_before REAL NOT NULL DEFAULT 0,
            outcome TEXT NOT NULL DEFAULT '',
            UNIQUE (connection_id, delivery_id)
        ) STRICT"""
    )
    db.execute("CREATE INDEX deliveries_waiting ON deliveries (lane, seq) WHERE status = 'received'")


@records()
def people(db: Database) -> None:
    db.execute(
        """CREATE TABLE organizations (
            id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, email TEXT NOT NULL,
            created_at TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE TABLE users (
            id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE COLLATE NOCASE, email TEXT NOT NULL,
            created_at TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE TABLE memberships (
            organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            is_owner INTEGER NOT NULL, PRIMARY KEY (organization_id, user_id)) STRICT"""
    )
    db.execute(
        """CREATE TABLE tokens (
            id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
            description TEXT NOT NULL, created_at TEXT NOT NULL, expires_at TEXT, last_used_at TEXT) STRICT"""
    )


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
def workspaces(db: Database) -> None:
    db.execute(
        """CREATE TABLE workspaces (
            id TEXT PRIMARY KEY, organization_id TEXT NOT NULL REFERENCES organizations (id),
            name TEXT NOT NULL COLLATE NOCASE, repository_id TEXT REFERENCES repositories (id),
            settings TEXT NOT NULL, created_at TEXT NOT NULL,
            locked_by TEXT NOT NULL DEFAULT '', lock_reason TEXT NOT NULL DEFAULT '', locked_at TEXT,
            unlocked_at TEXT, current_state_version_id TEXT, latest_run_id TEXT,
            UNIQUE (organization_id, name)) STRICT"""
    )
    db.execute("CREATE INDEX workspaces_repository ON workspaces (repository_id)")
    db.execute(
        """CREATE TABLE variables (
            id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            key TEXT NOT NULL, value BLOB NOT NULL, category TEXT NOT NULL, hcl INTEGER NOT NULL,
            sensitive INTEGER NOT NULL, description TEXT NOT NULL, UNIQUE (workspace_id, category, key)) STRICT"""
    )
    db.execute(
        """CREATE TABLE holds (
            workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id) ON DELETE CASCADE,
            repository_id TEXT NOT NULL, pull_number INTEGER NOT NULL, since TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE TABLE state_versions (
            id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            serial INTEGER NOT NULL, lineage TEXT NOT NULL, md5 TEXT NOT NULL, size INTEGER NOT NULL,
            blob_id TEXT NOT NULL, run_id TEXT, commit_sha TEXT NOT NULL, created_at TEXT NOT NULL,
            is_late INTEGER NOT NULL DEFAULT 0) STRICT"""
    )
    db.execute("CREATE INDEX state_versions_newest ON state_versions (workspace_id, serial DESC)")


@records()
def runs(db: Database) -> None:
    db.execute(
        """CREATE TABLE configuration_versions (
            id TEXT PRIMARY KEY, repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
            commit_sha TEXT NOT NULL, submodules INTEGER NOT NULL, blob_id TEXT NOT NULL,
            message TEXT NOT NULL, author TEXT NOT NULL, created_at TEXT NOT NULL,
            UNIQUE (repository_id, commit_sha, submodules)) STRICT"""
    )
    db.execute("CREATE TABLE run_sequence (id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT")
    db.execute(
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            kind TEXT NOT NULL, configuration_version_id TEXT NOT NULL, commit_sha TEXT NOT NULL,
            manifest BLOB NOT NULL, manifest_digest TEXT NOT NULL, trigger_reason TEXT NOT NULL,
            created_at TEXT NOT NULL, queue_sequence INTEGER NOT NULL, auto_apply INTEGER NOT NULL,
            is_destroy INTEGER NOT NULL, repository_id TEXT, branch TEXT NOT NULL, tag TEXT NOT NULL,
            base_sha TEXT NOT NULL, pull_number INTEGER, delivery TEXT NOT NULL, message TEXT NOT NULL,
            created_by TEXT NOT NULL, status TEXT NOT NULL, plan_digest TEXT NOT NULL, planned_on TEXT,
            summary TEXT, confirmed_by TEXT NOT NULL, error TEXT NOT NULL, trouble TEXT NOT NULL,
            cancel_requested_at TEXT, forced INTEGER NOT NULL, times TEXT NOT NULL) STRICT"""
    )
    db.execute("CREATE UNIQUE INDEX runs_once_per_delivery ON runs (delivery, workspace_id) WHERE delivery != ''")
    unfinished = "status NOT IN ('applied', 'planned_and_finished', 'discarded', 'errored', 'canceled')"
    db.execute(f"CREATE INDEX runs_unfinished ON runs (workspace_id, queue_sequence) WHERE {unfinished}")
    db.execute("CREATE INDEX runs_by_workspace ON runs (workspace_id, queue_sequence DESC)")
    db.execute("CREATE INDEX runs_by_commit ON runs (repository_id, commit_sha)")
    db.execute("CREATE INDEX runs_by_pull ON runs (repository_id, pull_number) WHERE pull_number IS NOT NULL")
    pushed = "trigger_reason IN ('push', 'tag')"
    db.execute(f"CREATE INDEX runs_pushed ON runs (repository_id, commit_sha, created_at) WHERE {pushed}")
    # Runs whose apply has ended and whose consequences (other plans, a merge) have not been seen to yet.
    db.execute("CREATE TABLE follow_ups (run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE) STRICT")
    db.execute(
        """CREATE TABLE timeline (
            id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            at TEXT NOT NULL, actor TEXT NOT NULL, text TEXT NOT NULL) STRICT"""
    )
    db.execute("CREATE INDEX timeline_run ON timeline (run_id, id)")
    db.execute(
        """CREATE TABLE stage_jobs (
            id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            stage TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL,
            token_hash TEXT NOT NULL DEFAULT '', nonce_hash TEXT NOT NULL DEFAULT '',
            lease_id TEXT NOT NULL DEFAULT '', lease_until TEXT,
            runner TEXT NOT NULL DEFAULT '', signal TEXT NOT NULL DEFAULT 'none', claimed_at TEXT, finished_at TEXT,
            log_size INTEGER NOT NULL DEFAULT 0, log_blob_id TEXT, plan_blob_id TEXT, plan_json_blob_id TEXT,
            work_folder_blob_id TEXT, errored_state_blob_id TEXT, result TEXT) STRICT"""
    )
    db.execute("CREATE INDEX stage_jobs_run ON stage_jobs (run_id, stage)")
    db.execute("CREATE INDEX stage_jobs_open ON stage_jobs (status) WHERE status IN ('queued', 'claimed')")


@records()
def outbox(db: Database) -> None:
    db.execute(
        """CREATE TABLE outbox (
            id INTEGER PRIMARY KEY, connection_id TEXT NOT NULL, repository_id TEXT NOT NULL,
            lane TEXT NOT NULL,          -- one sender at a time: a pull request, or a commit
            channel TEXT NOT NULL,       -- refresh | status | comment | reaction | check | merge
            slot TEXT NOT NULL,          -- which one: a context, a comment's purpose, a comment's id
            content TEXT NOT NULL,       -- what must be true at the host, as JSON; text is rendered when sent
            version INTEGER NOT NULL, sent_version INTEGER NOT NULL DEFAULT 0,
            remote_id TEXT NOT NULL DEFAULT '', sent_digest TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
            not_before REAL NOT NULL DEFAULT 0, trouble TEXT NOT NULL DEFAULT '', updated_at TEXT NOT NULL,
            UNIQUE (repository_id, lane, channel, slot)) STRICT"""
    )
    db.execute("CREATE INDEX outbox_due ON outbox (connection_id, lane, not_before) WHERE sent_version < version")
    db.execute(
        "CREATE TABLE host_writes (connection_id TEXT NOT NULL, repository_id TEXT NOT NULL, at REAL NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX host_writes_recent ON host_writes (connection_id, at)")
    db.execute("CREATE TABLE host_pauses (connection_id TEXT PRIMARY KEY, until REAL NOT NULL) STRICT")
    db.execute(
        """CREATE TABLE posted_plans (
            run_id TEXT NOT NULL, comment_id TEXT NOT NULL, posted_at TEXT NOT NULL,
            PRIMARY KEY (run_id, comment_id)) STRICT"""
    )


@records()
def run_comments(db: Database) -> None:
    db.execute(
        """CREATE TABLE run_comments (
            id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            author TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL) STRICT"""
    )
    db.execute("CREATE INDEX run_comments_run ON run_comments (run_id)")


@records()
def tag_heads(db: Database) -> None:
    # The row without a tag's name says that the repository's tags were looked at.
    db.execute(
        """CREATE TABLE tag_heads (
            repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE, tag TEXT NOT NULL,
            commit_sha TEXT NOT NULL, PRIMARY KEY (repository_id, tag)) STRICT"""
    )


@records()
def chores(db: Database) -> None:
    db.execute("CREATE TABLE chores (name TEXT PRIMARY KEY, done_at TEXT NOT NULL) STRICT")
