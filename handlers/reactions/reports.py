"""What do the hosts have to be told? Here it is only noted that they must be told anew.

`report` runs in the transaction that moves a run, so it writes a row or two and computes nothing: what is
to be said is worked out when it is sent (`refreshing.py`), from all that is true then.
"""

from collections.abc import Sequence

from bot.connection import Provider, Repository
from bot.ids import RepositoryId, WorkspaceId
from bot.mapping import Decision, NoRun, Why
from bot.messages.facts import NoLines
from bot.run import Run, RunKind, RunStatus
from bot.workspace import Workspace
from handlers.jobs import Job, Verb
from handlers.reactions.new_run_request import RunRequest
from handlers.services import Services
from storage.outbox import Channel, commit_lane, pull_lane

COMMIT_SLOT = "commit"
LIVING_SLOT = "living"
# Hosts allow few writes (GitHub: 80 a minute). A plan of seconds is told once, when there is something to read.
PATIENCE_SECONDS = 5.0
CROWD = 20  # runs of one commit; as many have a status of their own
_ON_THE_WAY = (RunStatus.PENDING, RunStatus.PLAN_QUEUED, RunStatus.PLANNING)


def report(services: Services, run: Run) -> list[Job]:
    """Have the statuses of the run's commit, and the comments about it, brought up to date."""
    if run.repository_id is None:
        return []
    repository = services.repositories.get(run.repository_id)
    jobs = report_commit(services, repository, run.commit_sha)
    if jobs and run.pull_number is not None:
        patience = PATIENCE_SECONDS if run.status in _ON_THE_WAY else 0
        jobs += report_pull(services, repository, run.pull_number, patience_seconds=patience)
    return jobs


def report_held(services: Services, workspace_id: WorkspaceId) -> list[Job]:
    """Have the plans that may wait for a pull request's hold told anew: who holds their workspace has changed."""
    saved = [run for run in services.runs.unfinished(workspace_id) if run.kind is RunKind.SAVED_PLAN]
    return [job for run in saved for job in report(services, run)]


def report_commit(services: Services, repository: Repository, commit_sha: str, why_none: str = "") -> list[Job]:
    """Have all that is said about a commit looked at again. `why_none`: what to say if no run belongs to it.

    Several organizations may know one repository, each by a connection of its own. The host has one status per
    context, so one of them, always the same, speaks for all.
    """
    if services.connections.get(repository.connection_id).provider is Provider.GIT:
        return []
    twins = services.repositories.twins(repository)
    speaker = twins[0]
    lane = commit_lane(speaker.id, commit_sha)
    content = {"commit_sha": commit_sha, "why_none": why_none or _known_reason(services, speaker.id, lane)}
    services.outbox.want(
        speaker.connection_id,
        speaker.id,
        lane,
        Channel.REFRESH,
        COMMIT_SLOT,
        content,
        again=True,
        patience_seconds=_patience_of_a_crowd(sum(services.runs.count_at_commit(t.id, commit_sha) for t in twins)),
    )
    return [Job(Verb.SEND, lane)]


def _patience_of_a_crowd(runs: int) -> float:
    """Seconds between two looks at a commit: all its runs are looked at, so hundreds are not at each step of one."""
    return runs / 100 if runs > CROWD else 0


def report_pull(services: Services, repository: Repository, number: int, *, patience_seconds: float = 0) -> list[Job]:
    """Have the living comment of a pull request written anew, at once or when nothing better came for a while."""
    lane = pull_lane(repository.id, number)
    content = {"kind": "living", "pull_number": number}
    services.outbox.want(
        repository.connection_id,
        repository.id,
        lane,
        Channel.COMMENT,
        LIVING_SLOT,
        content,
        again=True,
        patience_seconds=patience_seconds,
    )
    return [Job(Verb.SEND, lane)]


def heads_with_runs(services: Services, workspace: Workspace) -> list[Run]:
    """One run of the workspace for each open pull request that has one at its head."""
    if workspace.repository_id is None:
        return []
    found: list[Run] = []
    for pull in services.pulls.open(workspace.repository_id):
        runs = services.runs.of_pull(workspace.repository_id, pull.number)
        own = [run for run in runs if run.workspace_id == workspace.id and run.commit_sha == pull.head_sha]
        found += own[:1]
    return found


def report_nothing_to_do(
    services: Services, request: RunRequest, workspaces: Sequence[Workspace], decisions: Sequence[Decision]
) -> tuple[str, list[Job]]:
    """No run is made: say why, at the commit; a repeat leaves what is said there alone."""
    names = {workspace.id: workspace.name for workspace in workspaces}
    reasons = [decision for decision in decisions if isinstance(decision, NoRun)]
    sentence = "; ".join(f"{names[d.workspace_id]}: {d.reason}" for d in reasons[:5]) or "no workspace affected"
    if any(decision.is_repeat for decision in reasons):
        return sentence, []
    why = _why([decision.why for decision in reasons if decision.why is not None])
    jobs = report_commit(services, request.origin, request.commit_sha, why_none=why)
    if jobs and request.pull_number is not None:
        # What its comment says of an older head, or of another base, is wrong now.
        jobs += report_pull(services, request.origin, request.pull_number)
    return sentence, jobs


def _why(reasons: Sequence[Why]) -> str:
    """The name of what the commit's status says: the first reason in the order of `Why`."""
    return next((why.name for why in Why if why in reasons), NoLines.NONE_AFFECTED.name)


def _known_reason(services: Services, repository_id: RepositoryId, lane: str) -> str:
    known = services.outbox.find(repository_id, lane, Channel.REFRESH, COMMIT_SLOT)
    return str(known.content.get("why_none", "")) if known else ""
