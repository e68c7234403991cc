"""Who is told that a run took a step, and how does it get there? Noted with the step, sent by a job, or swept up."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import structlog

from bot.messages.notifications import News, render
from bot.notifications import Answer, Notification, NotificationConfiguration, trigger_of
from bot.run import Run
from handlers.jobs import Job, Verb
from handlers.posting import post
from handlers.reactions.gathering import run_url
from handlers.services import Services

# Of the workers that talk to the outside, so many may wait for receivers: slow ones must not starve the code hosts.
MOST_SENDERS = 2
MOST_VERIFICATIONS = 2  # at once, of the web server's threads
LOOK_AGAIN_SECONDS = 1.0
MOST_AT_ONCE = 20  # then the receiver is left for a moment, so that others get their turn
log = structlog.get_logger()


def note_step(services: Services, run: Run, actor: str) -> list[Job]:
    """Note, in the transaction of the step, that the run has taken it; the jobs that tell it."""
    trigger = trigger_of(run)
    if trigger is None:
        return []
    return [Job(Verb.NOTIFY, configuration_id) for configuration_id in services.notifications.note(run, trigger, actor)]


def notify(services: Services, configuration_id: str) -> list[Job]:
    """Tell a receiver what it has not been told yet, in its order, and come back for what is left."""
    has_tried = False
    with services.notifications.lanes.turn(f"notify {configuration_id}") as is_ours:
        if not is_ours:
            return []  # its sender looks again when it has left
        with _place(services, "notify", MOST_SENDERS) as has_place:
            if not has_place:
                return [Job(Verb.NOTIFY, configuration_id, LOOK_AGAIN_SECONDS)]
            for _ in range(MOST_AT_ONCE):
                notification = services.notifications.due(configuration_id)
                if notification is None:
                    break
                has_tried = True
                _tell(services, notification)
    left = services.notifications.seconds_until_due(configuration_id)
    # What was put off has its job already, of the one who put it off: each nudge would else bring another one.
    if left is None or (left > 0 and not has_tried):
        return []
    return [Job(Verb.NOTIFY, configuration_id, left)]


def verify(services: Services, configuration: NotificationConfiguration) -> Answer | None:
    """Post a `verification` to the configuration's address; None if too many are being posted already."""
    with _place(services, "verify notifications", MOST_VERIFICATIONS) as has_place:
        return _post(configuration, None) if has_place else None


@contextmanager
def _place(services: Services, name: str, most: int) -> Iterator[bool]:
    """Whether there is one of so many places, over all processes; it is ours until the end of the body."""
    with ExitStack() as stack:
        lanes = services.notifications.lanes
        yield any(stack.enter_context(lanes.turn(f"{name} {number}")) for number in range(most))


def _tell(services: Services, notification: Notification) -> None:
    """One try. If it fails, nothing is due there until the next one."""
    configuration = services.notification_configurations.find(notification.configuration_id)
    if configuration is None or not configuration.enabled:
        return  # removed or switched off at this moment, and what waited with it
    news = _news(services, notification)
    tries = services.notifications.begin(notification)
    answer = _post(configuration, news)
    if answer.is_success:
        services.notifications.told(notification, answer)
    elif services.notifications.failed(notification, answer, tries):
        log.warning("a notification was given up", configuration=configuration.id, run=news.run.id, why=answer.reason)


def _news(services: Services, notification: Notification) -> News:
    run = services.runs.get(notification.run_id)
    workspace = services.workspaces.get(run.workspace_id)
    url = run_url(services, workspace, run)
    return News(notification, run, url, workspace.name, workspace.organization_name)


def _post(configuration: NotificationConfiguration, news: News | None) -> Answer:
    body, headers = render(configuration, news)
    return post(configuration.url, body, headers)
