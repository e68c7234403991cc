"""What does a view of the API have at hand?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from flask import Response

from bot.errors import NotAllowed, NotFound, Refused
from bot.needs import Needs
from handlers.access import Asker
from handlers.api.documents import ApiError
from handlers.jobs import Job
from handlers.services import Services


@dataclass(frozen=True)
class Ask:
    """One request by somebody known. `enqueue` takes the jobs that a reaction returned, after it saved."""

    services: Services
    enqueue: Callable[[list[Job]], None]
    asker: Asker

    @property
    def username(self) -> str:
        """How the asker is written down: a user's name, or the team's, the organization's or the run's."""
        return self.asker.name

    def needing(self, needs: Needs) -> "Ask":
        """The same request, of whose asker something else is asked: for what it names besides."""
        return replace(self, asker=self.asker.needing(needs))


View = Callable[..., Response]
Rule = tuple[str, str, View, Needs]  # method, path below /api/v2, view, what the caller needs


@contextmanager
def conflicts() -> Iterator[None]:
    """What is refused because of the state that things are in is a conflict (409), not a bad request."""
    try:
        yield
    except (NotFound, NotAllowed):
        raise
    except Refused as refused:
        raise ApiError(409, "conflict", refused.reason) from refused
