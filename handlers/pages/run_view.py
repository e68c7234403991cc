"""What does the page of a run show? Behind every status link: what it is locked to, what it would do, what it did."""

import codecs
from dataclasses import dataclass
from datetime import datetime

from bot.connection import Provider
from bot.host_links import commit_url
from bot.ids import RunId
from bot.manifest import Manifest
from bot.messages.escape import visible
from bot.messages.queue_words import place
from bot.run import Run, RunKind, Stage
from bot.run_queue import in_order
from bot.workspace import Workflow, Workspace
from handlers import run_logs
from handlers.pages.words import host_words, trigger_words
from handlers.pages.workspace_view import Source, source_of
from handlers.services import Services
from storage.run_comments import RunComment
from storage.timeline import Moment
from storage.workspaces import Hold

LOG_TAIL_BYTES = 256 * 1024  # of a log on the page; the rest is one link away
MOST_ADDRESSES = 100  # of each kind of change


@dataclass(frozen=True)
class LogView:
    """A log as far as the page shows it. `offset` is where a reader goes on, in the frame that `path` serves."""

    stage: Stage
    text: str
    path: str
    offset: int
    is_complete: bool
    is_cut: bool
    is_open: bool


@dataclass(frozen=True)
class Changes:
    """One kind of change. `left` more are not shown."""

    words: str
    addresses: tuple[str, ...]
    left: int
    is_danger: bool


@dataclass(frozen=True)
class Place:
    """A sentence about the queue, cut where the id of the run ahead stands, so that it can be a link."""

    before: str
    ahead: Run | None
    after: str


@dataclass(frozen=True)
class RunView:
    run: Run
    workspace: Workspace
    source: Source
    manifest: Manifest
    shows_variables: bool  # whoever sees a run need not see what a workspace is set to
    commit_url: str
    trigger: str
    pull_title: str
    engine_used: str
    place: Place | None
    waits_for: Hold | None
    changes: list[Changes]
    timeline: list[Moment]
    comments: list[RunComment]
    logs: list[LogView]
    place_to_comment: str
    now: datetime

    @property
    def is_live(self) -> bool:
        """Whether the page will look different soon."""
        return not self.run.is_final


def run_view(services: Services, run: Run, workspace: Workspace, *, shows_variables: bool) -> RunView:
    source = source_of(services, run.repository_id)
    provider = source.connection.provider if source.connection else None
    pull = services.pulls.find(run.repository_id, run.pull_number) if run.repository_id and run.pull_number else None
    return RunView(
        run=run,
        workspace=workspace,
        source=source,
        manifest=services.runs.manifest(run.id),
        shows_variables=shows_variables,
        commit_url=commit_url(source.repository, provider, run.commit_sha),
        trigger=trigger_words(run, host_words(is_gitlab=source.is_gitlab)),
        pull_title=pull.title if pull else "",
        engine_used=_engine_used(services, run.id),
        place=_place(services, run, workspace),
        waits_for=_waits_for(services, run),
        changes=_changes(run),
        timeline=services.timeline.of(run.id),
        comments=services.comments.of(run.id),
        logs=_logs(services, run),
        place_to_comment=_place_to_comment(run, workspace, source),
        now=services.now(),
    )


def _engine_used(services: Services, run_id: RunId) -> str:
    """The engine that planned, as its runner said: the manifest may only name a constraint."""
    job = services.jobs.of_run(run_id, Stage.PLAN)
    result = job.result if job and job.result else {}
    return f"{result.get('engine', '')} {result.get('engine_version', '')}".strip()


def _place(services: Services, run: Run, workspace: Workspace) -> Place | None:
    if run.is_final:
        return None
    runs = services.runs.unfinished(workspace.id)
    sentence = place(runs, run.id, services.now(), locked=workspace.is_locked)
    if not sentence:
        return None
    head = in_order(runs)[0]
    before, found, after = sentence.partition(head.id)
    return Place(before, head if found else None, after)


def _waits_for(services: Services, run: Run) -> Hold | None:
    """Another pull request's hold, which keeps this one's plan from being applied."""
    hold = services.workspaces.hold(run.workspace_id)
    if hold is None or run.is_final or run.kind is not RunKind.SAVED_PLAN:
        return None
    return None if (hold.repository_id, hold.pull_number) == (run.repository_id, run.pull_number) else hold


def _changes(run: Run) -> list[Changes]:
    """What a plan changes, the dangerous part first."""
    if run.summary is None:
        return []
    kinds = [
        ("destroyed", run.summary.destroyed, True),
        ("replaced", run.summary.replaced, True),
        ("changed", run.summary.changed, False),
        ("added", run.summary.added, False),
    ]
    return [
        Changes(words, addresses[:MOST_ADDRESSES], max(0, len(addresses) - MOST_ADDRESSES), danger)
        for words, addresses, danger in kinds
        if addresses
    ]


def _logs(services: Services, run: Run) -> list[LogView]:
    """The logs that there are, the stage that people wait for opened."""
    stages = [stage for stage in Stage if services.jobs.of_run(run.id, stage) is not None]
    return [_log(services, run, stage, is_open=stage is stages[-1]) for stage in stages]


def _log(services: Services, run: Run, stage: Stage, *, is_open: bool) -> LogView:
    is_complete = run_logs.is_complete(run, services.jobs.of_run(run.id, stage))
    start = max(0, run_logs.size(services, run, stage) - LOG_TAIL_BYTES)
    offset = start + len(run_logs.STX) if start else 0
    raw = run_logs.read_part(services, run, stage, offset, run_logs.MOST_BYTES)
    text, used = _decoded(raw, is_complete=is_complete)
    if start:
        text = text.partition("\n")[2] or text  # not half a line
    return LogView(
        stage=stage,
        text=visible(text),
        path=run_logs.log_path(services, run, stage),
        offset=offset + used,
        is_complete=is_complete,
        is_cut=start > 0,
        is_open=is_open,
    )


def _decoded(raw: bytes, *, is_complete: bool) -> tuple[str, int]:
    """The text within the frame, and how many bytes it took: half a character at the end is left for later."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(raw, final=is_complete)
    used = len(raw) - len(decoder.getstate()[0])
    return (text.removesuffix("\x03") if is_complete else text).removeprefix("\x02"), used


def _place_to_comment(run: Run, workspace: Workspace, source: Source) -> str:
    """Where a comment decides on this run; empty where there is no such place (plain Git)."""
    if source.connection is None or source.connection.provider is Provider.GIT:
        return ""
    if workspace.vcs_workflow is Workflow.APPLY_BEFORE_MERGE and run.pull_number is not None:
        return source.pull_words(run.pull_number)
    return f"the {host_words(is_gitlab=source.is_gitlab).pull} that brought it, or on its commit"
