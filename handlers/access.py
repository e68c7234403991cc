"""Who is asking, and what may they see? A bearer token, or a session opened by a login link.

What may not be seen is not there: `NotFound`, which every door answers with 404.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from bot.connection import Connection, Repository
from bot.errors import NotFound
from bot.ids import OrganizationId, UserId
from bot.run import Run
from bot.timestamps import from_text, to_text
from bot.workspace import Workspace
from handlers.services import Services
from storage.people import Organization, User
from storage.tokens import TokenKind

SESSION_LIFETIME = timedelta(hours=12)  # a working day; then another login link
_USER, _UNTIL = "user", "until"


@dataclass(frozen=True)
class Asker:
    """A known person. For now only owners of an organization have access to it, and then to all of it."""

    user: User
    services: Services = field(repr=False)

    def owns(self, organization_id: OrganizationId) -> bool:
        return self.services.people.is_owner(organization_id, self.user.id)

    def organizations(self) -> list[Organization]:
        return self.services.people.organizations_owned_by(self.user.id)

    def organization(self, name: str) -> Organization:
        """Raises NotFound, as all that follow."""
        found = self.services.people.organization(name)
        if found is None or not self.owns(found.id):
            raise NotFound(f"there is no organization {name}")
        return found

    def organization_of(self, workspace: Workspace) -> Organization:
        return self.organization(workspace.organization_name)

    def workspace(self, workspace_id: str) -> Workspace:
        workspace = self.services.workspaces.get(workspace_id)
        if not self.owns(workspace.organization_id):
            raise NotFound(f"there is no workspace {workspace_id}")
        return workspace

    def workspace_named(self, organization_name: str, name: str) -> Workspace:
        organization = self.organization(organization_name)
        workspace = self.services.workspaces.by_name(organization.id, name)
        if workspace is None:
            raise NotFound(f"there is no workspace {name} in {organization.name}")
        return workspace

    def run(self, run_id: str) -> tuple[Run, Workspace]:
        run = self.services.runs.find(run_id)
        if run is None:
            raise NotFound(f"there is no run {run_id}")
        return run, self.workspace(run.workspace_id)

    def connection(self, connection_id: str) -> Connection:
        connection = self.services.connections.get(connection_id)
        if not self.owns(connection.organization_id):
            raise NotFound(f"there is no connection {connection_id}")
        return connection

    def repository_of(self, workspace: Workspace) -> Repository | None:
        """The repository that the workspace listens to."""
        return self.services.repositories.get(workspace.repository_id) if workspace.repository_id else None


def bearer_asker(services: Services, authorization: str) -> Asker | None:
    """Who the user token in the header `Authorization` belongs to."""
    kind, _, plain = authorization.partition(" ")
    if kind.lower() != "bearer" or not plain.strip():
        return None
    token = services.tokens.find(plain.strip(), TokenKind.USER)
    return _known(services, token.user_id) if token else None


def session_asker(services: Services, session: Mapping[str, Any]) -> Asker | None:
    """Whose session it is, if it has not run out. The cookie is signed, so its content is ours."""
    user_id, until = session.get(_USER), session.get(_UNTIL)
    if not isinstance(user_id, str) or not isinstance(until, str) or services.now() >= from_text(until):
        return None
    return _known(services, UserId(user_id))


def open_session(services: Services, session: MutableMapping[str, Any], login_token: str) -> Asker | None:
    """Spend a login link and open a session for its user; None if the link is unknown, used or too old."""
    user_id = services.tokens.spend(login_token)
    asker = _known(services, user_id) if user_id else None
    if asker is not None:
        session.clear()
        session[_USER] = asker.user.id
        session[_UNTIL] = to_text(services.now() + SESSION_LIFETIME)
    return asker


def configure_sessions(app: Flask, services: Services) -> None:
    """Sign the session cookie with a key of its own, and keep it from scripts and other sites."""
    app.secret_key = services.keyring.derive("sessions")
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME="runlock_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=services.settings.address.startswith("https://"),
        PERMANENT_SESSION_LIFETIME=SESSION_LIFETIME,
        SESSION_REFRESH_EACH_REQUEST=False,
    )


class _Sessions(SecureCookieSessionInterface):
    """Flask's own, but where there is no cookie nothing is signed or read: a webhook has none, and comes in crowds."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.cookies:
            return self.session_class()
        return super().open_session(app, request)


def _known(services: Services, user_id: UserId) -> Asker | None:
    user = services.people.user(user_id)
    return Asker(user, services) if user else None
