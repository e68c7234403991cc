"""Which tables hold runs, their stages, and what was said of them?"""

from sqlite_utils import Database

from storage.migrations.sets import records


@records()
def configuration_versions(db: Database) -> None:
    db.execute(
        """CREATE TABLE configuration_versions (
            id TEXT PRIMARY KEY,
            -- either fetched from a repository, for all its workspaces, or uploaded to a workspace
            repository_id TEXT REFERENCES repositories (id) ON DELETE CASCADE,
            workspace_id TEXT REFERENCES workspaces (id) ON DELETE CASCADE,
            commit_sha TEXT NOT NULL, submodules INTEGER NOT NULL, blob_id TEXT NOT NULL,
            message TEXT NOT NULL, author TEXT NOT NULL, author_id TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL,
            status TEXT NOT NULL DEFAULT 'uploaded', error TEXT NOT NULL DEFAULT '',
            source TEXT NOT NULL DEFAULT '', speculative INTEGER NOT NULL DEFAULT 0,
            provisional INTEGER NOT NULL DEFAULT 0, auto_queue_runs INTEGER NOT NULL DEFAULT 1,
            may_apply INTEGER NOT NULL DEFAULT 0,
            UNIQUE (repository_id, commit_sha, submodules)) STRICT"""
    )
    db.execute("CREATE INDEX configurations_uploaded ON configuration_versions (workspace_id, created_at)")


@records()
def runs(db: Database) -> None:
    db.execute("CREATE TABLE run_sequence (id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT")
    db.execute(
        """CREATE TABLE runs (
            number INTEGER PRIMARY KEY, -- for the index of texts
            id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
            organization_id TEXT NOT NULL,
            kind TEXT NOT NULL, configuration_version_id TEXT NOT NULL, commit_sha TEXT NOT NULL,
            manifest BLOB NOT NULL, manifest_digest TEXT NOT NULL, trigger_reason TEXT NOT NULL,
            created_at TEXT NOT NULL, queue_sequence INTEGER NOT NULL, auto_apply INTEGER NOT NULL,
            auto_apply_asked INTEGER NOT NULL, is_destroy INTEGER NOT NULL, repository_id TEXT,
            branch TEXT NOT NULL, tag TEXT NOT NULL, base_sha TEXT NOT NULL, pull_number INTEGER,
            delivery TEXT NOT NULL, message TEXT NOT NULL, source TEXT NOT NULL,
            created_by TEXT NOT NULL, created_by_id TEXT NOT NULL, status TEXT NOT NULL, plan_digest TEXT NOT NULL,
            planned_on TEXT, summary TEXT, confirmed_by TEXT NOT NULL, confirmed_by_id TEXT NOT NULL,
            error TEXT NOT NULL, trouble TEXT NOT NULL,
            cancel_requested_at TEXT, forced INTEGER NOT NULL, times TEXT NOT NULL,
            -- TFE's words for where it came from and what it is for
            effective_source TEXT NOT NULL, operation TEXT NOT NULL) STRICT"""
    )
    db.execute("CREATE UNIQUE INDEX runs_once_per_delivery ON runs (delivery, workspace_id) WHERE delivery != ''")
    # In the order in which the queries have it (`storage/run_filter.py`): SQLite compares word for word.
    unfinished = "status NOT IN ('applied', 'canceled', 'discarded', 'errored', 'planned_and_finished')"
    waiting = "workspace_id, queue_sequence, operation, status, effective_source"
    db.execute(f"CREATE INDEX runs_unfinished ON runs ({waiting}) WHERE {unfinished}")
    saved = "kind = 'saved_plan' AND status IN ('planned_and_saved', 'planning')"
    db.execute(f"CREATE INDEX runs_saved ON runs (workspace_id, queue_sequence) WHERE {saved}")
    at_work = "status IN ('apply_queued', 'applying', 'plan_queued', 'planning')"
    in_turn = "organization_id, status, kind, queue_sequence, workspace_id, operation, effective_source"
    db.execute(f"CREATE INDEX runs_at_work ON runs ({in_turn}) WHERE {at_work}")
    # Lists are narrowed and sorted within these alone: the rows, which hold the manifests, are large.
    filtered = "operation, status, effective_source, commit_sha, created_by"
    db.execute(f"CREATE INDEX runs_by_workspace ON runs (workspace_id, queue_sequence DESC, {filtered})")
    of_organization = f"organization_id, queue_sequence DESC, workspace_id, {filtered}"
    db.execute(f"CREATE INDEX runs_by_organization ON runs ({of_organization})")
    db.execute(f"CREATE INDEX runs_unfinished_by_organization ON runs ({of_organization}) WHERE {unfinished}")
    # By the beginning of a commit, and by a name.
    also_listed = "organization_id, workspace_id, queue_sequence, operation, status, effective_source"
    db.execute(f"CREATE INDEX runs_by_sha ON runs (commit_sha, {also_listed}, created_by)")
    db.execute(f"CREATE INDEX runs_by_name ON runs (created_by, {also_listed}, commit_sha)")
    of_kind = "organization_id, operation, status, effective_source, queue_sequence, workspace_id"
    db.execute(f"CREATE INDEX runs_by_kind ON runs ({of_kind})")
    db.execute("CREATE INDEX runs_by_commit ON runs (repository_id, commit_sha)")
    db.execute("CREATE INDEX runs_by_pull ON runs (repository_id, pull_number) WHERE pull_number IS NOT NULL")
    db.execute("CREATE INDEX runs_by_configuration ON runs (configuration_version_id, queue_sequence)")
    pushed = "trigger_reason IN ('push', 'tag')"
    db.execute(f"CREATE INDEX runs_pushed ON runs (repository_id, commit_sha, created_at) WHERE {pushed}")
    tagged = "trigger_reason = 'tag'"
    db.execute(f"CREATE INDEX runs_of_tags ON runs (workspace_id, queue_sequence) WHERE {tagged}")
    # Runs that have ended and whose consequences have not been seen to yet: of an apply, runs elsewhere and a merge;
    # of a plan that was ended as out of date, another one.
    db.execute("CREATE TABLE follow_ups (run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE) STRICT")
    db.execute(
        """CREATE TABLE timeline (
            id INTEGER PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            at TEXT NOT NULL, actor TEXT NOT NULL, text TEXT NOT NULL) STRICT"""
    )
    db.execute("CREATE INDEX timeline_run ON timeline (run_id, id)")


@records()
def run_counts(db: Database) -> None:
    """How many runs of each kind are there? Kept with each write: a list says its length without reading its runs."""
    db.execute(
        """CREATE TABLE run_counts (
            place TEXT NOT NULL, -- a workspace or an organization
            operation TEXT NOT NULL, status TEXT NOT NULL, source TEXT NOT NULL, number INTEGER NOT NULL,
            PRIMARY KEY (place, operation, status, source)) STRICT, WITHOUT ROWID"""
    )
    counted = """INSERT INTO run_counts SELECT value, NEW.operation, NEW.status, NEW.effective_source, 1
            FROM json_each(json_array(NEW.workspace_id, NEW.organization_id)) WHERE 1
            ON CONFLICT DO UPDATE SET number = number + 1"""
    old = """place IN (OLD.workspace_id, OLD.organization_id) AND operation = OLD.operation
            AND status = OLD.status AND source = OLD.effective_source"""
    uncounted = f"""UPDATE run_counts SET number = number - 1 WHERE {old};
            DELETE FROM run_counts WHERE {old} AND number = 0"""
    db.execute(f"CREATE TRIGGER runs_are_counted AFTER INSERT ON runs BEGIN {counted}; END")
    moved = "AFTER UPDATE OF status, operation, effective_source, workspace_id, organization_id ON runs"
    db.execute(f"CREATE TRIGGER runs_are_counted_anew {moved} BEGIN {uncounted}; {counted}; END")
    db.execute(f"CREATE TRIGGER runs_are_not_counted AFTER DELETE ON runs BEGIN {uncounted}; END")


@records()
def run_origins(db: Database) -> None:
    # What only the answer about a commit's origin shows: apart from the runs, whose rows lists read.
    db.execute(
        """CREATE TABLE run_origins (
            run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE, before_sha TEXT NOT NULL,
            sender_html_url TEXT NOT NULL, sender_avatar_url TEXT NOT NULL) STRICT"""
    )


@records()
def stage_jobs(db: Database) -> None:
    db.execute(
        """CREATE TABLE stage_jobs (
            id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            stage TEXT NOT NULL, status TEXT NOT NULL, created_at TEXT NOT NULL,
            token_hash TEXT NOT NULL DEFAULT '', nonce_hash TEXT NOT NULL DEFAULT '',
            lease_id TEXT NOT NULL DEFAULT '', lease_until TEXT,
            runner TEXT NOT NULL DEFAULT '', engine TEXT NOT NULL DEFAULT '', engine_version TEXT NOT NULL DEFAULT '',
            names TEXT, -- of a plan: what its engine knows things by
            signal TEXT NOT NULL DEFAULT 'none', claimed_at TEXT, finished_at TEXT,
            log_size INTEGER NOT NULL DEFAULT 0, log_blob_id TEXT, plan_blob_id TEXT, plan_json_blob_id TEXT,
            plan_redacted_blob_id TEXT,
            work_folder_blob_id TEXT, errored_state_blob_id TEXT, result TEXT) STRICT"""
    )
    db.execute("CREATE INDEX stage_jobs_run ON stage_jobs (run_id, stage)")
    db.execute("CREATE INDEX stage_jobs_open ON stage_jobs (status) WHERE status IN ('queued', 'claimed')")


@records()
def run_comments(db: Database) -> None:
    db.execute(
        """CREATE TABLE run_comments (
            id TEXT PRIMARY KEY, run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            author TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL) STRICT"""
    )
    db.execute("CREATE INDEX run_comments_run ON run_comments (run_id)")


@records()
def run_texts(db: Database) -> None:
    """What `search[basic]` looks through, with an index of its trigrams: reading every run would take too long.

    Source: https://www.sqlite.org/fts5.html (the trigram tokenizer, and external content tables).
    """
    db.execute(
        """CREATE TABLE run_texts (
            number INTEGER PRIMARY KEY REFERENCES runs (number) ON DELETE CASCADE, text TEXT NOT NULL) STRICT"""
    )
    db.execute(
        """CREATE VIRTUAL TABLE run_search USING fts5 (
            text, content = 'run_texts', content_rowid = 'number', tokenize = 'trigram', detail = 'full')"""
    )
    db.execute(
        """CREATE TRIGGER run_texts_are_found AFTER INSERT ON run_texts BEGIN
            INSERT INTO run_search (rowid, text) VALUES (NEW.number, NEW.text);
        END"""
    )
    db.execute(
        """CREATE TRIGGER run_texts_are_forgotten AFTER DELETE ON run_texts BEGIN
            INSERT INTO run_search (run_search, rowid, text) VALUES ('delete', OLD.number, OLD.text);
        END"""
    )
