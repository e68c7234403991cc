"""In which words do a runner and the server talk about a stage? How it ended, and whether it is to stop."""

from enum import StrEnum


class Signal(StrEnum):
    """What a heartbeat answers."""

    NONE = "none"
    INTERRUPT = "interrupt"
    KILL = "kill"


class Outcome(StrEnum):
    """What a runner says of a stage at its end."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # the engine said no
    CANCELED = "canceled"
    REFUSED = "refused"  # the engine was not started, or not applied: a person can act on the reason
    TIMED_OUT = "timed_out"
    NO_ENGINE = "no_engine"
    TROUBLE = "trouble"  # ours or the world's: worth another try for a plan, never for an apply
