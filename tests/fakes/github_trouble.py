"""How does the double misbehave, when it is asked to? Lost answers, failures, rate limits."""

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from werkzeug.wrappers import Response

CONTENT_METHODS = ("POST", "PATCH", "PUT", "DELETE")
PRIMARY = "API rate limit exceeded for user ID 1. Wait for the reset."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass
class Failure:
    """An answer that is given instead of the deed, `times` times."""

    pattern: re.Pattern[str]
    method: str
    status: int
    headers: Mapping[str, str]
    message: str
    times: int


@dataclass
class Troubles:
    """`share` of the answers is lost after acting: half as a closed connection, half as a 502."""

    share: float = 0.0
    chance: random.Random = field(default_factory=random.Random)
    failures: list[Failure] = field(default_factory=list)
    requests_an_hour: int = 5000
    used: int = 0
    resets_at: datetime | None = None
    writes_a_minute: int | None = None
    writes: list[datetime] = field(default_factory=list)
    dropped: int = 0
    lost: list[tuple[str, re.Pattern[str]]] = field(default_factory=list)  # whose next answer is lost

    def failure_for(self, method: str, path: str) -> Failure | None:
        """The injected failure for this request, used up by one."""
        for failure in self.failures:
            if failure.times > 0 and failure.method in ("", method) and failure.pattern.search(path):
                failure.times -= 1
                return failure
        return None

    def count(self, now: datetime) -> dict[str, str]:
        """Count a request; the headers that every answer carries."""
        if self.resets_at is None or now >= self.resets_at:
            self.used, self.resets_at = 0, now + timedelta(hours=1)
        self.used += 1
        return {
            "X-RateLimit-Limit": str(self.requests_an_hour),
            "X-RateLimit-Remaining": str(max(0, self.requests_an_hour - self.used)),
            "X-RateLimit-Reset": str(int(self.resets_at.timestamp())),
            "X-RateLimit-Used": str(self.used),
            "X-RateLimit-Resource": "core",
        }

    @property
    def is_exhausted(self) -> bool:
        return self.used > self.requests_an_hour

    def seconds_to_wait(self, method: str, path: str, now: datetime) -> int:
        """How long this write has to wait by the secondary limit; 0 if it may go, and is counted then."""
        if self.writes_a_minute is None or method not in CONTENT_METHODS or path.endswith("/graphql"):
            return 0
        self.writes = [at for at in self.writes if now - at < timedelta(minutes=1)]
        if len(self.writes) >= self.writes_a_minute:
            return max(1, int(60 - (now - self.writes[0]).total_seconds()) + 1)
        self.writes.append(now)
        return 0

    def under(self, app: Callable[..., Any], prefix: str) -> Callable[..., Iterable[bytes]]:
        """A WSGI app that loses some of `app`'s answers below `prefix`."""

        def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            named = self._is_named(environ["REQUEST_METHOD"], environ["PATH_INFO"])
            chosen = environ["PATH_INFO"].startswith(prefix) and self.share and self.chance.random() < self.share
            if not named and not chosen:
                return app(environ, start_response)
            Response.from_app(app, environ).close()  # the deed is done, its answer is nobody's
            self.dropped += 1
            if not named and self.chance.random() < 0.5:
                raise ConnectionAbortedError("the answer is lost on purpose")
            return Response("<html>Bad Gateway</html>", 502, content_type="text/html")(environ, start_response)

        return wsgi

    def _is_named(self, method: str, path: str) -> bool:
        """Whether this answer is one that a test wants lost; used up by that."""
        for asked in self.lost:
            if asked[0] == method and asked[1].search(path):
                self.lost.remove(asked)
                return True
        return False
