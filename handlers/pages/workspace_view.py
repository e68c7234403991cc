"""What does the page of a workspace show? Its settings, its state, who holds it, its queue and its runs."""

from dataclasses import dataclass

from bot.connection import Connection, Repository
from bot.errors import NotFound
from bot.host_links import outside_url, pull_url
from bot.run import Run
from bot.run_queue import in_order
from bot.workspace import Workspace
from handlers.pages.words import host_words
from handlers.services import Services
from storage.run_filter import RunFilter
from storage.state_versions import StateVersion
from storage.workspaces import Hold

RUNS_PER_PAGE = 30


@dataclass(frozen=True)
class Source:
    """Where a workspace's or a run's configuration comes from; both None if that is gone."""

    repository: Repository | None = None
    connection: Connection | None = None

    @property
    def url(self) -> str:
        return outside_url(self.repository.html_url) if self.repository else ""

    @property
    def is_gitlab(self) -> bool:
        return self.connection is not None and self.connection.provider.is_gitlab

    def pull_words(self, number: int) -> str:
        words = host_words(is_gitlab=self.is_gitlab)
        return f"{words.pull} {words.sign}{number}"

    def pull_url(self, number: int) -> str:
        return pull_url(self.repository, self.connection.provider if self.connection else None, number)


@dataclass(frozen=True)
class WorkspaceView:
    workspace: Workspace
    source: Source
    settings: list[tuple[str, str]]
    state: StateVersion | None
    state_run: Run | None
    hold: Hold | None
    hold_source: Source
    queue: list[Run]
    runs: list[Run]
    page: int
    pages: int


def workspace_view(services: Services, workspace: Workspace, page: int) -> WorkspaceView:
    wanted = RunFilter(workspace_id=workspace.id)
    runs, total = services.runs.search(wanted, limit=RUNS_PER_PAGE, offset=(page - 1) * RUNS_PER_PAGE)
    state, hold = services.states.current(workspace.id), services.workspaces.hold(workspace.id)
    return WorkspaceView(
        workspace=workspace,
        source=source_of(services, workspace.repository_id),
        settings=_settings(workspace),
        state=state,
        state_run=services.runs.find(state.run_id) if state and state.run_id else None,
        hold=hold,
        hold_source=source_of(services, hold.repository_id if hold else None),
        queue=in_order(services.runs.unfinished(workspace.id)),
        runs=runs,
        page=page,
        pages=max(1, -(-total // RUNS_PER_PAGE)),
    )


def source_of(services: Services, repository_id: str | None) -> Source:
    if repository_id is None:
        return Source()
    try:
        repository = services.repositories.get(repository_id)
        return Source(repository, services.connections.get(repository.connection_id))
    except NotFound:
        return Source()  # the connection was deleted; its runs stay


def _settings(workspace: Workspace) -> list[tuple[str, str]]:
    """(name, value) of what decides how runs come to be and are approved, in words."""
    found = [
        ("Working directory", workspace.working_directory or "the configuration's root"),
        ("Engine", f"{workspace.engine} {workspace.engine_version or '(any version)'}"),
        ("Execution", "on the runners here" if workspace.execution_mode == "remote" else "where the CLI is"),
        ("Applies", "by itself, once planned" if workspace.auto_apply else "after approval"),
    ]
    if workspace.repository_id is None:
        return found
    found += [
        ("Workflow", workspace.vcs_workflow.value),
        ("Who may approve", _approvers(workspace)),
        ("Triggered by", _triggers(workspace)),
        ("Pull requests", "are planned" if workspace.speculative_enabled else "are not planned"),
    ]
    if workspace.vcs_workflow.value == "apply-before-merge":
        found.append(("Before an apply", ", ".join(workspace.apply_requirements) or "nothing required"))
        found.append(("After all applied", "merged by itself" if workspace.auto_merge else "merged by people"))
    return found


def _approvers(workspace: Workspace) -> str:
    own = "" if workspace.author_may_apply else ", but not the author"
    return f"{workspace.apply_permission} role at the host{own}"


def _triggers(workspace: Workspace) -> str:
    if workspace.tags_regex:
        return f"tags that match {workspace.tags_regex}"
    if not workspace.file_triggers_enabled:
        return "every push"
    extra = [*workspace.trigger_prefixes, *workspace.trigger_patterns]
    here = workspace.working_directory
    if not here and not workspace.trigger_patterns:
        return "every push"
    return "changes in " + ", ".join(filter(None, [here, *extra]))
