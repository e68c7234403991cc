"""What do we do with what was received? One delivery of a repository at a time, in the order received."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from bot.connection import Connection, Provider, Repository
from bot.errors import Ignored, OutsideTrouble, Refused
from bot.events import (
    ButtonPressed,
    Commented,
    Event,
    HostRepository,
    InstallationChanged,
    PullChanged,
    Pushed,
    RepositoryMoved,
    Tagged,
)
from bot.messages.facts import NoLines
from bot.vcs import git_webhook, github_webhook, gitlab_webhook
from bot.vcs.clone_url import parse_clone_url
from bot.vcs.deliveries import MalformedDelivery
from bot.workspace_settings import is_branch_name
from handlers.jobs import Job, Verb
from handlers.reactions.comments import on_button, on_comment
from handlers.reactions.pulls import on_pull_changed
from handlers.reactions.pushes import on_push, on_tag
from handlers.reactions.reports import report_commit
from handlers.services import Services
from storage.inbox import Delivery, DeliveryStatus

FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 300.0
MOST_ATTEMPTS = 10  # about half an hour in all; then it is failed, and a redelivery or replay takes it up again


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery's event: a sentence for the log and the sender, and the jobs that follow."""

    sentence: str
    jobs: tuple[Job, ...] = ()
    is_ignored: bool = False


def handle_deliveries(services: Services, lane: str) -> list[Job]:
    """Handle the oldest waiting delivery of a repository, and come back for the next."""
    jobs: list[Job] = []
    with services.inbox.lanes.turn(lane) as is_ours:
        if not is_ours:
            return []  # whoever has the lane comes back for what arrived meanwhile
        delivery, wait_seconds = services.inbox.oldest_waiting(lane)
        if delivery is not None and wait_seconds == 0:
            jobs = _handle(services, delivery)
    return [*jobs, *come_back(services, lane)]


def come_back(services: Services, lane: str) -> list[Job]:
    """A nudge for what waits in a lane. Asked after the lane was released: what arrived before was turned away."""
    delivery, wait_seconds = services.inbox.oldest_waiting(lane)
    return [] if delivery is None else [Job(Verb.HANDLE_DELIVERIES, lane, wait_seconds)]


def _handle(services: Services, delivery: Delivery) -> list[Job]:
    if delivery.attempts >= MOST_ATTEMPTS:
        reason = f"given up: it was begun {delivery.attempts} times and never came to an end; the worker's log says why"
        services.inbox.finish(delivery.seq, DeliveryStatus.FAILED, reason)
        return []
    services.inbox.begin(delivery.seq, _backoff(delivery))
    try:
        outcomes = _outcomes(services, delivery)
    except Refused as refused:
        services.inbox.finish(delivery.seq, DeliveryStatus.FAILED, refused.reason)
        return _tell_of_trouble(services, delivery, NoLines.REFUSED)
    except OutsideTrouble as trouble:
        return _try_later(services, delivery, trouble)
    status = DeliveryStatus.IGNORED if all(outcome.is_ignored for outcome in outcomes) else DeliveryStatus.HANDLED
    services.inbox.finish(delivery.seq, status, "; ".join(outcome.sentence for outcome in outcomes))
    return [job for outcome in outcomes for job in outcome.jobs]


def _try_later(services: Services, delivery: Delivery, trouble: OutsideTrouble) -> list[Job]:
    if trouble.permanent or delivery.attempts + 1 >= MOST_ATTEMPTS:
        services.inbox.finish(delivery.seq, DeliveryStatus.FAILED, trouble.reason)
        return _tell_of_trouble(services, delivery, NoLines.TROUBLE)
    services.inbox.try_later(delivery.seq, trouble.retry_after or _backoff(delivery), trouble.reason)
    return []


def _tell_of_trouble(services: Services, delivery: Delivery, why: NoLines) -> list[Job]:
    """A push or pull request that could not be handled shows so at its commit, instead of showing nothing."""
    connection = services.connections.get(delivery.connection_id)
    jobs: list[Job] = []
    for event in read_events(connection, delivery.event, read_payload(delivery.body)):
        if isinstance(event, Pushed | PullChanged):
            known = services.repositories.by_host_id(connection.id, event.repository.host_id)
            commit_sha = event.after_sha if isinstance(event, Pushed) else event.pull.head_sha
            if known is not None and services.workspaces.of_repository(known.id):
                jobs += report_commit(services, known, commit_sha, why_none=why.name)
    return jobs


def _backoff(delivery: Delivery) -> float:
    """Seconds before the next attempt; the delivery was read before this one was counted."""
    return min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * (1 << delivery.attempts))


def _outcomes(services: Services, delivery: Delivery) -> list[Outcome]:
    connection = services.connections.get(delivery.connection_id)
    payload = read_payload(delivery.body)
    events = read_events(connection, delivery.event, payload)
    if connection.provider is Provider.GITHUB_APP:
        _follow_installation(services, connection, payload)
    outcomes = []
    for number, event in enumerate(events):
        key = str(delivery.seq) if number == 0 else f"{delivery.seq}.{number}"
        outcomes.append(_react(services, connection, event, key))
    return outcomes


def read_payload(body: bytes) -> Mapping[str, Any]:
    """Raises MalformedDelivery for anything but a JSON object."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedDelivery(f"the delivery is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise MalformedDelivery("the delivery is not a JSON object")
    return payload


def read_events(connection: Connection, event_name: str, payload: Mapping[str, Any]) -> list[Event | Ignored]:
    """The delivery in our own words. Only plain Git tells several things at once."""
    if connection.provider.is_github:
        return [github_webhook.parse(event_name, payload)]
    if connection.provider.is_gitlab:
        return [gitlab_webhook.parse(event_name, payload)]
    return list(git_webhook.parse_all(event_name, payload))


def _react(services: Services, connection: Connection, event: Event | Ignored, key: str) -> Outcome:
    if isinstance(event, Ignored):
        return Outcome(event.reason, is_ignored=True)
    if isinstance(event, InstallationChanged):
        return _on_installation(services, connection, event)
    known = _known_repository(services, connection, event.repository)
    if known is None:
        return Outcome(f"no workspace listens to {event.repository.path}", is_ignored=True)
    match event:
        case Pushed():
            return _outcome(on_push(services, known, event, key))
        case Tagged():
            return _outcome(on_tag(services, known, event, key))
        case PullChanged():
            return _outcome(on_pull_changed(services, known, event.pull, event.action, event.sender, key))
        case Commented():
            return _outcome(on_comment(services, known, event))
        case ButtonPressed():
            return _outcome(on_button(services, known, event, key))
        case RepositoryMoved():
            return Outcome(f"{event.old_path or 'the repository'} is {known.path} now")
        case _:
            assert_never(event)


def _outcome(result: tuple[str, list[Job]]) -> Outcome:
    return Outcome(result[0], tuple(result[1]))


def _known_repository(services: Services, connection: Connection, told: HostRepository) -> Repository | None:
    """The repository that the event speaks of, by its host id. If it tells news of it, the host is asked what is so.

    A webhook's secret is known to whoever pasted it into the repository's settings; the credential reaches all
    repositories of the connection, and would fetch another one for him if his word were taken. Raises Refused for a
    clone URL at another host, and OutsideTrouble if the host can't be asked.
    """
    known = services.repositories.by_host_id(connection.id, told.host_id)
    if known is None:
        return None
    is_news = (told.path, told.clone_url, told.default_branch) != (known.path, known.clone_url, known.default_branch)
    if is_news and told.path and told.clone_url and told.default_branch:
        if not parse_clone_url(told.clone_url).is_same_host(parse_clone_url(known.clone_url)):
            raise Refused(f"the delivery has {known.path} fetched from another host than its own")
        now = services.host(connection).look_up(known)
        default_branch = now.default_branch if is_branch_name(now.default_branch) else known.default_branch
        services.repositories.update(known.id, replace(now, default_branch=default_branch), known.installation_id)
        return services.repositories.get(known.id)
    return known


def _on_installation(services: Services, connection: Connection, event: InstallationChanged) -> Outcome:
    gone = event.action in ("deleted", "suspend", "removed")
    for host_id, _path in event.repositories:
        known = services.repositories.by_host_id(connection.id, host_id)
        if known is not None:
            services.repositories.set_installation(known.id, "" if gone else event.installation_id)
    return Outcome(f"installation {event.installation_id}: {event.action}")


def _follow_installation(services: Services, connection: Connection, payload: Mapping[str, Any]) -> None:
    """A repository that went to another owner is reached through that owner's installation of our App.

    Such a delivery is signed with the App's own secret, so GitHub itself says through which installation it came.
    """
    host_id, installation_id = github_webhook.repository_host_id(payload), github_webhook.installation_id(payload)
    known = services.repositories.by_host_id(connection.id, host_id) if host_id else None
    if known is not None and installation_id and installation_id != known.installation_id:
        services.repositories.set_installation(known.id, installation_id)


def lane_of(connection: Connection, host_id: str | None) -> str:
    """Deliveries of one repository share a lane; what speaks of no repository has one per connection."""
    return f"{connection.id}/{host_id or ''}"
