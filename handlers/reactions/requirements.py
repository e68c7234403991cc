"""Does a pull request have what it must have before its plan may be applied? The same for every door.

The host is asked about each pull request once, at this moment (apply-before-merge; DESIGN section 6).
"""

from bot.connection import Repository
from bot.errors import Refused
from bot.events import PullRequest
from bot.ids import RunId
from bot.mapping import tracked_branch
from bot.messages import replies
from bot.messages.statuses import PREFIX
from bot.run import Run, RunKind
from bot.vcs.code_host import MergeFacts
from bot.workspace import Requirement, Workspace
from handlers.reactions.gathering import Gatherer, host_words
from handlers.services import Services


def refuse_if_missing(services: Services, run_id: RunId) -> None:
    """Ask the host, before an approval from the API or the command line. Raises Refused, or OutsideTrouble."""
    run = services.runs.get(run_id)
    workspace = services.workspaces.get(run.workspace_id)
    if run.repository_id is not None and run.needs_decision:
        reason = Requirements(services, services.repositories.get(run.repository_id)).why_not(run, workspace)
        if reason:
            raise Refused(reason)


class Requirements:
    def __init__(self, services: Services, repository: Repository) -> None:
        self._services = services
        self._repository = repository
        self._words = host_words(services, repository)
        self._pulls: dict[int, PullRequest | None] = {}
        self._facts: dict[int, MergeFacts] = {}

    def why_not(self, run: Run, workspace: Workspace) -> str:
        """A finished answer; empty if nothing is missing, or nothing is asked for (all but saved plans)."""
        if run.kind is not RunKind.SAVED_PLAN or run.pull_number is None:
            return ""
        pull = self._pull(run.pull_number)
        if pull is None or not pull.is_open:
            return replies.pull_is_over(self._words)
        if pull.head_sha != run.commit_sha:
            return replies.head_moved(run.commit_sha, pull.head_sha)
        if pull.base_branch != tracked_branch(workspace, self._repository.default_branch):
            return replies.retargeted(pull.base_branch, self._words)
        return self._missing(run, workspace, pull)

    def _missing(self, run: Run, workspace: Workspace, pull: PullRequest) -> str:
        if not workspace.apply_requirements:
            return ""
        facts = self._facts_of(pull)
        in_the_way = {
            Requirement.APPROVED: facts.lacking_approval,
            Requirement.MERGEABLE: facts.blocks,
            Requirement.UNDIVERGED: facts.divergence,
        }
        words = [reason for requirement in workspace.apply_requirements for reason in in_the_way[requirement]]
        return replies.requirements_missing(Gatherer(self._services).line(run), words) if words else ""

    def _pull(self, number: int) -> PullRequest | None:
        if number not in self._pulls:
            self._pulls[number] = self._services.host_of(self._repository).read_pull(self._repository, number)
        return self._pulls[number]

    def _facts_of(self, pull: PullRequest) -> MergeFacts:
        if pull.number not in self._facts:
            host = self._services.host_of(self._repository)
            self._facts[pull.number] = host.merge_facts(self._repository, pull, PREFIX)
        return self._facts[pull.number]
