"""What is a workspace? Its settings, as people set them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.ids import OrganizationId, ProjectId, RepositoryId, RunId, StateVersionId, WorkspaceId


class Workflow(StrEnum):
    APPLY_AFTER_MERGE = "apply-after-merge"  # TFE's way
    APPLY_BEFORE_MERGE = "apply-before-merge"  # Atlantis' way


class Requirement(StrEnum):
    """What a pull request must have before its plan may be applied (apply-before-merge)."""

    APPROVED = "approved"
    MERGEABLE = "mergeable"
    UNDIVERGED = "undiverged"


class ApplyPermission(StrEnum):
    """The least role at the host whose comment `apply` counts."""

    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"


class EngineName(StrEnum):
    TERRAFORM = "terraform"
    TOFU = "tofu"


class ExecutionMode(StrEnum):
    REMOTE = "remote"  # runs happen on the server's runners
    LOCAL = "local"  # the CLI plans and applies by itself; only states are kept here


@dataclass(frozen=True)
class Workspace:
    """`lock_reason` is empty when nobody holds the manual lock. A run's hold is the queue's, not this lock."""

    id: WorkspaceId
    organization_id: OrganizationId
    organization_name: str
    name: str
    created_at: datetime
    project_id: ProjectId
    description: str = ""
    repository_id: RepositoryId | None = None
    branch: str = ""  # empty: the repository's default branch
    tags_regex: str = ""
    working_directory: str = ""  # relative to the repository, no leading or trailing slash
    trigger_prefixes: tuple[str, ...] = ()
    trigger_patterns: tuple[str, ...] = ()
    file_triggers_enabled: bool = True
    speculative_enabled: bool = True
    queue_all_runs: bool = True
    ingress_submodules: bool = False
    auto_apply: bool = False
    allow_destroy_plan: bool = True  # False: nobody can ask for a run that destroys everything
    auto_apply_run_trigger: bool = False  # the same, for runs that another workspace's apply has made
    execution_mode: ExecutionMode = ExecutionMode.REMOTE
    structured_run_output: bool = False  # the CLI draws plans from JSON instead of copying the log
    global_remote_state: bool = True  # False: only the workspace's remote-state consumers may read its state
    engine: EngineName = EngineName.TERRAFORM
    engine_version: str = ""  # empty: whatever is found; else a version or a constraint
    vcs_workflow: Workflow = Workflow.APPLY_AFTER_MERGE
    apply_requirements: tuple[Requirement, ...] = (Requirement.UNDIVERGED,)
    apply_permission: ApplyPermission = ApplyPermission.WRITE
    author_may_apply: bool = True  # False: the author of a pull request may not approve their own
    auto_merge: bool = False
    plan_timeout_seconds: int = 3600
    apply_timeout_seconds: int = 6 * 3600
    locked_by: str = ""
    lock_reason: str = ""
    lock_holder_id: str = ""  # user-… or team-…; empty for Runlock itself and for whoever uses its command line
    lock_id: str = ""  # of a lock that an engine has taken: only who knows it writes and unlocks
    lock_info: str = ""  # what the engine says of that lock, as JSON
    locked_at: datetime | None = None
    current_state_version_id: StateVersionId | None = None
    latest_run_id: RunId | None = None

    @property
    def is_locked(self) -> bool:
        return self.locked_at is not None

    @property
    def slug(self) -> str:
        return f"{self.organization_name}/{self.name}"
