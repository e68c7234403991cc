"""What does the page of a commit show? Every run of it, in all workspaces that the person may see."""

from dataclasses import dataclass

from bot.errors import NotFound
from bot.host_links import commit_url
from bot.needs import Needs
from bot.run import Run
from bot.workspace import Workspace
from handlers.access import Asker
from handlers.pages.workspace_view import Source, source_of
from handlers.reactions.gathering import listeners
from handlers.services import Services


@dataclass(frozen=True)
class CommitLine:
    workspace: Workspace
    run: Run


@dataclass(frozen=True)
class CommitView:
    commit_sha: str
    message: str
    source: Source
    url: str
    lines: tuple[CommitLine, ...]


def commit_view(services: Services, asker: Asker, repository_id: str, commit_sha: str) -> CommitView:
    """Raises NotFound if nothing ran at the commit that the person may see."""
    source = source_of(services, repository_id)
    if source.repository is None:
        raise NotFound(f"there is no commit {commit_sha[:12]}")
    lines = []
    twins = services.repositories.twins(source.repository)
    for run in (run for twin in twins for run in services.runs.at_commit(twin.id, commit_sha)):
        workspace = services.workspaces.get(run.workspace_id)
        if asker.may(Needs.RUNS_READ, workspace):
            lines.append(CommitLine(workspace, run))
    if not lines and not _listens(services, asker, source):
        raise NotFound(f"there is no commit {commit_sha[:12]}")
    provider = source.connection.provider if source.connection else None
    return CommitView(
        commit_sha=commit_sha,
        message=lines[-1].run.message if lines else "",
        source=source,
        url=commit_url(source.repository, provider, commit_sha),
        lines=tuple(sorted(lines, key=lambda line: (line.workspace.name, line.run.queue_sequence))),
    )


def _listens(services: Services, asker: Asker, source: Source) -> bool:
    """Whether one of the person's workspaces listens to the repository, so that "nothing ran here" may be said."""
    if source.repository is None:
        return False
    return any(asker.may(Needs.RUNS_READ, workspace) for workspace in listeners(services, source.repository))
