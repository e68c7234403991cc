"""What is a connection to a code host, and a repository reached through it?"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.ids import ConnectionId, OrganizationId, RepositoryId


class Provider(StrEnum):
    """TFE's `service-provider`, and our own `git` and `github_app`."""

    GITHUB = "github"
    GITHUB_ENTERPRISE = "github_enterprise"
    GITHUB_APP = "github_app"
    GITLAB = "gitlab_hosted"
    GITLAB_ENTERPRISE = "gitlab_enterprise_edition"
    GIT = "git"

    @property
    def is_github(self) -> bool:
        return self in (Provider.GITHUB, Provider.GITHUB_ENTERPRISE, Provider.GITHUB_APP)

    @property
    def is_gitlab(self) -> bool:
        return self in (Provider.GITLAB, Provider.GITLAB_ENTERPRISE)


@dataclass(frozen=True)
class Connection:
    """The credentials never show in a repr, so never in a log or a traceback."""

    id: ConnectionId
    organization_id: OrganizationId
    provider: Provider
    name: str
    http_url: str  # base of clone URLs, no trailing slash
    api_url: str
    created_at: datetime
    token: str = field(default="", repr=False)
    app_id: str = ""
    private_key: str = field(default="", repr=False)
    app_webhook_secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Repository:
    """A repository that a workspace listens to. Known by the host's id; the path may change."""

    id: RepositoryId
    connection_id: ConnectionId
    host_id: str
    path: str
    clone_url: str
    default_branch: str
    html_url: str = ""
    webhook_secret: str = field(default="", repr=False)
    installation_id: str = ""
    webhook_registered: bool = False
    reconciled_at: datetime | None = None
