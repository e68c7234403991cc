"""What does a new run need to know? What all runs of one event have in common."""

from dataclasses import dataclass

from bot.connection import Repository
from bot.run import TriggerReason


@dataclass(frozen=True)
class RunRequest:
    """`delivery` is what makes each of the event's runs unique, with its workspace."""

    repository: Repository
    commit_sha: str
    trigger_reason: TriggerReason
    delivery: str
    branch: str = ""
    tag: str = ""
    base_sha: str = ""
    pull_number: int | None = None
    created_by: str = ""
    message: str = ""
    may_auto_apply: bool = False
    auto_apply: bool | None = None  # asked for with this run; None: as the workspace has it
    is_destroy: bool = False
