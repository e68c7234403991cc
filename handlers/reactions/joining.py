"""How do a workspace, a repository and a code host come together? The same for the API and the command line.

The host is asked before anything is written: a write transaction never waits for the network.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from bot.connection import Connection, Provider, Repository
from bot.errors import OutsideTrouble, Refused
from bot.ids import ConnectionId, ProjectId
from bot.tags import check_tags
from bot.vcs.credentials import check_credential
from bot.vcs.history import NO_COMMIT
from bot.workspace import EngineName, Workspace
from bot.workspace_settings import check_name, fitting_settings
from handlers.jobs import Job, Verb
from handlers.reactions.registered_versions import check_enabled
from handlers.services import Services
from storage.people import Organization
from storage.tags import Tagged

_log = logging.getLogger(__name__)

LONGEST_TEXT = 1_000  # characters of a URL, a name, a path
LONGEST_SECRET = 20_000  # characters; a private key of 8192 bits has about 6,500

_PUBLIC_URLS = {
    Provider.GITHUB: ("https://github.com", "https://api.github.com"),
    Provider.GITHUB_APP: ("https://github.com", "https://api.github.com"),
    Provider.GITLAB: ("https://gitlab.com", "https://gitlab.com/api/v4"),
}
_API_PATHS = {
    Provider.GITHUB_ENTERPRISE: "/api/v3",
    Provider.GITHUB_APP: "/api/v3",
    Provider.GITLAB_ENTERPRISE: "/api/v4",
}


@dataclass(frozen=True)
class VcsChoice:
    """The repository that a workspace is to listen to. `identifier` is its path at the host: `acme/infra`."""

    connection: Connection
    identifier: str


def create_workspace(
    services: Services,
    organization: Organization,
    name: str,
    settings: Mapping[str, Any],
    vcs: VcsChoice | None,
    *,
    project_id: ProjectId | None = None,
    tags: Mapping[str, str] | None = None,
) -> tuple[Workspace, str]:
    """A new workspace, and the secret of its webhook to be shown this once; empty where there is none to paste.

    `settings` are fields of Workspace. Raises Refused for what doesn't fit, OutsideTrouble from the host.
    """
    check_name(name)
    fitting, own_tags = fitting_settings(settings), check_tags(tags or {})
    if services.workspaces.by_name(organization.id, name):
        raise Refused(f"there is a workspace named {name} already")
    repository = join(services, organization, vcs) if vcs else None
    if repository is not None:
        _note_where_it_begins(services, repository, str(fitting.get("branch") or repository.default_branch))
    with services.records.write():
        _check_engine(services, fitting, None)
        repository_id = repository.id if repository else None
        workspace = services.workspaces.add(organization.id, name, repository_id, fitting, project_id)
        services.workspace_tags.bind(Tagged.WORKSPACE, workspace.id, organization.id, own_tags)
    return workspace, _shown_secret(vcs, repository)


def change_workspace(
    services: Services,
    organization: Organization,
    workspace: Workspace,
    settings: Mapping[str, Any],
    *,
    name: str | None = None,
    vcs: VcsChoice | None = None,
    leave_vcs: bool = False,
    project_id: ProjectId | None = None,
    tags: Mapping[str, str] | None = None,
) -> tuple[Workspace, str]:
    """The workspace with other settings, name, repository or project, and a new repository's webhook secret.

    What is not given stays; `tags` are all that there will be. Runs that exist keep what they are locked to.
    Raises as `create_workspace`.
    """
    fitting = fitting_settings(settings, workspace)
    is_renamed = name is not None and check_name(name) != workspace.name
    repository = join(services, organization, vcs) if vcs else None
    own_tags = None if tags is None else check_tags(tags)
    with services.records.write():
        _check_engine(services, fitting, workspace)
        if name is not None and is_renamed:
            other = services.workspaces.by_name(organization.id, name)
            if other is not None and other.id != workspace.id:
                raise Refused(f"there is a workspace named {name} already")
            services.workspaces.rename(workspace.id, name)
        if repository is not None or leave_vcs:
            services.workspaces.listen_to(workspace.id, repository.id if repository else None)
        if project_id is not None:
            services.workspaces.move_to(workspace.id, project_id)
        if own_tags is not None:
            services.workspace_tags.replace(Tagged.WORKSPACE, workspace.id, organization.id, own_tags)
        changed = services.workspaces.change(workspace.id, fitting)
    is_new = repository is not None and repository.id != workspace.repository_id
    return changed, _shown_secret(vcs, repository) if is_new else ""


def _check_engine(services: Services, fitting: Mapping[str, Any], current: Workspace | None) -> None:
    """Raises Refused if a disabled version is chosen. One that was chosen before stays, whatever else is changed."""
    if "engine" in fitting or "engine_version" in fitting:
        engine = fitting.get("engine", current.engine if current else EngineName.TERRAFORM)
        version = fitting.get("engine_version", current.engine_version if current else "")
        check_enabled(services, engine, version)


def join(services: Services, organization: Organization, vcs: VcsChoice) -> Repository:
    """Find the repository at its host, remember it, and register the webhook where the credential allows.

    Raises Refused if the host shows no such repository, OutsideTrouble if it can't be asked.
    """
    if vcs.connection.organization_id != organization.id:
        raise Refused(f"{organization.name} has no such connection")
    if not vcs.identifier or len(vcs.identifier) > LONGEST_TEXT:
        raise Refused("the repository's identifier is its path at the host, such as acme/infra")
    host = services.host(vcs.connection)
    found = host.find_repository(vcs.identifier)
    repository = services.repositories.know(vcs.connection.id, found)
    try:
        is_registered = host.ensure_webhook(
            repository, webhook_url(services, vcs.connection), repository.webhook_secret
        )
    except OutsideTrouble as trouble:
        # The workspace is of use without it: the webhook's URL and secret are shown, to be pasted by hand.
        _log.warning("%s: its webhook is not registered: %s", repository.path, trouble.reason)
        return repository
    if is_registered:
        services.repositories.mark_webhook_registered(repository.id)
    return replace(repository, webhook_registered=is_registered)


def _note_where_it_begins(services: Services, repository: Repository, branch: str) -> None:
    """The branch's head now, or that there is none yet: what comes after it is news, even if its delivery is lost."""
    if services.pulls.branch_seen(repository.id, branch) is None:
        head = services.host_of(repository).branch_head(repository, branch)
        services.pulls.saw_branch(repository.id, branch, head or NO_COMMIT)


def webhook_url(services: Services, connection: Connection) -> str:
    """Where the host sends deliveries: an App has one URL for all its repositories."""
    kind = "apps/" if connection.provider is Provider.GITHUB_APP else ""
    return f"{services.settings.address.rstrip('/')}/webhooks/{kind}{connection.id}"


def _shown_secret(vcs: VcsChoice | None, repository: Repository | None) -> str:
    """An App's secret is the App's own, so nothing is to be pasted per repository."""
    if vcs is None or repository is None or vcs.connection.provider is Provider.GITHUB_APP:
        return ""
    return repository.webhook_secret


def connect(
    services: Services,
    organization: Organization,
    provider: Provider,
    name: str = "",
    http_url: str = "",
    api_url: str = "",
    token: str = "",
    app_id: str = "",
    private_key: str = "",
    app_webhook_secret: str = "",
) -> Connection:
    """A new connection to a code host, after the host has taken its credential in one read call.

    Empty URLs are the provider's public ones. An App without a webhook secret gets one, in the answer.
    Raises Refused for what is missing or doesn't fit, OutsideTrouble if the host refuses or can't be asked.
    """
    if provider is Provider.GITHUB_APP and not app_webhook_secret:
        app_webhook_secret = secrets.token_hex(32)
    http_url, api_url = _urls(provider, http_url.strip(), api_url.strip())
    candidate = Connection(
        id=ConnectionId("oc-candidate"),
        organization_id=organization.id,
        provider=provider,
        name=name.strip() or provider.value,
        http_url=http_url,
        api_url=api_url,
        created_at=services.now(),
        token=token.strip(),
        app_id=app_id.strip(),
        private_key=private_key.strip(),
        app_webhook_secret=app_webhook_secret if provider is Provider.GITHUB_APP else "",
    )
    _check_complete(candidate)
    check_credential(candidate, services.now)
    return services.connections.add(
        organization.id,
        provider,
        name=candidate.name,
        http_url=http_url,
        api_url=api_url,
        token=candidate.token,
        app_id=candidate.app_id,
        private_key=candidate.private_key,
        app_webhook_secret=candidate.app_webhook_secret,
    )


def change_connection(services: Services, connection: Connection, name: str = "", token: str = "") -> list[Job]:
    """Another name, another token, or both; the host has to take the token first. Empty is "as it was".

    What could not be told with the old token is told now. Raises as `connect`.
    """
    if token and not connection.token:
        raise Refused(f"{connection.name} has no token to replace")
    changed = replace(connection, name=name.strip() or connection.name, token=token.strip() or connection.token)
    _check_complete(changed)
    if token:
        check_credential(changed, services.now)
    with services.records.write():
        services.connections.rename(connection.id, changed.name)
        if token:
            services.connections.replace_token(connection.id, changed.token)
    if not token:
        return []
    services.outbox.hurry(connection.id)
    return [Job(Verb.SWEEP)]


def _urls(provider: Provider, http_url: str, api_url: str) -> tuple[str, str]:
    if provider is Provider.GIT:
        return "", ""
    if not http_url and not api_url and provider in _PUBLIC_URLS:
        return _PUBLIC_URLS[provider]
    if not http_url:
        raise Refused(f"a connection to {provider} needs its http-url")
    checked = _checked_url("http-url", http_url)
    if provider in _PUBLIC_URLS and checked == _PUBLIC_URLS[provider][0] and not api_url:
        return _PUBLIC_URLS[provider]
    path = _API_PATHS.get(provider, "/api/v4" if provider.is_gitlab else "/api/v3")
    return checked, _checked_url("api-url", api_url) if api_url else checked + path


def _checked_url(name: str, url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError as error:
        raise Refused(f"{name} is not a URL") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise Refused(f"{name} begins with https:// or http:// and names a host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise Refused(f"{name} holds no user, password, query or fragment")
    if len(url) > LONGEST_TEXT or any(character <= " " or character == "\x7f" for character in url):
        raise Refused(f"{name} is too long or holds characters that don't belong in a URL")
    return url.rstrip("/")


def _check_complete(connection: Connection) -> None:
    if len(connection.name) > LONGEST_TEXT or not connection.name.isprintable():
        raise Refused("the connection's name is one line")
    secret_texts = (connection.token, connection.private_key, connection.app_webhook_secret)
    if any(len(text) > LONGEST_SECRET for text in secret_texts) or not _is_header_safe(connection.token):
        raise Refused("the token or the key isn't one: it is too long or holds characters that none has")
    match connection.provider:
        case Provider.GIT:
            return
        case Provider.GITHUB_APP:
            if not connection.app_id.isdecimal() or not connection.private_key:
                raise Refused("a GitHub App needs its app-id (a number) and a private-key")
        case _:
            if not connection.token:
                raise Refused(f"a connection to {connection.provider} needs a token")


def _is_header_safe(token: str) -> bool:
    """A token goes into a header: a line end within would begin another one."""
    return token.isascii() and all("!" <= character <= "~" for character in token)
