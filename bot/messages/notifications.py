"""How is a run's step told outside? As TFE's own JSON, and as a message for Slack and for Microsoft Teams.

Text from outside (names, messages) stands only where it is shown as it is: in code spans for Slack, whose only
special signs are `&<>` (https://docs.slack.dev/messaging/formatting-message-text/), and in text runs for Teams, which
know no Markdown (https://adaptivecards.io/explorer/TextRun.html).
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, assert_never

from bot.messages.escape import one_line, shortened
from bot.notifications import Destination, Notification, NotificationConfiguration, Trigger
from bot.run import Run, RunStatus
from bot.timestamps import to_text

SIGNATURE_HEADER = "X-TFE-Notification-Signature"
VERIFICATION = "verification"
_GREY, _GREEN, _YELLOW, _RED = "#6f7682", "#2eb039", "#f2b600", "#c73445"
_COLOURS = {
    Trigger.COMPLETED: _GREEN,
    Trigger.NEEDS_ATTENTION: _YELLOW,
    Trigger.ERRORED: _RED,
}
_TEAMS_COLOURS = {_GREEN: "good", _YELLOW: "warning", _RED: "attention"}


@dataclass(frozen=True)
class News:
    """What is told, with the names of the things it is about. `run_url`: the run's page."""

    notification: Notification
    run: Run
    run_url: str
    workspace_name: str
    organization_name: str


def render(configuration: NotificationConfiguration, news: News | None) -> tuple[bytes, dict[str, str]]:
    """The body of the request and its headers. Without news it is the `verification` of the address."""
    match configuration.destination:
        case Destination.GENERIC:
            body = _bytes(_generic(configuration, news))
            return body, {**_JSON, **_signature(configuration.token, body)}
        case Destination.SLACK:
            return _bytes(_slack(configuration, news)), _JSON
        case Destination.MICROSOFT_TEAMS:
            return _bytes(_teams(configuration, news)), _JSON
        case _:
            assert_never(configuration.destination)


_JSON = {"Content-Type": "application/json"}


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _signature(token: str, body: bytes) -> dict[str, str]:
    """HMAC-SHA512 of the body as it is sent, in hex; none where there is no token to check it with."""
    if not token:
        return {}
    return {SIGNATURE_HEADER: hmac.new(token.encode(), body, hashlib.sha512).hexdigest()}


def headline(news: News | None, name: str) -> str:
    """What happened, in TFE's few words."""
    if news is None:
        return f"Verification of {one_line(name)}"
    match news.notification.trigger:
        case Trigger.CREATED:
            return "Run Created"
        case Trigger.PLANNING:
            return "Run Planning"
        case Trigger.NEEDS_ATTENTION:
            return "Run Needs Attention"
        case Trigger.APPLYING:
            return "Run Applying"
        case Trigger.COMPLETED:
            return _end(news.notification.run_status)
        case Trigger.ERRORED:
            return "Run Canceled" if news.notification.run_status is RunStatus.CANCELED else "Run Errored"
        case _:
            assert_never(news.notification.trigger)


def _end(status: RunStatus) -> str:
    words = {RunStatus.DISCARDED: "Run Discarded", RunStatus.PLANNED_AND_FINISHED: "Run Planned and Finished"}
    return words.get(status, "Run Applied")


def _generic(configuration: NotificationConfiguration, news: News | None) -> dict[str, Any]:
    """TFE's payload, version 1."""
    run, notification = (news.run, news.notification) if news else (None, None)
    return {
        "payload_version": 1,
        "notification_configuration_id": configuration.id,
        "run_url": news.run_url if news else None,
        "run_id": run.id if run else None,
        "run_message": run.message if run else None,
        "run_created_at": to_text(run.created_at) if run else None,
        "run_created_by": (run.created_by or None) if run else None,
        "workspace_id": run.workspace_id if run else None,
        "workspace_name": news.workspace_name if news else None,
        "organization_name": news.organization_name if news else None,
        "notifications": [
            {
                "message": headline(news, configuration.name),
                "trigger": notification.trigger if notification else VERIFICATION,
                "run_status": notification.run_status if notification else None,
                "run_updated_at": to_text(notification.at) if notification else None,
                "run_updated_by": (notification.actor or None) if notification else None,
            }
        ],
    }


def _facts(news: News) -> list[tuple[str, str]]:
    """What a reader wants to know, none of it escaped yet."""
    run = news.run
    facts = [
        ("Workspace", f"{news.organization_name}/{news.workspace_name}"),
        ("Run", run.id),
        ("Message", run.message),
        ("Commit", run.short_commit if run.commit_sha else ""),
        ("Plan", run.summary.sentence if run.summary else ""),
        ("Started by", run.created_by),
        ("By", news.notification.actor),
    ]
    return [(name, shortened(one_line(text), 300)) for name, text in facts if text.strip()]


def _slack(configuration: NotificationConfiguration, news: News | None) -> dict[str, Any]:
    """An incoming webhook's message, with an attachment: other chats that speak Slack's format know those too."""
    if news is None:
        return {"text": f"{_slack_code(headline(None, configuration.name))}: run notifications arrive here."}
    fields = [{"title": name, "value": _slack_code(text), "short": len(text) < 40} for name, text in _facts(news)]
    title = headline(news, configuration.name)
    attachment = {
        "color": _COLOURS.get(news.notification.trigger, _GREY),
        "fallback": f"{title}: {news.run.id}",
        "title": title,
        "title_link": news.run_url,
        "fields": fields,
        "mrkdwn_in": ["fields"],
    }
    where = _slack_code(f"{news.organization_name}/{news.workspace_name}")
    return {"text": f"{title} in {where}", "attachments": [attachment]}


def _slack_code(text: str) -> str:
    """A code span, in which neither names nor links are looked for; it can hold no backtick."""
    inner = one_line(text).replace("`", "'").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"`{inner or ' '}`"


def _teams(configuration: NotificationConfiguration, news: News | None) -> dict[str, Any]:
    """An Adaptive Card, as a Teams workflow that listens for webhook requests takes it.

    Source: https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
    """
    title = headline(news, configuration.name)
    body = [_text(title, weight="bolder", size="medium", color=_teams_colour(news))]
    body += [_text(f"{name}: ", text) for name, text in _facts(news)] if news else []
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "fallbackText": title,
        "body": body,
    }
    if news is not None:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the run", "url": news.run_url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _teams_colour(news: News | None) -> str:
    return _TEAMS_COLOURS.get(_COLOURS.get(news.notification.trigger, _GREY) if news else _GREY, "default")


def _text(first: str, second: str = "", **style: str) -> dict[str, Any]:
    """A line of text runs; the first is a label of ours where there is a second."""
    runs: list[dict[str, Any]] = [{"type": "TextRun", "text": first, **style}]
    if second:
        runs[0]["weight"] = "bolder"
        runs.append({"type": "TextRun", "text": second})
    return {"type": "RichTextBlock", "inlines": runs}
