"""What does a successful apply set off in other workspaces? A run in each that names this one as its source."""

from dataclasses import replace

import structlog

from bot.errors import OutsideTrouble, Refused
from bot.ids import WorkspaceId
from bot.run import Run, RunKind, RunStatus, TriggerReason
from bot.workspace import Workspace
from handlers.jobs import Job
from handlers.reactions.new_run_request import RunRequest
from handlers.reactions.new_runs import branch_now, create_run
from handlers.services import Services

log = structlog.get_logger()


def trigger_runs(services: Services, source: Run) -> tuple[list[Job], bool]:
    """Make the runs that are owed to an apply; False if a repository couldn't be asked, so that it is done again.

    Each target gets one run per source run, however often this is called: its delivery is made of the source run.
    """
    if source.status is not RunStatus.APPLIED:
        return [], True
    jobs: list[Job] = []
    is_done = True
    origin = services.workspaces.get(source.workspace_id)
    for trigger in services.triggers.out_of(source.workspace_id):
        target = services.workspaces.get(trigger.workspace_id)
        if services.runs.of_delivery_in(_delivery(source), target.id) is not None:
            continue
        try:
            jobs += create_run(services, target, RunKind.NORMAL, _request(services, source, origin, target))[1]
        except Refused as refused:
            _note(services, source, f"no run in {target.name}: {refused.reason}")
        except OutsideTrouble as trouble:
            is_done = False
            log.warning("a triggered run is not made yet", run=source.id, target=target.id, reason=trouble.reason)
    return jobs, is_done


def _request(services: Services, source: Run, origin: Workspace, target: Workspace) -> RunRequest:
    """On the target's current configuration. Raises Refused where there is none, OutsideTrouble from the host."""
    request = RunRequest(
        repository=None,
        commit_sha="",
        trigger_reason=TriggerReason.RUN_TRIGGER,
        delivery=_delivery(source),
        created_by="Runlock",
        message=f"Triggered by the apply of {source.id} in {origin.name}",
        may_auto_apply=True,
        # Where a circle of triggers closes, somebody is asked: by itself it would never end.
        auto_apply=target.auto_apply_run_trigger and target.id not in _workspaces_before(services, source),
    )
    if target.repository_id is None:
        version = services.configurations.newest_upload(target.id)
        if version is None:
            raise Refused("it has no configuration yet")
        return replace(request, version=version)
    repository = services.repositories.get(target.repository_id)
    newest = services.runs.newest_normal(target.id)
    if newest is not None and newest.repository_id == repository.id:
        branch, commit_sha = newest.branch, newest.commit_sha
    else:
        branch, commit_sha = branch_now(services, target, repository)
    return replace(request, repository=repository, commit_sha=commit_sha, branch=branch)


_TRIGGERED = "trigger-"


def _delivery(source: Run) -> str:
    return f"{_TRIGGERED}{source.id}"


def _workspaces_before(services: Services, source: Run) -> set[WorkspaceId]:
    """Where the runs were that led to this one, each triggered by the one before."""
    found = {source.workspace_id}
    earlier: Run | None = source
    while earlier is not None and earlier.delivery.startswith(_TRIGGERED):
        earlier = services.runs.find(earlier.delivery.removeprefix(_TRIGGERED))
        if earlier is not None:
            found.add(earlier.workspace_id)
    return found


def _note(services: Services, source: Run, text: str) -> None:
    """Once, however often it is tried."""
    if all(moment.text != text for moment in services.timeline.of(source.id)):
        services.timeline.add(source.id, text)
