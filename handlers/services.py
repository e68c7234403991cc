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
from storage.between_workspaces import RemoteStateConsumers, RunTriggers
from storage.blobs import BlobStore, open_shelf
from storage.chores import Chores
from storage.configuration_versions import ConfigurationVersions
from storage.connections import Connections, Repositories
from storage.database import Records
from storage.dropped_blobs import DroppedBlobs
from storage.encryption import Keyring, load_or_make_key
from storage.engine_versions import EngineVersions
from storage.host_accounts import HostAccounts
from storage.inbox import Inbox
from storage.leaving import Leaving
from storage.live_logs import LiveLogs
from storage.notification_configurations import NotificationConfigurations
from storage.notifications import Notifications
from storage.outbox import Outbox
from storage.people import People
from storage.projects import Projects
from storage.pull_requests import PullRequests
from storage.run_comments import RunComments
from storage.run_origins import RunOrigins
from storage.runs import RunStore
from storage.seen_tags import SeenTags
from storage.stage_jobs import StageJobs
from storage.state_intake import MEGABYTE
from storage.state_versions import StateVersions
from storage.tags import Tags
from storage.team_access import TeamAccess
from storage.teams import Teams
from storage.timeline import Timeline
from storage.tokens import Tokens
from storage.variable_sets import VariableSets
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
    dropped: DroppedBlobs
    leaving: Leaving
    logs: LiveLogs
    people: People
    teams: Teams
    team_access: TeamAccess
    host_accounts: HostAccounts
    tokens: Tokens
    connections: Connections
    repositories: Repositories
    pulls: PullRequests
    tags: SeenTags
    projects: Projects
    workspaces: Workspaces
    workspace_tags: Tags
    variables: Variables
    variable_sets: VariableSets
    set_variables: Variables  # of variable sets
    triggers: RunTriggers
    consumers: RemoteStateConsumers
    engine_versions: EngineVersions
    configurations: ConfigurationVersions
    runs: RunStore
    origins: RunOrigins
    timeline: Timeline
    comments: RunComments
    jobs: StageJobs
    states: StateVersions
    outbox: Outbox
    notification_configurations: NotificationConfigurations
    notifications: Notifications
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
    teams = Teams(records, now)
    blobs = BlobStore(open_shelf(settings.blobs, folder / "blobs"), keyring)
    dropped = DroppedBlobs(records, blobs)
    return Services(
        settings=settings,
        now=now,
        keyring=keyring,
        records=records,
        inbox=Inbox(folder / "inbox.db", now),
        blobs=blobs,
        dropped=dropped,
        leaving=Leaving(records, dropped),
        logs=LiveLogs(folder / "logs", blobs),
        people=People(records, teams, now),
        teams=teams,
        team_access=TeamAccess(records),
        host_accounts=HostAccounts(records, now),
        tokens=Tokens(records, keyring, now),
        connections=Connections(records, keyring, now),
        repositories=Repositories(records, keyring),
        pulls=PullRequests(records, now),
        tags=SeenTags(records),
        projects=Projects(records, now),
        workspaces=Workspaces(records, now),
        workspace_tags=Tags(records, now),
        variables=Variables(records, keyring),
        variable_sets=VariableSets(records, now),
        set_variables=Variables(records, keyring, "variable_set_variables", "variable_set_id"),
        triggers=RunTriggers(records, now),
        consumers=RemoteStateConsumers(records),
        engine_versions=EngineVersions(records, now),
        configurations=ConfigurationVersions(records, now),
        runs=RunStore(records, keyring),
        origins=RunOrigins(records),
        timeline=Timeline(records, now),
        comments=RunComments(records, now),
        jobs=StageJobs(records, now),
        states=StateVersions(records, blobs, now, settings.largest_state_megabytes * MEGABYTE),
        outbox=Outbox(records, now),
        notification_configurations=NotificationConfigurations(records, keyring, now),
        notifications=Notifications(records, now),
        chores=Chores(records, now),
        hosts={},
        credentials={},
    )
