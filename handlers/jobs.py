"""What comes next? A job is a verb and an id: a nudge, never the truth (invariant 1)."""

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """Each verb is one reaction; `handlers/tasks.py` says which consumer runs it."""

    HANDLE_DELIVERIES = "handle deliveries"  # of one connection's repository, oldest first
    WORK_QUEUE = "work queue"  # of a workspace
    NUDGE_RUNNER = "nudge runner"  # with a stage job
    STAGE_ENDED = "stage ended"
    PLAN_AGAIN = "plan again"  # in a workspace whose state has changed: what pull requests keep
    SEND = "send"  # one lane of the outbox
    NOTIFY = "notify"  # a notification configuration's receiver
    FIND_PULLS = "find pulls"  # of a pushed commit: which pull request brought it
    RECONCILE = "reconcile"  # a repository with its host
    LOSE_STAGE = "lose stage"  # whose runner has been silent for longer than its lease
    REMOVE_WORKSPACE = "remove workspace"  # one that is leaving
    FORGET_OLD = "forget old"  # once a day
    FIND_UNNAMED_BLOBS = "find unnamed blobs"  # once a day: what was stored, and then its process was killed
    REMOVE_BLOBS = "remove blobs"  # that no row names any more
    SWEEP = "sweep"


@dataclass(frozen=True)
class Job:
    verb: Verb
    ident: str = ""
    delay_seconds: float = 0
    priority: int = 0  # among runners' nudges: a larger number goes first
