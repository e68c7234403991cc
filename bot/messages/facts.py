"""What does a message need to know? The facts that the caller gathers before it is rendered."""

from dataclasses import dataclass
from enum import StrEnum

from bot.plan_summary import PlanSummary
from bot.run import Run
from bot.workspace import Workflow


class Trouble(StrEnum):
    """Whose fault a run's error is: what a status can't tell from the run alone."""

    NONE = "none"  # the plan or the apply itself failed
    OURS = "ours"  # Runlock, a runner or a host failed
    OUTCOME_UNKNOWN = "outcome unknown"  # an apply was interrupted; nobody knows what it did
    POLICY = "policy"  # a policy said no


class NoLines(StrEnum):
    """Why nothing runs at a SHA; the value is the status's description."""

    NONE_AFFECTED = "no workspace affected"
    FORK = "fork, not planned: plans of forks are off"
    DRAFT = "draft, not planned: comment plan to plan it"
    NEWER_COMMIT = "not planned: a newer commit that contains this one has its run"
    FIRST_RUN = "not planned: the first run is started by hand (queue-all-runs is off)"
    TROUBLE = "not planned: the commit could not be fetched"
    REFUSED = "not planned: it was refused, `runlock deliveries` says why"


@dataclass(frozen=True)
class HostWords:
    """How a host's people call things: `pull` is a noun, `sign` stands in front of its number."""

    pull: str
    sign: str


GITHUB_WORDS = HostWords("pull request", "#")
GITLAB_WORDS = HostWords("merge request", "!")


@dataclass(frozen=True)
class RunLine:
    """One run as messages see it.

    `url`: its page. `place`: where it stands in the queue, from `queue_words.place`, empty when it doesn't wait.
    `output`: its plan's log as stored (already redacted). `apply_output`: the same of its apply.
    `previous`: the summary of the previous plan of this pull request in this workspace, of commit `previous_sha`.
    `held_by_pull`: another pull request that holds the workspace, so that this one's plan can't be applied yet.
    """

    run: Run
    workspace_name: str
    organization_name: str
    url: str
    working_directory: str = ""
    place: str = ""
    output: str = ""
    apply_output: str = ""
    previous: PlanSummary | None = None
    previous_sha: str = ""
    held_by_pull: int | None = None
    trouble: Trouble = Trouble.NONE
    workflow: Workflow = Workflow.APPLY_AFTER_MERGE

    def name(self, *, with_organization: bool) -> str:
        """The workspace's name, with its organization's where a repository serves several."""
        return f"{self.organization_name}/{self.workspace_name}" if with_organization else self.workspace_name
