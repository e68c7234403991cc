"""How do we talk to GitHub's API? One exchange at a time through PyGithub, with one kind of trouble.

PyGithub's requester is used directly, not its objects: those fetch what they lack behind our back, and take the 307
with which GitHub answers a write to a renamed repository for success. Nothing here sleeps or retries: the outbox does.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import requests
from github import Auth, Github
from github.Requester import Requester

from bot.errors import OutsideTrouble
from bot.vcs.deliveries import MalformedDelivery

TIMEOUT_SECONDS = 20  # GitHub itself gives up on a request after 10.
PAGE_SIZE = 100  # The most that GitHub gives at once.
MOST_PAGES = 100  # Ten thousand things; more means that a host's links lead in a circle.
SECONDARY_LIMIT_SECONDS = 60.0  # "wait for at least one minute", where GitHub names no time
API_VERSION = "2022-11-28"

# Answers that another try may change; every other 4xx stays what it is.
_WORTH_ANOTHER_TRY = frozenset({408, 409, 423, 425, 429})
_REDIRECTS = frozenset({301, 302, 307, 308})


class GitHubTrouble(OutsideTrouble):
    """Trouble with its HTTP status, for the few callers to whom a 404 is an answer; 0 if none came."""

    def __init__(
        self, reason: str, *, status: int, said: str = "", retry_after: float | None = None, permanent: bool = False
    ) -> None:
        super().__init__(reason, retry_after=retry_after, permanent=permanent)
        self.status = status
        self.said = said


class LiveAuth(Auth.Auth):
    """A bearer token that is asked for at each request, so that it can be renewed under a living session."""

    def __init__(self, current: Callable[[], str]) -> None:
        self._current = current

    @property
    def token_type(self) -> str:
        return "Bearer"

    @property
    def token(self) -> str:
        return self._current()


class GitHubClient:
    """Sessions with one API under one identity. Safe to share between threads; `close` ends the idle sessions."""

    def __init__(
        self, api_url: str, auth: Auth.Auth, now: Callable[[], datetime], *, renew: Callable[[], None] | None = None
    ) -> None:
        """`renew` drops a token that the host refused, where the next one may be another."""
        self._api_url = api_url.rstrip("/")
        self._auth = auth
        self._now = now
        self._renew = renew
        self._idle: list[Github] = []
        self._lock = Lock()

    def get(self, deed: str, path: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The answer to a GET. Raises GitHubTrouble, worded with the deed in progress."""
        return self._exchange(deed, "GET", path, parameters=parameters)[1]

    def find(self, deed: str, path: str, parameters: Mapping[str, Any] | None = None) -> Any | None:
        """The answer to a GET, or None where GitHub says 404 or 410. Raises GitHubTrouble on anything else."""
        try:
            return self.get(deed, path, parameters)
        except GitHubTrouble as trouble:
            if trouble.status in (404, 410):
                return None
            raise

    def send(self, deed: str, verb: str, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a write. Raises GitHubTrouble."""
        return self._exchange(deed, verb, path, body=body)[1]

    def send_with_date(self, deed: str, verb: str, path: str, body: Mapping[str, Any]) -> tuple[Any, datetime]:
        """The answer to a write and what time it was at the host. Raises GitHubTrouble."""
        headers, answer = self._exchange(deed, verb, path, body=body)
        return answer, self._host_time(headers)

    def pages(self, deed: str, path: str, parameters: Mapping[str, Any] | None = None) -> Iterator[Mapping[str, Any]]:
        """Every item of a list, page by page. Raises GitHubTrouble."""
        url: str | None = path
        asked: Mapping[str, Any] | None = {**(parameters or {}), "per_page": PAGE_SIZE}
        for _ in range(MOST_PAGES):
            headers, answer = self._exchange(deed, "GET", url or path, parameters=asked)
            if not isinstance(answer, list):
                raise GitHubTrouble(f"{deed}: GitHub answered with something that is no list", status=200)
            yield from answer
            url, asked = self._next_page(headers), None
            if url is None:
                return
        raise GitHubTrouble(f"{deed}: the list has no end", status=200, permanent=True)

    def ask(self, deed: str, query: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of a GraphQL answer. Raises GitHubTrouble, also for errors that come with status 200."""
        with self._session() as requester:
            url = requester.graphql_url
        headers, answer = self._exchange(deed, "POST", url, body={"query": query, "variables": dict(variables)})
        if isinstance(answer, Mapping) and not answer.get("errors") and isinstance(answer.get("data"), Mapping):
            data: Mapping[str, Any] = answer["data"]
            return data
        raise self._graphql_trouble(deed, headers, answer)

    def close(self) -> None:
        """End the sessions that nobody is using."""
        with self._lock:
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()

    @contextmanager
    def _session(self) -> Iterator[Requester]:
        """A requester for one exchange: PyGithub keeps the request on the connection, so threads can't share one."""
        with self._lock:
            session = self._idle.pop() if self._idle else None
        session = session or Github(
            auth=self._auth,
            base_url=self._api_url,
            timeout=TIMEOUT_SECONDS,
            user_agent="runlock",
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )
        try:
            yield session.requester
        finally:
            with self._lock:
                self._idle.append(session)

    def _exchange(
        self,
        deed: str,
        verb: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> tuple[Mapping[str, str], Any]:
        """One request and its answer. PyGithub follows a 301; other redirects are followed here, once, as asked.

        Nothing was done where the answer is 401, so asking again with a new token repeats nothing.
        """
        status, headers, output = self._request(deed, verb, path, parameters, body)
        if status == 401 and self._renew is not None:
            self._renew()
            status, headers, output = self._request(deed, verb, path, parameters, body)
        if status in _REDIRECTS:
            location = self._same_host(deed, headers.get("location", ""))
            status, headers, output = self._request(deed, verb, location, None, body)
        if not 200 <= status < 300:
            raise self._trouble(deed, status, headers, output)
        try:
            return headers, json.loads(output) if output else None
        except ValueError as broken:
            raise GitHubTrouble(f"{deed}: GitHub's answer is no JSON", status=status) from broken

    def _request(
        self,
        deed: str,
        verb: str,
        path: str,
        parameters: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
    ) -> tuple[int, Mapping[str, str], str]:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}
        try:
            with self._session() as requester:
                return requester.requestJson(
                    verb, path, dict(parameters or {}), headers, None if body is None else dict(body)
                )
        except requests.RequestException as broken:
            # The exception's own text may show a proxy's password; its kind says enough.
            raise GitHubTrouble(f"{deed}: no answer from GitHub ({type(broken).__name__})", status=0) from None
        except RuntimeError as elsewhere:  # PyGithub's word for a redirect to another host
            raise GitHubTrouble(f"{deed}: {elsewhere}", status=301, permanent=True) from None

    def _same_host(self, deed: str, location: str) -> str:
        """The path of a redirect. Raises GitHubTrouble if it leads to another host: our token stays here."""
        wanted, base = urlsplit(location), urlsplit(self._api_url)
        if wanted.scheme != base.scheme or wanted.netloc != base.netloc:
            raise GitHubTrouble(f"{deed}: GitHub redirects to another host", status=301, permanent=True)
        return location

    def _next_page(self, headers: Mapping[str, str]) -> str | None:
        links = requests.utils.parse_header_links(headers.get("link", ""))
        url = next((link["url"] for link in links if link.get("rel") == "next"), None)
        return None if url is None else self._same_host("reading the next page", url)

    def _trouble(self, deed: str, status: int, headers: Mapping[str, str], output: str) -> GitHubTrouble:
        said = _message(output)
        wait = self._wait(status, headers, said)
        permanent = 400 <= status < 500 and status not in _WORTH_ANOTHER_TRY and wait is None
        reason = f"{deed}: GitHub answered {status}" + (f": {said}" if said else "")
        if wait is not None and status in (403, 429):
            reason = f"{deed}: GitHub asks for patience ({status}: {said or 'rate limit'})"
        return GitHubTrouble(reason, status=status, said=said, retry_after=wait, permanent=permanent)

    def _wait(self, status: int, headers: Mapping[str, str], said: str) -> float | None:
        """Seconds that the host asks us to wait, or None if it doesn't.

        Source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
        """
        asked = headers.get("retry-after", "")
        if asked.isdigit() and (status in (403, 429) or status >= 500):
            return max(1.0, float(asked))
        if status not in (403, 429):
            return None
        reset = headers.get("x-ratelimit-reset", "")
        if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
            return max(1.0, int(reset) - self._host_time(headers).timestamp())
        limited = Requester.isRateLimitError(said) or "abuse detection" in said.lower()
        return SECONDARY_LIMIT_SECONDS if status == 429 or limited else None

    def _host_time(self, headers: Mapping[str, str]) -> datetime:
        """What time it is at the host, so that a clock that is off doesn't matter; else our own."""
        try:
            found = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return self._now()
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def _graphql_trouble(self, deed: str, headers: Mapping[str, str], answer: Any) -> GitHubTrouble:
        errors = answer.get("errors") if isinstance(answer, Mapping) else None
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
        kind, said = str(first.get("type", "")), _cut(str(first.get("message", "no data")))
        if kind in ("RATE_LIMITED", "RATE_LIMIT"):
            wait = self._wait(403, headers, said) or SECONDARY_LIMIT_SECONDS
            return GitHubTrouble(f"{deed}: GitHub asks for patience ({said})", status=403, retry_after=wait)
        status = {"NOT_FOUND": 404, "FORBIDDEN": 403, "INSUFFICIENT_SCOPES": 403}.get(kind, 200)
        return GitHubTrouble(f"{deed}: GitHub answered: {said}", status=status, said=said, permanent=status != 200)


@contextmanager
def as_described(deed: str) -> Iterator[None]:
    """Turn an answer that isn't what GitHub's description says into OutsideTrouble."""
    try:
        yield
    except MalformedDelivery as malformed:
        raise GitHubTrouble(f"{deed}: GitHub's answer makes no sense: {malformed}", status=200) from malformed


def _message(output: str) -> str:
    """GitHub's own words, with the details that it adds to "Validation Failed"."""
    try:
        answer = json.loads(output)
    except ValueError:
        return ""
    if not isinstance(answer, Mapping):
        return ""
    errors = answer.get("errors")
    details = [
        str(error.get("message") or error.get("code") or "") if isinstance(error, Mapping) else str(error)
        for error in (errors if isinstance(errors, list) else [errors] if errors else [])
    ]
    return _cut("; ".join(filter(None, [str(answer.get("message") or ""), *details])))


def _cut(said: str) -> str:
    return said if len(said) <= 300 else said[:299] + "…"
