"""What does the person who pushed see? The lines that the hook of a plain repository prints."""

from bot.events import Pushed, Tagged
from bot.messages.hook_lines import HookScope, ascii_line, lines_for
from bot.run import Run, RunStatus
from handlers.reactions.deliveries import read_events, read_payload
from handlers.reactions.gathering import Gatherer, commit_url
from handlers.services import Services
from storage.inbox import Delivery, DeliveryStatus

_STILL_MOVING = (RunStatus.PLAN_QUEUED, RunStatus.PLANNING)


def follow_lines(services: Services, delivery: Delivery) -> tuple[list[str], bool]:
    """All lines that there are so far, and whether more will come.

    The hook prints what it has not printed yet, so nothing is said before it is final: first a delivery is
    handled, then its runs are planned or wait behind others.
    """
    if delivery.status is DeliveryStatus.RECEIVED:
        return [], False
    runs = services.runs.of_delivery(str(delivery.seq))
    if delivery.status is DeliveryStatus.FAILED or not runs:
        return [ascii_line(f"Runlock: {delivery.outcome}")], True
    if any(_is_about_to_plan(services, run) for run in runs):
        return [], False
    return [*_report(services, runs), *_without_runs(services, delivery, runs)], True


def _is_about_to_plan(services: Services, run: Run) -> bool:
    """Whether waiting a little longer would tell the person more: it plans, or its turn has come."""
    if run.status in _STILL_MOVING:
        return True
    if run.status is not RunStatus.PENDING:
        return False
    line = Gatherer(services).line(run)
    return not line.place or line.place == "next in queue"


def _report(services: Services, runs: list[Run]) -> list[str]:
    by_ref: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        by_ref.setdefault((run.tag or run.branch, run.commit_sha), []).append(run)
    said: list[str] = []
    for (ref, commit_sha), own in by_ref.items():
        repository = services.repositories.get(own[0].repository_id or "")
        lines = Gatherer(services).lines(own)
        url = commit_url(services, repository, commit_sha)
        said += lines_for(HookScope(ref=ref, commit_sha=commit_sha, lines=lines, url=url))
    return said


def _without_runs(services: Services, delivery: Delivery, runs: list[Run]) -> list[str]:
    """A line for each branch and tag of the same push for which nothing runs."""
    connection = services.connections.get(delivery.connection_id)
    with_runs = {run.tag or run.branch for run in runs}
    said: list[str] = []
    for event in read_events(connection, delivery.event, read_payload(delivery.body)):
        match event:
            case Pushed() if event.branch not in with_runs:
                said += lines_for(HookScope(ref=event.branch, commit_sha=event.after_sha, lines=(), url=""))
            case Tagged() if event.tag not in with_runs:
                said += lines_for(HookScope(ref=event.tag, commit_sha=event.commit_sha, lines=(), url=""))
            case _:
                pass  # it has its lines, or was deleted
    return said
