"""What is true now of these runs? The facts that a message is made of, read when it is sent."""

from collections.abc import Iterable, Sequence

from bot.connection import Provider, Repository
from bot.events import PullRequest
from bot.ids import RepositoryId, WorkspaceId
from bot.mapping import tracked_branch
from bot.messages.facts import GITHUB_WORDS, GITLAB_WORDS, HostWords, RunLine, Trouble
from bot.messages.queue_words import place
from bot.run import Run, Stage
from bot.workspace import Workspace
from handlers.services import Services
from storage.stage_jobs import StageJob

LONGEST_OUTPUT = 200_000  # bytes of a log's end: more than any comment holds


class Gatherer:
    """Reads each workspace and queue once, however many lines ask for it."""

    def __init__(self, services: Services, *, with_output: bool = False) -> None:
        self._services = services
        self._with_output = with_output
        self._workspaces: dict[WorkspaceId, Workspace] = {}
        self._queues: dict[WorkspaceId, list[Run]] = {}

    def lines(self, runs: Iterable[Run]) -> tuple[RunLine, ...]:
        return tuple(self.line(run) for run in runs)

    def line(self, run: Run) -> RunLine:
        workspace = self.workspace(run.workspace_id)
        previous = self._previous_plan(run)
        return RunLine(
            run=run,
            workspace_name=workspace.name,
            organization_name=workspace.organization_name,
            url=run_url(self._services, workspace, run),
            working_directory=workspace.working_directory,
            place="" if run.is_final else self._place(run, workspace),
            output=self._log(run, Stage.PLAN),
            apply_output=self._log(run, Stage.APPLY),
            previous=previous.summary if previous else None,
            previous_sha=previous.commit_sha if previous else "",
            held_by_pull=self._held_by(run),
            trouble=Trouble(run.trouble),
            workflow=workspace.vcs_workflow,
        )

    def workspace(self, workspace_id: WorkspaceId) -> Workspace:
        if workspace_id not in self._workspaces:
            self._workspaces[workspace_id] = self._services.workspaces.get(workspace_id)
        return self._workspaces[workspace_id]

    def _place(self, run: Run, workspace: Workspace) -> str:
        if workspace.id not in self._queues:
            self._queues[workspace.id] = self._services.runs.unfinished(workspace.id)
        return place(self._queues[workspace.id], run.id, self._services.now(), locked=workspace.is_locked)

    def _previous_plan(self, run: Run) -> Run | None:
        """The pull request's plan before this one in the same workspace; only where it will be shown."""
        if not self._with_output or run.pull_number is None or run.repository_id is None:
            return None
        earlier = [
            other
            for other in self._services.runs.of_pull(run.repository_id, run.pull_number)
            if other.workspace_id == run.workspace_id
            and other.created_at < run.created_at
            and other.summary is not None
        ]
        return max(earlier, key=lambda other: other.created_at, default=None)

    def _held_by(self, run: Run) -> int | None:
        hold = self._services.workspaces.hold(run.workspace_id)
        if hold is None or run.pull_number is None:
            return None
        is_own = (hold.repository_id, hold.pull_number) == (run.repository_id, run.pull_number)
        return None if is_own else hold.pull_number

    def _log(self, run: Run, stage: Stage) -> str:
        job = self._services.jobs.of_run(run.id, stage) if self._with_output else None
        return log_tail(self._services, job) if job else ""


def log_tail(services: Services, job: StageJob, limit: int = LONGEST_OUTPUT) -> str:
    """The end of a stage's log, live or sealed, as text."""
    if job.log_blob_id is None:
        return services.logs.read(job.id, offset=max(0, job.log_size - limit)).decode("utf-8", "replace")
    tail = b""
    for chunk in services.blobs.chunks(job.log_blob_id):
        tail = (tail + chunk)[-limit:]
    return tail.decode("utf-8", "replace")


def still_meant(services: Services, runs: Iterable[Run]) -> list[Run]:
    """Without the runs of a pull request that goes into another branch now than their workspace tracks."""
    gatherer = Gatherer(services)
    pulls: dict[tuple[RepositoryId, int], PullRequest | None] = {}

    def is_meant(run: Run) -> bool:
        if run.pull_number is None or run.repository_id is None:
            return True
        key = (run.repository_id, run.pull_number)
        if key not in pulls:
            pulls[key] = services.pulls.find(*key)
        pull = pulls[key]
        if pull is None or not pull.is_open:
            return True
        default_branch = services.repositories.get(run.repository_id).default_branch
        return tracked_branch(gatherer.workspace(run.workspace_id), default_branch) == pull.base_branch

    return [run for run in runs if is_meant(run)]


def newest_each(runs: Sequence[Run]) -> list[Run]:
    """Each workspace's newest run, in the order of the queues."""
    newest = {run.workspace_id: run for run in sorted(runs, key=lambda run: run.created_at)}
    return sorted(newest.values(), key=lambda run: run.queue_sequence)


def run_url(services: Services, workspace: Workspace, run: Run) -> str:
    address = services.settings.address.rstrip("/")
    return f"{address}/app/{workspace.organization_name}/{workspace.name}/runs/{run.id}"


def commit_url(services: Services, repository: Repository, commit_sha: str) -> str:
    """The page of all that happens at a commit."""
    return f"{services.settings.address.rstrip('/')}/app/commits/{repository.id}/{commit_sha}"


def host_words(services: Services, repository: Repository) -> HostWords:
    provider: Provider = services.connections.get(repository.connection_id).provider
    return GITLAB_WORDS if provider.is_gitlab else GITHUB_WORDS


def listeners(services: Services, repository: Repository) -> list[Workspace]:
    """The workspaces that listen to this repository, through whichever connection."""
    twins = services.repositories.twins(repository)
    return [workspace for twin in twins for workspace in services.workspaces.of_repository(twin.id)]


def serves_several_organizations(services: Services, repository: Repository) -> bool:
    return len({workspace.organization_id for workspace in listeners(services, repository)}) > 1
