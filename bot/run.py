"""What is a run? Its statuses, kinds and facts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.ids import ConfigurationVersionId, RepositoryId, RunId, StateVersionId, WorkspaceId
from bot.plan_summary import PlanSummary


class RunStatus(StrEnum):
    """TFE's API strings (tfe-contract 1.1), those that this server can reach."""

    PENDING = "pending"
    PLAN_QUEUED = "plan_queued"
    PLANNING = "planning"
    PLANNED = "planned"
    PLANNED_AND_FINISHED = "planned_and_finished"
    PLANNED_AND_SAVED = "planned_and_saved"
    CONFIRMED = "confirmed"
    APPLY_QUEUED = "apply_queued"
    APPLYING = "applying"
    APPLIED = "applied"
    DISCARDED = "discarded"
    ERRORED = "errored"
    CANCELED = "canceled"


FINAL = frozenset(
    {
        RunStatus.PLANNED_AND_FINISHED,
        RunStatus.APPLIED,
        RunStatus.DISCARDED,
        RunStatus.ERRORED,
        RunStatus.CANCELED,
    }
)
AWAITING_DECISION = frozenset({RunStatus.PLANNED, RunStatus.PLANNED_AND_SAVED})
APPROVED = frozenset({RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED, RunStatus.APPLYING})
AT_A_RUNNER = frozenset({RunStatus.PLANNING, RunStatus.APPLYING})

AT_WORK = AT_A_RUNNER | {RunStatus.PLAN_QUEUED, RunStatus.APPLY_QUEUED}  # a runner has them, or they wait for one


class RunKind(StrEnum):
    """Normal runs live in the queue; the others plan outside it."""

    NORMAL = "normal"
    PLAN_ONLY = "plan_only"  # TFE's speculative run: never applied
    SAVED_PLAN = "saved_plan"  # joins the queue when it is confirmed


class Stage(StrEnum):
    PLAN = "plan"
    APPLY = "apply"


class TriggerReason(StrEnum):
    PUSH = "push"
    TAG = "tag"
    PULL_REQUEST = "pull_request"
    MANUAL = "manual"
    RUN_TRIGGER = "run_trigger"  # another workspace's apply


@dataclass(frozen=True)
class Run:
    """One run. All but `status` and what follows it is frozen when the run is created."""

    id: RunId
    workspace_id: WorkspaceId
    kind: RunKind
    configuration_version_id: ConfigurationVersionId
    commit_sha: str
    manifest_digest: str  # hex of HMAC-SHA-256; people see the first 12
    trigger_reason: TriggerReason
    created_at: datetime
    queue_sequence: int  # place in the workspace's queue: an order, not a time
    auto_apply: bool = False  # taken back at its plan's end, if whoever asked for it may not apply any more
    auto_apply_asked: bool = False  # by whoever asked for the run, with it: it is not the workspace's setting
    is_destroy: bool = False
    repository_id: RepositoryId | None = None
    branch: str = ""
    tag: str = ""
    base_sha: str = ""
    pull_number: int | None = None
    delivery: str = ""  # the delivery it came from, and which of its events: "17" or "17.1"
    message: str = ""
    source: str = ""  # TFE's word for who asked, of a run that was asked for by hand
    created_by: str = ""
    created_by_id: str = ""  # of a user or a team of ours, where it was one
    status: RunStatus = RunStatus.PENDING
    plan_digest: str = ""  # hex of SHA-256 over plan file and lock file; set once
    planned_on: StateVersionId | None = None
    summary: PlanSummary | None = None
    confirmed_by: str = ""
    confirmed_by_id: str = ""  # of a user of ours, where it was one
    error: str = ""
    trouble: str = "none"  # whose fault the error is: a value of bot.messages.facts.Trouble
    cancel_requested_at: datetime | None = None
    forced: bool = False  # cancelled by force: killed, not interrupted
    times: dict[str, datetime] = field(default_factory=dict)  # status → when it was entered

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def has_changes(self) -> bool:
        return self.summary is not None and self.summary.has_changes

    @property
    def needs_decision(self) -> bool:
        return self.status in AWAITING_DECISION and self.has_changes

    @property
    def holds_workspace(self) -> bool:
        """True from leaving the wait for its turn until final (tfe-contract 1.5)."""
        if self.is_final or self.kind is RunKind.PLAN_ONLY:
            return False
        if self.kind is RunKind.SAVED_PLAN:
            return self.status in (RunStatus.APPLY_QUEUED, RunStatus.APPLYING)
        return self.status is not RunStatus.PENDING

    @property
    def short_commit(self) -> str:
        """What people know its configuration by: the commit, or the upload's id."""
        return self.commit_sha[:7] or self.configuration_version_id

    @property
    def short_digest(self) -> str:
        return self.manifest_digest[:12]

    @property
    def short_plan_digest(self) -> str:
        return self.plan_digest[:12]
