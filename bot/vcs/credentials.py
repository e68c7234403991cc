"""Does a host take this credential? One read call that changes nothing, before the connection is kept."""

from collections.abc import Callable
from datetime import datetime

from github import Auth

from bot.connection import Connection, Provider
from bot.vcs.deliveries import text
from bot.vcs.github_app import GitHubApp
from bot.vcs.github_client import GitHubClient, as_described
from bot.vcs.gitlab_client import GitLabClient


def check_credential(connection: Connection, now: Callable[[], datetime]) -> str:
    """Whose credential it is, as the host says; empty for plain Git, which has none. Raises OutsideTrouble.

    Sources: https://docs.github.com/en/rest/users/users#get-the-authenticated-user,
    https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app,
    https://docs.gitlab.com/api/users/#retrieve-the-current-user
    """
    if connection.provider is Provider.GIT:
        return ""
    if connection.provider is Provider.GITHUB_APP:
        return _app(connection, now)
    return _gitlab(connection, now) if connection.provider.is_gitlab else _github(connection, now)


def _github(connection: Connection, now: Callable[[], datetime]) -> str:
    deed = f"checking the token at {connection.api_url}"
    client = GitHubClient(connection.api_url, Auth.Token(connection.token), now)
    try:
        with as_described(deed):
            return text({"user": client.get(deed, "/user")}, "user", "login")
    finally:
        client.close()


def _app(connection: Connection, now: Callable[[], datetime]) -> str:
    app = GitHubApp(connection, now)
    try:
        return app.name()
    finally:
        app.close()


def _gitlab(connection: Connection, now: Callable[[], datetime]) -> str:
    client = GitLabClient(connection, now)
    try:
        return client.get(f"checking the token at {connection.api_url}", "/user", lambda user: text(user, "username"))
    finally:
        client.close()
