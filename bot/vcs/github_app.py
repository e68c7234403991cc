"""Who are we at GitHub as an App? A signed assertion for the App, a short-lived token per installation.

Sources: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

import jwt

from bot.connection import Connection, Repository
from bot.errors import OutsideTrouble, Refused
from bot.vcs.deliveries import host_id, text, time
from bot.vcs.github_client import GitHubClient, GitHubTrouble, LiveAuth, as_described

RENEW_BEFORE = timedelta(minutes=5)  # A token lives an hour; a slow fetch must not outlive it.
ASSERTION_LIVES = timedelta(minutes=9)  # GitHub takes ten at most.
CLOCK_DRIFT = timedelta(seconds=60)  # GitHub's own advice for `iat`.


@dataclass(frozen=True)
class InstallationToken:
    """`valid_until` is in our clock's time, `RENEW_BEFORE` before the host ends it."""

    value: str = field(repr=False)
    valid_until: datetime


class GitHubApp:
    """The App of one connection. Safe to share between threads."""

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        self._connection = connection
        self._now = now
        self._as_app = GitHubClient(connection.api_url, LiveAuth(self._assertion), now)
        self._tokens: dict[str, InstallationToken] = {}
        self._clients: dict[str, GitHubClient] = {}
        self._installations: dict[str, str] = {}  # repository path → installation id
        self._lock = Lock()

    def client_for(self, repository: Repository) -> GitHubClient:
        """The client that may speak about this repository. Raises OutsideTrouble."""
        return self._client(self._installation(repository))

    def client_at(self, path: str) -> GitHubClient | None:
        """The client for a repository of which only the path is known; None if the App isn't installed there."""
        installation_id = self._find_installation(path)
        return None if installation_id is None else self._client(installation_id)

    def token_for(self, repository: Repository) -> str:
        """The installation's token now, renewed five minutes before its end. Raises OutsideTrouble."""
        return self._token(self._installation(repository))

    def name(self) -> str:
        """The App's name at the host, which shows that its key is good. Raises OutsideTrouble."""
        deed = f"checking the key of GitHub App {self._connection.app_id}"
        with as_described(deed):
            return text({"app": self._as_app.get(deed, "/app")}, "app", "name")

    def close(self) -> None:
        """End all idle sessions."""
        with self._lock:
            clients = [self._as_app, *self._clients.values()]
        for client in clients:
            client.close()

    def _installation(self, repository: Repository) -> str:
        found = repository.installation_id or self._find_installation(repository.path)
        if found is None:
            reason = f"speaking about {repository.path}: the GitHub App isn't installed there"
            raise OutsideTrouble(reason, permanent=True)
        return found

    def _find_installation(self, path: str) -> str | None:
        """The id of the installation that covers a repository, remembered; None if none does."""
        with self._lock:
            known = self._installations.get(path)
        if known is not None:
            return known
        deed = f"finding the App's installation for {path}"
        with as_described(deed):
            answer = self._as_app.find(deed, f"/repos/{path}/installation")
            found = None if answer is None else host_id({"installation": answer}, "installation", "id")
        if found is not None:
            with self._lock:
                self._installations[path] = found
        return found

    def _client(self, installation_id: str) -> GitHubClient:
        with self._lock:
            if installation_id not in self._clients:
                self._clients[installation_id] = GitHubClient(
                    self._connection.api_url,
                    LiveAuth(lambda: self._token(installation_id)),
                    self._now,
                    renew=lambda: self._forget_token(installation_id),
                )
            return self._clients[installation_id]

    def _token(self, installation_id: str) -> str:
        with self._lock:
            known = self._tokens.get(installation_id)
        if known is not None and self._now() < known.valid_until:
            return known.value
        # Two threads may both renew: a second token does no harm, and nobody waits for the network under a lock.
        fresh = self._fresh_token(installation_id)
        with self._lock:
            self._tokens[installation_id] = fresh
        return fresh.value

    def _forget_token(self, installation_id: str) -> None:
        with self._lock:
            self._tokens.pop(installation_id, None)

    def _forget_installation(self, installation_id: str) -> bool:
        """Whether the id was one that we had looked up: an App that is installed anew has another."""
        with self._lock:
            known = installation_id in self._installations.values()
            self._installations = {p: i for p, i in self._installations.items() if i != installation_id}
        return known

    def _fresh_token(self, installation_id: str) -> InstallationToken:
        if not installation_id.isascii() or not installation_id.isdigit():
            raise Refused(f"“{installation_id}” is no installation of a GitHub App")
        deed = f"getting a token for installation {installation_id}"
        asked_at = self._now()
        path = f"/app/installations/{installation_id}/access_tokens"
        with as_described(deed):
            try:
                answer, host_now = self._as_app.send_with_date(deed, "POST", path, {})
            except GitHubTrouble as trouble:
                if trouble.status != 404:
                    raise
                # Not passed on as a 404: that would say that what was asked for with this token isn't there.
                permanent = not self._forget_installation(installation_id)
                raise OutsideTrouble(f"{deed}: the App isn't installed there any more", permanent=permanent) from None
            token, ends = text({"token": answer}, "token", "token"), time({"token": answer}, "token", "expires_at")
        # Measured by the host's clock and counted from before we asked: ours may be minutes off.
        return InstallationToken(token, asked_at + (ends - host_now) - RENEW_BEFORE)

    def _assertion(self) -> str:
        now = self._now()
        claims = {"iat": now - CLOCK_DRIFT, "exp": now + ASSERTION_LIVES, "iss": self._connection.app_id}
        try:
            return jwt.encode(claims, self._connection.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            # Without the cause: its text may quote the key.
            reason = f"signing as GitHub App {self._connection.app_id}: the private key can't be used"
            raise OutsideTrouble(reason, permanent=True) from None
