"""How do we talk to GitLab's API? One exchange at a time through python-gitlab, with one kind of trouble.

python-gitlab's own requests are used, not its objects: those follow `Link` headers wherever they point, and its retries
sleep. Nothing here sleeps or retries: the outbox does.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests
from gitlab import Gitlab
from gitlab.exceptions import GitlabError

from bot.connection import Connection
from bot.errors import OutsideTrouble
from bot.vcs.deliveries import MalformedDelivery

TIMEOUT_SECONDS = 20
PAGE_SIZE = 100  # The most that GitLab gives at once.
MOST_PAGES = 100  # Ten thousand things; more means that the host's page numbers lead in a circle.

# Answers that another try may change; every other 4xx stays what it is.
_WORTH_ANOTHER_TRY = frozenset({408, 409, 423, 425, 429})
_LONGEST_WORDS = 300  # characters of what the host said

Json = Mapping[str, Any]
T = TypeVar("T")


class GitLabTrouble(OutsideTrouble):
    """Trouble with its HTTP status, for the few callers to whom a 404 is an answer; 0 if none came."""

    def __init__(
        self, reason: str, *, status: int, said: str = "", retry_after: float | None = None, permanent: bool = False
    ) -> None:
        super().__init__(reason, retry_after=retry_after, permanent=permanent)
        self.status = status
        self.said = said


class _OneHostSession(requests.Session):
    """Sends the token to our host only, whatever host a redirect names, and keeps each thread's last headers.

    requests drops `Authorization` on the way to another host, but knows nothing of GitLab's `PRIVATE-TOKEN`.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._origin = urlsplit(url)[:2]
        self._last = threading.local()

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        if urlsplit(request.url or "")[:2] != self._origin:
            request.headers.pop("PRIVATE-TOKEN", None)
        self._last.headers = {}
        response = super().send(request, **kwargs)
        self._last.headers = response.headers
        return response

    @property
    def last_headers(self) -> Mapping[str, str]:
        """The headers of this thread's last answer: python-gitlab's exceptions leave them out."""
        headers: Mapping[str, str] = getattr(self._last, "headers", {})
        return headers


class GitLabClient:
    """One session with one GitLab. `close` ends its connections."""

    def __init__(self, connection: Connection, now: Callable[[], datetime]) -> None:
        url = connection.api_url.rstrip("/").removesuffix("/api/v4") or connection.http_url
        self._session = _OneHostSession(url)
        self._gitlab = Gitlab(
            url,
            private_token=connection.token or None,
            timeout=TIMEOUT_SECONDS,
            user_agent="runlock",
            retry_transient_errors=False,
            keep_base_url=True,
            session=self._session,
        )
        self._now = now

    def get(self, deed: str, path: str, read: Callable[[Json], T], **query: str | int) -> T:
        """What `read` makes of the answer to a GET. Raises GitLabTrouble, worded with the deed in progress."""
        with self._troubles(deed):
            return read(_object(self._ask("get", path, query).json()))

    def find(self, deed: str, path: str, read: Callable[[Json], T], **query: str | int) -> T | None:
        """Like `get`, or None where GitLab says 404. Raises GitLabTrouble on anything else."""
        try:
            return self.get(deed, path, read, **query)
        except GitLabTrouble as trouble:
            if trouble.status == 404:
                return None
            raise

    def each(self, deed: str, path: str, read: Callable[[Json], T], **query: str | int) -> Iterator[T]:
        """What `read` makes of every item of a list, page by page, as far as they are asked for.

        The last page is the one without `X-Next-Page`, not the first short one: GitLab takes what the token may not
        see out of full pages. Raises GitLabTrouble.
        """
        page = "1"
        for _ in range(MOST_PAGES):
            with self._troubles(deed):
                answer = self._ask("get", path, {**query, "per_page": PAGE_SIZE, "page": page})
                found = [read(_object(item)) for item in _list(answer.json())]
            yield from found
            page = answer.headers.get("X-Next-Page", "")
            if not page.isdecimal():
                return
        raise GitLabTrouble(f"{deed}: the list has no end", status=200, permanent=True)

    def send(self, deed: str, verb: str, path: str, read: Callable[[Json], T], body: Mapping[str, Any]) -> T:
        """What `read` makes of the answer to a write (`post`, `put`). Raises GitLabTrouble."""
        with self._troubles(deed):
            return read(_object(self._ask(verb, path, {}, dict(body)).json()))

    def reading(self, deed: str, answer: Json, read: Callable[[Json], T]) -> T:
        """What `read` makes of an answer that is here already. Raises GitLabTrouble if it makes no sense."""
        with self._troubles(deed):
            return read(answer)

    def close(self) -> None:
        """End the session's connections."""
        self._session.close()

    def _ask(
        self, verb: str, path: str, query: Mapping[str, str | int], body: dict[str, Any] | None = None
    ) -> requests.Response:
        return self._gitlab.http_request(verb, path, query_data=dict(query), post_data=body, obey_rate_limit=False)

    @contextmanager
    def _troubles(self, deed: str) -> Iterator[None]:
        """The one place where what goes wrong with GitLab gets our words."""
        try:
            yield
        except GitlabError as error:
            raise self._host_trouble(deed, error) from error
        except requests.JSONDecodeError as error:
            raise GitLabTrouble(f"{deed}: GitLab's answer is no JSON", status=200) from error
        except MalformedDelivery as error:
            what = error.reason.replace("payload", "answer", 1)
            raise GitLabTrouble(f"{deed}: GitLab's answer makes no sense: {what}", status=200) from error
        except requests.Timeout as error:
            raise GitLabTrouble(f"{deed}: GitLab didn't answer within {TIMEOUT_SECONDS} s", status=0) from error
        except requests.RequestException as error:
            # The exception's own text holds the URL with its query; its kind is enough.
            raise GitLabTrouble(f"{deed}: no answer from GitLab ({type(error).__name__})", status=0) from error

    def _host_trouble(self, deed: str, error: GitlabError) -> GitLabTrouble:
        status = error.response_code or 0
        said = _words(error.error_message)
        told = f"GitLab answered {status}" if status else "GitLab can't be asked"
        return GitLabTrouble(
            f"{deed}: {told}: {said}" if said else f"{deed}: {told}",
            status=status,
            said=said,
            retry_after=self._patience() if status in (429, 503) else None,
            # Without a status it is a redirected write: the API's address is wrong.
            permanent=status == 0 or (400 <= status < 500 and status not in _WORTH_ANOTHER_TRY),
        )

    def _patience(self) -> float | None:
        """Seconds until GitLab wants to be asked again.

        Source: https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
        """
        headers = self._session.last_headers
        wait = headers.get("Retry-After", "").strip()
        if wait.isdecimal():
            return float(wait)
        if wait:
            return self._seconds_until_date(wait)
        reset = headers.get("RateLimit-Reset", "").strip()
        if reset.isdecimal():
            return max(0.0, float(reset) - self._now().timestamp())
        return None

    def _seconds_until_date(self, date: str) -> float | None:
        try:
            moment = parsedate_to_datetime(date)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - self._now()).total_seconds())


def segment(text: str | int) -> str:
    """Anything as one segment of a path: `acme/infra` becomes `acme%2Finfra`."""
    return quote(str(text), safe="")


def _object(answer: Any) -> Json:
    if isinstance(answer, Mapping):
        return answer
    raise MalformedDelivery("payload should be an object")


def _list(answer: Any) -> list[Any]:
    if isinstance(answer, list):
        return answer
    raise MalformedDelivery("payload should be a list")


def _words(message: object) -> str:
    """What the host said, on one line and cut; GitLab sends text, lists and objects alike."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(message)).split())[:_LONGEST_WORDS]
