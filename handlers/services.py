"""What does a handler have at hand? Everything that remembers, the hosts, and the clock, made once per process."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.connection import Connection, Provider, Repository
from bot.settings import Settings
from bot.vcs.code_host import CodeHost
from bot.vcs.github import GitHubHost
from bot.vcs.gitlab import GitLabHost
from bot.vcs.mirror import Mirror
from bot.vcs.plain_git import PlainGitHost
from storage import migrations
from storage.blobs import BlobStore, open_shelf
from storage.chores import Chores
from storage.configuration_versions import ConfigurationVersions
from storage.connections import Connections, Repositories
from storage.database import Records
from storage.encryption import Keyring, load_or_make_key
from storage.inbox import Inbox
from storage.live_logs import LiveLogs
from storage.outbox import Outbox
from storage.people import People
from storage.pull_requests import PullRequests
from storage.run_comments import RunComments
from storage.runs import RunStore
from storage.seen_tags import SeenTags
from storage.stage_jobs import StageJobs
from storage.state_versions import StateVersions
from storage.timeline import Timeline
from storage.tokens import Tokens
from storage.variables import Variables
from storage.workspaces import Workspaces

FETCH_TIMEOUT_SECONDS = 600


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Services:
    settings: Settings
    now: Callable[[], datetime]
    keyring: Keyring
    records: Records
    inbox: Inbox
    blobs: BlobStore
    logs: LiveLogs
    people: People
    tokens: Tokens
    connections: Connections
    repositories: Repositories
    pulls: PullRequests
    tags: SeenTags
    workspaces: Workspaces
    variables: Variables
    configurations: ConfigurationVersions
    runs: RunStore
    timeline: Timeline
    comments: RunComments
    jobs: StageJobs
    states: StateVersions
    outbox: Outbox
    chores: Chores
    hosts: dict[str, CodeHost]
    credentials: dict[str, int]  # connection → which credential its client was opened with

    def host(self, connection: Connection) -> CodeHost:
        """The host behind a connection; one client per connection, credential and process."""
        known = self.hosts.get(connection.id)
        mark = hash((connection.token, connection.private_key))
        if known is None or self.credentials.setdefault(connection.id, mark) != mark:
            known = self.hosts[connection.id] = open_host(connection, self.now, self.settings.data)
            self.credentials[connection.id] = mark
        return known

    def host_of(self, repository: Repository) -> CodeHost:
        return self.host(self.connections.get(repository.connection_id))

    def mirror(self, repository: Repository) -> Mirror:
        """The bare mirror of a repository, with a fresh credential for the next fetch."""
        folder: Path = self.settings.server_folder / "mirrors" / repository.id
        credential = self.host_of(repository).git_credential(repository)
        return Mirror(folder, repository.clone_url, credential, FETCH_TIMEOUT_SECONDS)

    @property
    def pool_token(self) -> str:
        return self.settings.runner_pool_token or self.keyring.derive("runner pool").hex()

    def close(self) -> None:
        self.records.close()
        self.inbox.close()


def open_host(connection: Connection, now: Callable[[], datetime], own_folder: Path | None = None) -> CodeHost:
    if connection.provider is Provider.GIT:
        return PlainGitHost(connection, own_folder)
    if connection.provider.is_gitlab:
        return GitLabHost(connection, now)
    return GitHubHost(connection, now)


def open_services(settings: Settings, now: Callable[[], datetime] = utc_now) -> Services:
    """Open (or make) everything under the data folder."""
    folder = settings.server_folder
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    key = bytes.fromhex(settings.secret_key) if settings.secret_key else load_or_make_key(folder / "secret.key")
    keyring = Keyring(key)
    records = Records(folder / "records.db", migrations.records)
    blobs = BlobStore(open_shelf(settings.blobs, folder / "blobs"), keyring)
    return Services(
        settings=settings,
        now=now,
        keyring=keyring,
        records=records,
        inbox=Inbox(folder / "inbox.db", now),
        blobs=blobs,
        logs=LiveLogs(folder / "logs", blobs),
        people=People(records, now),
        tokens=Tokens(records, keyring, now),
        connections=Connections(records, keyring, now),
        repositories=Repositories(records, keyring),
        pulls=PullRequests(records, now),
        tags=SeenTags(records),
        workspaces=Workspaces(records, now),
        variables=Variables(records, keyring),
        configurations=ConfigurationVersions(records, now),
        runs=RunStore(records, keyring),
        timeline=Timeline(records, now),
        comments=RunComments(records, now),
        jobs=StageJobs(records, now),
        states=StateVersions(records, blobs, now),
        outbox=Outbox(records, now),
        chores=Chores(records, now),
        hosts={},
        credentials={},
    )
