"""In which ways can a thing not happen?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ignored:
    """Not for us; the reason is logged and answered to the sender, and life goes on."""

    reason: str


class RunlockError(Exception):
    """Anything that Runlock raises on purpose; its text is a sentence for a person."""


class Refused(RunlockError):
    """The person who asked can act on this; the reason is the reply."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotFound(Refused):
    """What was asked for is not there, or not for the one who asks: both look the same from outside."""


class NotAllowed(Refused):
    """The one who asked may see it, but not do that; the reason names what would be needed."""


class OutsideTrouble(RunlockError):
    """The world failed: a host, a network, an engine. Worth another try unless `permanent`.

    `retry_after` is in seconds, as the host asked for it, or None if it did not say.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, permanent: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
        self.permanent = permanent
