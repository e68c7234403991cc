"""Whose session is it? A session is opened by a login link, lives in a signed cookie, and is for pages only."""

from collections.abc import Mapping, MutableMapping
from datetime import timedelta
from typing import Any

from flask import Flask, Request
from flask.sessions import NullSession, SessionInterface

from bot.ids import UserId
from bot.timestamps import from_text, to_text
from handlers.access import Asker
from handlers.services import Services
from storage.tokens import TokenKind

SESSION_LIFETIME = timedelta(hours=12)  # a working day; then another login link
_USER, _UNTIL = "user", "until"


def session_asker(services: Services, session: Mapping[str, Any]) -> Asker | None:
    """Whose session it is, if it has not run out. The cookie is signed, so its content is ours."""
    user_id, until = session.get(_USER), session.get(_UNTIL)
    if not isinstance(user_id, str) or not isinstance(until, str) or services.now() >= from_text(until):
        return None
    return _known(services, UserId(user_id))


def open_session(services: Services, session: MutableMapping[str, Any], login_token: str) -> Asker | None:
    """Spend a login link and open a session for its user; None if the link is unknown, used or too old."""
    link = services.tokens.spend(login_token, TokenKind.LOGIN_LINK)
    user_id = link.user_id if link else None
    asker = _known(services, user_id) if user_id else None
    if asker is not None:
        session.clear()
        session[_USER] = user_id
        session[_UNTIL] = to_text(services.now() + SESSION_LIFETIME)
    return asker


def configure_sessions(app: Flask, services: Services) -> None:
    """Sign the session cookie with a key of its own, and keep it from scripts and other sites."""
    app.secret_key = services.keyring.derive("sessions")
    app.config.update(
        SESSION_COOKIE_NAME="runlock_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=services.settings.address.startswith("https://"),
        PERMANENT_SESSION_LIFETIME=SESSION_LIFETIME,
        SESSION_REFRESH_EACH_REQUEST=False,
    )


def without_sessions(app: Flask) -> None:
    """No cookie is read or written."""
    app.session_interface = _NoSessions()


class _NoSessions(SessionInterface):
    def open_session(self, app: Flask, request: Request) -> NullSession:  # noqa: ARG002 - Flask's shape
        return NullSession()


def _known(services: Services, user_id: UserId) -> Asker | None:
    user = services.people.user(user_id)
    return Asker(user, services) if user else None
