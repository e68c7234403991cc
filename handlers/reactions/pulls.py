"""What follows from a pull request? Plans of its head; and, when it is over, the end of what it held."""

from dataclasses import replace

from bot.connection import Repository
from bot.errors import Refused
from bot.events import HostRepository, HostUser, PullAction, PullChanged, PullRequest
from bot.ids import WorkspaceId
from bot.mapping import MappingFacts, WantRun, decide, pull_key, tracked_branch
from bot.run import AT_A_RUNNER, AWAITING_DECISION, Run, RunStatus, TriggerReason
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.decisions import cancel, discard
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.pushes import make_runs
from handlers.reactions.reports import report_held
from handlers.services import Services

_OVER = (PullAction.CLOSED, PullAction.MERGED)
_APPROVED = (RunStatus.CONFIRMED, RunStatus.APPLY_QUEUED)


def on_pull_changed(
    services: Services,
    repository: Repository,
    told: PullRequest,
    action: PullAction,
    sender: HostUser,
    key: str,
) -> tuple[str, list[Job]]:
    """Bring the runs of a pull request up to date. The host is asked how it is now: events come late and twice."""
    pull = services.host_of(repository).read_pull(repository, told.number) or told
    if not pull.is_open:
        return _over(services, repository, pull, sender)
    if action in _OVER:
        return f"#{pull.number} is open again", []
    workspaces = services.workspaces.of_repository(repository.id)
    tracking = [w for w in workspaces if tracked_branch(w, repository.default_branch) == pull.base_branch]
    pull, facts = _look(services, repository, pull, tracking)
    services.pulls.know(repository.id, pull)
    jobs = make_obsolete(services, repository, pull, action, key)
    sentence, more = plan_pull(services, repository, pull, action, tracking, facts, key, sender)
    return sentence, [*jobs, *more]


def plan_pull(
    services: Services,
    repository: Repository,
    pull: PullRequest,
    action: PullAction,
    workspaces: list[Workspace],
    facts: MappingFacts,
    key: str,
    asker: HostUser,
) -> tuple[str, list[Job]]:
    """Make the runs that this pull request is to have now, each in the place of the one before it."""
    decisions = decide(pull_event(repository, pull, action), workspaces, facts)
    jobs: list[Job] = []
    planned = {decision.workspace_id for decision in decisions if isinstance(decision, WantRun)}
    why = f"planned again, as {asker.login} asked" if facts.is_asked_for else f"planned again at {pull.head_sha[:7]}"
    for run in services.runs.of_pull(repository.id, pull.number):
        if run.workspace_id in planned and not run.is_final and run.delivery != key:
            jobs += end_run(services, run, why)
    request = RunRequest(
        repository=repository,
        commit_sha=pull.head_sha,
        trigger_reason=TriggerReason.PULL_REQUEST,
        delivery=key,
        branch=pull.head_branch,
        base_sha=pull.base_sha,
        pull_number=pull.number,
        created_by=asker.login,
        sender=asker,
        message=pull.title,
    )
    sentence, more = make_runs(services, workspaces, decisions, request)
    services.pulls.settled(repository.id, pull.number)
    return sentence, [*jobs, *more]


def look_again(
    services: Services, repository: Repository, pull: PullRequest
) -> tuple[PullRequest, list[Workspace], MappingFacts]:
    """The facts for planning a pull request because somebody asked for it."""
    workspaces = services.workspaces.of_repository(repository.id)
    tracking = [w for w in workspaces if tracked_branch(w, repository.default_branch) == pull.base_branch]
    pull, facts = _look(services, repository, pull, tracking)
    services.pulls.know(repository.id, pull)
    return pull, tracking, replace(facts, is_asked_for=True)


def _look(
    services: Services, repository: Repository, pull: PullRequest, workspaces: list[Workspace]
) -> tuple[PullRequest, MappingFacts]:
    """Fetch the head and the branch it goes into. The base is that branch as it is now, not as the host noted it."""
    facts = MappingFacts(default_branch=repository.default_branch, forks_allowed=services.settings.forks)
    if not workspaces or (pull.from_fork and not services.settings.forks):
        return pull, facts
    mirror = services.mirror(repository)
    head_refs = (f"refs/pull/{pull.number}/head", f"refs/merge-requests/{pull.number}/head")
    mirror.ensure_commit(pull.head_sha, refs=(f"refs/heads/{pull.head_branch}", *head_refs))
    base_sha = services.host_of(repository).branch_head(repository, pull.base_branch) or pull.base_sha
    mirror.ensure_commit(base_sha, refs=(f"refs/heads/{pull.base_branch}",))
    pull = replace(pull, base_sha=base_sha)
    return pull, replace(
        facts,
        changed_paths=mirror.changed_paths_of_pull(base_sha, pull.head_sha),
        already_run=_planned_heads(services, repository, pull),
        has_run=frozenset(w.id for w in workspaces if w.latest_run_id),
    )


def _planned_heads(services: Services, repository: Repository, pull: PullRequest) -> dict[WorkspaceId, frozenset[str]]:
    given_up = (RunStatus.DISCARDED, RunStatus.CANCELED)
    found: dict[WorkspaceId, frozenset[str]] = {}
    for run in services.runs.of_pull(repository.id, pull.number):
        if run.status not in given_up:
            key = pull_key(pull.number, run.commit_sha, run.base_sha)
            found[run.workspace_id] = found.get(run.workspace_id, frozenset()) | {key}
    return found


def make_obsolete(
    services: Services, repository: Repository, pull: PullRequest, action: PullAction, key: str
) -> list[Job]:
    """End the unfinished runs of older heads, and all of before a retargeting, approved or not.

    What is applying goes on.
    """
    jobs: list[Job] = []
    for run in services.runs.of_pull(repository.id, pull.number):
        is_old = run.commit_sha != pull.head_sha or action is PullAction.RETARGETED
        is_of_this_delivery = run.delivery == key  # a half-handled delivery is resumed, not begun again
        if is_old and not run.is_final and not is_of_this_delivery:
            jobs += end_run(services, run, _obsolete(pull, action), also_approved=True)
    return jobs


def _obsolete(pull: PullRequest, action: PullAction) -> str:
    if action is PullAction.RETARGETED:
        return f"made obsolete: #{pull.number} goes into {pull.base_branch} now"
    return f"made obsolete by {pull.head_sha[:7]}, the newer head of #{pull.number}"


def end_run(services: Services, run: Run, why: str, *, also_approved: bool = False) -> list[Job]:
    """Discard a plan, cancel what isn't one yet; what is applying goes on, and what was approved unless told."""
    if run.status is RunStatus.APPLYING or (run.status in _APPROVED and not also_approved):
        return []
    try:
        if run.status in AWAITING_DECISION:
            return discard(services, run.id, "Runlock", why)
        if run.status in AT_A_RUNNER and run.cancel_requested_at is not None:
            return []
        return cancel(services, run.id, "Runlock", why)
    except Refused:
        return []  # it moved in this very moment; the sweep looks again


def _over(services: Services, repository: Repository, pull: PullRequest, sender: HostUser) -> tuple[str, list[Job]]:
    """Closed or merged: its plans end, its holds are freed."""
    jobs: list[Job] = []
    services.pulls.know(repository.id, pull)
    word = "merged" if pull.is_merged else "closed"
    for run in services.runs.of_pull(repository.id, pull.number):
        if not run.is_final:
            jobs += end_run(services, run, f"#{pull.number} was {word}", also_approved=True)
    jobs += free_holds(services, repository, pull.number)[1]
    if pull.is_merged and pull.merge_commit_sha:
        services.pulls.brought(repository.id, pull.merge_commit_sha, pull.number)
        jobs.append(Job(Verb.FIND_PULLS, f"{repository.id}/{pull.merge_commit_sha}/0"))
    services.pulls.settled(repository.id, pull.number)
    return f"#{pull.number} was {word} by {sender.login}", jobs


def free_holds(services: Services, repository: Repository, number: int) -> tuple[list[WorkspaceId], list[Job]]:
    """Give up what a pull request holds; the others that waited for it are told so."""
    with services.records.write():
        freed = services.workspaces.free_holds(repository.id, number)
        jobs = [job for workspace_id in freed for job in report_held(services, workspace_id)]
    return freed, [*jobs, *(Job(Verb.WORK_QUEUE, workspace_id) for workspace_id in freed)]


def pull_event(repository: Repository, pull: PullRequest, action: PullAction) -> PullChanged:
    """The pull request as it is now, as if the host had just told of it."""
    told = HostRepository(repository.host_id, repository.path, repository.clone_url, repository.default_branch)
    return PullChanged(told, action, pull, pull.author)
